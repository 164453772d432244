/**
 * What a container wrote, kept within bounds: two files, of which the older goes when the newer has half of what may be kept. One
 * line of a file is `[milliseconds, stream, text]` in JSON.
 */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import type { LogEntry, LogOptions } from '../ports/container-driver.ts';

type StreamName = LogEntry['stream'];

/** A line that does not end sooner is cut here. */
const lineCharactersMax = 16 * 1024;
/** A reader that is further behind gets a gap and not our memory. */
const waitingEntriesMax = 10_000;

interface Reader {
  readonly waiting: LogEntry[];
  wake: () => void;
}

export class ContainerLog {
  readonly #file: string;
  readonly #bytesMax: number;
  readonly #now: () => number;
  readonly #decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  readonly #rests: Record<StreamName, string> = { stdout: '', stderr: '' };
  readonly #readers = new Set<Reader>();
  #descriptor: number | null = null;
  #size = 0;
  #isEnded = false;

  constructor(file: string, bytesMax: number, now: () => number) {
    this.#file = file;
    this.#bytesMax = bytesMax;
    this.#now = now;
  }

  write(stream: StreamName, bytes: Uint8Array): void {
    const lines = (this.#rests[stream] + this.#decoders[stream].write(Buffer.from(bytes))).split('\n');
    this.#rests[stream] = lines.pop() ?? '';
    const entries = lines.flatMap((line) => this.#pieces(stream, line));
    while (this.#rests[stream].length >= lineCharactersMax) {
      entries.push(this.#entry(stream, this.#rests[stream].slice(0, lineCharactersMax)));
      this.#rests[stream] = this.#rests[stream].slice(lineCharactersMax);
    }
    this.#append(entries);
  }

  /** Nothing comes any more: the last lines may have no end. */
  end(): void {
    if (this.#isEnded) return;
    for (const stream of ['stdout', 'stderr'] as const) {
      const rest = this.#rests[stream] + this.#decoders[stream].end();
      this.#rests[stream] = '';
      if (rest !== '') this.#append(this.#pieces(stream, rest));
    }
    this.#isEnded = true;
    for (const { wake } of this.#readers) wake();
    this.close();
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  async *read({ isFollowing, tail, signal }: LogOptions): AsyncGenerator<LogEntry, void, undefined> {
    const reader: Reader = { waiting: [], wake: () => undefined };
    const kept = this.#kept();
    if (isFollowing && !this.#isEnded) this.#readers.add(reader);
    const wake = (): void => reader.wake();
    signal?.addEventListener('abort', wake);
    try {
      yield* tail === null ? kept : tail === 0 ? [] : kept.slice(-tail);
      while (this.#readers.has(reader) && signal?.aborted !== true) {
        yield* reader.waiting.splice(0);
        if (this.#isEnded && reader.waiting.length === 0) return;
        if (reader.waiting.length === 0 && !isAborted(signal)) {
          await new Promise<void>((resolve) => (reader.wake = resolve));
        }
      }
    } finally {
      this.#readers.delete(reader);
      signal?.removeEventListener('abort', wake);
    }
  }

  #pieces(stream: StreamName, line: string): readonly LogEntry[] {
    const pieces: LogEntry[] = [];
    for (let from = 0; from === 0 || from < line.length; from += lineCharactersMax)
      pieces.push(this.#entry(stream, line.slice(from, from + lineCharactersMax)));
    return pieces;
  }

  #entry(stream: StreamName, text: string): LogEntry {
    return { stream, at: this.#now(), text };
  }

  #append(entries: readonly LogEntry[]): void {
    if (entries.length === 0) return;
    // What came in one piece may be more than is kept.
    let together: Buffer[] = [];
    let size = 0;
    for (const { at, stream, text } of entries) {
      const line = Buffer.from(`${JSON.stringify([at, stream, text])}\n`);
      if (size > 0 && size + line.length > this.#bytesMax / 2) {
        this.#store(Buffer.concat(together));
        [together, size] = [[], 0];
      }
      together.push(line);
      size += line.length;
    }
    this.#store(Buffer.concat(together));
    for (const reader of this.#readers) {
      reader.waiting.push(...entries);
      if (reader.waiting.length > waitingEntriesMax)
        reader.waiting.splice(0, reader.waiting.length - waitingEntriesMax);
      reader.wake();
    }
  }

  #store(bytes: Uint8Array): void {
    this.#roomFor(bytes.length);
    this.#descriptor ??= this.#open();
    writeSync(this.#descriptor, bytes);
    this.#size += bytes.length;
  }

  #open(): number {
    const descriptor = openSync(this.#file, 'a', 0o600);
    this.#size = fstatSync(descriptor).size;
    return descriptor;
  }

  #roomFor(bytes: number): void {
    this.#descriptor ??= this.#open();
    if (this.#size === 0 || this.#size + bytes <= this.#bytesMax / 2) return;
    this.close();
    renameSync(this.#file, `${this.#file}.1`);
  }

  #kept(): readonly LogEntry[] {
    return [`${this.#file}.1`, this.#file].flatMap((file) =>
      existsSync(file) ? readFileSync(file, 'utf8').split('\n').flatMap(parseLine) : [],
    );
  }
}

/** A function, since the signal may change while a generator is suspended. */
const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

/** Of a file of a log. A line that a crash cut short is left out. */
export function parseLine(line: string): readonly LogEntry[] {
  if (line === '') return [];
  try {
    const [at, stream, text] = JSON.parse(line) as [number, StreamName, string];
    return [{ stream, at, text }];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

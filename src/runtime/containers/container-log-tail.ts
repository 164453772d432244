/** The log of a container that another process writes, by `ContainerLog`. */
import { closeSync, fstatSync, openSync, readSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import type { LogEntry, LogOptions } from '../ports/container-driver.ts';
import { parseLine } from './container-log.ts';

/** A watch can miss a change: it is looked at that often anyway. */
const lookMs = 250;

interface Place {
  readonly descriptor: number;
  readonly inode: number;
  at: number;
  /** Of a line that is not whole yet. */
  rest: Buffer;
}

function openPlace(file: string): Place | null {
  try {
    const descriptor = openSync(file, 'r');
    return { descriptor, inode: fstatSync(descriptor).ino, at: 0, rest: Buffer.alloc(0) };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** What was written since the last time. */
function readOn(place: Place): readonly LogEntry[] {
  const pieces = [place.rest];
  for (;;) {
    const piece = Buffer.alloc(1 << 16);
    const bytes = readSync(place.descriptor, piece, 0, piece.length, place.at);
    if (bytes === 0) break;
    place.at += bytes;
    pieces.push(piece.subarray(0, bytes));
  }
  const text = Buffer.concat(pieces);
  const end = text.lastIndexOf('\n') + 1;
  place.rest = text.subarray(end);
  return text.subarray(0, end).toString('utf8').split('\n').flatMap(parseLine);
}

/** The older of the two files a log has may hold what was not read yet of the one that it was. */
class LogReader {
  readonly #file: string;
  #place: Place | null = null;

  constructor(file: string) {
    this.#file = file;
  }

  begin(): readonly LogEntry[] {
    const older = openPlace(`${this.#file}.1`);
    const entries = older === null ? [] : readOn(older);
    if (older !== null) closeSync(older.descriptor);
    return [...entries, ...this.next()];
  }

  next(): readonly LogEntry[] {
    const entries = this.#place === null ? [] : [...readOn(this.#place)];
    const now = openPlace(this.#file);
    if (now === null) return entries;
    if (now.inode === this.#place?.inode) {
      closeSync(now.descriptor);
      return entries;
    }
    // Its old file was written for the last time before the new one was there.
    if (this.#place !== null) entries.push(...readOn(this.#place));
    this.close();
    this.#place = now;
    return [...entries, ...readOn(now)];
  }

  close(): void {
    if (this.#place !== null) closeSync(this.#place.descriptor);
    this.#place = null;
  }
}

/** `ended` resolves once nothing more is written. */
export async function* tailLog(
  file: string,
  ended: Promise<unknown>,
  { isFollowing, tail, signal }: LogOptions,
): AsyncGenerator<LogEntry, void, undefined> {
  const reader = new LogReader(file);
  const state = { isEnded: false };
  let wake = (): void => undefined;
  const stir = (): void => wake();
  void ended.then(() => {
    state.isEnded = true;
    stir();
  });
  const watcher = isFollowing ? watch(dirname(file), stir) : null;
  watcher?.on('error', stir);
  signal?.addEventListener('abort', stir);
  try {
    const kept = reader.begin();
    yield* tail === null ? kept : tail === 0 ? [] : kept.slice(-tail);
    while (isFollowing && !hasAborted(signal)) {
      const wasEnded = state.isEnded;
      const entries = reader.next();
      yield* entries;
      if (wasEnded) return;
      if (entries.length > 0) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, lookMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    reader.close();
    watcher?.close();
    signal?.removeEventListener('abort', stir);
  }
}

const hasAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

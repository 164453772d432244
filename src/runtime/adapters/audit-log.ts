/**
 * A node's audit log on disk: `audit/<first index>.jsonl`, a new file every 8 MiB. An entry is on stable storage when `append`
 * returns. Reading believes nothing: every line is judged on the one before it.
 */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  type AuditAction,
  type AuditDetails,
  type AuditEntry,
  type AuditHead,
  auditLine,
  AuditLogReader,
  beginAuditLog,
  chainAuditEntry,
  detailBytesMax,
} from '../../protocols/audit/entry.ts';
import type { ChainId, PublicKey } from '../../protocols/shared/brands.ts';
import { CodedError, invariant } from '../../protocols/shared/errors.ts';

/**
 * - `corrupt`: permanent; what lies there is not what the node wrote, and a person has to look.
 * - `unwritable`: an entry could not be made durable. Nothing is written after it; the next start mends what it left.
 */
export class AuditLogError extends CodedError<'corrupt' | 'unwritable'> {
  override readonly name = 'AuditLogError';
}

export interface AuditLog {
  readonly head: AuditHead;
  /** The newest entry of an action, or null. */
  last(action: AuditAction): AuditEntry | null;
  /** Durable when it returns. Throws AuditLogError `unwritable`: then what was to be recorded must not go on. */
  append(action: AuditAction, details: AuditDetails): void;
  close(): void;
}

export interface AuditLogOptions {
  readonly directory: string;
  readonly chainId: ChainId;
  readonly node: PublicKey;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Default 8 MiB. */
  readonly fileBytesMax?: number;
}

/** Why a log cannot be believed from some entry on. */
interface AuditLogProblem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly problem: string;
}

export interface AuditLogReading {
  readonly entries: readonly AuditEntry[];
  readonly head: AuditHead | null;
  readonly problem: AuditLogProblem | null;
  /** The last file ends in the middle of a line from this byte on: its writer died. Null: whole. */
  readonly unfinished: { readonly file: string; readonly from: number } | null;
}

const filePattern = /^[0-9]{12}\.jsonl$/;
const fileOf = (directory: string, firstIndex: number): string =>
  join(directory, `${String(firstIndex).padStart(12, '0')}.jsonl`);

const filesOf = (directory: string): readonly string[] =>
  existsSync(directory)
    ? readdirSync(directory)
        .filter((name) => filePattern.test(name))
        .sort()
        .map((name) => join(directory, name))
    : [];

/** Everything up to the first thing that cannot be. An empty or missing directory has no head. */
export function readAuditLog(
  directory: string,
  expected: { readonly chainId: ChainId; readonly node: PublicKey } | null,
): AuditLogReading {
  const reader = new AuditLogReader(expected);
  const entries: AuditEntry[] = [];
  const files = filesOf(directory);
  for (const file of files) {
    const problemAt = (line: number, problem: string): AuditLogReading => ({
      ...{ entries, head: reader.head, unfinished: null },
      problem: { file, line, problem },
    });
    if (file !== fileOf(directory, entries.length))
      return problemAt(1, `entry ${entries.length} is due in a file before`);
    const text = readFileSync(file, 'latin1');
    const end = text.lastIndexOf('\n') + 1;
    const lines =
      end === 0
        ? []
        : Buffer.from(text.slice(0, end - 1), 'latin1')
            .toString('utf8')
            .split('\n');
    for (const [index, line] of lines.entries()) {
      const read = reader.next(line);
      if ('problem' in read) return problemAt(index + 1, read.problem);
      entries.push(read.entry);
    }
    if (end === text.length) continue;
    if (file !== files.at(-1)) return problemAt(lines.length + 1, 'its last line has no end');
    return { entries, head: reader.head, problem: null, unfinished: { file, from: end } };
  }
  return { entries, head: reader.head, problem: null, unfinished: null };
}

/** Makes the log where there is none. Throws AuditLogError where what is there cannot be gone on with. */
export function openAuditLog(options: AuditLogOptions): AuditLog {
  const { directory, chainId, node } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const found = readAuditLog(directory, { chainId, node });
  if (found.problem !== null) {
    const { file, line, problem } = found.problem;
    throw new AuditLogError(
      'corrupt',
      `${file}:${line}: ${problem}; move ${directory} aside and keep it for whoever audits`,
    );
  }
  return new FileAuditLog(options, found);
}

class FileAuditLog implements AuditLog {
  readonly #options: AuditLogOptions;
  readonly #last = new Map<AuditAction, AuditEntry>();
  #file: string;
  #descriptor: number | null = null;
  /** After it nothing is known of what the file ends with. */
  #failure: AuditLogError | null = null;
  #head: AuditHead | null;

  constructor(options: AuditLogOptions, { entries, head, unfinished }: AuditLogReading) {
    this.#options = options;
    this.#head = head;
    this.#file = filesOf(options.directory).at(-1) ?? fileOf(options.directory, 0);
    for (const entry of entries) this.#last.set(entry.action, entry);
    const cutBytes = unfinished === null ? 0 : cutOff(unfinished);
    if (head === null) this.#write(beginAuditLog(options.chainId, options.node, options.now()));
    if (cutBytes > 0) this.append('mended', { bytes: String(cutBytes) });
  }

  get head(): AuditHead {
    invariant(this.#head !== null, 'an opened audit log has begun');
    return this.#head;
  }

  last(action: AuditAction): AuditEntry | null {
    return this.#last.get(action) ?? null;
  }

  append(action: AuditAction, details: AuditDetails): void {
    const { size, digest } = this.head;
    const cut = Object.fromEntries(Object.entries(details).map(([name, value]) => [name, cutText(value)]));
    this.#write(chainAuditEntry({ index: size, time: this.#options.now(), action, details: cut }, digest));
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  #write(entry: AuditEntry): void {
    const line = Buffer.from(`${auditLine(entry)}\n`);
    if (this.#failure !== null) throw this.#failure;
    try {
      const descriptor = this.#openFor(entry.index);
      // One write a line: lines of a process that is killed are whole, or the last one is cut off at the next start.
      const written = writeSync(descriptor, line);
      if (written < line.length) throw new AuditLogError('unwritable', `${written} of ${line.length} bytes were taken`);
      fdatasyncSync(descriptor);
    } catch (cause) {
      this.#failure = new AuditLogError('unwritable', `${this.#file} cannot be written`, { cause });
      throw this.#failure;
    }
    this.#head = { began: this.#head?.began ?? entry.time, size: entry.index + 1, digest: entry.digest };
    this.#last.set(entry.action, entry);
  }

  #openFor(index: number): number {
    const { directory, fileBytesMax } = this.#options;
    if (this.#descriptor !== null && fstatSync(this.#descriptor).size >= (fileBytesMax ?? 8 * 2 ** 20)) {
      this.close();
      this.#file = fileOf(directory, index);
    }
    if (this.#descriptor !== null) return this.#descriptor;
    const isNew = !existsSync(this.#file);
    this.#descriptor = openSync(this.#file, 'a', 0o600);
    if (isNew) syncDirectory(directory);
    return this.#descriptor;
  }
}

/** Takes an unfinished last line away. Returns its bytes. */
function cutOff({ file, from }: { readonly file: string; readonly from: number }): number {
  const bytes = statSync(file).size - from;
  truncateSync(file, from);
  return bytes;
}

/** At most so many bytes of UTF-8, whole characters. */
function cutText(text: string): string {
  const wellFormed = Buffer.from(text, 'utf8');
  if (wellFormed.length <= detailBytesMax) return wellFormed.toString('utf8');
  const decoder = new TextDecoder('utf-8');
  return decoder.decode(wellFormed.subarray(0, detailBytesMax - 4), { stream: true });
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

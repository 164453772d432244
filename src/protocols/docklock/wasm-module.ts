/**
 * What a WebAssembly module asks for, read before any engine sees it, and its memory bounded in its own bytes: an engine gives
 * a module what its declared maximum says, whatever the limits of the thread that runs it (WebAssembly core 2.0, section 5.5).
 */
import { CodedError } from '../shared/errors.ts';

type ModuleErrorCode =
  | 'not-a-module'
  | 'module-invalid'
  | 'import-unknown' // something else than the host calls
  | 'memory-unsupported' // several, shared, of 64 bits, or imported
  | 'memory-too-large' // it begins with more than it may have
  | 'table-too-large'
  | 'export-missing'; // `_start` and `memory`

export class ModuleError extends CodedError<ModuleErrorCode> {
  override readonly name = 'ModuleError';
}

export const pageBytes = 65_536;
/** Of one table; engines take ten million, eight bytes each and more. */
const tableElementsMax = 100_000;
/** The namespace of the host calls. */
export const hostNamespace = 'wasi_snapshot_preview1';

const sections = { import: 2, table: 4, memory: 5, export: 7 } as const;
const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const invalid = (message: string): ModuleError => new ModuleError('module-invalid', message);
const utf8 = new TextDecoder('utf-8', { fatal: true });

class Reader {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw invalid('the module ends too early');
    this.at += 1;
    return byte;
  }

  /** Unsigned LEB128 of at most 32 bits. */
  number(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if ((byte & 0x80) === 0) {
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    throw invalid('a number of more than 32 bits');
  }

  take(length: number): Uint8Array {
    if (length > this.bytes.length - this.at) throw invalid('the module ends too early');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  name(): string {
    try {
      return utf8.decode(this.take(this.number()));
    } catch (cause) {
      if (cause instanceof ModuleError) throw cause;
      throw new ModuleError('module-invalid', 'a name that is not UTF-8', { cause });
    }
  }
}

function writeNumber(value: number): readonly number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = (rest - low) / 128;
    bytes.push(rest === 0 ? low : low + 128);
  } while (rest !== 0);
  return bytes;
}

interface Bounds {
  readonly min: number;
  readonly max: number | null;
}

function readBounds(reader: Reader, what: string): Bounds {
  const flags = reader.byte();
  if (flags > 1) throw new ModuleError('memory-unsupported', `a ${what} that is shared or of 64 bits`);
  const min = reader.number();
  return { min, max: flags === 1 ? reader.number() : null };
}

const writeBounds = (min: number, max: number): readonly number[] => [1, ...writeNumber(min), ...writeNumber(max)];

/** Functions of the host namespace only. */
function checkImports(reader: Reader): void {
  for (let left = reader.number(); left > 0; left -= 1) {
    const [namespace, name, kind] = [reader.name(), reader.name(), reader.byte()];
    if (kind === 2) throw new ModuleError('memory-unsupported', 'the module wants a memory of somebody else');
    if (kind !== 0 || namespace !== hostNamespace)
      throw new ModuleError('import-unknown', `the module wants ${namespace}.${name}, which is no host call`);
    reader.number();
  }
}

function boundTables(reader: Reader): readonly number[] {
  const count = reader.number();
  if (count > 16) throw new ModuleError('table-too-large', `${count} tables`);
  const written = [...writeNumber(count)];
  for (let left = count; left > 0; left -= 1) {
    const type = reader.byte();
    if (type !== 0x70 && type !== 0x6f) throw invalid('a table of a type that is not known here');
    const { min, max } = readBounds(reader, 'table');
    if (min > tableElementsMax)
      throw new ModuleError('table-too-large', `a table of ${min} elements; at most ${tableElementsMax}`);
    written.push(type, ...writeBounds(min, Math.min(max ?? tableElementsMax, tableElementsMax)));
  }
  return written;
}

function boundMemory(reader: Reader, pagesMax: number): readonly number[] {
  const count = reader.number();
  if (count > 1) throw new ModuleError('memory-unsupported', `${count} memories`);
  if (count === 0) return [0];
  const { min, max } = readBounds(reader, 'memory');
  if (min > pagesMax)
    throw new ModuleError(
      'memory-too-large',
      `the module begins with ${min * pageBytes} bytes; it may have ${pagesMax * pageBytes}`,
    );
  return [1, ...writeBounds(min, Math.min(max ?? pagesMax, pagesMax))];
}

/** Of an export section: names, each with its kind (0 function, 2 memory). */
function readExports(reader: Reader): ReadonlyMap<string, number> {
  const exported = new Map<string, number>();
  for (let left = reader.number(); left > 0; left -= 1) {
    const name = reader.name();
    exported.set(name, reader.byte());
    reader.number();
  }
  return exported;
}

const isModule = (bytes: Uint8Array): boolean => magic.slice(0, 4).every((byte, at) => bytes[at] === byte);

/**
 * The module with the maxima of its memory and tables lowered to what it may have. Throws ModuleError. What this does not
 * look at (code, types, data) an engine validates.
 */
export function boundModule(bytes: Uint8Array, memoryBytesMax: number): Uint8Array {
  if (!isModule(bytes)) throw new ModuleError('not-a-module', 'this is no WebAssembly module');
  if (!magic.every((byte, at) => bytes[at] === byte)) throw invalid('a module of another version, or a component');
  const pagesMax = Math.min(Math.floor(memoryBytesMax / pageBytes), 65_536);
  const parts: Uint8Array[] = [bytes.subarray(0, magic.length)];
  const reader = new Reader(bytes, magic.length);
  let exported: ReadonlyMap<string, number> = new Map();
  const seen = new Set<number>();
  while (!reader.isAtEnd) {
    const start = reader.at;
    const id = reader.byte();
    const body = new Reader(reader.take(reader.number()));
    if (id !== 0 && seen.has(id)) throw invalid('two sections of one kind');
    seen.add(id);
    let written: readonly number[] | null = null;
    if (id === sections.import) checkImports(body);
    else if (id === sections.table) written = boundTables(body);
    else if (id === sections.memory) written = boundMemory(body, pagesMax);
    else if (id === sections.export) exported = readExports(body);
    else body.at = body.bytes.length;
    if (!body.isAtEnd) throw invalid('a section that is longer than what is in it');
    if (written === null) parts.push(bytes.subarray(start, reader.at));
    else parts.push(new Uint8Array([id, ...writeNumber(written.length), ...written]));
  }
  if (exported.get('_start') !== 0 || exported.get('memory') !== 2)
    throw new ModuleError('export-missing', 'a module exports its beginning as _start and its memory as memory');
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

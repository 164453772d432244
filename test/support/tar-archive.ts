/** Writes tar archives by hand, the wrong ones too. */

export interface TarPart {
  readonly path: string | Uint8Array;
  /** `0` file, `1` hard link, `2` symbolic link, `3` and `4` devices, `5` directory, `6` FIFO. Default: a file. */
  readonly type?: string;
  readonly contents?: string | Uint8Array;
  /** Where a header lies about it. */
  readonly size?: number;
  readonly linkPath?: string;
  readonly mode?: number;
  readonly owner?: number;
  readonly group?: number;
  readonly modifiedAt?: number;
  /** Of the eight bytes from the magic on. */
  readonly magic?: string;
  /** Pax records before it. */
  readonly pax?: Readonly<Record<string, string | Uint8Array>>;
  readonly checksum?: number;
}

const encoder = new TextEncoder();
const toBytes = (text: string | Uint8Array): Uint8Array => (typeof text === 'string' ? encoder.encode(text) : text);
const octal = (value: number, width: number): Uint8Array =>
  encoder.encode(`${value.toString(8).padStart(width - 1, '0')}\0`);

function header(part: TarPart, size: number): Uint8Array {
  const block = new Uint8Array(512);
  block.set(toBytes(part.path).subarray(0, 100), 0);
  block.set(octal(part.mode ?? (part.type === '5' ? 0o755 : 0o644), 8), 100);
  block.set(octal(part.owner ?? 0, 8), 108);
  block.set(octal(part.group ?? 0, 8), 116);
  block.set(octal(part.size ?? size, 12), 124);
  block.set(octal(part.modifiedAt ?? 1_700_000_000, 12), 136);
  block[156] = (part.type ?? '0').charCodeAt(0);
  block.set(encoder.encode(part.linkPath ?? '').subarray(0, 100), 157);
  block.set(encoder.encode(part.magic ?? 'ustar\x0000'), 257);
  block.fill(0x20, 148, 156);
  const sum = part.checksum ?? block.reduce((total, byte) => total + byte, 0);
  block.set(encoder.encode(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  return block;
}

const padding = (length: number): Uint8Array => new Uint8Array((512 - (length % 512)) % 512);

function paxRecord(key: string, value: string | Uint8Array): Uint8Array {
  const body = Buffer.concat([encoder.encode(` ${key}=`), toBytes(value), encoder.encode('\n')]);
  let length = body.length;
  while (String(length).length + body.length !== length) length = String(length).length + body.length;
  return Buffer.concat([encoder.encode(String(length)), body]);
}

export const paxBody = (records: NonNullable<TarPart['pax']>): Uint8Array =>
  Buffer.concat(Object.entries(records).map(([key, value]) => paxRecord(key, value)));

function part(given: TarPart): Uint8Array {
  const contents = toBytes(given.contents ?? '');
  const before = given.pax === undefined ? [] : [tarEntry({ path: 'pax', type: 'x', contents: paxBody(given.pax) })];
  return Buffer.concat([...before, header(given, contents.length), contents, padding(contents.length)]);
}

export const tarEntry = (given: TarPart): Uint8Array => part(given);

const tarEnd = new Uint8Array(1024);

export const tarArchive = (...parts: readonly TarPart[]): Uint8Array => Buffer.concat([...parts.map(tarEntry), tarEnd]);

/** Shorthands, as a listing has them. */
export const file = (path: string, contents: string | Uint8Array = '', more: Partial<TarPart> = {}): TarPart => ({
  path,
  contents,
  ...more,
});
export const directory = (path: string, more: Partial<TarPart> = {}): TarPart => ({ path, type: '5', ...more });
export const symlink = (path: string, linkPath: string): TarPart => ({ path, type: '2', linkPath, mode: 0o777 });
export const hardLink = (path: string, linkPath: string): TarPart => ({ path, type: '1', linkPath });

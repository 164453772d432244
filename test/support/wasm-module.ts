/** WebAssembly modules, assembled by hand: WebAssembly core 2.0, chapter 5. */

const number = (value: number): number[] => {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest === 0 ? low : low + 128);
  } while (rest !== 0);
  return bytes;
};

/** Signed LEB128 of a 32-bit constant. */
const signed = (value: number): number[] => {
  const bytes: number[] = [];
  for (let rest = value | 0; ; ) {
    const low = rest & 0x7f;
    rest >>= 7;
    const isLast = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(isLast ? low : low | 0x80);
    if (isLast) return bytes;
  }
};

const list = (items: readonly (readonly number[])[]): number[] => [...number(items.length), ...items.flat()];
const text = (value: string): number[] => {
  const bytes = [...Buffer.from(value)];
  return [...number(bytes.length), ...bytes];
};
const section = (id: number, body: readonly number[]): number[] => [id, ...number(body.length), ...body];

const i32 = 0x7f;
const i64 = 0x7e;

export interface ModulePlan {
  /** Host calls by name, with the types of their parameters; all answer an i32 but those of `withoutAnswer`. */
  readonly imports?: readonly (readonly [name: string, parameters: readonly ('i32' | 'i64')[]])[];
  readonly namespace?: string;
  /** Instructions of `_start`, which has one local of i32. */
  readonly code: readonly number[];
  /** Pages of memory: `[min]` or `[min, max]`; null for none. */
  readonly memory?: readonly number[] | null;
  /** `[min]` of a table of functions. */
  readonly table?: number;
  /** Bytes from an address on. */
  readonly data?: readonly (readonly [address: number, bytes: string | Uint8Array])[];
  readonly startName?: string;
}

/** Functions are numbered in the order of the imports. */
export function wasmModule({
  imports = [],
  namespace = 'wasi_snapshot_preview1',
  code,
  memory = [1],
  table,
  data = [],
  startName = '_start',
}: ModulePlan): Uint8Array {
  const kind = { i32, i64 } as const;
  const types = [
    [0x60, 0, 0],
    ...imports.map(([name, parameters]) => [
      0x60,
      ...list(parameters.map((parameter) => [kind[parameter]])),
      ...(name === 'proc_exit' ? [0] : [1, i32]),
    ]),
  ];
  const bounds =
    memory === null ? null : memory.length === 2 ? [1, ...memory.flatMap(number)] : [0, ...memory.flatMap(number)];
  const body = [...list([[1, i32]]), ...code, 0x0b];
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list(types)),
    ...section(2, list(imports.map(([name], at) => [...text(namespace), ...text(name), 0, ...number(at + 1)]))),
    ...section(3, list([[0]])),
    ...(table === undefined ? [] : section(4, list([[0x70, 0, ...number(table)]]))),
    ...(bounds === null ? [] : section(5, list([bounds]))),
    ...section(
      7,
      list([
        [...text(startName), 0, ...number(imports.length)],
        ...(bounds === null ? [] : [[...text('memory'), 2, 0]]),
      ]),
    ),
    ...section(10, list([[...number(body.length), ...body]])),
    ...section(
      11,
      list(
        data.map(([address, bytes]) => {
          const contents = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
          return [0, 0x41, ...signed(address), 0x0b, ...number(contents.length), ...contents];
        }),
      ),
    ),
  ]);
}

/** Instructions. */
export const op = {
  constant: (value: number): number[] => [0x41, ...signed(value)],
  long: (value: number): number[] => [0x42, ...signed(value)],
  call: (index: number): number[] => [0x10, ...number(index)],
  drop: [0x1a],
  unreachable: [0x00],
  forever: [0x03, 0x40, 0x0c, 0, 0x0b],
  /** Again and again, for ever. */
  repeat: (body: readonly number[]): number[] => [0x03, 0x40, ...body, 0x0c, 0, 0x0b],
  grow: (pages: number): number[] => [0x41, ...signed(pages), 0x40, 0],
  /** Traps where the top of the stack is -1. */
  orTrap: [0x41, 0x7f, 0x46, 0x04, 0x40, 0x00, 0x0b],
  store: (address: number, value: readonly number[]): number[] => [0x41, ...signed(address), ...value, 0x36, 2, 0],
} as const;

const little = (...values: readonly number[]): Uint8Array => new Uint8Array(new Uint32Array(values).buffer);

/** Writes texts to descriptors, then does what `then` says (host call 0 is `fd_write`, 1 `proc_exit`). */
export function writingModule(
  texts: readonly (readonly [descriptor: number, text: string])[],
  then: readonly number[] = [],
  more: Partial<ModulePlan> = {},
): Uint8Array {
  let at = 1_024;
  const data: (readonly [number, string | Uint8Array])[] = [];
  const code: number[] = [];
  for (const [index, [descriptor, contents]] of texts.entries()) {
    const length = Buffer.byteLength(contents);
    data.push([at, contents], [16 + 8 * index, little(at, length)]);
    at += length;
    code.push(
      ...op.constant(descriptor),
      ...op.constant(16 + 8 * index),
      ...op.constant(1),
      ...op.constant(8),
      ...op.call(0),
      ...op.drop,
    );
  }
  return wasmModule({
    imports: [['fd_write', ['i32', 'i32', 'i32', 'i32']], ['proc_exit', ['i32']], ...(more.imports ?? [])],
    code: [...code, ...then],
    data: [...data, ...(more.data ?? [])],
    memory: more.memory ?? [1],
  });
}

/**
 * The host calls of a module: a part of WASI snapshot preview1 that reaches nothing of the host but two streams, its arguments
 * and environment, clocks, and random bytes. There are no files and no sockets: every call that wants one is told that the
 * descriptor is none.
 *
 * `DOCKLOCK_RANDOM_SEED=text` in the environment makes the random bytes a function of that text; `DOCKLOCK_CLOCK_MS=n` makes
 * both clocks begin at n milliseconds and move only when the module sleeps, which then takes no time.
 */
import { createHash, randomFillSync } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { EngineMemory } from './web-assembly.ts';

export interface CallsOptions {
  readonly args: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly write: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => void;
  readonly memory: () => EngineMemory;
}

/** Thrown out of the module by `proc_exit`. */
export class ModuleExit extends Error {
  override readonly name = 'ModuleExit';
  readonly code: number;

  constructor(code: number) {
    super(`the module ended with ${code}`);
    this.code = code;
  }
}

/** Of WASI. */
const errno = { success: 0, badDescriptor: 8, fault: 21, invalid: 28, notSupported: 58, noSeek: 70 } as const;
const streams = { 1: 'stdout', 2: 'stderr' } as const;
const randomBytesMax = 1 << 20;
const writeBytesMax = 1 << 20;
const vectorsMax = 1_024;

type Call = (...args: never[]) => number;
export type HostCalls = Readonly<Record<string, Call>>;

interface Clock {
  /** Nanoseconds. */
  read(id: number): bigint;
  sleep(nanoseconds: bigint): void;
}

const setting = (env: readonly string[], name: string): string | null =>
  env.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1) ?? null;

function realClock(): Clock {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  return {
    read: (id) => (id === 0 ? BigInt(Date.now()) * 1_000_000n : BigInt(Math.round(performance.now() * 1e6))),
    sleep: (nanoseconds) => void Atomics.wait(cell, 0, 0, Number(nanoseconds / 1_000_000n)),
  };
}

function givenClock(milliseconds: number): Clock {
  let now = BigInt(milliseconds) * 1_000_000n;
  return { read: () => now, sleep: (nanoseconds) => void (now += nanoseconds) };
}

/** SHA-256 of the seed and a counter. */
function seededRandom(seed: string): (bytes: Uint8Array) => void {
  let counter = 0;
  return (bytes) => {
    for (let at = 0; at < bytes.length; at += 32) {
      const block = createHash('sha256').update(`${counter} ${seed}`).digest();
      counter += 1;
      bytes.set(block.subarray(0, bytes.length - at), at);
    }
  };
}

/** Addresses come from the module: what lies outside its memory is its fault, not ours. */
class ModuleMemory {
  readonly #memory: () => EngineMemory;

  constructor(memory: () => EngineMemory) {
    this.#memory = memory;
  }

  bytes(address: number, length: number): Uint8Array {
    const [from, count] = [address >>> 0, length >>> 0];
    if (from + count > this.#memory().buffer.byteLength) throw new RangeError('outside of the memory');
    return new Uint8Array(this.#memory().buffer, from, count);
  }

  view(address: number, length: number): DataView {
    const { buffer, byteOffset } = this.bytes(address, length);
    return new DataView(buffer, byteOffset, length);
  }

  setNumber(address: number, value: number): void {
    this.view(address, 4).setUint32(0, value, true);
  }

  setLong(address: number, value: bigint): void {
    this.view(address, 8).setBigUint64(0, value, true);
  }
}

/** Texts as WASI wants them: one after the other with a NUL each, and a list of addresses. */
function textCalls(memory: ModuleMemory, texts: readonly string[]): { get: Call; sizes: Call } {
  const encoded = texts.map((text) => Buffer.from(`${text}\0`));
  return {
    get: (pointers: number, place: number) => {
      let at = place >>> 0;
      for (const [index, text] of encoded.entries()) {
        memory.setNumber((pointers >>> 0) + 4 * index, at);
        memory.bytes(at, text.length).set(text);
        at += text.length;
      }
      return errno.success;
    },
    sizes: (count: number, bytes: number) => {
      memory.setNumber(count, encoded.length);
      memory.setNumber(
        bytes,
        encoded.reduce((sum, text) => sum + text.length, 0),
      );
      return errno.success;
    },
  };
}

function streamCalls(memory: ModuleMemory, write: CallsOptions['write']): Record<string, Call> {
  const isStream = (descriptor: number): boolean => descriptor >= 0 && descriptor <= 2;
  return {
    fd_write: (descriptor: number, vectors: number, count: number, written: number) => {
      if (descriptor !== 1 && descriptor !== 2) return errno.badDescriptor;
      if (count >>> 0 > vectorsMax) return errno.invalid;
      const table = memory.view(vectors, 8 * count);
      let total = 0;
      for (let index = 0; index < count && total < writeBytesMax; index += 1) {
        const length = Math.min(table.getUint32(8 * index + 4, true), writeBytesMax - total);
        write(streams[descriptor], memory.bytes(table.getUint32(8 * index, true), length));
        total += length;
      }
      memory.setNumber(written, total);
      return errno.success;
    },
    fd_read: (descriptor: number, _vectors: number, _count: number, read: number) => {
      if (descriptor !== 0) return errno.badDescriptor;
      memory.setNumber(read, 0);
      return errno.success;
    },
    fd_close: (descriptor: number) => (isStream(descriptor) ? errno.success : errno.badDescriptor),
    fd_seek: (descriptor: number) => (isStream(descriptor) ? errno.noSeek : errno.badDescriptor),
    fd_fdstat_get: (descriptor: number, place: number) => {
      if (!isStream(descriptor)) return errno.badDescriptor;
      const view = memory.view(place, 24);
      for (let at = 0; at < 24; at += 8) view.setBigUint64(at, 0n, true);
      // A character device, which may be read (0) or written.
      view.setUint8(0, 2);
      view.setBigUint64(8, descriptor === 0 ? 2n : 64n, true);
      return errno.success;
    },
  };
}

function timeCalls(memory: ModuleMemory, clock: Clock): Record<string, Call> {
  return {
    clock_time_get: (id: number, _precision: bigint, place: number) => {
      if (id !== 0 && id !== 1) return errno.invalid;
      memory.setLong(place, clock.read(id));
      return errno.success;
    },
    clock_res_get: (id: number, place: number) => {
      if (id !== 0 && id !== 1) return errno.invalid;
      memory.setLong(place, 1_000_000n);
      return errno.success;
    },
    // One subscription to a clock: a sleep. Nothing else can be waited for.
    poll_oneoff: (subscriptions: number, events: number, count: number, occurred: number) => {
      if (count !== 1) return errno.notSupported;
      const wanted = memory.view(subscriptions, 48);
      if (wanted.getUint8(8) !== 0) return errno.notSupported;
      const [id, until] = [wanted.getUint32(16, true), wanted.getBigUint64(24, true)];
      const isAbsolute = (wanted.getUint16(40, true) & 1) === 1;
      const now = clock.read(id);
      const wait = isAbsolute ? until - now : until;
      if (wait > 0n) clock.sleep(wait);
      const event = memory.bytes(events, 32);
      event.fill(0);
      event.set(memory.bytes(subscriptions, 8));
      memory.setNumber(occurred, 1);
      return errno.success;
    },
  };
}

/** Those of preview1 that want a file, a directory or a socket, of which there are none. */
const withoutDescriptor = [
  ...['fd_advise', 'fd_allocate', 'fd_datasync', 'fd_fdstat_set_flags', 'fd_fdstat_set_rights', 'fd_filestat_get'],
  ...[
    'fd_filestat_set_size',
    'fd_filestat_set_times',
    'fd_pread',
    'fd_prestat_get',
    'fd_prestat_dir_name',
    'fd_pwrite',
  ],
  ...['fd_readdir', 'fd_renumber', 'fd_sync', 'fd_tell', 'path_create_directory', 'path_filestat_get'],
  ...['path_filestat_set_times', 'path_link', 'path_open', 'path_readlink', 'path_remove_directory', 'path_rename'],
  ...['path_symlink', 'path_unlink_file', 'sock_accept', 'sock_recv', 'sock_send', 'sock_shutdown'],
] as const;

export function hostCalls({ args, env, write, memory: memoryOf }: CallsOptions): HostCalls {
  const memory = new ModuleMemory(memoryOf);
  const [argCalls, envCalls] = [textCalls(memory, args), textCalls(memory, env)];
  const start = setting(env, 'DOCKLOCK_CLOCK_MS');
  const seed = setting(env, 'DOCKLOCK_RANDOM_SEED');
  const clock = start !== null && /^[0-9]{1,15}$/u.test(start) ? givenClock(Number(start)) : realClock();
  const fill = seed === null ? (bytes: Uint8Array): void => void randomFillSync(bytes) : seededRandom(seed);
  const calls: Record<string, Call> = {
    ...Object.fromEntries(withoutDescriptor.map((name): [string, Call] => [name, () => errno.badDescriptor])),
    ...streamCalls(memory, write),
    ...timeCalls(memory, clock),
    args_get: argCalls.get,
    args_sizes_get: argCalls.sizes,
    environ_get: envCalls.get,
    environ_sizes_get: envCalls.sizes,
    random_get: (place: number, length: number) => {
      if (length >>> 0 > randomBytesMax) return errno.invalid;
      fill(memory.bytes(place, length));
      return errno.success;
    },
    sched_yield: () => errno.success,
    proc_raise: () => errno.notSupported,
    proc_exit: (code: number) => {
      throw new ModuleExit(code & 0xff);
    },
  };
  return Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, faulting(call)]));
}

/** An address outside of the module's memory is an answer, as WASI has it. */
const faulting =
  (call: Call): Call =>
  (...args: never[]) => {
    try {
      return call(...args);
    } catch (error) {
      if (error instanceof RangeError) return errno.fault;
      throw error;
    }
  };

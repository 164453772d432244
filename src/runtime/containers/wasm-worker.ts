/** The thread of a module: compiles, runs, and writes its log. What it may do beyond computing stands in `wasm-calls.ts`. */
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { pageBytes, hostNamespace } from '../../protocols/docklock/wasm-module.ts';
import { invariant } from '../../protocols/shared/errors.ts';
import { Cell } from './cell.ts';
import { ContainerLog } from './container-log.ts';
import { hostCalls, ModuleExit } from './wasm-calls.ts';
import { moduleFile, type WasmEnd, type WasmReport } from './wasm-cell.ts';
import { type EngineMemory, webAssembly } from './web-assembly.ts';

type End = Pick<WasmEnd, 'kind' | 'code' | 'detail'>;

/** As shells have it of a program that was killed by SIGILL. */
const trapCode = 132;

const directory = workerData as string;
const cell = new Cell(directory, '');
const spec = cell.read('spec');
invariant(spec !== null, 'a module without a specification');
const log = new ContainerLog(cell.path('log'), spec.limits.logBytes, () => Date.now());

const report = (said: WasmReport): void => parentPort?.postMessage(said);

function run(): End {
  invariant(spec !== null, 'a module without a specification');
  let memory: EngineMemory | null = null;
  const calls = hostCalls({
    args: spec.args,
    env: spec.env,
    write: (stream, bytes) => log.write(stream, bytes),
    memory: () => {
      invariant(memory !== null, 'a host call before the module has its memory');
      return memory;
    },
  });
  let start: () => void;
  try {
    const module = new webAssembly.Module(readFileSync(cell.path(moduleFile)));
    const { exports } = new webAssembly.Instance(module, { [hostNamespace]: calls });
    memory = exports['memory'] as EngineMemory;
    start = exports['_start'] as () => void;
  } catch (error) {
    return { kind: 'start-failed', code: null, detail: error instanceof Error ? error.message : String(error) };
  }
  report({ kind: 'running' });
  try {
    start();
    return { kind: 'exited', code: 0, detail: '' };
  } catch (error) {
    return endOf(error, memory, spec.limits.memoryBytes);
  }
}

/** A module that traps when there is no page left for it had too little memory: an allocator gets no other answer. */
function endOf(error: unknown, memory: EngineMemory, memoryBytesMax: number): End {
  if (error instanceof ModuleExit) return { kind: 'exited', code: error.code, detail: '' };
  const detail = error instanceof Error ? error.message : String(error);
  const isFull = memory.buffer.byteLength + pageBytes > memoryBytesMax;
  return isFull ? { kind: 'oom', code: trapCode, detail } : { kind: 'exited', code: trapCode, detail };
}

const end = run();
log.end();
report({ kind: 'ended', end });

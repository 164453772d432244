/**
 * The process of one module: it starts the thread, watches its time, says what it uses and how it ended. It outlives the
 * driver that started it. Its one argument is the directory of the container's cell.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { invariant } from '../../protocols/shared/errors.ts';
import { Cell } from './cell.ts';
import { endFile, usageFile, type WasmEnd, type WasmReport, type WasmUsage } from './wasm-cell.ts';

const usageMs = 500;
/** To read, compile and begin a module. */
const startMsMax = 30_000;
/** What the thread's own heap may take, beside the module's memory. */
const heapMebibytes = 64;

const isSource = import.meta.url.endsWith('.ts');
const entry = new URL(`./wasm-worker.${isSource ? 'ts' : 'js'}`, import.meta.url);
/** A thread of Node 20 does not inherit what reads TypeScript in the thread that starts it: run from source, it loads that first. */
const fromSource = `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(entry.href)}); });`;

const cell = new Cell(process.argv[2] ?? '', '');
const spec = cell.read('spec');
invariant(spec !== null, 'a module without a specification');
const { wallTimeMs } = spec.limits;

function writeWhole(file: string, value: WasmUsage | WasmEnd): void {
  writeFileSync(cell.path(`${file}.new`), JSON.stringify(value), { mode: 0o600 });
  renameSync(cell.path(`${file}.new`), cell.path(file));
}

function usage(): WasmUsage {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const { rss } = process.memoryUsage();
  return {
    cpuMicroseconds: userCPUTime + systemCPUTime,
    memoryBytes: rss,
    memoryPeakBytes: Math.max(rss, maxRSS * 1024),
  };
}

function finish(end: Pick<WasmEnd, 'kind' | 'code' | 'detail'>): void {
  writeWhole(endFile, { ...end, at: Date.now(), usage: usage() });
  process.exit(0);
}

const options = { workerData: cell.directory, resourceLimits: { maxOldGenerationSizeMb: heapMebibytes } };
const worker = isSource ? new Worker(fromSource, { ...options, eval: true }) : new Worker(entry, options);
let isRunning = false;
const beginning = setTimeout(
  () => finish({ kind: 'start-failed', code: null, detail: 'the module took too long to begin' }),
  startMsMax,
);
worker.on('message', (said: WasmReport) => {
  if (said.kind === 'ended') {
    finish(said.end);
    return;
  }
  isRunning = true;
  clearTimeout(beginning);
  writeWhole(usageFile, usage());
  cell.mark('started');
  setInterval(() => writeWhole(usageFile, usage()), usageMs);
  if (wallTimeMs !== null)
    setTimeout(() => finish({ kind: 'timeout', code: null, detail: 'its time was over' }), wallTimeMs);
});
worker.on('error', (error) => {
  const isFull = 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
  if (isFull && isRunning) finish({ kind: 'oom', code: null, detail: error.message });
  else finish({ kind: 'start-failed', code: null, detail: error.message });
});

/**
 * Entry point of a child process of `mainnet simulate --parallel`: one simulation at a time, as its parent asks. A simulation
 * shuts the real world out of its whole process, so several at once take several processes.
 */
import { CommandError } from './terminal.ts';
import type { ParentMessage, WorkerMessage, WorkRequest } from './mainnet/simulate/run-parallel.ts';
import { everyEffectOfSeed } from './mainnet/simulate/every-effect-seed.ts';
import { runSeed } from './mainnet/simulate/run-one.ts';
import { type LoadedScenario, loadSource } from './mainnet/simulate/scenario-source.ts';

let work: { readonly request: WorkRequest; readonly loaded: Promise<LoadedScenario> } | null = null;

const tell = (message: WorkerMessage): void => {
  if (process.connected) process.send?.(message);
};

async function perform(message: ParentMessage): Promise<void> {
  if (message.type === 'request') {
    work = { request: message.request, loaded: loadSource(message.request.source) };
    await work.loaded;
    tell({ type: 'ready' });
    return;
  }
  if (work === null) return;
  const { request, loaded } = work;
  const { scenario } = await loaded;
  const { seed } = message;
  const report =
    request.work === 'run' ? await runSeed(scenario, seed, request) : await everyEffectOfSeed(scenario, seed, request);
  tell({ type: 'report', report });
}

process.on('message', (message: ParentMessage) => {
  perform(message).catch((error: unknown) => {
    const isExpected = error instanceof CommandError;
    const text = error instanceof Error ? (isExpected ? error.message : (error.stack ?? error.message)) : String(error);
    tell({ type: 'failed', isUsage: isExpected && error.code === 'usage', message: text });
  });
});
// Ctrl-C reaches the whole group: the parent says what was done, and disconnects.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));

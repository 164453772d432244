/** Long work of a command, which Ctrl-C ends early: what was done until then is told. */
import { setImmediate as turn } from 'node:timers/promises';
import { CommandError } from '../../terminal.ts';
import { Progress } from './progress.ts';

/** `stop` is aborted by Ctrl-C. The line of progress is gone when this settles. */
export async function untilInterrupted<T>(work: (stop: AbortSignal, progress: Progress) => Promise<T>): Promise<T> {
  const progress = new Progress();
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once('SIGINT', interrupt);
  try {
    return await work(stop.signal, progress);
  } finally {
    progress.clear();
    process.off('SIGINT', interrupt);
  }
}

/**
 * Runs a search that yields its progress to its end; null where it was stopped before. Rejects with CommandError where
 * the search says, with a RangeError, that what was asked of it cannot be.
 */
export async function searchToEnd<Step, Result>(
  start: () => Generator<Step, Result>,
  stop: AbortSignal,
  onProgress: (step: Step) => void,
): Promise<Result | null> {
  try {
    const search = start();
    for (let next = search.next(); ; next = search.next()) {
      if (next.done === true) return next.value;
      onProgress(next.value);
      await turn();
      if (stop.aborted) return null;
    }
  } catch (error) {
    if (error instanceof RangeError) throw new CommandError('usage', error.message, [], error);
    throw error;
  }
}

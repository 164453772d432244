/** A service in the foreground of a terminal: until the person ends it, or it cannot go on. */
import type { RunningAudited } from '../runtime/node-audit.ts';
import { CommandError } from './terminal.ts';

/** Rejects with CommandError where it could not go on, or did not stop cleanly. `what`: `the court`. */
export async function untilEnded({ failed, stop }: RunningAudited<unknown>, what: string): Promise<void> {
  const asked = new Promise<null>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(null));
  });
  const failure = await Promise.race([asked, failed.then((cause) => ({ cause }))]);
  await stop().catch((cause: unknown) => {
    throw new CommandError('failed', `${what} did not stop cleanly`, [], cause);
  });
  if (failure === null) return;
  const why = failure.cause instanceof Error ? failure.cause.message : String(failure.cause);
  throw new CommandError('failed', `${what} could not go on: ${why}`, [], failure.cause);
}

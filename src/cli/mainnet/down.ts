/** `mainnet down`: a graceful end within a bound, from any terminal. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ProcessEvent } from '../../runtime/launcher-process.ts';
import { askControl } from '../../runtime/launcher-control.ts';
import { isAlive, LauncherError } from '../../runtime/launcher-state.ts';
import { CommandError, exitCodes, formatElapsed, type Terminal } from '../terminal.ts';
import { requireRunning } from './locate.ts';

export async function stopNetwork(
  options: {
    readonly file: string | undefined;
    readonly host: string | undefined;
    readonly timeoutMs: number;
    readonly json: boolean;
  },
  terminal: Terminal,
): Promise<number> {
  const { state } = requireRunning(options.file, options.host);
  const startedAt = performance.now();
  const deadline = startedAt + options.timeoutMs;
  const killed: string[] = [];
  const onEvent = (event: ProcessEvent): void => {
    if (event.type === 'killed') killed.push(event.process);
    if (options.json) return;
    if (event.type === 'stopped') terminal.out(`  ${event.process}  stopped`);
    if (event.type === 'killed') terminal.out(`  ${event.process}  did not stop and was killed`);
  };
  if (!options.json) terminal.out(`Stopping ${state.network} (launcher ${state.pid})`);
  const asking = askStop(state.socket, onEvent).catch((error: unknown) => {
    if (!(error instanceof LauncherError)) throw error;
    // It does not answer: the signal asks for the same.
    if (isAlive(state)) process.kill(state.pid, 'SIGTERM');
  });
  while (isAlive(state) && performance.now() < deadline) await delay(50);
  if (isAlive(state)) {
    // Its children stop by themselves when the launcher is gone.
    process.kill(state.pid, 'SIGKILL');
    throw new CommandError(
      'failed',
      `the launcher did not end within ${formatElapsed(options.timeoutMs)} and was killed`,
      ['the next start continues from what was stored durably'],
    );
  }
  await asking;
  const stoppedMs = Math.round(performance.now() - startedAt);
  if (options.json) terminal.json({ network: state.network, stoppedMs, killed });
  else terminal.out(`Stopped in ${formatElapsed(stoppedMs)}`);
  return exitCodes.done;
}

async function askStop(socket: string, onEvent: (event: ProcessEvent) => void): Promise<void> {
  for await (const line of askControl(socket, { command: 'stop' })) onEvent(line as ProcessEvent);
}

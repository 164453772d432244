/** `mainnet up`: in the foreground until Ctrl-C, or detached until `mainnet down`. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessEvent } from '../../runtime/launcher-process.ts';
import type { LoadedManifest } from '../../runtime/manifest.ts';
import type { PlannedNode } from '../../runtime/manifest-expand.ts';
import { selectNodes, type SupervisedNetwork, superviseNetwork } from '../../runtime/network-supervisor.ts';
import type { PreparedNetwork } from '../../runtime/network-prepare.ts';
import { CommandError, exitCodes, formatElapsed, type Terminal } from '../terminal.ts';
import { type Presenter, TerminalPresenter, urlsOf } from './presenter.ts';

export interface UpOptions {
  readonly loaded: LoadedManifest;
  readonly host: string | null;
  /** How long `--detach` waits for everything to be ready. */
  readonly timeoutMs: number;
  readonly hints: readonly string[];
  readonly terminal: Terminal;
}

/** Runs until it is stopped by a signal or by `mainnet down`. Resolves with the exit code. */
export async function runForeground(options: UpOptions): Promise<number> {
  const { terminal } = options;
  return runNetwork(options, new TerminalPresenter(terminal, options.hints));
}

/** The same in a detached child, which tells its parent what happens for as long as that listens. */
export async function runDetachedChild(options: UpOptions): Promise<number> {
  return runNetwork(options, new ChannelPresenter());
}

async function runNetwork(options: UpOptions, presenter: Presenter): Promise<number> {
  const { loaded, host } = options;
  const network = await superviseNetwork({ loaded, host, environment: process.env });
  const stopRequest = waitForStop(network);
  presenter.prepared(loaded, selectNodes(loaded, host), network.prepared);
  network.launcher.onEvent((event) => presenter.event(event));
  network.launcher.start();
  const ended = Promise.race([
    stopRequest,
    network.launcher.allFailed.then(() => ({ reason: 'no process is left', exitCode: exitCodes.failed })),
  ]);
  const first = await Promise.race([network.launcher.settled, ended]);
  if (typeof first === 'boolean') presenter.settled(first);
  const { reason, exitCode } = await ended;
  presenter.stopping(reason);
  await network.stop();
  return exitCode;
}

interface StopRequest {
  readonly reason: string;
  readonly exitCode: number;
}

function waitForStop(network: SupervisedNetwork): Promise<StopRequest> {
  return new Promise((resolve) => {
    let signals = 0;
    const onSignal = (signal: NodeJS.Signals): void => {
      signals += 1;
      if (signals > 1) network.launcher.kill();
      else resolve({ reason: `${signal} (once more kills at once)`, exitCode: exitCodes.done });
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
    process.on('SIGHUP', onSignal);
    void network.stopRequested.then(() => resolve({ reason: 'mainnet down', exitCode: exitCodes.done }));
  });
}

type ChannelMessage =
  | {
      readonly type: 'prepared';
      readonly chainId: string;
      readonly isNew: boolean;
      readonly root: string;
      readonly genesisCopy: string;
    }
  | { readonly type: 'event'; readonly event: ProcessEvent }
  | { readonly type: 'settled'; readonly ready: boolean }
  | { readonly type: 'refused'; readonly message: string };

const tellParent = (message: ChannelMessage): void => {
  if (process.connected) process.send?.(message);
};

class ChannelPresenter implements Presenter {
  prepared(_loaded: LoadedManifest, _nodes: readonly PlannedNode[], prepared: PreparedNetwork): void {
    const { chainId, isNew, genesisCopy, directory } = prepared;
    tellParent({ type: 'prepared', chainId, isNew, genesisCopy, root: directory.root });
  }
  event(event: ProcessEvent): void {
    tellParent({ type: 'event', event });
  }
  settled(ready: boolean): void {
    tellParent({ type: 'settled', ready });
  }
  stopping(reason: string): void {
    process.stdout.write(`${new Date().toISOString()} stopping: ${reason}\n`);
  }
}

/** Tells the parent why the detached child could not start. */
export const refuseToParent = (message: string): void => tellParent({ type: 'refused', message });

/** Starts the detached child and returns when the network is ready. Resolves with the exit code. */
export async function runDetached(
  options: UpOptions,
  childArguments: readonly string[],
  asJson: boolean,
): Promise<number> {
  const { loaded, host, terminal, timeoutMs } = options;
  const nodes = selectNodes(loaded, host);
  const dataDir = loaded.manifest.spec.defaults.dataDir;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const outputFile = join(dataDir, 'launcher.log');
  const output = openSync(outputFile, 'a', 0o600);
  const child = spawn(process.execPath, [...process.execArgv, ...childArguments], {
    detached: true,
    stdio: ['ignore', output, output, 'ipc'],
  });
  closeSync(output);
  const presenter = new TerminalPresenter(terminal, options.hints);
  presenter.expect(nodes);
  const startedAt = performance.now();
  const outcome = await new Promise<ChannelMessage | 'ended' | 'timeout'>((resolve) => {
    setTimeout(() => resolve('timeout'), timeoutMs).unref();
    child.on('message', (message) => {
      const said = message as ChannelMessage;
      if (said.type === 'event' && !asJson) presenter.event(said.event);
      if (said.type === 'prepared' && !asJson) {
        terminal.out(`${loaded.manifest.metadata.name}: chain ${said.chainId}, data ${said.root}`);
      }
      if (said.type === 'settled' || said.type === 'refused') resolve(said);
    });
    child.once('exit', () => resolve('ended'));
    process.once('SIGINT', () => child.kill('SIGTERM'));
  });
  if (child.connected) child.disconnect();
  child.unref();
  if (outcome === 'ended') throw new CommandError('failed', 'the launcher ended', [`its output: ${outputFile}`]);
  if (outcome === 'timeout') {
    throw new CommandError('failed', `not everything was ready within ${formatElapsed(timeoutMs)}; it keeps trying`, [
      'what waits for what: mainnet status',
      'stop it: mainnet down',
    ]);
  }
  if (outcome.type === 'refused') throw new CommandError('failed', outcome.message);
  const ready = outcome.type === 'settled' && outcome.ready;
  if (asJson) {
    const readyMs = Math.round(performance.now() - startedAt);
    terminal.json({ ready, readyMs, launcher: child.pid, urls: urlsOf(nodes) });
  } else presenter.settled(ready);
  return ready ? exitCodes.done : exitCodes.failed;
}

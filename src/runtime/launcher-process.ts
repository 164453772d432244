/**
 * One supervised child process: started, watched until it says that its nodes are ready, restarted with back-off when it
 * dies, declared failed when it dies too often, stopped within a bound.
 *
 * The child speaks over its IPC channel: `{ type: 'ready', node, addresses }` for each node, `{ type: 'failed', node,
 * message, permanent }` before it exits for a reason it knows. It stops on SIGTERM, and when the channel closes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

export interface NodeAddresses {
  readonly link: string | null;
  readonly api: string | null;
  readonly metrics: string | null;
}

export interface ProcessPlan {
  readonly name: string;
  /** Names of the nodes it runs. Ready when every one of them is. */
  readonly nodes: readonly string[];
  /** Names of processes that must have been ready before this one starts. */
  readonly after: readonly string[];
  readonly command: string;
  readonly commandArguments: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where its standard output and error go. Moved to `<file>.1` at a start when it has grown past 8 MiB. */
  readonly outputFile: string;
  readonly restart: { readonly max: number; readonly withinMs: number };
  /** Delay of the first restart, doubled each time up to `backoffMaxMs`. */
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  /** SIGTERM to SIGKILL. */
  readonly stopTimeoutMs: number;
}

export type ProcessState = 'waiting' | 'starting' | 'ready' | 'backing-off' | 'failed' | 'stopping' | 'stopped';

export type ProcessEvent =
  | { readonly type: 'starting'; readonly process: string; readonly pid: number }
  | { readonly type: 'node-ready'; readonly process: string; readonly node: string; readonly addresses: NodeAddresses }
  | { readonly type: 'ready'; readonly process: string }
  | { readonly type: 'crashed'; readonly process: string; readonly cause: string }
  | { readonly type: 'restarting'; readonly process: string; readonly inMs: number; readonly restarts: number }
  | { readonly type: 'failed'; readonly process: string; readonly cause: string; readonly output: readonly string[] }
  | { readonly type: 'stopping'; readonly process: string }
  | { readonly type: 'killed'; readonly process: string; readonly afterMs: number }
  | { readonly type: 'stopped'; readonly process: string };

export interface ProcessStatus {
  readonly name: string;
  readonly state: ProcessState;
  readonly pid: number | null;
  /** Milliseconds since 1970, of the running child. */
  readonly startedAt: number | null;
  /** Since the launcher started. */
  readonly restarts: number;
  readonly lastFailure: string | null;
  readonly nodes: readonly {
    readonly name: string;
    readonly ready: boolean;
    readonly addresses: NodeAddresses | null;
  }[];
  readonly outputFile: string;
}

const outputBytesMax = 8 * 1024 * 1024;

export class SupervisedProcess {
  readonly plan: ProcessPlan;
  readonly #onEvent: (event: ProcessEvent) => void;
  readonly #readyNodes = new Map<string, NodeAddresses>();
  #state: ProcessState = 'waiting';
  #child: ChildProcess | null = null;
  #startedAt: number | null = null;
  #restarts = 0;
  #crashTimes: number[] = [];
  #lastFailure: string | null = null;
  #declaredFailure: { readonly message: string; readonly permanent: boolean } | null = null;
  #restartTimer: NodeJS.Timeout | null = null;
  #stopped: Promise<void> | null = null;

  constructor(plan: ProcessPlan, onEvent: (event: ProcessEvent) => void) {
    this.plan = plan;
    this.#onEvent = onEvent;
  }

  get state(): ProcessState {
    return this.#state;
  }

  status(): ProcessStatus {
    return {
      name: this.plan.name,
      state: this.#state,
      pid: this.#child?.pid ?? null,
      startedAt: this.#child === null ? null : this.#startedAt,
      restarts: this.#restarts,
      lastFailure: this.#lastFailure,
      nodes: this.plan.nodes.map((name) => ({
        name,
        ready: this.#readyNodes.has(name),
        addresses: this.#readyNodes.get(name) ?? null,
      })),
      outputFile: this.plan.outputFile,
    };
  }

  start(): void {
    if (this.#state !== 'waiting' && this.#state !== 'backing-off') return;
    this.#state = 'starting';
    this.#readyNodes.clear();
    this.#declaredFailure = null;
    const output = this.#openOutput();
    const child = spawn(this.plan.command, [...this.plan.commandArguments], {
      stdio: ['ignore', output, output, 'ipc'],
      env: this.plan.environment,
    });
    closeSync(output);
    this.#child = child;
    this.#startedAt = Date.now();
    let spawnError: string | null = null;
    child.on('error', (error) => {
      spawnError = error.message;
      if (child.pid === undefined) this.#onExit(child, `it could not be started: ${error.message}`);
    });
    child.on('message', (message) => this.#onMessage(message));
    child.on('exit', (code, signal) => {
      this.#onExit(
        child,
        spawnError ?? (signal === null ? `it exited with code ${code ?? 0}` : `it was ended by ${signal}`),
      );
    });
    if (child.pid !== undefined) this.#onEvent({ type: 'starting', process: this.plan.name, pid: child.pid });
  }

  /** Resolves when the child is gone: by itself after SIGTERM, or killed after `stopTimeoutMs`. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** SIGKILL now; what a second Ctrl-C does. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  async #stop(): Promise<void> {
    if (this.#restartTimer !== null) clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (child === null) {
      if (this.#state !== 'failed') this.#state = 'stopped';
      return;
    }
    this.#state = 'stopping';
    this.#onEvent({ type: 'stopping', process: this.plan.name });
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => {
      this.#onEvent({ type: 'killed', process: this.plan.name, afterMs: this.plan.stopTimeoutMs });
      child.kill('SIGKILL');
    }, this.plan.stopTimeoutMs);
    await exited;
    clearTimeout(timer);
  }

  #openOutput(): number {
    const file = this.plan.outputFile;
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    if (existsSync(file) && statSync(file).size > outputBytesMax) renameSync(file, `${file}.1`);
    return openSync(file, 'a', 0o600);
  }

  #onMessage(message: unknown): void {
    if (typeof message !== 'object' || message === null || !('type' in message)) return;
    const node = 'node' in message ? String(message.node) : '';
    if (message.type === 'ready' && this.plan.nodes.includes(node) && !this.#readyNodes.has(node)) {
      const addresses = readAddresses('addresses' in message ? message.addresses : null);
      this.#readyNodes.set(node, addresses);
      this.#onEvent({ type: 'node-ready', process: this.plan.name, node, addresses });
      if (this.#readyNodes.size === this.plan.nodes.length && this.#state === 'starting') {
        this.#state = 'ready';
        this.#onEvent({ type: 'ready', process: this.plan.name });
      }
    }
    if (message.type === 'failed') {
      const text = 'message' in message ? String(message.message) : 'no reason given';
      this.#declaredFailure = {
        message: node === '' ? text : `${node}: ${text}`,
        permanent: 'permanent' in message && message.permanent === true,
      };
    }
  }

  #onExit(child: ChildProcess, how: string): void {
    if (this.#child !== child) return;
    this.#child = null;
    this.#readyNodes.clear();
    if (this.#state === 'stopping') {
      this.#state = 'stopped';
      this.#onEvent({ type: 'stopped', process: this.plan.name });
      return;
    }
    const declared = this.#declaredFailure;
    const cause = declared?.message ?? how;
    this.#lastFailure = cause;
    this.#onEvent({ type: 'crashed', process: this.plan.name, cause });
    const now = performance.now();
    const { max, withinMs } = this.plan.restart;
    this.#crashTimes = [...this.#crashTimes.filter((time) => now - time < withinMs), now];
    if (declared?.permanent === true) this.#fail(cause);
    else if (this.#crashTimes.length > max) {
      this.#fail(`${cause}; it died ${this.#crashTimes.length} times within ${Math.round(withinMs / 1000)} s`);
    } else this.#restartLater();
  }

  #restartLater(): void {
    const exponent = Math.min(30, this.#crashTimes.length - 1);
    const inMs = Math.min(this.plan.backoffMaxMs, this.plan.backoffMs * 2 ** exponent);
    this.#state = 'backing-off';
    this.#restarts += 1;
    this.#onEvent({ type: 'restarting', process: this.plan.name, inMs, restarts: this.#restarts });
    this.#restartTimer = setTimeout(() => this.start(), inMs);
  }

  #fail(cause: string): void {
    this.#state = 'failed';
    this.#lastFailure = cause;
    this.#onEvent({ type: 'failed', process: this.plan.name, cause, output: lastLines(this.plan.outputFile, 12) });
  }
}

function readAddresses(value: unknown): NodeAddresses {
  const record = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  const read = (name: string): string | null => (typeof record[name] === 'string' ? record[name] : null);
  return { link: read('link'), api: read('api'), metrics: read('metrics') };
}

/** The end of a text file, for a person; empty where it cannot be read. */
function lastLines(file: string, count: number): readonly string[] {
  try {
    return readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .filter((line) => line !== '')
      .slice(-count);
  } catch {
    return [];
  }
}

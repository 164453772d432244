/** One node in a process of its own, as the launcher runs it. Ended by its process id, whatever happens to the test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChainClient } from '../../src/client/chain-client.ts';
import type { NodeConfig } from '../../src/runtime/node-config.ts';
import { until } from './waiting.ts';

export const root = fileURLToPath(new URL('../../', import.meta.url));
const entry = join(root, 'dist', 'cli', 'node-process.js');

export interface StartOptions {
  /** How far the process' wall clock is ahead, ms. */
  readonly clockAheadMs?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a process says of its end before it exits. */
export interface Failure {
  readonly message: string;
  readonly permanent: boolean;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class NodeChild {
  /** Changed between two starts by tests that plant a fault. */
  config: NodeConfig;
  readonly #directory: string;
  #child: ChildProcess | null = null;
  #exited: Promise<Exit> = Promise.resolve({ code: 0, signal: null });
  #ready: Promise<void> = Promise.resolve();
  #failure: Failure | null = null;

  constructor(config: NodeConfig, directory: string) {
    this.config = config;
    this.#directory = directory;
  }

  get name(): string {
    return this.config.name;
  }

  get client(): ChainClient {
    return new ChainClient({ endpoint: `http://${this.config.apiAddress ?? ''}`, timeoutMs: 5_000 });
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  /** Said by the last process that failed. */
  get failure(): Failure | null {
    return this.#failure;
  }

  get outputFile(): string {
    return join(this.#directory, `${this.name}.output`);
  }

  get output(): string {
    return existsSync(this.outputFile) ? readFileSync(this.outputFile, 'utf8') : '';
  }

  start({ clockAheadMs = 0 }: StartOptions = {}): void {
    if (this.#child !== null) throw new Error(`${this.name} runs`);
    const file = join(this.#directory, `${this.name}.json`);
    writeFileSync(file, JSON.stringify([this.config]));
    const output = openSync(this.outputFile, 'a');
    const shift = clockAheadMs === 0 ? [] : ['--import', shiftedClock(clockAheadMs)];
    const child = spawn(process.execPath, [...shift, entry, file], { stdio: ['ignore', output, output, 'ipc'] });
    closeSync(output);
    running.add(child);
    this.#child = child;
    this.#failure = null;
    this.#ready = new Promise((resolve) => {
      child.on('message', (message: { readonly type?: string } & Partial<Failure>) => {
        if (message.type === 'ready') resolve();
        if (message.type === 'failed') {
          this.#failure = { message: message.message ?? '', permanent: message.permanent ?? false };
        }
      });
    });
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        running.delete(child);
        if (this.#child === child) this.#child = null;
        resolve({ code, signal });
      });
    });
  }

  /** Linked to a quorum and following the chain. Rejects where the process ends instead. */
  async ready(): Promise<void> {
    const ended = this.#exited.then((exit) => {
      throw new Error(`${this.name} ended with ${JSON.stringify(exit)}: ${this.#failure?.message ?? this.output}`);
    });
    await Promise.race([this.#ready, ended]);
  }

  /** Its interface answers; it need not be linked to anybody. */
  async answering(): Promise<void> {
    await until(`${this.name} to answer`, async () => {
      if (this.#child === null) throw new Error(`it ended: ${this.#failure?.message ?? this.output}`);
      return (await this.client.network()).height >= 0;
    });
  }

  exited(): Promise<Exit> {
    return this.#exited;
  }

  async reached(height: number): Promise<number> {
    return until(`${this.name} to reach height ${height}`, async () => {
      const now = (await this.client.network()).height;
      return now >= height && now;
    });
  }

  async height(): Promise<number> {
    return (await this.client.network()).height;
  }

  /** kill -9. */
  kill(): Promise<Exit> {
    this.#child?.kill('SIGKILL');
    return this.#exited;
  }

  stop(): Promise<Exit> {
    this.#child?.kill('SIGCONT');
    this.#child?.kill('SIGTERM');
    return this.#exited;
  }

  /** The process stands still, its connections open. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }
}

const shiftedClock = (aheadMs: number): string =>
  `data:text/javascript,const now=Date.now;Date.now=()=>now.call(Date)+(${aheadMs})`;

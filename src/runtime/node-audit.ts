/**
 * What is done to a node or a service, written down as it happens: each line is on stable storage before what it records goes on. The
 * log's head is anchored on chain when the node is ready, and every five minutes when something was added; a service's also before it
 * ends.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { AuditAction, AuditDetails } from '../protocols/audit/entry.ts';
import type { ChainId, PublicKey } from '../protocols/shared/brands.ts';
import { CodedError } from '../protocols/shared/errors.ts';
import { type AuditLog, AuditLogError, openAuditLog } from './adapters/audit-log.ts';
import { describeFailure } from './node-host.ts';

export const anchorKind = 'audit.anchor';
const anchorIntervalMs = 5 * 60_000;
/** Refusals are written down together: a flood of them is not to fill the disk. */
const refusalsIntervalMs = 10_000;
/** A service that ends waits so long for its last anchor. */
const lastAnchorMs = 5_000;

export interface AuditedOptions {
  /** The log is below it. */
  readonly dataDir: string;
  readonly chainId: ChainId;
  readonly node: PublicKey;
  /** Everything that it is started with, as JSON has it. */
  readonly startedWith: unknown;
  /** Keys that it opens, and what for. */
  readonly keys: readonly { readonly key: string; readonly for: string }[];
  /** Whether the chain goes on when it ends: then its end is anchored. */
  readonly anchorsEnd: boolean;
}

/** What is watched over. */
interface Audited {
  readonly ready: Promise<void>;
  readonly failed: Promise<unknown>;
  stop(): Promise<void>;
}

export interface RunningAudited<N> {
  readonly node: N;
  /** What could not be written down is a failure too: it must not go on. */
  readonly failed: Promise<unknown>;
  /** Idempotent. */
  readonly stop: () => Promise<void>;
}

/** Digest of a configuration. */
const digestOf = (startedWith: unknown): string =>
  createHash('sha256').update(JSON.stringify(startedWith)).digest('hex');

export class NodeAudit {
  readonly #options: AuditedOptions;
  readonly #log: AuditLog;
  readonly #refusals = new Map<string, number>();
  readonly #timers: NodeJS.Timeout[] = [];
  #anchoredSize = 0;
  readonly #unwritable: Promise<AuditLogError>;
  #onUnwritable: (error: AuditLogError) => void = () => undefined;
  #isClosed = false;
  #anchoring: Promise<void> = Promise.resolve();

  /** Throws AuditLogError where what lies there cannot be gone on with. */
  constructor(options: AuditedOptions) {
    this.#options = options;
    this.#unwritable = new Promise((resolve) => (this.#onUnwritable = resolve));
    const { dataDir, chainId, node } = options;
    this.#log = openAuditLog({ directory: join(dataDir, 'audit'), chainId, node, now: Date.now });
  }

  readonly onRefused = (reason: string): void => {
    this.#refusals.set(reason, (this.#refusals.get(reason) ?? 0) + 1);
  };

  /** A setting was changed while it runs; `by` null: by somebody on the machine itself. */
  readonly onSetting = (setting: string, from: string, to: string, by: string | null): void => {
    this.#record('config-change', { setting, from, to, by: by ?? 'local' });
  };

  /** Starts it and keeps its log until it has stopped. Rejects with what the start rejects with. */
  async over<N extends Audited>(
    create: () => Promise<N>,
    send: (node: N, body: unknown) => Promise<boolean>,
  ): Promise<RunningAudited<N>> {
    let node: N;
    try {
      this.#recordStart();
      node = await create();
    } catch (error) {
      this.#recordFailure(error);
      this.#close();
      throw error;
    }
    const anchor = (): Promise<void> => {
      this.#anchoring = this.#anchoring.then(() => this.#anchor((body) => send(node, body)));
      return this.#anchoring;
    };
    void node.ready.then(anchor, () => undefined);
    void node.failed.then((cause) => this.#recordFailure(cause));
    this.#timers.push(setInterval(() => void anchor(), anchorIntervalMs).unref());
    this.#timers.push(setInterval(() => this.#recordRefusals(), refusalsIntervalMs).unref());
    let stopping: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      for (const timer of this.#timers) clearInterval(timer);
      this.#recordRefusals();
      this.#record('stop', {});
      if (this.#options.anchorsEnd) await within(lastAnchorMs, anchor());
      try {
        await node.stop();
      } finally {
        this.#close();
      }
    };
    return { node, stop: () => (stopping ??= stop()), failed: Promise.race([node.failed, this.#unwritable]) };
  }

  #close(): void {
    this.#isClosed = true;
    this.#log.close();
  }

  /** While it runs; a log that cannot be written ends it. */
  #record(action: AuditAction, details: AuditDetails): void {
    if (this.#isClosed) return;
    try {
      this.#log.append(action, details);
    } catch (error) {
      if (!(error instanceof AuditLogError)) throw error;
      this.#onUnwritable(error);
    }
  }

  #recordStart(): void {
    const { startedWith, keys } = this.#options;
    const config = digestOf(startedWith);
    const before = this.#log.last('start');
    const stopped = this.#log.last('stop');
    const was = before === null ? 'first' : (stopped?.index ?? -1) > before.index ? 'stopped' : 'crashed';
    if (before !== null && before.details['config'] !== config) {
      this.#log.append('config-change', { from: before.details['config'] ?? '', to: config });
    }
    this.#log.append('start', { config, was, process: String(process.pid), runtime: process.version });
    for (const used of keys) this.#log.append('key-use', used);
  }

  #recordRefusals(): void {
    if (this.#refusals.size === 0) return;
    const counts = [...this.#refusals].slice(0, 64).map(([reason, count]) => [reason, String(count)]);
    this.#refusals.clear();
    this.#record('refused', Object.fromEntries(counts) as Record<string, string>);
  }

  async #anchor(send: (body: unknown) => Promise<boolean>): Promise<void> {
    const { began, size, digest } = this.#log.head;
    if (size === this.#anchoredSize) return;
    try {
      if (await send({ began, size, digest })) this.#anchoredSize = size;
    } catch (error) {
      // The chain does not take it now: the next time brings this head or a newer one.
      if (!(error instanceof CodedError)) throw error;
    }
  }

  #recordFailure(cause: unknown): void {
    this.#record('failed', { cause: describeFailure(cause) });
  }
}

/** Resolves when the work is done or its time is over. */
async function within(milliseconds: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)));
  await Promise.race([work, over]);
  clearTimeout(timer);
}

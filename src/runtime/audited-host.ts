/**
 * Nodes and services with their audit logs: what is started, stopped and refused is written down, and the log's head anchored on
 * chain when it is ready and every five minutes when something was added. Services anchor their end before they stop; a validator's
 * is anchored at its next start, since the chain may stop with it.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { signTransaction } from '../client/transactions.ts';
import { chainIdOf } from '../protocols/ledger/genesis.ts';
import { genesisFromJson } from '../protocols/ledger/genesis-json.ts';
import { chainId as toChainId, type ChainId } from '../protocols/shared/brands.ts';
import type { AuditAction, AuditDetails } from '../protocols/audit/entry.ts';
import { CodedError } from '../protocols/shared/errors.ts';
import { type AuditLog, AuditLogError, openAuditLog } from './adapters/audit-log.ts';
import { readSigner, showKeyFile } from './adapters/key-files.ts';
import { createNode, type RunningNode } from './node.ts';
import type { NodeConfig } from './node-config.ts';
import { describeFailure, type HostedNode } from './node-host.ts';
import { type HostedConfig, isServiceConfig, type ServiceConfig } from './service-config.ts';
import { startService } from './service-host.ts';
import type { Signer } from './ports/signer.ts';

const anchorKind = 'audit.anchor';
const anchorIntervalMs = 5 * 60_000;
/** Refusals are written down together: a flood of them is not to fill the disk. */
const refusalsIntervalMs = 10_000;
const finalWaitMs = 30_000;
const anchorExpiryBlocks = 100;
/** A service that ends waits so long for its last anchor. */
const lastAnchorMs = 5_000;

/** Runs what the configuration describes. Rejects with what its start rejects with, and with AuditLogError. */
export function startAudited(config: HostedConfig): Promise<HostedNode> {
  return isServiceConfig(config) ? startAuditedService(config) : startAuditedNode(config);
}

async function startAuditedNode(config: NodeConfig): Promise<HostedNode> {
  const chainId = chainOf(config.genesisFile);
  // What is wrong with the genesis is the node's to say.
  if (chainId === null) return createNode(config);
  const audit = new NodeAudit(config, chainId);
  return audit.over(
    () => createNode(config, { onRefused: audit.onRefused }),
    async (node, body) => sendLocally(node, await audit.signer(), chainId, body),
  );
}

async function startAuditedService(config: ServiceConfig): Promise<HostedNode> {
  const chainId = toChainId(config.chainId);
  const audit = new NodeAudit(config, chainId);
  return audit.over(
    () => startService(config, audit.onRefused),
    async ({ send }, body) => (await send(anchorKind, body)).code === 'ok',
  );
}

function chainOf(genesisFile: string): ChainId | null {
  try {
    const read = genesisFromJson(JSON.parse(readFileSync(genesisFile, 'utf8')));
    return 'value' in read ? chainIdOf(read.value) : null;
  } catch {
    return null;
  }
}

/** Whether it became final, and had an effect, before its time was over: what is not anchored now is with the next. */
async function sendLocally({ api }: RunningNode, signer: Signer, chainId: ChainId, body: unknown): Promise<boolean> {
  const account = api.account(signer.publicKey);
  if (account === null) return false;
  const signed = signTransaction(signer, {
    chainId,
    nonce: account.nextNonce,
    expiryHeight: api.network().height + anchorExpiryBlocks,
    kind: anchorKind,
    body,
  });
  await api.submit([signed.bytes]);
  const found = await api.whenFinal(signed.hash, finalWaitMs);
  return found?.result?.code === 'ok';
}

class NodeAudit {
  readonly #config: HostedConfig;
  readonly #log: AuditLog;
  readonly #refusals = new Map<string, number>();
  readonly #timers: NodeJS.Timeout[] = [];
  #anchoredSize = 0;
  readonly #unwritable: Promise<AuditLogError>;
  #onUnwritable: (error: AuditLogError) => void = () => undefined;
  #isClosed = false;
  #anchoring: Promise<void> = Promise.resolve();

  constructor(config: HostedConfig, chainId: ChainId) {
    this.#config = config;
    this.#unwritable = new Promise((resolve) => (this.#onUnwritable = resolve));
    const { publicKey: node } = showKeyFile(config.keyFile);
    this.#log = openAuditLog({ directory: join(config.dataDir, 'audit'), chainId, node, now: Date.now });
  }

  readonly onRefused = (reason: string): void => {
    this.#refusals.set(reason, (this.#refusals.get(reason) ?? 0) + 1);
  };

  /** Starts it and keeps its log until it has stopped. */
  async over<N extends HostedNode>(
    create: () => Promise<N>,
    send: (node: N, body: unknown) => Promise<boolean>,
  ): Promise<HostedNode> {
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
    const { name, addresses, ready, failed } = node;
    let stopping: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      for (const timer of this.#timers) clearInterval(timer);
      this.#recordRefusals();
      this.#record('stop', {});
      if (isServiceConfig(this.#config)) await within(lastAnchorMs, anchor());
      try {
        await node.stop();
      } finally {
        this.#close();
      }
    };
    return {
      ...{ name, addresses, ready, stop: () => (stopping ??= stop()) },
      // What cannot be written down must not go on.
      failed: Promise.race([failed, this.#unwritable]),
    };
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
    const config = createHash('sha256').update(JSON.stringify(this.#config)).digest('hex');
    const before = this.#log.last('start');
    const stopped = this.#log.last('stop');
    const was = before === null ? 'first' : (stopped?.index ?? -1) > before.index ? 'stopped' : 'crashed';
    if (before !== null && before.details['config'] !== config) {
      this.#log.append('config-change', { from: before.details['config'] ?? '', to: config });
    }
    this.#log.append('start', { config, was, process: String(process.pid), runtime: process.version });
    this.#log.append('key-use', { key: showKeyFile(this.#config.keyFile).publicKey, for: 'identity' });
    const vrfKeyFile = isServiceConfig(this.#config) ? null : this.#config.vrfKeyFile;
    if (vrfKeyFile !== null) this.#log.append('key-use', { key: showKeyFile(vrfKeyFile).publicKey, for: 'beacon' });
  }

  #recordRefusals(): void {
    if (this.#refusals.size === 0) return;
    const counts = [...this.#refusals].slice(0, 64).map(([reason, count]) => [reason, String(count)]);
    this.#refusals.clear();
    this.#record('refused', Object.fromEntries(counts) as Record<string, string>);
  }

  /** The node's own account. */
  signer(): Promise<Signer> {
    const { keyFile, passphraseVariable } = this.#config;
    return readSigner(keyFile, passphraseVariable === null ? null : (process.env[passphraseVariable] ?? null));
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

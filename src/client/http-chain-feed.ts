/**
 * The chain as a service follows it over a node's HTTP interface: a mirror of the state, refreshed module by module where events
 * say that something changed. The node is believed: it is the service's own, on the same machine or under a pinned authority.
 */
import type { ChainFeed, FollowedState, Sent } from '../actors/traffic/chain-feed.ts';
import { application } from '../protocols/ledger/application.ts';
import type { StateReader } from '../protocols/ledger/view.ts';
import { type ChainId, chainId as toChainId } from '../protocols/shared/brands.ts';
import { compareText, fromHex, toUtf8 } from '../protocols/shared/bytes.ts';
import type { Clock, TimerHandle } from '../runtime/ports/clock.ts';
import type { Signer } from '../runtime/ports/signer.ts';
import type { Log } from '../runtime/ports/telemetry.ts';
import type { ChainClient } from './chain-client.ts';
import { ClientError } from './client-error.ts';
import { sendTransaction } from './send-transaction.ts';

export interface HttpChainFeedOptions {
  readonly client: ChainClient;
  /** Signs the service's own transactions. */
  readonly signer: Signer;
  readonly clock: Clock;
  readonly log: Log;
  /** How often the node is asked for a new block, ms. */
  readonly pollMs?: number;
}

const pollMsDefault = 250;
const pageEntries = 1000;
const eventsPage = 1000;
/** Modules whose state services read. */
const mirrored: readonly string[] = application.modules.map(({ name }) => name);

/** Agreements and cases write in each other's state, and hold value in accounts: what one of them tells of may be a change of all. */
const together: readonly string[] = ['accounts', 'agreements', 'court'];
const changing: readonly string[] = ['agreements', 'court'];

type Entries = readonly (readonly [key: string, value: Uint8Array])[];
const keyText = new TextDecoder('latin1');

interface ModuleEntries {
  readonly sorted: Entries;
  readonly byKey: ReadonlyMap<string, Uint8Array>;
}

/** State in memory, module by module. */
class Mirror implements StateReader {
  readonly #modules = new Map<string, ModuleEntries>();

  set(module: string, sorted: Entries): void {
    this.#modules.set(module, { sorted, byKey: new Map(sorted) });
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const text = keyText.decode(key);
    return this.#module(text)?.byKey.get(text);
  }

  *range(prefix: Uint8Array): Iterable<readonly [Uint8Array, Uint8Array]> {
    const text = keyText.decode(prefix);
    for (const [key, value] of this.#module(text)?.sorted ?? []) if (key.startsWith(text)) yield [toUtf8(key), value];
  }

  #module(key: string): ModuleEntries | undefined {
    return this.#modules.get(key.slice(0, key.indexOf('/')));
  }
}

export class HttpChainFeed implements ChainFeed {
  readonly chainId: ChainId;
  readonly #options: HttpChainFeedOptions;
  readonly #mirror = new Mirror();
  readonly #listeners = new Set<(state: FollowedState) => void>();
  #current: FollowedState | null = null;
  #lastEventId: string | null = null;
  /** Modules of which the mirror is not known to be the newest; they stay where reading them failed. */
  readonly #outdated = new Set<string>(mirrored);
  #timer: TimerHandle | null = null;
  #polling: Promise<void> = Promise.resolve();
  #isStopped = false;
  /** Transactions go one after the other: each takes the nonce that the node says is free. */
  #sending: Promise<unknown> = Promise.resolve();

  private constructor(options: HttpChainFeedOptions, chainId: ChainId) {
    this.#options = options;
    this.chainId = chainId;
  }

  /** Resolves once the state is here. Rejects with ClientError where the node cannot be asked. */
  static async start(options: HttpChainFeedOptions): Promise<HttpChainFeed> {
    const { chainId } = await options.client.network();
    const feed = new HttpChainFeed(options, toChainId(chainId));
    await feed.#follow();
    feed.#schedule();
    return feed;
  }

  current(): FollowedState | null {
    return this.#current;
  }

  subscribe(listener: (state: FollowedState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#polling;
  }

  send(kind: string, body: unknown): Promise<Sent> {
    const sent = this.#sending.then(() => this.#send(kind, body));
    this.#sending = sent.catch(() => undefined);
    return sent;
  }

  async proof(hash: string): Promise<unknown> {
    return (await this.#options.client.transaction(hash, { proof: true })).proof ?? null;
  }

  #send(kind: string, body: unknown): Promise<Sent> {
    const { client, signer } = this.#options;
    return sendTransaction(client, signer, { chainId: this.chainId, height: this.#current?.height ?? 0, kind, body });
  }

  #schedule(): void {
    if (this.#isStopped) return;
    const { clock, log, pollMs = pollMsDefault } = this.#options;
    this.#timer = clock.setTimer(pollMs, () => {
      this.#polling = this.#follow()
        .catch((error: unknown) => {
          if (!(error instanceof ClientError)) throw error;
          log.warn('the chain cannot be followed', { problem: error.message });
        })
        .finally(() => this.#schedule());
    });
  }

  /** Takes over the newest block, and what changed up to it. */
  async #follow(): Promise<void> {
    const { client } = this.#options;
    const block = await client.block('latest');
    if (block.height === this.#current?.height) return;
    await this.#noteChanges();
    for (const module of [...this.#outdated]) {
      this.#mirror.set(module, await this.#entries(module));
      this.#outdated.delete(module);
    }
    const time = Number(block.header['time']);
    this.#current = { height: block.height, time, reader: this.#mirror };
    for (const listener of this.#listeners) listener(this.#current);
  }

  /** Events up to now. Before the first state, only where they end. */
  async #noteChanges(): Promise<void> {
    const { client } = this.#options;
    if (this.#current === null) {
      const { lastEventId } = await client.eventPage({ limit: 1 });
      this.#lastEventId = lastEventId;
      return;
    }
    for (;;) {
      const { events } = await client.eventPage({ after: this.#lastEventId, limit: eventsPage });
      for (const { module } of events) {
        const changed = changing.includes(module) ? together : mirrored.filter((name) => name === module);
        for (const name of changed) this.#outdated.add(name);
      }
      this.#lastEventId = events.at(-1)?.id ?? this.#lastEventId;
      if (events.length < eventsPage) return;
    }
  }

  /** Read again from the start where a block came between two pages. */
  async #entries(module: string): Promise<Entries> {
    const { client } = this.#options;
    for (;;) {
      const entries: (readonly [string, Uint8Array])[] = [];
      let height: number | null = null;
      let after: string | undefined;
      for (;;) {
        const page = await client.stateEntries(module, {
          limit: pageEntries,
          ...(after === undefined ? {} : { after }),
        });
        height ??= page.height;
        if (page.height !== height) break;
        for (const { key, value } of page.entries) entries.push([`${module}/${key}`, fromHex(value)]);
        after = page.entries.at(-1)?.key;
        if (!page.more || after === undefined) return entries.sort(([a], [b]) => compareText(a, b));
      }
    }
  }
}

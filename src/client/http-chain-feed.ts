/**
 * The chain as a service follows it over a node's HTTP interface: the state in memory, from block to block by what changed. The node
 * is not believed: headers have to be sealed by the validators that follow from genesis, and the state has to have the root that
 * they sealed. What a node can still do is to keep silent, and then the state grows old.
 */
import type { ChainFeed, FollowedState, Sent } from '../actors/traffic/chain-feed.ts';
import { chainIdOf, type Genesis, genesisValidatorSet } from '../protocols/ledger/genesis.ts';
import { genesisFromJson } from '../protocols/ledger/genesis-json.ts';
import type { TrustedHeight } from '../protocols/ledger/light-client.ts';
import { parametersAt, validatorSetsAt } from '../protocols/ledger/queries.ts';
import type { SignatureCheck } from '../protocols/ledger/signed-note.ts';
import type { ChainId } from '../protocols/shared/brands.ts';
import type { Clock, TimerHandle } from '../runtime/ports/clock.ts';
import type { Signer, Verifier } from '../runtime/ports/signer.ts';
import type { Log } from '../runtime/ports/telemetry.ts';
import type { ChainClient } from './chain-client.ts';
import { ClientError } from './client-error.ts';
import { changeBytesMaxDefault, readChanges } from './proved-changes.ts';
import { sendTransaction } from './send-transaction.ts';
import { StateMirror } from './state-mirror.ts';

/** Where what is trusted is kept from one start to the next. */
export interface TrustMemory {
  load(): TrustedHeight | null;
  save(trusted: TrustedHeight): void;
}

export interface HttpChainFeedOptions {
  readonly client: ChainClient;
  /** Signs the service's own transactions. */
  readonly signer: Signer;
  readonly verifier: Pick<Verifier, 'verify'>;
  readonly clock: Clock;
  readonly log: Log;
  /** What everything is proved from. Absent: what the node says its genesis is, on the first start. */
  readonly genesis?: Genesis | undefined;
  readonly memory?: TrustMemory | undefined;
  /** How often the node is asked for a new block, ms. */
  readonly pollMs?: number;
  /** Keys and values of one reading at most: a node that goes on beyond it is not believed. Default 512 MiB. */
  readonly changeBytesMax?: number;
}

const pollMsDefault = 250;
/** Trust is written down again after so many blocks. */
const trustSavedBlocks = 100;

export class HttpChainFeed implements ChainFeed {
  readonly chainId: ChainId;
  readonly #options: HttpChainFeedOptions;
  readonly #verify: SignatureCheck;
  readonly #listeners = new Set<(state: FollowedState) => void>();
  #mirror = new StateMirror();
  #trusted: TrustedHeight;
  /** The height before it: what a later start proves the newest block from, be it the same still. */
  #lasting: TrustedHeight;
  /** Everything rests on the node's word for its genesis: the age of that proves nothing. */
  #isFirstUse: boolean;
  #savedHeight = 0;
  #current: FollowedState | null = null;
  #timer: TimerHandle | null = null;
  #polling: Promise<void> = Promise.resolve();
  #isStopped = false;
  /** Transactions go one after the other: each takes the nonce that the node says is free. */
  #sending: Promise<unknown> = Promise.resolve();

  private constructor(options: HttpChainFeedOptions, { trusted, isFirstUse }: StartingTrust) {
    this.#options = options;
    this.#trusted = trusted;
    this.#lasting = trusted;
    this.#isFirstUse = isFirstUse;
    this.chainId = trusted.chainId;
    this.#verify = (key, message, signature) => options.verifier.verify(key, message, signature);
  }

  /**
   * Resolves once the state is here. Rejects with ClientError where the node cannot be asked, is of another chain, or proves nothing.
   */
  static async start(options: HttpChainFeedOptions): Promise<HttpChainFeed> {
    const feed = new HttpChainFeed(options, await startingTrust(options));
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
    this.#remember(0);
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

  /** Takes over what changed up to the node's newest block. */
  async #follow(): Promise<void> {
    if (this.#current === null) return this.#read(new StateMirror(), null);
    try {
      await this.#read(this.#mirror, this.#current.height);
    } catch (error) {
      if (!(error instanceof ClientError) || error.code !== 'not-found') throw error;
      // The node keeps the state that is here no more: too many blocks were missed.
      await this.#read(new StateMirror(), null);
    }
  }

  async #read(mirror: StateMirror, from: number | null): Promise<void> {
    const { client, changeBytesMax: bytesMax = changeBytesMaxDefault } = this.#options;
    const proved = await readChanges(client, { from, trusted: this.#trusted, verify: this.#verify, bytesMax });
    if (proved === null) return;
    const { header, changes } = proved;
    const { height, time } = header;
    const age = height - this.#trusted.height;
    if (!this.#isFirstUse && age > this.#trusted.trustPeriodBlocks)
      throw new ClientError(
        'bad-answer',
        `height ${height} is ${age} blocks after what is trusted, more than the trust period: name a newer height that is trusted`,
      );
    if (!mirror.advance(height, changes, header.stateRoot))
      throw new ClientError('bad-answer', `the state of height ${height} is not the one that the validators sealed`);
    this.#mirror = mirror;
    const { trustPeriodBlocks } = parametersAt(mirror);
    const { last, next } = validatorSetsAt(mirror);
    this.#trusted = { chainId: this.chainId, height, set: next, trustPeriodBlocks };
    this.#lasting = { chainId: this.chainId, height: height - 1, set: last, trustPeriodBlocks };
    this.#isFirstUse = false;
    this.#remember(trustSavedBlocks);
    this.#current = { height, time, reader: mirror };
    for (const listener of this.#listeners) listener(this.#current);
  }

  #remember(blocksMin: number): void {
    const { memory, log } = this.#options;
    const { height } = this.#lasting;
    if (memory === undefined || height <= this.#savedHeight + blocksMin) return;
    this.#savedHeight = height;
    try {
      memory.save(this.#lasting);
    } catch (error) {
      // The state is proved all the same; what is lost is where the next start begins.
      log.warn('what is trusted cannot be kept', { problem: error instanceof Error ? error.message : String(error) });
    }
  }
}

interface StartingTrust {
  readonly trusted: TrustedHeight;
  readonly isFirstUse: boolean;
}

/** The newest height that is trusted: remembered, or genesis. */
async function startingTrust({ client, genesis, memory }: HttpChainFeedOptions): Promise<StartingTrust> {
  const remembered = memory?.load() ?? null;
  const given = genesis === undefined ? null : genesisTrust(genesis);
  const { chainId } = await client.network();
  for (const known of [given, remembered])
    if (known !== null && known.chainId !== chainId)
      throw new ClientError('bad-answer', `${client.endpoint} is of chain ${chainId}, not of ${known.chainId}`);
  const trusted = remembered ?? given;
  if (trusted !== null) return { trusted, isFirstUse: false };
  const first = genesisTrust(await genesisOf(client));
  if (first.chainId !== chainId)
    throw new ClientError('bad-answer', `the genesis that ${client.endpoint} has is not of its chain`);
  return { trusted: first, isFirstUse: true };
}

function genesisTrust(genesis: Genesis): TrustedHeight {
  const { trustPeriodBlocks } = genesis.parameters;
  return { chainId: chainIdOf(genesis), height: 0, set: genesisValidatorSet(genesis), trustPeriodBlocks };
}

async function genesisOf(client: ChainClient): Promise<Genesis> {
  const read = genesisFromJson(await client.genesis());
  if ('problems' in read) throw new ClientError('bad-answer', `${client.endpoint} has no genesis document`);
  return read.value;
}

/**
 * Starts a new or wiped node from a peer's state instead of every block since genesis, and then fills in the history
 * behind it. Also answers peers that do so. What is fetched is checked before it is stored (snapshot-import.ts,
 * history-backfill.ts); peers that answer wrongly are reported and not asked again.
 */
import { faultyCountMax } from '../../protocols/ledger/validator-set.ts';
import { blockDigest } from '../../protocols/ledger/block.ts';
import { height as toHeight, type PublicKey } from '../../protocols/shared/brands.ts';
import type { SnapshotOffer } from '../../protocols/sync/snapshot.ts';
import { historyBlocksMax, type SnapshotReply, type SnapshotRequest } from '../../protocols/sync/snapshot-messages.ts';
import type { ActorContext, ActorDefinition, ActorRef } from '../../runtime/ports/actors.ts';
import type { Verifier } from '../../runtime/ports/signer.ts';
import { StoreError } from '../../runtime/ports/store.ts';
import type { Chain } from '../chain/chain.ts';
import type { ChainReader } from '../chain/chain-reader.ts';
import { HistoryBackfill } from './history-backfill.ts';
import { judgeOffer, SnapshotImport } from './snapshot-import.ts';
import type { SnapshotMessage } from './snapshot-messages.ts';
import { answer } from './snapshot-server.ts';

const requestTimeoutMs = 20_000;
const partsInFlightMax = 8;
const retryMs = 1000;
/** Rounds of asking for offers before block sync takes over. */
const offerRoundsMax = 5;
/** Bytes that wait in memory are made durable after so many parts. */
const partsPerFlush = 32;

export interface SnapshotDependencies {
  readonly chain: Chain;
  readonly reader: ChainReader;
  readonly verifier: Pick<Verifier, 'verify' | 'verifyMany'>;
  /** Linked validators. */
  readonly peers: () => readonly PublicKey[];
  readonly remote: (peer: PublicKey) => ActorRef<SnapshotMessage>;
  readonly report: (peer: PublicKey, reason: string) => void;
  /** The chain's store holds the snapshot, durably; the tip is to be read again. */
  readonly onImported: (height: number) => void;
  /** No peer offers a snapshot that holds: every block is to be fetched instead. */
  readonly onGivenUp: () => void;
  /** Blocks before the snapshot are stored here now. */
  readonly onHistoryFilled: () => void;
}

type Context = ActorContext<SnapshotMessage>;

class Session {
  readonly #dependencies: SnapshotDependencies;
  readonly #context: Context;
  readonly #bad = new Set<PublicKey>();
  #offers: { peer: PublicKey; offer: SnapshotOffer }[] = [];
  #asked = 0;
  #rounds = 0;
  /** Whether offers of this round still count. One that comes when an import has begun, or ended, begins no other. */
  #choosing = false;
  #import: SnapshotImport | null = null;
  /** Every part of the import is in the store. */
  #isFinishing = false;
  /** The state that the store had before an import is gone: without a snapshot there is no way on. */
  #hasBegun = false;
  #inFlight = 0;
  #parts = 0;
  #turn = 0;
  #backfill: HistoryBackfill | null;
  #fetching = false;

  constructor(dependencies: SnapshotDependencies, context: Context) {
    this.#dependencies = dependencies;
    this.#context = context;
    this.#backfill = HistoryBackfill.resume(dependencies.chain, dependencies.verifier);
    if (this.#backfill !== null) context.timer('next', retryMs, { type: 'next' });
  }

  #usable(): readonly PublicKey[] {
    return this.#dependencies.peers().filter((peer) => !this.#bad.has(peer));
  }

  #blame(peer: PublicKey, reason: string): void {
    this.#context.log.warn('a peer gave a wrong snapshot', { peer, reason });
    this.#dependencies.report(peer, 'bad-snapshot');
    this.#bad.add(peer);
  }

  #ask(peer: PublicKey, request: SnapshotRequest, toMessage: (reply: SnapshotReply | null) => SnapshotMessage): void {
    const reply = this.#context.ask<SnapshotMessage, SnapshotReply>(
      this.#dependencies.remote(peer),
      (replyTo) => ({ type: 'remote', peer, request, replyTo }),
      { timeoutMs: requestTimeoutMs },
    );
    this.#context.pipeToSelf(reply, (outcome) => toMessage('value' in outcome ? outcome.value : null));
  }

  start(): void {
    if (this.#import !== null) return;
    const peers = this.#usable();
    this.#offers = [];
    this.#asked = peers.length;
    this.#rounds += 1;
    this.#choosing = true;
    const round = this.#rounds;
    for (const peer of peers) {
      this.#ask(peer, { type: 'get-offer' }, (reply) => ({
        type: 'offered',
        peer,
        round,
        offer: reply?.type === 'offer' ? reply.offer : null,
      }));
    }
    if (peers.length === 0) this.#tryAgain();
  }

  #tryAgain(): void {
    if (this.#rounds < offerRoundsMax || this.#hasBegun) this.#context.timer('start', retryMs, { type: 'start' });
    else this.#dependencies.onGivenUp();
  }

  offered(peer: PublicKey, round: number, offer: SnapshotOffer | null): void {
    if (!this.#choosing || round !== this.#rounds) return;
    this.#asked -= 1;
    if (offer !== null) this.#offers.push({ peer, offer });
    const chosen = this.#choose();
    if (chosen !== null) this.#begin(chosen);
    else if (this.#asked === 0) this.#tryAgain();
  }

  /** One that holds against the genesis; where removed validators could have forged it, one that f + 1 peers offer. */
  #choose(): SnapshotOffer | null {
    const { chain, verifier } = this.#dependencies;
    const needed = faultyCountMax(chain.tip.set.validators.length) + 1;
    for (const { peer, offer } of this.#offers) {
      if (this.#bad.has(peer)) continue;
      const { kind, detail } = judgeOffer(offer, chain.genesis, verifier.verify);
      if (kind === 'valid') return offer;
      if (kind === 'refused') {
        this.#blame(peer, detail);
        continue;
      }
      const digest = blockDigest(offer.bundle.header);
      const same = this.#offers.filter((other) => blockDigest(other.offer.bundle.header) === digest);
      if (same.length >= needed) return offer;
    }
    return null;
  }

  #begin(offer: SnapshotOffer): void {
    this.#choosing = false;
    this.#import = new SnapshotImport(offer, this.#dependencies.chain.store);
    this.#import.begin();
    this.#hasBegun = true;
    this.#context.log.info('starting from a snapshot', { height: this.#import.height });
    this.#fetchParts();
  }

  #fetchParts(): void {
    const peers = this.#usable();
    const importing = this.#import;
    if (importing === null) return;
    if (peers.length === 0) {
      this.#context.timer('next', retryMs, { type: 'next' });
      return;
    }
    while (this.#inFlight < partsInFlightMax) {
      const wanted = importing.next();
      if (wanted === undefined) return;
      const peer = peers[this.#turn++ % peers.length] as PublicKey;
      this.#inFlight += 1;
      this.#ask(peer, { type: 'get-part', name: wanted.name }, (reply) => ({
        type: 'part',
        peer,
        wanted,
        importing,
        reply,
      }));
    }
  }

  part({ peer, wanted, importing, reply }: Extract<SnapshotMessage, { type: 'part' }>): void {
    if (importing !== this.#import) return;
    this.#inFlight -= 1;
    const part = reply?.type === 'part' ? reply.part : null;
    const refusal = part === null ? 'unanswered' : importing.accept(wanted, part);
    if (refusal !== null) {
      importing.putBack(wanted);
      // Without an answer the link may have gone; a wrong answer or a state that is gone ends the peer's use.
      if (refusal === 'gone') this.#bad.add(peer);
      else if (refusal !== 'unanswered') this.#blame(peer, refusal);
      if (this.#usable().length === 0) {
        this.#restart();
        return;
      }
    }
    this.#parts += 1;
    if (importing.isComplete) this.#finish(importing);
    else if (this.#parts % partsPerFlush === 0) this.#flushThenFetch();
    else this.#fetchParts();
  }

  /** Nobody keeps that height any more: a newer offer is taken. */
  #restart(): void {
    this.#import = null;
    this.#isFinishing = false;
    this.#inFlight = 0;
    this.#bad.clear();
    this.#context.timer('start', retryMs, { type: 'start' });
  }

  #flushThenFetch(): void {
    const durable = this.#dependencies.chain.store.durable();
    this.#context.pipeToSelf(durable, (outcome) => {
      if ('error' in outcome) return { type: 'imported', failure: outcome.error };
      return { type: 'next' };
    });
  }

  /** Where there was no room for it, once more: it writes the same again. */
  #finish(importing: SnapshotImport): void {
    this.#isFinishing = true;
    importing.finish(this.#context.clock.now());
    const durable = this.#dependencies.chain.store.durable();
    this.#context.pipeToSelf(durable, (outcome) => ({
      type: 'imported',
      failure: 'error' in outcome ? outcome.error : null,
    }));
  }

  imported(failure: unknown): void {
    if (failure !== null) throw storeFailure('the snapshot could not be stored', failure);
    const importing = this.#import;
    if (importing === null) return;
    this.#import = null;
    this.#isFinishing = false;
    this.#hasBegun = false;
    const { chain, verifier, onImported } = this.#dependencies;
    chain.reload();
    this.#context.log.info('started from a snapshot', { height: importing.height, keys: importing.leaves });
    onImported(importing.height);
    this.#backfill = HistoryBackfill.resume(chain, verifier);
    this.next();
  }

  next(): void {
    if (this.#import !== null && this.#isFinishing) this.#finish(this.#import);
    else if (this.#import !== null) this.#fetchParts();
    else this.#fetchHistory();
  }

  #fetchHistory(): void {
    const backfill = this.#backfill;
    if (backfill === null || backfill.isDone || this.#fetching) return;
    const peers = this.#usable();
    if (peers.length === 0) {
      this.#bad.clear();
      this.#context.timer('next', retryMs, { type: 'next' });
      return;
    }
    const peer = peers[this.#turn++ % peers.length] as PublicKey;
    const from = toHeight(backfill.next);
    this.#fetching = true;
    this.#ask(peer, { type: 'get-history', from, count: historyBlocksMax }, (reply) => ({
      type: 'history',
      peer,
      reply,
    }));
  }

  history(peer: PublicKey, reply: SnapshotReply | null): void {
    if (this.#backfill === null) return;
    const blocks = reply?.type === 'history' ? reply.blocks : [];
    // A peer that came by snapshot itself may not have it yet.
    if (blocks.length === 0) this.#bad.add(peer);
    const filling = this.#backfill.apply(blocks, this.#context.clock.now());
    this.#context.pipeToSelf(filling, (outcome) =>
      'error' in outcome
        ? { type: 'filled', peer, refusal: null, failure: outcome.error }
        : { type: 'filled', peer, refusal: outcome.value, failure: null },
    );
  }

  filled(peer: PublicKey, refusal: string | null, failure: unknown): void {
    if (failure !== null) throw storeFailure('the history could not be stored', failure);
    this.#fetching = false;
    const backfill = this.#backfill;
    if (backfill === null) return;
    this.#dependencies.onHistoryFilled();
    if (refusal !== null) this.#blame(peer, refusal);
    if (backfill.isDone) {
      this.#context.log.info('the history before the snapshot is complete', { next: backfill.next });
      this.#backfill = null;
      return;
    }
    this.next();
  }

  /** The disk is full. What is in the store is gone on from; an import that lacks parts begins anew. */
  waitForRoom(error: StoreError): void {
    this.#context.log.error('the disk is full: nothing is fetched until there is room', { retryMs }, error);
    if (this.#import !== null && !this.#isFinishing) {
      this.#restart();
      return;
    }
    const { chain, verifier } = this.#dependencies;
    if (this.#backfill !== null) this.#backfill = HistoryBackfill.resume(chain, verifier);
    this.#fetching = false;
    this.#context.timer('next', retryMs, { type: 'next' });
  }
}

const storeFailure = (what: string, cause: unknown): Error =>
  cause instanceof StoreError ? cause : new Error(what, { cause });

export function snapshotSyncActor(dependencies: SnapshotDependencies): ActorDefinition<Session, SnapshotMessage> {
  const { chain, reader } = dependencies;
  return {
    name: 'snapshot-sync',
    initial: (context) => new Session(dependencies, context),
    receive: (session, message, context) => {
      if (message.type !== 'remote') {
        try {
          take(session, message);
        } catch (error) {
          if (!(error instanceof StoreError) || error.code !== 'full') throw error;
          session.waitForRoom(error);
        }
      } else if (message.replyTo !== undefined) {
        context.reply(message.replyTo, answer(chain, reader, message.request));
      }
      return session;
    },
  };
}

function take(session: Session, message: Exclude<SnapshotMessage, { type: 'remote' }>): void {
  switch (message.type) {
    case 'start':
      session.start();
      return;
    case 'offered':
      session.offered(message.peer, message.round, message.offer);
      return;
    case 'part':
      session.part(message);
      return;
    case 'imported':
      session.imported(message.failure);
      return;
    case 'history':
      session.history(message.peer, message.reply);
      return;
    case 'filled':
      session.filled(message.peer, message.refusal, message.failure);
      return;
    case 'next':
      session.next();
  }
}

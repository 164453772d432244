/** How transactions come into the pool: checks, signatures, durable storage, answers. */
import { decodeTransaction, type SignedTransaction, statelessRefusal } from '../../protocols/ledger/admission.ts';
import type { Departed, Mempool, PoolMoment } from '../../protocols/ledger/mempool.ts';
import { nonceState } from '../../protocols/ledger/nonces.ts';
import { transactionSigningBytes } from '../../protocols/ledger/transaction.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import type { ReplyTo } from '../../runtime/ports/actors.ts';
import type { SubmitOutcome } from '../../runtime/ports/chain-api.ts';
import { StoreError } from '../../runtime/ports/store.ts';
import type { Span } from '../../runtime/ports/telemetry.ts';
import type { Answer, Batch, Examined, MempoolContext, MempoolDependencies, Source } from './messages.ts';
import type { Offers } from './offers.ts';
import type { MempoolStore } from './store.ts';
import type { GossipMessage } from '../mempool-wire.ts';

/** Transactions whose signatures are being verified, at most. */
const verifyingMax = 20_000;

export interface IntakeParts {
  readonly pool: Mempool;
  readonly store: MempoolStore;
  readonly offers: Offers;
  readonly count: (source: Source['type'] | 'store', outcome: string) => void;
  readonly forget: (departed: readonly Departed[]) => void;
}

/** The height of the next block and the accounts before it. */
export const momentOf = ({ height, account }: Pick<MempoolDependencies, 'height' | 'account'>): PoolMoment => ({
  height: height() + 1,
  account,
});

const refused = (hash: Digest | null, reason: string, detail: string): SubmitOutcome => ({
  outcome: 'rejected',
  hash,
  reason,
  detail,
});

/** What follows in this message's handling is part of the span. Undefined where nobody traces the message. */
const part = (context: MempoolContext, name: string, transactions: number): Span | undefined =>
  context.traceparent === undefined ? undefined : context.span(name, { 'bpci.transactions': transactions });

/** Wrong whatever the height: whoever relays it misbehaves. */
const isMalformed = (reason: string): boolean => ['malformed', 'too-large', 'wrong-chain'].includes(reason);

/** Peers may have it by then: another transaction with its nonce could be the one that loses. */
const unstored = 'the node could not store it, and it may become final all the same: send the same transaction again';

export class Intake {
  readonly #dependencies: MempoolDependencies;
  readonly #parts: IntakeParts;
  #verifying = 0;

  constructor(dependencies: MempoolDependencies, parts: IntakeParts) {
    this.#dependencies = dependencies;
    this.#parts = parts;
  }

  /** What was acknowledged before a restart. */
  async reload(): Promise<void> {
    const { store, pool, count } = this.#parts;
    const signed = store.load().flatMap((transaction) => {
      const signer = this.#dependencies.account(transaction.value.sender)?.signingKey;
      return signer === undefined ? [] : [{ ...transaction, signer }];
    });
    const verdicts = await this.#verify(signed);
    const moment = momentOf(this.#dependencies);
    const gone: Digest[] = [];
    signed.forEach((transaction, index) => {
      const verdict = verdicts[index] === true ? pool.add(transaction, true, moment).verdict : null;
      const reason = verdict === null ? 'bad-signature' : verdict.kind === 'accepted' ? 'accepted' : verdict.reason;
      count('store', reason);
      if (reason === 'accepted') this.#dependencies.verified.add(transaction.hash, transaction.signer);
      // What may become possible again is kept for the next start.
      else if (reason !== 'nonce-too-far' && reason !== 'mempool-full') gone.push(transaction.hash);
    });
    store.commit({ acknowledged: [], gone });
  }

  #verify(transactions: readonly SignedTransaction[]): Promise<readonly boolean[]> {
    return this.#dependencies.verifier.verifyMany(
      transactions.map(({ value, signer }) => ({
        key: signer,
        message: transactionSigningBytes(value),
        signature: value.signature,
      })),
    );
  }

  submit(
    transactions: readonly Uint8Array[],
    replyTo: ReplyTo<readonly SubmitOutcome[]>,
    context: MempoolContext,
  ): void {
    const span = part(context, 'mempool.submit', transactions.length);
    const answer: Answer = { replyTo, outcomes: transactions.map(() => null), span };
    const examined: Examined[] = [];
    transactions.forEach((bytes, index) => {
      const outcome = this.#examine(bytes, index);
      if ('transaction' in outcome) examined.push(outcome);
      else {
        answer.outcomes[index] = outcome;
        this.#parts.count('client', outcome.outcome === 'rejected' ? outcome.reason : outcome.outcome);
      }
    });
    const checking = this.#detached(context, 'mempool.check');
    this.#start({ source: { type: 'client', answer }, examined, span: checking }, context);
  }

  gossip({ peer, transactions }: GossipMessage, context: MempoolContext): void {
    const span = part(context, 'mempool.receive', transactions.length);
    const examined: Examined[] = [];
    for (const bytes of transactions) {
      const outcome = this.#examine(bytes, 0);
      if ('transaction' in outcome) {
        if (this.#parts.pool.get(outcome.transaction.hash) === undefined) examined.push(outcome);
        continue;
      }
      if (outcome.outcome !== 'rejected') continue;
      this.#parts.count('peer', outcome.reason);
      // The rest may be a difference of heights.
      if (isMalformed(outcome.reason)) this.#dependencies.report(peer, `transaction-${outcome.reason}`);
    }
    this.#start({ source: { type: 'peer', peer }, examined, span }, context);
  }

  /** The checks before the signature's, cheapest first. */
  #examine(bytes: Uint8Array, index: number): Examined | SubmitOutcome {
    const { chainId, application, isFinal, account, verified } = this.#dependencies;
    const transaction = decodeTransaction(bytes);
    if (transaction === undefined) return refused(null, 'malformed', 'not the canonical bytes of a transaction');
    const { hash, value } = transaction;
    // Also where the pool still holds it: it hears of a block only when that is durable.
    if (isFinal(hash)) return { outcome: 'known', hash };
    const { height } = momentOf(this.#dependencies);
    const stateless = statelessRefusal(transaction, { chainId, height, application });
    if (stateless !== null) return refused(hash, stateless, statelessDetail(value.kind, value.expiryHeight, height));
    const holder = account(value.sender);
    if (holder === undefined) return refused(hash, 'unknown-account', `account ${value.sender} does not exist`);
    const nonce = nonceState({ base: holder.nonceBase, used: holder.nonceUsed }, value.nonce);
    if (nonce !== 'free') {
      return refused(hash, `nonce-${nonce}`, `nonce ${value.nonce}; the lowest free one is ${holder.nonceBase}`);
    }
    const signer = holder.signingKey;
    return { transaction: { ...transaction, signer }, index, isVerified: verified.signerOf(hash) === signer };
  }

  #start(batch: Batch, context: MempoolContext): void {
    const unverified = batch.examined.filter(({ isVerified }) => !isVerified);
    if (unverified.length === 0) {
      this.finish(batch, [], context);
      return;
    }
    if (this.#verifying + unverified.length > verifyingMax) {
      this.#abandon(batch, 'mempool-full', context);
      return;
    }
    this.#verifying += unverified.length;
    const verdicts = this.#verify(unverified.map(({ transaction }) => transaction));
    context.pipeToSelf(verdicts, (outcome) => {
      this.#verifying -= unverified.length;
      return { type: 'verified', batch, verdicts: 'value' in outcome ? outcome.value : null };
    });
  }

  /** Takes nothing of a batch that cannot be verified now. */
  #abandon({ source, examined, span }: Batch, reason: 'mempool-full' | 'not-ready', context: MempoolContext): void {
    for (const { transaction, index } of examined) {
      this.#parts.count(source.type, reason);
      if (source.type !== 'client') continue;
      source.answer.outcomes[index] = refused(transaction.hash, reason, 'its signature cannot be verified now');
    }
    span?.end('error');
    if (source.type === 'client') this.#reply(source.answer, context);
  }

  /** @param verdicts one for each of the batch that was not verified before; null: none could be */
  finish(batch: Batch, verdicts: readonly boolean[] | null, context: MempoolContext): void {
    if (verdicts === null) {
      this.#abandon(batch, 'not-ready', context);
      return;
    }
    const { source } = batch;
    let next = 0;
    const sound = batch.examined.filter(({ transaction, index, isVerified }) => {
      if (isVerified || verdicts[next++] === true) return true;
      this.#badSignature(source, transaction, index);
      return false;
    });
    const fresh = this.#enter(source, sound, context.traceparent);
    batch.span?.end();
    if (source.type === 'client') this.#acknowledge(source.answer, fresh, context);
    if (fresh.accepted.length > 0) this.#dependencies.onAvailable();
  }

  /** Not held against a peer: it may know of a block, or not know of one, in which the account has changed its key. */
  #badSignature(source: Source, { hash }: SignedTransaction, index: number): void {
    this.#parts.count(source.type, 'bad-signature');
    if (source.type === 'client')
      source.answer.outcomes[index] = refused(hash, 'bad-signature', 'the signature does not hold');
  }

  /** Puts transactions with good signatures into the pool. */
  #enter(source: Source, sound: readonly Examined[], traceparent: string | undefined): Entered {
    const { pool, count, forget } = this.#parts;
    const own = source.type === 'client';
    const moment = momentOf(this.#dependencies);
    const accepted: SignedTransaction[] = [];
    const adopted: SignedTransaction[] = [];
    const departed: Departed[] = [];
    for (const { transaction, index } of sound) {
      const { hash, signer } = transaction;
      this.#dependencies.verified.add(hash, signer);
      const wasOwn = pool.get(hash)?.own === true;
      const { verdict, departed: gaveWay } = pool.add(transaction, own, moment);
      departed.push(...gaveWay);
      count(source.type, verdict.kind === 'accepted' ? 'accepted' : verdict.reason);
      if (verdict.kind === 'accepted') accepted.push(transaction);
      else if (verdict.kind === 'ignored' && own && !wasOwn) adopted.push(transaction);
      if (source.type === 'client') source.answer.outcomes[index] = outcomeOf(hash, verdict);
      if (verdict.kind === 'accepted' && traceparent !== undefined) this.#dependencies.traces.follow(hash, traceparent);
    }
    forget(departed);
    return { accepted, adopted };
  }

  /** Stores and offers what is new. The answer waits until all that it acknowledges is durable. */
  #acknowledge(answer: Answer, { accepted, adopted }: Entered, context: MempoolContext): void {
    const { store, pool, offers } = this.#parts;
    if (answer.outcomes.every((outcome) => outcome?.outcome === 'rejected')) {
      this.#reply(answer, context);
      return;
    }
    try {
      store.commit({ acknowledged: [...accepted, ...adopted], gone: [] });
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'full') throw error;
      for (const { hash } of accepted) {
        pool.remove(hash, 'refused');
        this.#dependencies.traces.leave(hash, 'refused');
      }
      this.durable(answer, error, context);
      return;
    }
    offers.offer(accepted, context);
    const storing = this.#detached(context, 'mempool.store');
    context.pipeToSelf(store.durable(), (outcome) => {
      const failure = 'error' in outcome ? outcome.error : null;
      storing?.end(failure === null ? 'ok' : 'error');
      return { type: 'durable', answer, failure };
    });
  }

  /** The store has said whether what the answer acknowledges is safe: `failure` is null where it is. */
  durable(answer: Answer, failure: unknown, context: MempoolContext): void {
    if (failure !== null) {
      context.log.error('transactions could not be stored', {}, failure);
      const reason = failure instanceof StoreError && failure.code === 'full' ? 'store-full' : 'store-failed';
      answer.outcomes.forEach((outcome, index) => {
        if (outcome === null || outcome.outcome === 'rejected') return;
        answer.outcomes[index] = refused(outcome.hash as Digest, reason, unstored);
      });
    }
    this.#reply(answer, context);
  }

  /** A part of the work in hand that goes on beside it. */
  #detached({ traceparent }: MempoolContext, name: string): Span | undefined {
    return traceparent === undefined ? undefined : this.#dependencies.telemetry.span(name, { traceparent });
  }

  #reply({ replyTo, outcomes, span }: Answer, context: MempoolContext): void {
    span?.end();
    context.reply(
      replyTo,
      outcomes.map((outcome) => outcome ?? refused(null, 'not-ready', 'it was not examined')),
    );
  }
}

interface Entered {
  /** New in the pool. */
  readonly accepted: readonly SignedTransaction[];
  /** There before, from peers only. */
  readonly adopted: readonly SignedTransaction[];
}

const statelessDetail = (kind: string, expiryHeight: number, height: number): string =>
  `kind ${JSON.stringify(kind)}, expiry height ${expiryHeight}, next height ${height}`;

function outcomeOf(hash: Digest, verdict: ReturnType<Mempool['add']>['verdict']): SubmitOutcome {
  switch (verdict.kind) {
    case 'accepted':
      return { outcome: 'accepted', hash };
    case 'ignored':
      return { outcome: 'known', hash };
    case 'rejected':
      return refused(hash, verdict.reason, 'refused by the mempool');
  }
}

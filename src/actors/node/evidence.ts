/** Turns a conflict that the consensus machine found into a transaction of this validator. */
import type { Chain } from '../chain/chain.ts';
import type { MempoolMessage, MempoolReader } from '../mempool.ts';
import type { Effect } from '../../protocols/ibft/machine-types.ts';
import { encodeBody } from '../../protocols/ledger/application.ts';
import { type Evidence, evidencePayload } from '../../protocols/ledger/evidence.ts';
import {
  transactionCodec,
  transactionSigningBytes,
  type UnsignedTransaction,
} from '../../protocols/ledger/transaction.ts';
import { type Digest, digest as toDigest, height as toHeight } from '../../protocols/shared/brands.ts';
import { encode } from '../../protocols/shared/codec.ts';
import type { ActorRef, ActorSystem } from '../../runtime/ports/actors.ts';
import type { SubmitOutcome } from '../../runtime/ports/chain-api.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import type { Telemetry } from '../../runtime/ports/telemetry.ts';

const submitTimeoutMs = 10_000;
/** As many may contradict themselves at once as a set can tolerate, and some more. */
const attemptsMax = 64;
/** Contradictions that are not taken yet, the newest. */
const pendingMax = 256;

/** What ends by itself: there is room again, the disk is well, other transactions have gone their way. */
const passing = [
  ...['store-full', 'store-failed', 'mempool-full', 'not-ready'],
  ...['nonce-taken', 'nonce-used', 'nonce-too-far'],
];

/** What the log says where a contradiction was found. */
export const contradictionFound = 'a validator contradicts itself';

export interface EvidenceContext {
  readonly chain: Chain;
  readonly signer: Signer;
  readonly system: ActorSystem;
  readonly telemetry: Telemetry;
  readonly mempool: ActorRef<MempoolMessage>;
  readonly pool: MempoolReader;
  /** Whether a transaction is in a final block. */
  readonly isFinal: (hash: Digest) => boolean;
}

type EvidenceEffect = Extract<Effect, { type: 'evidence' }>;

interface Pending {
  readonly effect: EvidenceEffect;
  isUnderWay: boolean;
  /** The transaction that the mempool has taken; null before. */
  taken: Digest | null;
}

/**
 * What this validator found against others, until a final block holds it: perhaps nobody else saw it. That the mempool took it is
 * not enough: an earlier transaction of this validator, which only others remember after a crash, may have its nonce.
 * What was found just before a crash is lost with it.
 */
export class EvidenceReports {
  readonly #context: EvidenceContext;
  readonly #pending = new Map<string, Pending>();

  constructor(context: EvidenceContext) {
    this.#context = context;
  }

  report(effect: EvidenceEffect): void {
    const { offender, height, round, conflict } = effect;
    this.#context.telemetry.log.error(contradictionFound, { offender, height, round, kind: conflict.kind });
    const key = `${offender}/${height}/${round}/${conflict.kind}`;
    const pending: Pending = { effect, isUnderWay: false, taken: null };
    this.#pending.set(key, pending);
    const [oldest] = this.#pending.keys();
    if (this.#pending.size > pendingMax && oldest !== undefined) this.#pending.delete(oldest);
    this.#submit(key, pending, attemptsMax);
  }

  /** At each final block: once more what is in none and does not wait, while a block may still hold it. */
  retry(): void {
    const { chain, pool, isFinal } = this.#context;
    const { height, parameters } = chain.tip;
    for (const [key, pending] of [...this.#pending]) {
      const { isUnderWay, effect, taken } = pending;
      const isTooOld = effect.height + parameters.evidenceAgeBlocks < height;
      if (isUnderWay || (taken !== null && pool.pending(taken) !== undefined)) continue;
      if (isTooOld || (taken !== null && isFinal(taken))) this.#pending.delete(key);
      else this.#submit(key, pending, attemptsMax);
    }
  }

  #submit(key: string, pending: Pending, attemptsLeft: number): void {
    const { system, mempool, telemetry } = this.#context;
    const bytes = evidenceTransaction(this.#context, pending.effect);
    pending.isUnderWay = true;
    system
      .ask<MempoolMessage, readonly SubmitOutcome[]>(
        mempool,
        (replyTo) => ({ type: 'submit', transactions: [bytes], replyTo }),
        { timeoutMs: submitTimeoutMs },
      )
      .then(
        ([outcome]) => {
          pending.isUnderWay = false;
          const reason = outcome?.outcome === 'rejected' ? outcome.reason : null;
          // Two found at once were given the same nonce.
          if (reason === 'nonce-taken' && attemptsLeft > 1) {
            this.#submit(key, pending, attemptsLeft - 1);
            return;
          }
          pending.taken = outcome?.outcome === 'accepted' ? toDigest(outcome.hash) : null;
          if (reason === null) return;
          telemetry.log.warn('evidence was not accepted', { reason });
          if (!passing.includes(reason)) this.#pending.delete(key);
        },
        (error: unknown) => {
          pending.isUnderWay = false;
          const { offender, height } = pending.effect;
          telemetry.log.error('evidence was not submitted', { offender, height }, error);
        },
      );
  }
}

function evidenceTransaction(
  { chain, signer, pool }: EvidenceContext,
  { offender, conflict }: EvidenceEffect,
): Uint8Array {
  const { first, second } = conflict;
  const [firstKind, secondKind] =
    conflict.kind === 'amnesia' ? (['commit', 'round-change'] as const) : ([conflict.kind, conflict.kind] as const);
  const body: Evidence = {
    offender,
    first: evidencePayload(firstKind, first),
    second: evidencePayload(secondKind, second),
  };
  const unsigned: UnsignedTransaction = {
    chainId: chain.chainId,
    sender: signer.publicKey,
    nonce: pool.nextNonce(signer.publicKey),
    expiryHeight: toHeight(chain.tip.height + chain.tip.parameters.evidenceAgeBlocks),
    kind: 'validators.evidence',
    body: encodeBody('validators.evidence', body),
  };
  return encode(transactionCodec, { ...unsigned, signature: signer.sign(transactionSigningBytes(unsigned)) });
}

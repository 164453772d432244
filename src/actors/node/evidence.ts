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
import { height as toHeight } from '../../protocols/shared/brands.ts';
import { encode } from '../../protocols/shared/codec.ts';
import type { ActorRef, ActorSystem } from '../../runtime/ports/actors.ts';
import type { SubmitOutcome } from '../../runtime/ports/chain-api.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import type { Telemetry } from '../../runtime/ports/telemetry.ts';

const submitTimeoutMs = 10_000;
/** As many may contradict themselves at once as a set can tolerate, and some more. */
const attemptsMax = 64;

/** What the log says where a contradiction was found. */
export const contradictionFound = 'a validator contradicts itself';

export interface EvidenceContext {
  readonly chain: Chain;
  readonly signer: Signer;
  readonly system: ActorSystem;
  readonly telemetry: Telemetry;
  readonly mempool: ActorRef<MempoolMessage>;
  readonly pool: MempoolReader;
}

type EvidenceEffect = Extract<Effect, { type: 'evidence' }>;

/** Submitted once; every other correct validator that saw the conflict submits it too. */
export function submitEvidence(context: EvidenceContext, effect: EvidenceEffect): void {
  const { offender, height, round, conflict } = effect;
  context.telemetry.log.error(contradictionFound, { offender, height, round, kind: conflict.kind });
  submit(context, effect, attemptsMax);
}

function submit(context: EvidenceContext, effect: EvidenceEffect, attemptsLeft: number): void {
  const { system, mempool, telemetry } = context;
  const bytes = evidenceTransaction(context, effect);
  system
    .ask<MempoolMessage, readonly SubmitOutcome[]>(
      mempool,
      (replyTo) => ({ type: 'submit', transactions: [bytes], replyTo }),
      { timeoutMs: submitTimeoutMs },
    )
    .then(
      ([outcome]) => {
        if (outcome?.outcome !== 'rejected') return;
        const { reason } = outcome;
        // Two found at once were given the same nonce.
        if (reason === 'nonce-taken' && attemptsLeft > 1) submit(context, effect, attemptsLeft - 1);
        else telemetry.log.warn('evidence was not accepted', { reason });
      },
      (error: unknown) => {
        const { offender, height } = effect;
        telemetry.log.error('evidence was not submitted', { offender, height }, error);
      },
    );
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

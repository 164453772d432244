/**
 * What becomes of a Yellow decision: held until its `before` obligations are discharged, then decided anew; after release, watched
 * until its `after` obligations are. One item, one machine: `(item, input) → { item, entry, verdict }`. Every transition is a log
 * entry; a deadline passed is Red, or after release a breach.
 * Source: policy-and-traffic design, "Yellow means permitted with proof".
 *
 * A proof is a signature over decision id, request digest, obligation id and policy-set hash by a key with the role that the
 * obligation names, never the requester's. A human release is such a proof of the human review, and of nothing else.
 */
import type { ChainId, Digest, PublicKey } from '../shared/brands.ts';
import { type Codec, digest32, encode, list, nullable, publicKey32, struct, textMax, uint } from '../shared/codec.ts';
import { accepted, rejected, type Verdict } from '../shared/errors.ts';
import { signingBytes } from '../shared/hash.ts';
import type { Obligation } from '../policy/evaluate.ts';
import type { DecisionOutcome } from './decide.ts';
import { obligationCodec } from './decide.ts';
import type { ClosedEntry, DischargeEntry, MissedEntry, RelayedEntry } from './entry.ts';
import { flowCodec, type FlowRecord } from './flow.ts';

const humanReview = 'human-review';

/** An obligation without a deadline of its own is due after so long, seconds: nothing is held for ever. */
const deadlineSecondsDefault = 7 * 86_400;

export interface QuarantineItem {
  /** The decision that opened it. */
  readonly decision: Digest;
  readonly request: Digest;
  readonly policySetHash: Digest;
  /** Who asked; null: nobody signed in. */
  readonly requester: PublicKey | null;
  /** ms since 1970. */
  readonly openedAt: number;
  /** null while it is held. */
  readonly releasedAt: number | null;
  readonly obligations: readonly Obligation[];
  /** Ids whose proofs are logged. */
  readonly discharged: readonly string[];
  readonly identity: Digest;
  readonly flow: FlowRecord;
  /** In clear on this node only: what a release is decided with. */
  readonly tenant: string;
  readonly workload: string;
  readonly recipient: string | null;
}

const ids = list(textMax(1024), 512);
export const quarantineCodec: Codec<QuarantineItem> = struct<QuarantineItem>({
  ...{ decision: digest32, request: digest32, policySetHash: digest32, requester: nullable(publicKey32) },
  ...{ openedAt: uint, releasedAt: nullable(uint), obligations: list(obligationCodec, 512), discharged: ids },
  ...{ identity: digest32, flow: flowCodec },
  ...{ tenant: textMax(512), workload: textMax(512), recipient: nullable(textMax(1024)) },
});

/** Obligations whose proofs are awaited now, with the moment until which, ms since 1970. */
export function awaited(item: QuarantineItem): readonly { readonly obligation: Obligation; readonly due: number }[] {
  const { openedAt, releasedAt, obligations, discharged } = item;
  const phase = releasedAt === null ? 'before' : 'after';
  const from = releasedAt ?? openedAt;
  return obligations
    .filter((obligation) => obligation.phase === phase && !discharged.includes(obligation.id))
    .map((obligation) => ({
      obligation,
      due: from + (obligation.deadlineSeconds ?? deadlineSecondsDefault) * 1000,
    }));
}

/** When something lapses next; null: nothing is awaited. */
export const nextDue = (item: QuarantineItem): number | null =>
  awaited(item).reduce<number | null>((least, { due }) => (least === null || due < least ? due : least), null);

/** What a discharge proof signs. */
export interface DischargeClaim {
  readonly decision: Digest;
  readonly request: Digest;
  readonly obligation: string;
  readonly policySetHash: Digest;
}
const claimCodec: Codec<DischargeClaim> = struct<DischargeClaim>({
  ...{ decision: digest32, request: digest32, obligation: textMax(1024), policySetHash: digest32 },
});
export const dischargeSigningBytes = (chain: ChainId, claim: DischargeClaim): Uint8Array =>
  signingBytes('bpci/traffic-discharge/v1', chain, encode(claimCodec, claim));

/** What a release or a rejection by a person signs. */
export interface ReviewClaim {
  readonly decision: Digest;
  readonly request: Digest;
  readonly policySetHash: Digest;
  readonly verdict: 'release' | 'reject';
}
const reviewCodec: Codec<ReviewClaim> = struct<ReviewClaim>({
  ...{ decision: digest32, request: digest32, policySetHash: digest32 },
  verdict: textMax(16) as Codec<ReviewClaim['verdict']>,
});
export const reviewSigningBytes = (chain: ChainId, claim: ReviewClaim): Uint8Array =>
  signingBytes('bpci/traffic-release/v1', chain, encode(reviewCodec, claim));

export type QuarantineRejection =
  | 'unknown-obligation' // none of this id is awaited now
  | 'too-late'
  | 'wrong-role'
  | 'by-requester'
  | 'bad-signature'
  | 'not-held'
  | 'obligations-pending';

/** What the machine asks of its surroundings. */
export interface QuarantineContext {
  readonly chainId: ChainId;
  /** ms since 1970. */
  readonly now: number;
  readonly hasRole: (key: PublicKey, role: string) => boolean;
  readonly check: (key: PublicKey, message: Uint8Array, signature: Uint8Array) => boolean;
}

export interface Signed {
  readonly by: PublicKey;
  readonly signature: Uint8Array;
}

/** A claim that an account sent to the chain: that it said so is proved by the state that holds it. */
export interface Relayed {
  readonly by: PublicKey;
  readonly transaction: Digest;
  /** What a discharge was meant for; null for a release or a rejection. */
  readonly request: Digest | null;
  readonly policySetHash: Digest | null;
}

type Proof = Signed | Relayed;

export interface QuarantineTransition {
  /** null: over. */
  readonly item: QuarantineItem | null;
  readonly entries: readonly (DischargeEntry | RelayedEntry | ClosedEntry | MissedEntry)[];
  readonly verdict: Verdict<never, QuarantineRejection>;
}

const refused = (item: QuarantineItem, reason: QuarantineRejection): QuarantineTransition => ({
  ...{ item, entries: [], verdict: rejected(reason) },
});

/** The item that a Yellow decision opens; null where it leaves nothing to prove. */
export function openItem(
  decision: Digest,
  asked: Omit<QuarantineItem, 'decision' | 'policySetHash' | 'obligations' | 'discharged' | 'releasedAt'>,
  { action, policy, obligations }: DecisionOutcome,
): QuarantineItem | null {
  if (policy === null || (action !== 'hold' && action !== 'log')) return null;
  if (obligations.every(({ phase }) => phase === 'with')) return null;
  const item: QuarantineItem = {
    ...asked,
    ...{ decision, policySetHash: policy.policySetHash, obligations, discharged: [] },
    releasedAt: action === 'hold' ? null : asked.openedAt,
  };
  return awaited(item).length === 0 ? null : item;
}

/** Proofs of the obligations with these ids, all by one signature. */
function discharge(
  item: QuarantineItem,
  obligations: readonly string[],
  proof: Proof,
  now: number,
): QuarantineTransition {
  const next = { ...item, discharged: [...item.discharged, ...obligations] };
  const { decision } = item;
  return {
    // Held items wait for their release even with nothing left to prove.
    item: next.releasedAt !== null && awaited(next).length === 0 ? null : next,
    entries: obligations.map((obligation) =>
      'transaction' in proof
        ? { type: 'relayed', decision, obligation, by: proof.by, transaction: proof.transaction, time: now }
        : { type: 'discharge', decision, obligation, by: proof.by, signature: proof.signature, time: now },
    ),
    verdict: accepted,
  };
}

/** A proof for one obligation. */
export function uponDischarge(
  item: QuarantineItem,
  obligation: string,
  proof: Proof,
  context: QuarantineContext,
): QuarantineTransition {
  const found = awaited(item).find((candidate) => candidate.obligation.id === obligation);
  if (found === undefined) return refused(item, 'unknown-obligation');
  if (context.now > found.due) return refused(item, 'too-late');
  const { proofBy } = found.obligation;
  const { decision, request, policySetHash } = item;
  const refusal = proofRefusal(item, proofBy, proof, context, () =>
    dischargeSigningBytes(context.chainId, { decision, request, obligation, policySetHash }),
  );
  return refusal === null ? discharge(item, [obligation], proof, context.now) : refused(item, refusal);
}

function proofRefusal(
  item: QuarantineItem,
  role: string | null,
  proof: Proof,
  { hasRole, check }: QuarantineContext,
  message: () => Uint8Array,
): QuarantineRejection | null {
  const { by } = proof;
  if (by === item.requester) return 'by-requester';
  if (role === null || !hasRole(by, role)) return 'wrong-role';
  const holds = 'transaction' in proof ? isMeantFor(item, proof) : check(by, message(), proof.signature);
  return holds ? null : 'bad-signature';
}

/** The decision's id names everything; a discharge names request and policy set beside it. */
const isMeantFor = (item: QuarantineItem, { request, policySetHash }: Relayed): boolean =>
  (request === null || request === item.request) && (policySetHash === null || policySetHash === item.policySetHash);

/** A person lets it go: proof of the human review where that is awaited, and of nothing else. */
export function uponRelease(item: QuarantineItem, proof: Proof, context: QuarantineContext): QuarantineTransition {
  if (item.releasedAt !== null) return refused(item, 'not-held');
  const review = awaited(item).find(({ obligation }) => obligation.kind === humanReview);
  if (review === undefined) return refused(item, 'unknown-obligation');
  if (context.now > review.due) return refused(item, 'too-late');
  const refusal = reviewRefusal(item, review.obligation.proofBy, 'release', proof, context);
  return refusal === null ? discharge(item, [review.obligation.id], proof, context.now) : refused(item, refusal);
}

/** Anybody with a role in it may refuse. */
export function uponReject(item: QuarantineItem, proof: Proof, context: QuarantineContext): QuarantineTransition {
  if (item.releasedAt !== null) return refused(item, 'not-held');
  const roles = item.obligations.flatMap(({ phase, proofBy }) =>
    phase === 'before' && proofBy !== null ? [proofBy] : [],
  );
  const role = roles.find((candidate) => context.hasRole(proof.by, candidate)) ?? null;
  const refusal = reviewRefusal(item, role, 'reject', proof, context);
  if (refusal !== null) return refused(item, refusal);
  const { decision } = item;
  const entry: ClosedEntry = { type: 'closed', decision, how: 'rejected', by: proof.by, time: context.now };
  return { item: null, entries: [entry], verdict: accepted };
}

/** What a reviewer said through the chain. */
export function uponRelayed(
  item: QuarantineItem,
  { how, obligation, ...proof }: Relayed & { readonly how: string; readonly obligation: string | null },
  context: QuarantineContext,
): QuarantineTransition {
  if (how === 'discharge') return uponDischarge(item, obligation ?? '', proof, context);
  return how === 'release' ? uponRelease(item, proof, context) : uponReject(item, proof, context);
}

function reviewRefusal(
  item: QuarantineItem,
  role: string | null,
  verdict: ReviewClaim['verdict'],
  proof: Proof,
  context: QuarantineContext,
): QuarantineRejection | null {
  const { decision, request, policySetHash } = item;
  return proofRefusal(item, role, proof, context, () =>
    reviewSigningBytes(context.chainId, { decision, request, policySetHash, verdict }),
  );
}

/** The decision that was made for its release: passing, still held (with what is asked now), or Red, which ends it. */
export function uponReleaseDecision(
  item: QuarantineItem,
  { action, obligations }: DecisionOutcome,
  now: number,
): QuarantineItem | null {
  if (action === 'hold') return { ...item, obligations };
  if (action === 'block' || action === 'stop-workload') return null;
  const released: QuarantineItem = { ...item, obligations, releasedAt: now };
  return awaited(released).length === 0 ? null : released;
}

/** Time has passed: what is held lapses as a whole, what was released misses obligation by obligation. */
export function uponTime(item: QuarantineItem, now: number): QuarantineTransition {
  const late = awaited(item).filter(({ due }) => now > due);
  if (late.length === 0) return { item, entries: [], verdict: accepted };
  const { decision } = item;
  if (item.releasedAt === null)
    return {
      item: null,
      entries: [{ type: 'closed', decision, how: 'lapsed', by: null, time: now }],
      verdict: accepted,
    };
  const missed = late.map(({ obligation }) => obligation.id);
  const next = { ...item, discharged: [...item.discharged, ...missed] };
  return {
    item: awaited(next).length === 0 ? null : next,
    entries: missed.map((obligation) => ({ type: 'missed', decision, obligation, time: now })),
    verdict: accepted,
  };
}

/**
 * Reviewers' words about decisions, relayed to the light by the chain: signed by who says it, provable, and there for a light that
 * was away. The light judges them, since the chain does not know its decisions. A light has a bounded number of them; the oldest
 * go after an hour of header time, when others need their room.
 */
import type { Digest, PublicKey } from '../../../shared/brands.ts';
import { type Codec, digest32, list, nullable, publicKey32, struct, textMax, uint } from '../../../shared/codec.ts';
import { ok, type Outcome, refuse, type TransactionContext } from '../../module.ts';
import { type ReadView, table, type View } from '../../view.ts';
import type { DischargeBody, ReviewBody } from './bodies.ts';

export interface RelayedReview {
  readonly how: 'discharge' | 'release' | 'reject';
  readonly decision: Digest;
  /** Of a discharge, with the request and the policy set that it is meant for; else null. */
  readonly obligation: string | null;
  readonly request: Digest | null;
  readonly policySetHash: Digest | null;
  /** The account that sent it. */
  readonly by: PublicKey;
  /** What it sent. */
  readonly transaction: Digest;
  /** Header time of its block, ms since 1970. */
  readonly time: number;
}

const reviewsMax = 256;
const keptMs = 3_600_000;

const reviews = table(
  'traffic/reviews/',
  list(
    struct<RelayedReview>({
      ...{ how: textMax(16) as Codec<RelayedReview['how']>, decision: digest32, obligation: nullable(textMax(200)) },
      ...{ request: nullable(digest32), policySetHash: nullable(digest32), by: publicKey32, transaction: digest32 },
      time: uint,
    }),
    reviewsMax,
  ),
);

/** The oldest first. */
export const readReviews = (view: ReadView, light: PublicKey): readonly RelayedReview[] =>
  view.get(reviews, light) ?? [];

export const emit = (view: View, name: string, attributes: Readonly<Record<string, string>>): void =>
  view.emit({ module: 'traffic', kind: name, attributes });

export const relay =
  (how: RelayedReview['how'], event: string) =>
  (
    { light, decision, ...claim }: ReviewBody & Partial<DischargeBody>,
    view: View,
    { sender, hash, time }: TransactionContext,
  ): Outcome => {
    const before = readReviews(view, light);
    const kept = before.length < reviewsMax ? before : before.filter((review) => time - review.time <= keptMs);
    if (kept.length === reviewsMax) return refuse('too-many-reviews');
    const { request = null, obligation = null, policySetHash = null } = claim;
    view.set(reviews, light, [
      ...kept,
      { how, decision, obligation, request, policySetHash, by: sender, transaction: hash, time },
    ]);
    emit(view, event, {
      ...{ light, decision, by: sender },
      ...(request === null ? {} : { request }),
      ...(obligation === null ? {} : { obligation }),
      ...(policySetHash === null ? {} : { policySet: policySetHash }),
    });
    return ok;
  };

/** What checkers are told of traffic lights. */
import type { ActiveSet } from '../../../protocols/ledger/modules/policies/policies.ts';
import type { InForce } from '../../../protocols/policy/overlay.ts';
import type { Tightening } from '../../../protocols/policy/published.ts';
import type { PolicyEvaluationRequest } from '../../../protocols/policy/request.ts';
import type { PolicyState, Rule } from '../../../protocols/policy/rules.ts';
import type { PolicyEvaluationResult } from '../../../protocols/policy/evaluate.ts';
import type { Digest, PublicKey } from '../../../protocols/shared/brands.ts';
import type { TrafficDecision } from '../../../protocols/traffic/receipt.ts';

/** A light of a correct node answered. */
export interface DecisionSeen {
  readonly node: number;
  readonly light: PublicKey;
  readonly requestId: string;
  /** As it was asked about. */
  readonly flow: PolicyEvaluationRequest;
  readonly decision: TrafficDecision;
  /** Signed note. */
  readonly checkpoint: string;
  /** Header time of the block whose state it rests on, ms since 1970; null: not known any more. */
  readonly stateTime: number | null;
  /** Of its log, as the node's chain says at this moment; 0 where that anchor is younger than the decision. */
  readonly anchoredSize: number;
}

/** What rests on the policies and orders of a height: a decision of a light, or an evaluation of a policy engine. */
export interface Judged {
  /** Who said it, and which. */
  readonly name: string;
  readonly height: number;
  /** ms since 1970. */
  readonly time: number;
  readonly flow: PolicyEvaluationRequest;
  readonly state: PolicyState;
  readonly policy: PolicyEvaluationResult | null;
}

/** Sets by what was published of them, as whoever wrote them knows them. */
export interface KnownPolicies {
  inForce(published: ActiveSet, tightening: Tightening): InForce;
  rulesOf(published: ActiveSet): readonly Rule[];
  /** Rules that permit what a fact grants, by the fact and the countries that it grants it to. */
  restingOn(fact: string): { readonly rules: readonly string[]; readonly countries: readonly string[] };
  /** Whether it is what its publication says, and sound. */
  isSound(published: ActiveSet): boolean;
}

/** What a light says at the end of a decision that it answered before. */
export interface DecisionAudited {
  readonly node: number;
  readonly id: Digest;
  /** As it is answered now; null: unknown. */
  readonly found: TrafficDecision | null;
  readonly replayed: 'same' | 'different' | 'not-recomputable';
  /** Verdict of its proof; null: none was asked for. */
  readonly proof: string | null;
}

/** What a light says of itself at the end. */
export interface LightAudited {
  readonly node: number;
  readonly logId: Digest | null;
  readonly size: number;
  readonly root: string;
  /** Why it decides nothing; null: it does. */
  readonly problem: string | null;
  readonly overdue: readonly string[];
}

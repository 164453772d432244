/** What checkers are told of traffic lights. */
import type { Digest, PublicKey } from '../../../protocols/shared/brands.ts';
import type { TrafficDecision } from '../../../protocols/traffic/receipt.ts';

/** A light of a correct node answered. */
export interface DecisionSeen {
  readonly node: number;
  readonly light: PublicKey;
  readonly requestId: string;
  readonly tenant: string;
  readonly decision: TrafficDecision;
  /** Signed note. */
  readonly checkpoint: string;
  /** Header time of the block whose state it rests on, ms since 1970; null: not known any more. */
  readonly stateTime: number | null;
  /** Of its log, as the node's chain says at this moment. */
  readonly anchoredSize: number;
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

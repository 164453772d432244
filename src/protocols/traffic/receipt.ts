/**
 * A decision as something to show: the predicate `traffic-decision/v1` of an in-toto Statement about the request's digest, in a
 * DSSE envelope signed by the light. docs/formats/traffic-decision.md.
 */
import type { Digest, PublicKey } from '../shared/brands.ts';
import { type DsseEnvelope, signStatement, statement } from '../shared/dsse.ts';
import { decodeEntry, type DecisionEntry, entryId } from './entry.ts';
import { type ComplianceStep, stepsOf } from './steps.ts';
import { TrafficError } from './traffic-error.ts';

const trafficDecisionPredicate = 'https://bpci.dev/predicates/traffic-decision/v1';

export interface TrafficDecision {
  /** Hash of the log entry. */
  readonly id: Digest;
  readonly logId: Digest;
  readonly index: number;
  /** ms since 1970. */
  readonly time: number;
  readonly height: number;
  readonly request: Digest;
  readonly enforcementPoint: PublicKey | null;
  readonly releases: Digest | null;
  readonly state: string;
  readonly enforcementAction: string;
  readonly complianceStatus: string;
  readonly reasons: readonly string[];
  /** What court, policies and the light itself said. */
  readonly steps: readonly ComplianceStep[];
  readonly policy: DecisionEntry['outcome']['policy'];
  readonly obligations: DecisionEntry['outcome']['obligations'];
  /** Until when it may be acted on, once, ms since 1970; null where nothing passes. */
  readonly expires: number | null;
}

/** What is said of a decision: everything follows from its entry. */
export function toTrafficDecision(id: Digest, entry: DecisionEntry): TrafficDecision {
  const { log: logId, index, request, inputs, outcome } = entry;
  const { state, action, compliance, reasons, policy, obligations, lifetimeMs } = outcome;
  const { time, enforcementPoint, releases } = inputs;
  const { height } = inputs.state;
  const steps = stepsOf(inputs, outcome);
  const expires = lifetimeMs === null ? null : time + lifetimeMs;
  return {
    ...{ id, logId, index, time, height, request, enforcementPoint, releases, state },
    ...{ enforcementAction: action, complianceStatus: compliance, reasons, steps, policy, obligations, expires },
  };
}

/** Throws TrafficError where the bytes are not a decision's entry. */
export function readDecision(bytes: Uint8Array): TrafficDecision {
  const entry = decodeEntry(bytes);
  if (entry.type !== 'decision') throw new TrafficError('invalid-proof', 'entry', `an entry of type ${entry.type}`);
  return toTrafficDecision(entryId(bytes), entry);
}

/** The statement that the light signs about a decision. */
export const decisionStatement = (decision: TrafficDecision): ReturnType<typeof statement<TrafficDecision>> =>
  statement([{ name: 'request', digest: { sha256: decision.request } }], trafficDecisionPredicate, decision);

export const signReceipt = (
  decision: TrafficDecision,
  signer: { readonly publicKey: PublicKey; sign(message: Uint8Array): Uint8Array },
): DsseEnvelope => signStatement(decisionStatement(decision), signer);

/**
 * What the same for many requests is made once: what the state says to one flow of one tenant to one recipient, the outcome where
 * nothing else bears on it, and what a caller's request commits to. Good until the next block or day.
 */
import type { Digest, PublicKey } from '../../protocols/shared/brands.ts';
import type { DecisionOutcome } from '../../protocols/traffic/decide.ts';
import {
  flowKey,
  type FlowRecord,
  identityCommitment,
  saltBytes,
  toFlowRecord,
  type TrafficRequest,
  trafficRequestDigest,
} from '../../protocols/traffic/flow.ts';
import { type LightView, resolveState, type StateInputs } from '../../protocols/traffic/inputs.ts';

/** As its caller and its salt have it. */
interface Commitment {
  readonly caller: PublicKey | null;
  readonly salt: string | null;
  readonly identity: Digest;
  readonly digest: Digest;
}

export interface Assessed {
  readonly flow: FlowRecord;
  readonly state: StateInputs;
  outcome: DecisionOutcome | null;
  /** Of the last request: the next one is the same caller's, as a rule. */
  commitment: Commitment | null;
}

const assessedMax = 10_000;
const dayMs = 86_400_000;

export class Assessments {
  /** Of requests that bring none. */
  readonly #salt: Uint8Array;
  /** By tenant, workload, recipient and flow. */
  readonly #assessed = new Map<string, Assessed>();
  #day = 0;

  constructor(salt: Uint8Array) {
    this.#salt = salt;
  }

  /** After each block. */
  clear(): void {
    this.#assessed.clear();
  }

  /** @param now ms since 1970 */
  of(request: TrafficRequest['flow'], now: number, view: () => LightView): Assessed {
    const flow = toFlowRecord(request);
    const day = Math.floor(now / dayMs);
    if (day !== this.#day || this.#assessed.size >= assessedMax) this.#assessed.clear();
    this.#day = day;
    const { tenant, workload } = request.subject;
    const { recipient } = request.destination;
    const key = `${tenant}\n${workload}\n${recipient ?? ''}\n${flowKey(flow)}`;
    const known = this.#assessed.get(key);
    if (known !== undefined) return known;
    const state = resolveState(view(), flow, { tenant, workload, recipient }, now);
    const assessed: Assessed = { flow, state, outcome: null, commitment: null };
    this.#assessed.set(key, assessed);
    return assessed;
  }

  /** `assessed` is that of the request's flow. */
  commitment(assessed: Assessed, { flow, salt }: TrafficRequest, caller: PublicKey | null): Commitment {
    const last = assessed.commitment;
    if (last?.caller === caller && last.salt === salt) return last;
    const identity = identityCommitment(flow, salt === null ? this.#salt : saltBytes(salt));
    const digest = trafficRequestDigest({ enforcementPoint: caller, identity, flow: assessed.flow });
    return (assessed.commitment = { caller, salt, identity, digest });
  }
}

/**
 * A light: requests in, logged decisions out. Everything is synchronous but the fsync; nothing that is returned may be told before
 * `durable` of the log resolves. What it decides on is in memory: the facts of the chain as they were given last, and its own
 * quarantine and counters.
 */
import type { ChainId, Digest, PublicKey } from '../../protocols/shared/brands.ts';
import { counterSubject, type CounterStanding } from '../../protocols/traffic/counters.ts';
import type { CounterName } from '../../protocols/policy/vocabulary.ts';
import { decide, type DecisionTables } from '../../protocols/traffic/decide.ts';
import { type DecisionEntry, decodeEntry, encodeEntry, type LogEntry } from '../../protocols/traffic/entry.ts';
import {
  type FlowRecord,
  saltBytes,
  toFlowRecord,
  type TrafficRequest,
  trafficRequestDigest,
} from '../../protocols/traffic/flow.ts';
import {
  type DecisionInputs,
  type LightView,
  type PolicyTables,
  resolveInputs,
} from '../../protocols/traffic/inputs.ts';
import {
  nextDue,
  openItem,
  type QuarantineContext,
  type QuarantineItem,
  type QuarantineRejection,
  type QuarantineTransition,
  type Signed,
  uponDischarge,
  uponReject,
  uponRelease,
  uponReleaseDecision,
  uponTime,
  awaited,
} from '../../protocols/traffic/quarantine.ts';
import { toTrafficDecision, type TrafficDecision } from '../../protocols/traffic/receipt.ts';
import type { Verdict } from '../../protocols/shared/errors.ts';
import type { Store } from '../../runtime/ports/store.ts';
import type { Appended, DecisionLog } from './decision-log.ts';
import { encodeAside, LightMemory } from './light-memory.ts';

/** What a light follows of the chain, as of its last block. */
export interface ChainFacts extends Omit<LightView, 'counter'> {
  /** Leases of this light, and what all lights have: `total` and `granted` of a standing. */
  readonly lease: (subject: Digest, counter: CounterName, window: string) => Omit<CounterStanding, 'spent'>;
  readonly hasRole: (key: PublicKey, role: string) => boolean;
}

export interface LightOptions {
  readonly chainId: ChainId;
  readonly store: Store;
  readonly log: DecisionLog;
  /** Held and watched items at most. */
  readonly quarantineMax: number;
  /** Commits to identities where the caller gives no salt: 64 hex digits. */
  readonly salt: string;
  readonly check: QuarantineContext['check'];
}

/** A decision with its place; good once the log is durable. */
export interface Placed {
  readonly decision: TrafficDecision;
  readonly index: number;
}

export type Answer =
  | ({ readonly kind: 'decided' } & Placed)
  /** The request id is known, with this very request. */
  | { readonly kind: 'known'; readonly index: number }
  /** The request id is known, with another request. */
  | { readonly kind: 'conflict' };

export interface RequestContext {
  readonly caller: PublicKey | null;
  /** ms since 1970. */
  readonly now: number;
  /** Whether the budget was exhausted before this call. */
  readonly isLate: boolean;
}

export interface ReviewAnswer {
  readonly verdict: Verdict<never, QuarantineRejection | 'unknown-decision'>;
  /** Made where the last obligation before release was discharged. */
  readonly release: Placed | null;
}

/** Where a request declares no persons, nobody's counters are looked up. */
const noSubject = '' as Digest;

const unknownDecision: ReviewAnswer = { verdict: { kind: 'rejected', reason: 'unknown-decision' }, release: null };

/** The tables of a decision of this tenant. */
export const tablesOf = ({ inForce, tenantSets }: PolicyTables, tenant: string): DecisionTables => ({
  inForce,
  tenantSet: tenantSets.get(tenant) ?? null,
});

export class Light {
  readonly log: DecisionLog;
  readonly #options: LightOptions;
  readonly #memory: LightMemory;
  readonly #defaultSalt: Uint8Array;
  #facts: ChainFacts;

  constructor(options: LightOptions, facts: ChainFacts) {
    this.log = options.log;
    this.#options = options;
    this.#memory = new LightMemory(options.store, options.log);
    this.#defaultSalt = saltBytes(options.salt);
    this.#facts = facts;
  }

  get facts(): ChainFacts {
    return this.#facts;
  }

  /** From now on decisions rest on these. */
  follow(facts: ChainFacts): void {
    this.#facts = facts;
  }

  get held(): readonly QuarantineItem[] {
    return [...this.#memory.items.values()];
  }

  /** When `tick` has something to do next, ms since 1970; null: nothing is awaited. */
  get nextDue(): number | null {
    let least: number | null = null;
    for (const item of this.#memory.items.values()) {
      const due = nextDue(item);
      if (due !== null && (least === null || due < least)) least = due;
    }
    return least;
  }

  /** Throws DecisionLogError where the log takes nothing. */
  decide(request: TrafficRequest, { caller, now, isLate }: RequestContext): Answer {
    const flow = toFlowRecord(request.flow, request.salt === null ? this.#defaultSalt : saltBytes(request.salt));
    const digest = trafficRequestDigest(flow, caller);
    const known = this.#memory.request(caller, request.requestId);
    if (known !== undefined)
      return known.request === digest ? { kind: 'known', index: known.index } : { kind: 'conflict' };
    const { tenant } = request.flow.subject;
    const parties = { tenant, recipient: request.flow.destination.recipient };
    const inputs = this.#resolve(flow, parties, {
      ...{ time: now, minHeight: request.minHeight, enforcementPoint: caller, releases: null, discharged: [], isLate },
    });
    const entry = this.#decision(digest, inputs, tenant);
    const asked = { request: digest, requester: caller, openedAt: now, flow, ...parties };
    const aside = { requestId: request.requestId, caller, tenant, request: digest };
    const placed = this.log.append({ bytes: encodeEntry(entry), aside: encodeAside(aside) });
    this.#spend(entry, tenant);
    const item = openItem(placed.id, asked, entry.outcome);
    if (item !== null) this.log.also(this.#memory.put(placed.id, item));
    this.#memory.rememberRequest(aside, placed.index);
    return { kind: 'decided', ...this.#place(placed, entry) };
  }

  discharge(decision: Digest, obligation: string, proof: Signed, now: number): ReviewAnswer {
    return this.#review(decision, now, (item, context) => uponDischarge(item, obligation, proof, context));
  }

  /** By a person: proof of the human review. */
  release(decision: Digest, proof: Signed, now: number): ReviewAnswer {
    return this.#review(decision, now, (item, context) => uponRelease(item, proof, context));
  }

  reject(decision: Digest, proof: Signed, now: number): ReviewAnswer {
    return this.#review(decision, now, (item, context) => uponReject(item, proof, context));
  }

  /** What time has decided: lapsed and missed, as many entries as were appended. */
  tick(now: number): readonly LogEntry[] {
    const entries: LogEntry[] = [];
    for (const item of [...this.#memory.items.values()]) {
      // A crash came between the last proof and the release.
      if (item.releasedAt === null && awaited(item).length === 0) this.#decideRelease(item, now);
      else entries.push(...this.#apply(item, uponTime(item, now)));
    }
    return entries;
  }

  /** A durable decision. null: there is none at this index. */
  decisionAt(
    index: number,
  ): { readonly entry: DecisionEntry; readonly placed: Placed; readonly bytes: Uint8Array } | null {
    const stored = this.log.entry(index);
    if (stored === null) return null;
    const entry = decodeEntry(stored.bytes);
    if (entry.type !== 'decision') return null;
    return { entry, bytes: stored.bytes, placed: this.#place(stored, entry) };
  }

  #place(appended: Appended, entry: DecisionEntry): Placed {
    const { index, id } = appended;
    return { index, decision: toTrafficDecision(id, entry, { logId: this.log.head.logId, index }) };
  }

  #spend({ outcome }: DecisionEntry, tenant: string): void {
    if (outcome.spends.length > 0) this.log.also(this.#memory.spend(counterSubject(tenant), outcome.spends));
  }

  #resolve(
    flow: FlowRecord,
    { tenant, recipient }: { readonly tenant: string; readonly recipient: string | null },
    asked: Pick<DecisionInputs, 'time' | 'minHeight' | 'enforcementPoint' | 'releases' | 'discharged' | 'isLate'>,
  ): DecisionInputs {
    const subject = flow.persons.length === 0 ? noSubject : counterSubject(tenant);
    const view: LightView = {
      ...this.#facts,
      counter: (of, counter, window) => ({
        ...this.#facts.lease(of, counter, window),
        spent: this.#memory.spent(of, counter, window),
      }),
    };
    const hasRoom = asked.releases !== null || this.#memory.items.size < this.#options.quarantineMax;
    return resolveInputs(view, { ...asked, flow, parties: { tenant, recipient, subject }, hasRoom });
  }

  #decision(request: Digest, inputs: DecisionInputs, tenant: string): DecisionEntry {
    const { policy } = this.#facts;
    return {
      type: 'decision',
      request,
      inputs,
      outcome: decide(inputs, policy === null ? null : tablesOf(policy, tenant)),
    };
  }

  #review(
    decision: Digest,
    now: number,
    upon: (item: QuarantineItem, context: QuarantineContext) => QuarantineTransition,
  ): ReviewAnswer {
    const item = this.#memory.items.get(decision);
    if (item === undefined) return unknownDecision;
    const { chainId, check } = this.#options;
    const transition = upon(item, { chainId, check, now, hasRole: this.#facts.hasRole });
    this.#apply(item, transition);
    const { verdict, item: next } = transition;
    if (verdict.kind !== 'accepted' || next === null || next.releasedAt !== null || awaited(next).length > 0)
      return { verdict, release: null };
    return { verdict, release: this.#decideRelease(next, now) };
  }

  /** Nothing is left to prove: the flow is decided anew, on the state of this moment. */
  #decideRelease(item: QuarantineItem, now: number): Placed {
    const { flow, tenant, requester, discharged, decision } = item;
    const inputs = this.#resolve(flow, item, {
      ...{ time: now, minHeight: null, enforcementPoint: requester, releases: decision, discharged, isLate: false },
    });
    const entry = this.#decision(item.request, inputs, tenant);
    const appended = this.log.append({ bytes: encodeEntry(entry), aside: null });
    this.#spend(entry, tenant);
    this.log.also(this.#memory.put(decision, uponReleaseDecision(item, entry.outcome, now)));
    return this.#place(appended, entry);
  }

  #apply(item: QuarantineItem, { item: next, entries }: QuarantineTransition): readonly LogEntry[] {
    for (const entry of entries) this.log.append({ bytes: encodeEntry(entry), aside: null });
    if (next !== item) this.log.also(this.#memory.put(item.decision, next));
    return entries;
  }
}

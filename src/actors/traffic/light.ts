/**
 * A light: requests in, logged decisions out. Everything is synchronous but the fsync; nothing that is returned may be told before
 * `durable` of the log resolves. What it decides on is in memory: the facts of the chain as they were given last, and its own
 * quarantine and counters.
 */
import type { ChainId, Digest, PublicKey } from '../../protocols/shared/brands.ts';
import { counterSubject, type CounterStanding, remaining } from '../../protocols/traffic/counters.ts';
import type { CounterName } from '../../protocols/policy/vocabulary.ts';
import { decide, type DecisionOutcome, freshnessReasons, tablesFor } from '../../protocols/traffic/decide.ts';
import { type DecisionEntry, decodeEntry, encodeEntry, type LogEntry } from '../../protocols/traffic/entry.ts';
import { saltBytes, type TrafficRequest } from '../../protocols/traffic/flow.ts';
import { type DecisionInputs, type LightView, resolveCounters, resolveState } from '../../protocols/traffic/inputs.ts';
import {
  nextDue,
  openItem,
  type QuarantineContext,
  type QuarantineItem,
  type QuarantineRejection,
  type QuarantineTransition,
  type Signed,
  uponDischarge,
  uponRelayed,
  uponReject,
  uponRelease,
  uponReleaseDecision,
  uponTime,
  awaited,
} from '../../protocols/traffic/quarantine.ts';
import type { AwaitedConfirmation } from '../../protocols/ledger/modules/court/enforcement.ts';
import type { RelayedReview } from '../../protocols/ledger/modules/traffic/relayed-reviews.ts';
import type { Verdict } from '../../protocols/shared/errors.ts';
import type { Store } from '../../runtime/ports/store.ts';
import type { Appended, DecisionLog, StoredEntry } from './decision-log.ts';
import type { Stages } from './stages.ts';
import { type Assessed, Assessments } from './assessments.ts';
import { type Aside, encodeAside, LightMemory, requestIdsMax } from './light-memory.ts';

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
  /** Absent: nothing is measured. */
  readonly stages?: Pick<Stages, 'run' | 'isTraced'>;
  /** Commits to identities where the caller gives no salt: 64 hex digits. */
  readonly salt: string;
  readonly check: QuarantineContext['check'];
}

/** A decision with its place; good once the log is durable. */
export interface Placed extends Appended {
  readonly entry: DecisionEntry;
}

/** Read back from the log. */
export type StoredDecision = StoredEntry & Placed;

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

/** Persons for which no lease was there. */
export interface Shortage {
  readonly subject: Digest;
  readonly counter: CounterName;
  readonly window: string;
  readonly persons: number;
  /** Spent by this light so far. */
  readonly spent: number;
  /** Leased and not spent. */
  readonly unspent: number;
}

const shortagesMax = 1000;

const nothing: readonly string[] = [];

const unknownDecision: ReviewAnswer = { verdict: { kind: 'rejected', reason: 'unknown-decision' }, release: null };

export class Light {
  readonly log: DecisionLog;
  readonly #options: LightOptions;
  readonly #memory: LightMemory;
  #facts: ChainFacts;
  readonly #assessments: Assessments;
  readonly #standing: LightView['counter'];
  readonly #indices = new Map<Digest, number>();
  /** Transactions of reviews that were judged. */
  #heard: ReadonlySet<Digest> = new Set();
  readonly #shortages = new Map<string, Omit<Shortage, 'spent' | 'unspent'>>();

  constructor(options: LightOptions, facts: ChainFacts) {
    this.log = options.log;
    this.#options = options;
    this.#memory = new LightMemory(options.store, options.log);
    this.#assessments = new Assessments(saltBytes(options.salt));
    this.#facts = facts;
    this.#standing = (of, counter, window) => ({
      ...this.#facts.lease(of, counter, window),
      spent: this.#memory.spent(of, counter, window),
    });
  }

  get facts(): ChainFacts {
    return this.#facts;
  }

  /** From now on decisions rest on these. */
  follow(facts: ChainFacts): void {
    this.#facts = facts;
    this.#assessments.clear();
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

  /** Index of a decision that was made here; null: none, or none of this log. */
  indexOf(id: Digest): number | null {
    const known = this.#indices.get(id);
    if (known !== undefined) return known;
    for (const { id: found, index } of this.log.newestFirst()) {
      this.#rememberIndex(found, index);
      if (found === id) return index;
    }
    return null;
  }

  /** One counter that a request came short of since the last call, and would again. */
  takeShortage(): Shortage | null {
    for (const [key, shortage] of this.#shortages) {
      this.#shortages.delete(key);
      const { subject, counter, window, persons } = shortage;
      const standing = this.#standing(subject, counter, window);
      const unspent = remaining(standing);
      if (unspent < persons) return { ...shortage, spent: standing.spent, unspent };
    }
    return null;
  }

  /** Throws DecisionLogError where the log takes nothing, TrafficError where the flow is too large for an entry. */
  decide(request: TrafficRequest, { caller, now, isLate }: RequestContext): Answer {
    const assessed = this.#assessments.of(request.flow, now, () => this.#view);
    const { flow } = assessed;
    const { identity, digest } = this.#assessments.commitment(assessed, request, caller);
    const known = this.#memory.request(caller, request.requestId);
    if (known !== undefined)
      return known.request === digest ? { kind: 'known', index: known.index } : { kind: 'conflict' };
    const { tenant, workload } = request.flow.subject;
    const inputs: DecisionInputs = {
      time: now,
      minHeight: request.minHeight,
      enforcementPoint: caller,
      identity,
      flow,
      state: assessed.state,
      counters: resolveCounters(flow, tenant, now, this.#standing),
      releases: null,
      discharged: nothing,
      hasRoom: this.#memory.items.size < this.#options.quarantineMax,
      isLate,
    };
    const entry = this.#entry(digest, inputs, this.#outcome(inputs, tenant, assessed));
    const aside: Aside = { requestId: request.requestId, caller, tenant, request: digest };
    const { index, id } = this.log.append({ bytes: encodeEntry(entry), aside: encodeAside(aside) });
    this.#rememberIndex(id, index);
    this.#spend(entry, tenant);
    this.#noteShortages(inputs, tenant);
    const { recipient } = request.flow.destination;
    const asked = { request: digest, requester: caller, openedAt: now, identity, flow };
    const item = openItem(id, { ...asked, tenant, workload, recipient }, entry.outcome);
    if (item !== null) this.log.also(this.#memory.put(id, item));
    this.#memory.rememberRequest(aside, index);
    return { kind: 'decided', index, id, entry };
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

  /** Reviewers' words that the chain relays, each once. Returns those that are not taken, and why. */
  hear(
    reviews: readonly RelayedReview[],
    now: number,
  ): readonly { readonly review: RelayedReview; readonly reason: string }[] {
    const refused: { readonly review: RelayedReview; readonly reason: string }[] = [];
    const before = this.#heard;
    this.#heard = new Set(reviews.map(({ transaction }) => transaction));
    for (const review of reviews) {
      if (before.has(review.transaction)) continue;
      const { verdict } = this.#review(review.decision, now, (item, context) => uponRelayed(item, review, context));
      if (verdict.kind === 'rejected') refused.push({ review, reason: verdict.reason });
    }
    return refused;
  }

  /** Says in the log, once for each, that these orders are obeyed. */
  obey(orders: readonly AwaitedConfirmation[], now: number): void {
    const log = this.log.head.logId;
    const { height } = this.#facts;
    for (const { case: ruled, index: action, order } of orders) {
      if (this.#memory.obeyed(ruled, action) !== undefined) continue;
      const index = this.log.size;
      const entry = { log, index, case: ruled, action, effect: order.action, height, time: now };
      this.log.append({ bytes: encodeEntry({ type: 'obeyed', ...entry }), aside: null });
      this.log.also(this.#memory.obey(ruled, action, index));
    }
  }

  /** Id of the durable entry that says so; null: there is none. */
  receiptOf({ case: ruled, index: action }: Pick<AwaitedConfirmation, 'case' | 'index'>): Digest | null {
    const index = this.#memory.obeyed(ruled, action);
    return index === undefined ? null : (this.log.entry(index)?.id ?? null);
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
  decisionAt(index: number): StoredDecision | null {
    const stored = this.log.entry(index);
    if (stored === null) return null;
    const entry = decodeEntry(stored.bytes);
    if (entry.type !== 'decision') return null;
    return { ...stored, entry };
  }

  get #view(): LightView {
    return { ...this.#facts, counter: this.#standing };
  }

  /** At the next place of the log. */
  #entry(request: Digest, inputs: DecisionInputs, outcome: DecisionOutcome): DecisionEntry {
    return { type: 'decision', log: this.log.head.logId, index: this.log.size, request, inputs, outcome };
  }

  #rememberIndex(id: Digest, index: number): void {
    this.#indices.set(id, index);
    if (this.#indices.size <= requestIdsMax) return;
    const [oldest] = this.#indices.keys();
    if (oldest !== undefined) this.#indices.delete(oldest);
  }

  #noteShortages({ counters }: DecisionInputs, tenant: string): void {
    for (const { counter, window, persons, isLeased } of counters) {
      if (isLeased || this.#shortages.size >= shortagesMax) continue;
      const subject = counterSubject(tenant);
      this.#shortages.set(`${subject}/${counter}/${window}`, { subject, counter, window, persons });
    }
  }

  #spend({ outcome }: DecisionEntry, tenant: string): void {
    if (outcome.spends.length > 0) this.log.also(this.#memory.spend(counterSubject(tenant), outcome.spends));
  }

  /** Made once for all requests that differ in nothing that it depends on. */
  #outcome(inputs: DecisionInputs, tenant: string, assessed: Assessed): DecisionOutcome {
    const tables = tablesFor(this.#facts.policy, tenant);
    const isOrdinary =
      !inputs.isLate &&
      inputs.hasRoom &&
      inputs.counters.length === 0 &&
      freshnessReasons(inputs.time, inputs.minHeight, inputs.state).length === 0;
    const { stages } = this.#options;
    if (!isOrdinary || stages?.isTraced === true) return decide(inputs, tables, stages?.run);
    return (assessed.outcome ??= decide(inputs, tables, stages?.run));
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
    const { flow, identity, tenant, requester, discharged, decision } = item;
    const inputs: DecisionInputs = {
      ...{ time: now, minHeight: null, enforcementPoint: requester, identity, flow },
      state: resolveState(this.#view, flow, item, now),
      counters: resolveCounters(flow, tenant, now, this.#standing),
      ...{ releases: decision, discharged, hasRoom: true, isLate: false },
    };
    const outcome = decide(inputs, tablesFor(this.#facts.policy, tenant), this.#options.stages?.run);
    const entry = this.#entry(item.request, inputs, outcome);
    const appended = this.log.append({ bytes: encodeEntry(entry), aside: null });
    this.#rememberIndex(appended.id, appended.index);
    this.#spend(entry, tenant);
    this.#noteShortages(inputs, tenant);
    this.log.also(this.#memory.put(decision, uponReleaseDecision(item, outcome, now)));
    return { ...appended, entry };
  }

  #apply(item: QuarantineItem, { item: next, entries }: QuarantineTransition): readonly LogEntry[] {
    for (const entry of entries) this.log.append({ bytes: encodeEntry(entry), aside: null });
    if (next !== item) this.log.also(this.#memory.put(item.decision, next));
    return entries;
  }
}

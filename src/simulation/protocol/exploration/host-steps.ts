/**
 * What one host can do next, given the messages that exist. Messages never disappear (they are resent as long as the
 * height lasts, and a message that arrives again changes nothing), so the set of those sent so far is all there is to know
 * of the network, and a host is never the worse for one more message in it.
 *
 * `EveryStep`: every event by itself.
 *
 * `ReducedSteps`: only steps that send something, each with the silent events before it that it needs. Argued thus. Let
 * s ⊑ t mean: the host in t, by events of its own and with the messages that exist, can send all that it can in s, and
 * decide all that it can decide in s.
 * 1. A silent event leads from s to a state ⊑ s, as s can still do it at any later time: so it is done only right before
 *    a step that sends.
 * 2. Let d be the silent event right before e, and let e without d send too, leading to v. If d leads from v to the same
 *    state as e after d did, that state ⊑ v, so "d, e" is left out.
 * 3. A commit that changes nothing but the slot it fills is silent, and no rule but the decision reads the slot: it is
 *    delivered only when decisions are looked at.
 * 4. A host that decides sends nothing more, and others do not see whether it did: that it can decide is noted, and it
 *    goes on as if it did not; what it could decide it can decide later too.
 */
import { hasBit, type Mask, MaskTable, emptyMask, setBit, sameMask } from './mask.ts';
import { dueEvent, firstMessage, type LocalStates, timeoutEvent } from './local-states.ts';
import type { MessageTable } from './message-table.ts';

/** `events` lead from one state to `to`. */
export interface HostStep {
  readonly to: number;
  readonly events: readonly number[];
}

export interface HostSteps {
  from(id: number, exists: Mask): readonly HostStep[];
}

export class EveryStep implements HostSteps {
  readonly #states: LocalStates;
  readonly #table: MessageTable;

  constructor(states: LocalStates, table: MessageTable) {
    this.#states = states;
    this.#table = table;
  }

  from(id: number, exists: Mask): readonly HostStep[] {
    const events = [dueEvent, timeoutEvent];
    for (let message = 0; message < this.#table.size; message++)
      if (hasBit(exists, message)) events.push(firstMessage + message);
    const possible = events.filter((event) => this.#states.step(id, event) !== id);
    const all = [...possible, ...this.#states.crashesOf(id, possible)];
    return all.map((event) => ({ to: this.#states.step(id, event), events: [event] }));
  }
}

interface Silent {
  readonly id: number;
  /** Position of the state before it, and the event between; −1 at the start. */
  readonly before: number;
  readonly event: number;
}

export class ReducedSteps implements HostSteps {
  /** Times that the steps of a state had to be worked out. */
  computed = 0;
  readonly #states: LocalStates;
  readonly #table: MessageTable;
  readonly #memo = new MaskTable();
  readonly #lists: (readonly HostStep[])[] = [];
  /** By state: sets of messages of which each decided its steps once. */
  #relevant: (Mask[] | undefined)[] = [];
  /** Messages known when the memory was last empty. */
  #known = 0;

  constructor(states: LocalStates, table: MessageTable) {
    this.#states = states;
    this.#table = table;
  }

  from(id: number, exists: Mask): readonly HostStep[] {
    if (this.#known !== this.#table.size) this.#forget();
    const masks = (this.#relevant[id] ??= []);
    for (const relevant of masks) {
      const known = this.#memo.get(id, exists, relevant);
      if (known >= 0) return this.#lists[known] as readonly HostStep[];
    }
    const silent = this.#silentFrom(id, exists);
    const list = this.#steps(silent, exists);
    const relevant = this.#relevantTo(silent);
    // A message that was found on the way is not in the masks.
    if (this.#known !== this.#table.size) return list;
    if (!masks.some((mask) => sameMask(mask, relevant))) masks.push(relevant);
    this.#memo.set(id, exists, relevant, this.#lists.length);
    this.#lists.push(list);
    return list;
  }

  #forget(): void {
    this.#memo.clear();
    this.#lists.length = 0;
    this.#relevant = [];
    this.#known = this.#table.size;
  }

  /**
   * Every message, sent or not yet, that changes something in one of these states. While the same of them exist, the same
   * silent states are reached and the same steps lead out of them.
   */
  #relevantTo(silent: readonly Silent[]): Mask {
    const relevant = emptyMask();
    for (let message = 0; message < this.#table.size; message++)
      if (this.#table.isSent(message) && silent.some(({ id }) => this.#matters(id, message))) setBit(relevant, message);
    return relevant;
  }

  /** Whether a message changes something (3. in the head of this file: more than the slot of a commit). */
  #matters(id: number, message: number): boolean {
    const states = this.#states;
    const to = states.step(id, firstMessage + message);
    if (to === id) return false;
    if (!hasBit(this.#table.commits, message)) return true;
    return states.decided(to) === null && states.behaviour(to) !== states.behaviour(id);
  }

  #isSilent(from: number, to: number): boolean {
    const states = this.#states;
    return states.decided(to) === null && states.violation(to) === null && sameMask(states.sent(from), states.sent(to));
  }

  #eventsAt(id: number, exists: Mask): number[] {
    const events: number[] = [];
    for (const event of [dueEvent, timeoutEvent]) if (this.#states.step(id, event) !== id) events.push(event);
    for (let message = 0; message < this.#table.size; message++)
      if (hasBit(exists, message) && this.#matters(id, message)) events.push(firstMessage + message);
    return events;
  }

  /** States that silent events lead to, the start first. */
  #silentFrom(id: number, exists: Mask): Silent[] {
    const found: Silent[] = [{ id, before: -1, event: -1 }];
    const seen = new Set([id]);
    for (let at = 0; at < found.length; at++) {
      const from = (found[at] as Silent).id;
      for (const event of this.#eventsAt(from, exists)) {
        const to = this.#states.step(from, event);
        if (seen.has(to) || !this.#isSilent(from, to)) continue;
        seen.add(to);
        found.push({ id: to, before: at, event });
      }
    }
    return found;
  }

  #steps(silent: readonly Silent[], exists: Mask): readonly HostStep[] {
    this.computed += 1;
    const edges = this.#edgesInto(silent, exists);
    const steps = new Map<number, HostStep>();
    const needed: { at: number; event: number }[] = [];
    silent.forEach(({ id: from }, at) => {
      for (const event of this.#eventsAt(from, exists)) {
        const to = this.#states.step(from, event);
        if (this.#isSilent(from, to) || steps.has(to) || this.#isNeedless(edges.get(from) ?? [], event, to)) continue;
        steps.set(to, { to, events: [...pathTo(silent, at), event] });
        needed.push({ at, event });
      }
    });
    for (const step of this.#crashes(silent, needed)) if (step.to !== silent[0]?.id) steps.set(step.to, step);
    return [...steps.values()];
  }

  /** At rest, or while it performs what sends something. Silent events write nothing. */
  #crashes(silent: readonly Silent[], needed: readonly { at: number; event: number }[]): HostStep[] {
    const states = this.#states;
    const id = (silent[0] as Silent).id;
    const steps = states.crashesOf(id, []).map((event) => ({ to: states.step(id, event), events: [event] }));
    for (const { at, event } of needed) {
      const { id: from } = silent[at] as Silent;
      for (const crash of states.crashesOf(from, [event]).slice(1))
        steps.push({ to: states.step(from, crash), events: [...pathTo(silent, at), crash] });
    }
    return steps;
  }

  #edgesInto(silent: readonly Silent[], exists: Mask): Map<number, { from: number; event: number }[]> {
    const edges = new Map<number, { from: number; event: number }[]>();
    const members = new Set(silent.map(({ id }) => id));
    for (const { id: from } of silent)
      for (const event of this.#eventsAt(from, exists)) {
        const to = this.#states.step(from, event);
        if (!members.has(to) || to === from) continue;
        const into = edges.get(to) ?? [];
        into.push({ from, event });
        edges.set(to, into);
      }
    return edges;
  }

  /** 2. in the head of this file. */
  #isNeedless(edges: readonly { from: number; event: number }[], event: number, to: number): boolean {
    const states = this.#states;
    return edges.some(({ from, event: before }) => {
      const without = states.step(from, event);
      if (without === from || this.#isSilent(from, without)) return false;
      return without === to || states.step(without, before) === to;
    });
  }
}

function pathTo(silent: readonly Silent[], at: number): number[] {
  const events: number[] = [];
  for (let place = silent[at] as Silent; place.before >= 0; place = silent[place.before] as Silent)
    events.unshift(place.event);
  return events;
}

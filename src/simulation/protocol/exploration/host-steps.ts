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
 *    state as e after d did, and together they send the same, that state ⊑ v, so "d, e" is left out.
 * 3. A commit that changes nothing but the slot it fills is silent, and no rule but the decision reads the slot: it is
 *    delivered only when decisions are looked at. Likewise a prepare that fills its slot and does nothing else is of use
 *    only where a proposal of its round is accepted: it is delivered only there. A slot left empty is never the worse
 *    choice, since it can be filled later.
 * 4. A host that decides sends nothing more, and others do not see whether it did: that it can decide is noted, and it
 *    goes on as if it did not; what it could decide it can decide later too.
 * Steps of different hosts commute, because none takes away what another needs; so which of these steps a host takes, and
 * what exists when it takes them, is all that there is to explore.
 */
import { dueEvent, firstMessage, type HostTable, timeoutEvent } from './host-table.ts';
import { emptyMask, hasBit, type Mask, type MaskNumbers, MaskTable, sameMask, setBit } from './mask.ts';
import type { MessageTable } from './message-table.ts';

/** `events` lead one host to `to` and make it send the set of this number. */
export interface HostStep {
  readonly to: number;
  readonly sent: number;
  readonly events: readonly number[];
}

export interface HostSteps {
  from(id: number, exists: Mask): readonly HostStep[];
}

export class EveryStep implements HostSteps {
  readonly #hosts: HostTable;
  readonly #table: MessageTable;

  constructor(hosts: HostTable, table: MessageTable) {
    this.#hosts = hosts;
    this.#table = table;
  }

  from(id: number, exists: Mask): readonly HostStep[] {
    const events = [dueEvent, timeoutEvent];
    for (let message = 0; message < this.#table.size; message++)
      if (hasBit(exists, message)) events.push(firstMessage + message);
    const possible = events.filter((event) => this.#hosts.step(id, event) !== id);
    const steps = possible.map((event) => ({
      to: this.#hosts.step(id, event),
      sent: this.#hosts.sentBy(id, event),
      events: [event],
    }));
    const crashes = this.#hosts.crashesOf(id, possible);
    return [...steps, ...crashes.map((event) => ({ ...this.#hosts.crash(id, event), events: [event] }))];
  }
}

interface Silent {
  readonly id: number;
  /** Position of the state before it, and the event between; −1 at the start. */
  readonly before: number;
  readonly event: number;
  /** What matters here, of all that exists. */
  readonly events: readonly number[];
}

interface Edge {
  readonly from: number;
  readonly event: number;
}

export class ReducedSteps implements HostSteps {
  readonly #hosts: HostTable;
  readonly #table: MessageTable;
  readonly #masks: MaskNumbers;
  readonly #memo = new MaskTable();
  readonly #lists: (readonly HostStep[])[] = [];
  /** By host: sets of messages of which each decided its steps once. Each has a number of its own, its key in the memo. */
  #relevant: ({ readonly mask: Mask; readonly key: number }[] | undefined)[] = [];
  #keys = 0;
  /** Messages known when the memory was last empty. */
  #known = 0;

  constructor(hosts: HostTable, table: MessageTable, masks: MaskNumbers) {
    this.#hosts = hosts;
    this.#table = table;
    this.#masks = masks;
  }

  from(id: number, exists: Mask): readonly HostStep[] {
    if (this.#known !== this.#table.size) this.#forget();
    const relevant = (this.#relevant[id] ??= []);
    for (const { mask, key } of relevant) {
      const known = this.#memo.get(key, exists, mask);
      if (known >= 0) return this.#lists[known] as readonly HostStep[];
    }
    const silent = this.#silentFrom(id, exists);
    const list = this.#steps(silent);
    const mask = this.#relevantTo(silent);
    // A message that was found on the way is not in the masks.
    if (this.#known !== this.#table.size) return list;
    let entry = relevant.find((known) => sameMask(known.mask, mask));
    if (entry === undefined) relevant.push((entry = { mask, key: this.#keys++ }));
    this.#memo.set(entry.key, exists, mask, this.#lists.length);
    this.#lists.push(list);
    return list;
  }

  #forget(): void {
    this.#memo.clear();
    this.#lists.length = 0;
    this.#relevant = [];
    this.#keys = 0;
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

  /** Whether a message changes something that has to be looked at here: 3. in the head of this file. */
  #matters(id: number, message: number): boolean {
    const hosts = this.#hosts;
    const event = firstMessage + message;
    const to = hosts.step(id, event);
    if (to === id) return false;
    const isSlotOnly = hosts.core(to) === hosts.core(id) && hosts.sentBy(id, event) === 0;
    if (hasBit(this.#table.commits, message)) return !isSlotOnly && hosts.decided(to) === null;
    if (!isSlotOnly || !hasBit(this.#table.prepares, message)) return true;
    return hosts.acceptedRound(id) === this.#table.message(message).payload.round;
  }

  #isSilent(from: number, event: number): boolean {
    const hosts = this.#hosts;
    const to = hosts.step(from, event);
    return hosts.sentBy(from, event) === 0 && hosts.decided(to) === null && hosts.violation(to) === null;
  }

  #eventsAt(id: number, exists: Mask): number[] {
    const events: number[] = [];
    for (const event of [dueEvent, timeoutEvent]) if (this.#hosts.step(id, event) !== id) events.push(event);
    for (let message = 0; message < this.#table.size; message++)
      if (hasBit(exists, message) && this.#matters(id, message)) events.push(firstMessage + message);
    return events;
  }

  /** States that silent events lead to, the start first. */
  #silentFrom(id: number, exists: Mask): Silent[] {
    const found: Silent[] = [{ id, before: -1, event: -1, events: this.#eventsAt(id, exists) }];
    const seen = new Set([id]);
    for (let at = 0; at < found.length; at++) {
      const { id: from, events } = found[at] as Silent;
      for (const event of events) {
        const to = this.#hosts.step(from, event);
        if (seen.has(to) || !this.#isSilent(from, event)) continue;
        seen.add(to);
        found.push({ id: to, before: at, event, events: this.#eventsAt(to, exists) });
      }
    }
    return found;
  }

  #steps(silent: readonly Silent[]): readonly HostStep[] {
    const hosts = this.#hosts;
    const edges = this.#edgesInto(silent);
    const steps = new Map<string, HostStep>();
    const add = (at: number, event: number, to: number, sent: number): void => {
      const key = `${to} ${sent}`;
      if (!steps.has(key)) steps.set(key, { to, sent, events: [...pathTo(silent, at), event] });
    };
    silent.forEach(({ id: from, events }, at) => {
      for (const event of events) {
        if (this.#isSilent(from, event) || this.#isNeedless(edges.get(from) ?? [], from, event)) continue;
        add(at, event, hosts.step(from, event), hosts.sentBy(from, event));
        // Silent events write nothing, so of crashes only those inside of what sends something need them.
        for (const crash of hosts.crashesOf(from, [event]).slice(1)) {
          const { to, sent } = hosts.crash(from, crash);
          add(at, crash, to, sent);
        }
      }
    });
    const { id } = silent[0] as Silent;
    for (const crash of hosts.crashesOf(id, [])) {
      const { to, sent } = hosts.crash(id, crash);
      add(0, crash, to, sent);
    }
    return [...steps.values()];
  }

  #edgesInto(silent: readonly Silent[]): Map<number, Edge[]> {
    const into = new Map<number, Edge[]>();
    for (const { id } of silent) into.set(id, []);
    for (const { id: from, events } of silent)
      for (const event of events)
        if (this.#isSilent(from, event)) into.get(this.#hosts.step(from, event))?.push({ from, event });
    return into;
  }

  /** 2. in the head of this file. */
  #isNeedless(edges: readonly Edge[], at: number, event: number): boolean {
    const hosts = this.#hosts;
    const to = hosts.step(at, event);
    const sent = hosts.sentBy(at, event);
    return edges.some(({ from, event: before }) => {
      const without = hosts.step(from, event);
      if (without === from || this.#isSilent(from, event)) return false;
      const first = hosts.sentBy(from, event);
      if (without === to && first === sent) return true;
      return hosts.step(without, before) === to && this.#masks.union(first, hosts.sentBy(without, before)) === sent;
    });
  }
}

function pathTo(silent: readonly Silent[], at: number): number[] {
  const events: number[] = [];
  for (let place = silent[at] as Silent; place.before >= 0; place = silent[place.before] as Silent)
    events.unshift(place.event);
  return events;
}

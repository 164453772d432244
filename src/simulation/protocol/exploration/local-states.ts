/**
 * Every state that some host reaches in scope, by number, and what each event makes of it. A step of a global state is a
 * step of one host, so the production transition runs once for each pair of a host's state and an event, however many
 * global states contain them.
 *
 * Two hosts of equal text are one state here. That they behave alike is checked, not assumed: of each state a second host
 * that reached it in another way is kept, and every event must lead both to the same state with the same messages.
 */
import type { Input } from '../../../protocols/ibft/machine-types.ts';
import type { Digest } from '../../../protocols/shared/brands.ts';
import { InvariantError, invariant } from '../../../protocols/shared/errors.ts';
import { crash, createHost, expire, nothingKept, restart, step } from '../host.ts';
import type { HostState, Stepped } from '../host-state.ts';
import { genesisTimeMs, type Setting } from '../setting.ts';
import { type HostText, slicedHost, type TextScope, wholeHost } from './host-text.ts';
import { type Mask, bitsOf, emptyMask, messagesMax, setBit } from './mask.ts';
import type { MessageTable } from './message-table.ts';
import type { ScopeCase } from './scope.ts';

/** Events of a host: its block may be proposed; its round's time is out; message m arrives (firstMessage + m). */
export const dueEvent = 0;
export const timeoutEvent = 1;
export const firstMessage = 2;
/** A crash and a restart, at rest. Crashes inside a step are numbered from here on, see `crashesOf`. */
export const crashEvent = 1_000;

/** Blocks are due, and none is early. */
const nowMs = genesisTimeMs + 2_000;
/** A time-out that a hopeless round cut short may have to fire again for its rest. */
const firingsMax = 3;

interface LocalState {
  readonly instance: number;
  /** null: it has a number as the image of another state under a renaming, but was not reached itself. */
  host: HostState | null;
  /** Another host of the same text. */
  other: HostState | null;
  /** Everything that it has sent. */
  readonly sent: Mask;
  readonly crashes: number;
  /** The block that it has decided. */
  decided: Digest | null;
  /** What a correct host must never do. */
  readonly violation: string | null;
  /** Number of the state without its commits: equal numbers behave alike but for what they decide. */
  readonly behaviour: number;
  /** By event; −1 where it was not looked at. */
  readonly successors: Int32Array;
  readonly crashSuccessors: Map<number, number>;
  readonly images: Int32Array;
}

export interface LocalOptions {
  readonly setting: Setting;
  readonly scope: ScopeCase;
  readonly rounds: number;
  readonly crashes: number;
  readonly isSliced: boolean;
  readonly table: MessageTable;
}

export class LocalStates {
  /** Runs of the production transition's host. */
  transitions = 0;
  /** Events for which two hosts of one text were compared. */
  compared = 0;
  readonly #options: LocalOptions;
  readonly #text: TextScope;
  readonly #states: LocalState[] = [];
  readonly #ids = new Map<string, number>();
  readonly #behaviours = new Map<string, number>();

  constructor(options: LocalOptions) {
    this.#options = options;
    const validators = options.setting.set.validators.length;
    this.#text = { rounds: options.rounds, validators, keepsDisk: options.crashes > 0 };
  }

  get size(): number {
    return this.#states.length;
  }

  /** The states in which all begin. */
  start(): number[] {
    const { setting, scope } = this.#options;
    return scope.instances.map(({ member }, instance) => {
      const host = createHost(setting, { member, instance });
      const started = restart(setting, host, host.live, nowMs);
      return this.#reached(instance, started, emptyMask(), 0);
    });
  }

  sent(id: number): Mask {
    return this.#at(id).sent;
  }

  decided(id: number): Digest | null {
    return this.#at(id).decided;
  }

  violation(id: number): string | null {
    return this.#at(id).violation;
  }

  crashes(id: number): number {
    return this.#at(id).crashes;
  }

  behaviour(id: number): number {
    return this.#at(id).behaviour;
  }

  image(id: number, renaming: number): number {
    return this.#at(id).images[renaming] as number;
  }

  isCorrect(id: number): boolean {
    return this.#options.scope.instances[this.#at(id).instance]?.isCorrect === true;
  }

  /** What an event makes of a state; the state itself where it changes nothing. */
  step(id: number, event: number): number {
    const state = this.#at(id);
    const known = event < crashEvent ? (state.successors[event] as number) : (state.crashSuccessors.get(event) ?? -1);
    if (known >= 0) return known;
    const next = this.#compute(id, state, state.host as HostState, event);
    if (state.other !== null) this.#compare(id, state, event, next);
    if (event < crashEvent) state.successors[event] = next;
    else state.crashSuccessors.set(event, next);
    return next;
  }

  /** Events that crash a correct host once and start it again: at rest, or while it performs an event. */
  crashesOf(id: number, events: Iterable<number>): number[] {
    const { crashes, decided } = this.#at(id);
    if (crashes >= this.#options.crashes || decided !== null || !this.isCorrect(id)) return [];
    const found = [crashEvent];
    for (const event of events)
      for (let kept = 1; kept < this.#writesOf(id, event); kept++) found.push(crashEvent * (1 + kept) + event);
    return found;
  }

  /** Which blocks a host decides when it gets these commits; block fetching succeeds. */
  decidable(id: number, available: Mask): Digest[] {
    const { table } = this.#options;
    const state = this.#at(id);
    if (state.decided !== null) return [state.decided];
    const commits = bitsOf(available).map((message) => table.message(message));
    return table.digests.filter((digest) => {
      let at = state.host as HostState;
      for (const message of commits) {
        if (message.type !== 'commit' || message.payload.digest !== digest || at.machine === null) continue;
        const stepped = this.#give(at, { type: 'message', message, peer: message.payload.author });
        at = this.#fetch(stepped)?.host ?? at;
      }
      return at.stored.blocks[0]?.digest === digest;
    });
  }

  debug(id: number) {
    return this.#states[id];
  }
  #at(id: number): LocalState {
    return this.#states[id] as LocalState;
  }

  #give(host: HostState, input: Input): Stepped {
    this.transitions += 1;
    return step(this.#options.setting, host, input, nowMs);
  }

  // --- one event ---------------------------------------------------------------------------------------------------

  #compute(id: number, state: LocalState, host: HostState, event: number): number {
    if (state.decided !== null || state.violation !== null) return id;
    try {
      if (event >= crashEvent) return this.#crash(state, host, event);
      const stepped = this.#fetch(this.#perform(host, event, this.#options.setting));
      return stepped === null ? id : this.#reached(state.instance, stepped, state.sent, state.crashes);
    } catch (error) {
      if (!(error instanceof InvariantError)) throw error;
      const broken = { host, sent: [], decided: [], reports: [], verdict: { kind: 'accepted' } } as const;
      return this.#reached(state.instance, broken, state.sent, state.crashes, error.message);
    }
  }

  /** null: the event is not possible here. */
  #perform(host: HostState, event: number, setting: Setting): Stepped | null {
    this.transitions += 1;
    if (event === dueEvent)
      return host.timers['proposal-due'] === null ? null : expire(setting, host, 'proposal-due', nowMs);
    if (event === timeoutEvent) return this.#timeOut(host, setting);
    const message = this.#options.table.message(event - firstMessage);
    return step(setting, host, { type: 'message', message, peer: message.payload.author }, nowMs);
  }

  /**
   * A decided block that is not here comes at once. That it comes late needs no state of its own: until then the host goes
   * on as if it had not got the commits.
   */
  #fetch(stepped: Stepped | null): Stepped | null {
    const machine = stepped?.host.machine ?? null;
    if (stepped === null || machine === null || machine.awaited === null) return stepped;
    const block = this.#options.table.block(machine.awaited.digest);
    const fetched = this.#give(stepped.host, { type: 'block-fetched', height: machine.facts.height, block });
    const sent = [...stepped.sent, ...fetched.sent];
    return { ...fetched, sent, reports: [...stepped.reports, ...fetched.reports] };
  }

  #timeOut(host: HostState, setting: Setting): Stepped | null {
    const round = host.machine?.round ?? 0;
    if (host.timers.round === null || round >= this.#options.rounds - 1) return null;
    let stepped = expire(setting, host, 'round', nowMs);
    for (let firing = 1; firing < firingsMax && stepped.host.machine?.round === round; firing++)
      if (stepped.host.timers.round !== null) stepped = expire(setting, stepped.host, 'round', nowMs);
    return stepped;
  }

  #writesOf(id: number, event: number): number {
    const setting: Setting = { ...this.#options.setting, syncs: 'later' };
    return this.#perform(this.#at(id).host as HostState, event, setting)?.host.unsynced.writes.length ?? 0;
  }

  /** With nothing but the first so many writes of an event on the disk, and nothing sent. */
  #crash(state: LocalState, host: HostState, event: number): number {
    const { setting } = this.#options;
    const writes = Math.floor(event / crashEvent) - 1;
    const interrupted =
      writes === 0 ? host : this.#perform(host, event % crashEvent, { ...setting, syncs: 'later' })?.host;
    invariant(interrupted !== undefined, 'the event that a crash interrupts is possible');
    const down = crash(interrupted, { ...nothingKept, writes });
    const started = restart(setting, down, host.live, nowMs);
    return this.#reached(state.instance, started, state.sent, state.crashes + 1);
  }

  // --- numbers -----------------------------------------------------------------------------------------------------

  #reached(instance: number, stepped: Stepped, before: Mask, crashes: number, broken: string | null = null): number {
    const { table } = this.#options;
    const sent = before.slice();
    for (const { message } of stepped.sent) setBit(sent, table.idOf(message, instance));
    const violation = broken ?? this.#violationOf(instance, stepped);
    return this.#intern(instance, stepped.host, { sent, crashes, violation });
  }

  #violationOf(instance: number, { reports }: Stepped): string | null {
    const { instances } = this.#options.scope;
    if (instances[instance]?.isCorrect !== true) return null;
    for (const report of reports) {
      if (report.type === 'guard-refused') return `asked to sign what contradicts its own ${report.payload.kind}`;
      if (report.type === 'decided-invalid') return 'decided an invalid block';
    }
    return null;
  }

  #intern(
    instance: number,
    host: HostState,
    facts: { readonly sent: Mask; readonly crashes: number; readonly violation: string | null },
  ): number {
    const { scope, table } = this.#options;
    const id = this.#number(instance, this.#textOf(host, 0), facts);
    const state = this.#at(id);
    if (state.host !== null) {
      if (state.other === null && state.host !== host) this.#addOther(id, state, host);
      return id;
    }
    state.host = host;
    state.decided = host.stored.blocks[0]?.digest ?? null;
    scope.renamings.forEach(({ instances }, at) => {
      const text = this.#textOf(host, at);
      const sent = emptyMask();
      for (const bit of bitsOf(facts.sent)) setBit(sent, table.renamed(bit, at));
      state.images[at] = this.#number(instances[instance] as number, text, { ...facts, sent });
    });
    return id;
  }

  #textOf(host: HostState, renaming: number): HostText {
    const naming = this.#options.table.naming(renaming);
    return this.#options.isSliced ? slicedHost(host, this.#text, naming) : wholeHost(host, naming);
  }

  #number(
    instance: number,
    text: HostText,
    facts: { readonly sent: Mask; readonly crashes: number; readonly violation: string | null },
  ): number {
    const behaviourText = `${instance} ${text.behaviour} ${facts.crashes} ${facts.violation ?? ''}`;
    const key = `${behaviourText}|${text.commits}|${facts.sent.join(' ')}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#states.length;
    let behaviour = this.#behaviours.get(behaviourText);
    if (behaviour === undefined) this.#behaviours.set(behaviourText, (behaviour = this.#behaviours.size));
    const images = new Int32Array(this.#options.scope.renamings.length);
    this.#ids.set(key, id);
    const { sent, crashes, violation } = facts;
    const successors = new Int32Array(firstMessage + messagesMax).fill(-1);
    const crashSuccessors = new Map<number, number>();
    const blank = { host: null, other: null, decided: null };
    this.#states.push({ ...blank, instance, sent, crashes, violation, behaviour, successors, crashSuccessors, images });
    return id;
  }

  // --- comparison --------------------------------------------------------------------------------------------------

  #addOther(id: number, state: LocalState, host: HostState): void {
    state.other = host;
    state.successors.forEach((next, event) => {
      if (next >= 0) this.#compare(id, state, event, next);
    });
  }

  #compare(id: number, state: LocalState, event: number, next: number): void {
    if (event >= crashEvent) return;
    this.compared += 1;
    const found = this.#compute(id, state, state.other as HostState, event);
    if (found !== next) (this as any).onDiffer?.(id, event, next, found);
    const name = event >= firstMessage ? this.#options.table.text(event - firstMessage) : event;
    invariant(found === next, `two hosts of one text differ after ${name}: the text leaves something out`);
  }
}

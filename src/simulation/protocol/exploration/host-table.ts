/**
 * Every state that some host reaches in scope, by number, and what each event makes of it and makes it send. A step of a
 * global state is a step of one host, so the production transition runs once for each pair of a host's state and an event,
 * however many global states contain them. What a host has sent before is no part of its state: only its guard asks.
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
import { type HostText, readBit, readsOf, slicedHost, type TextScope, wholeHost } from './host-text.ts';
import { bitsOf, emptyMask, type Mask, type MaskNumbers, messagesMax, setBit } from './mask.ts';
import type { MessageTable } from './message-table.ts';
import type { ScopeCase } from './scope.ts';

/** Events of a host: its block may be proposed; its round's time is out; message m arrives (firstMessage + m). */
export const dueEvent = 0;
export const timeoutEvent = 1;
export const firstMessage = 2;
/** A crash and a restart at rest. k · crashEvent + e: while event e is performed, k − 1 of its writes on the disk. */
export const crashEvent = 1_000;

/** Blocks are due, and none is early. */
const nowMs = genesisTimeMs + 2_000;
/** A time-out that a hopeless round cut short may have to fire again for its rest. */
const firingsMax = 3;

/** What an event leads to: a host, and the number of the set of messages sent. */
export interface HostMove {
  readonly to: number;
  readonly sent: number;
}

interface KnownHost {
  readonly instance: number;
  /** null: it has a number as the image of another under a renaming, but was not reached itself. */
  host: HostState | null;
  /** Another host of the same text. */
  other: HostState | null;
  /** The block that it has decided. */
  decided: Digest | null;
  readonly crashes: number;
  /** What a correct host must never do. */
  readonly violation: string | null;
  /** Number of the state without the votes it holds. */
  readonly core: number;
  /** Round of the proposal that it has accepted, −1 where there is none. */
  acceptedRound: number;
  /** What it can still make use of, see `readsOf`. */
  reads: number;
  /** By event: host moved to (−1 where it was not looked at), set of messages sent. */
  moves: Int32Array | null;
  readonly crashed: Map<number, HostMove>;
  readonly images: Int32Array;
}

export interface HostTableOptions {
  readonly setting: Setting;
  readonly scope: ScopeCase;
  readonly rounds: number;
  readonly crashes: number;
  readonly isSliced: boolean;
  readonly table: MessageTable;
  readonly masks: MaskNumbers;
}

/** A reduction does not fit the rules that run: they read what these leave out. Without reductions they can be explored. */
export class UnsoundReductionError extends InvariantError {
  constructor(difference: string) {
    super(`the reductions do not hold for these rules: ${difference}`);
  }
}

interface Standing {
  readonly crashes: number;
  readonly violation: string | null;
}

export class HostTable {
  /** Runs of the production transition's host. */
  transitions = 0;
  /** Events for which two hosts of one text were compared. */
  compared = 0;
  readonly #options: HostTableOptions;
  readonly #text: TextScope;
  readonly #hosts: KnownHost[] = [];
  readonly #ids = new Map<string, number>();
  readonly #cores = new Map<string, number>();

  constructor(options: HostTableOptions) {
    this.#options = options;
    const validators = options.setting.set.validators.length;
    this.#text = { rounds: options.rounds, validators, keepsDisk: options.crashes > 0 };
  }

  get size(): number {
    return this.#hosts.length;
  }

  /** How all begin, by instance. */
  start(): HostMove[] {
    const { setting, scope } = this.#options;
    return scope.instances.map(({ member }, instance) => {
      const host = createHost(setting, { member, instance });
      return this.#reached(instance, restart(setting, host, host.live, nowMs), 0);
    });
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

  core(id: number): number {
    return this.#at(id).core;
  }

  acceptedRound(id: number): number {
    return this.#at(id).acceptedRound;
  }

  reads(id: number): number {
    return this.#at(id).reads;
  }

  image(id: number, renaming: number): number {
    return this.#at(id).images[renaming] as number;
  }

  isCorrect(id: number): boolean {
    return this.#options.scope.instances[this.#at(id).instance]?.isCorrect === true;
  }

  /** What an event makes of a host; the host itself where it changes nothing. */
  step(id: number, event: number): number {
    const host = this.#at(id);
    const moves = (host.moves ??= new Int32Array(2 * (firstMessage + messagesMax)).fill(-1));
    const known = moves[2 * event] as number;
    if (known >= 0) return known;
    const { to, sent } = this.#compute(id, host, host.host as HostState, event);
    this.#checkReads(host, event, { to, sent });
    moves[2 * event] = to;
    moves[2 * event + 1] = sent;
    if (host.other !== null) this.#compare(id, host, event);
    return to;
  }

  /** Number of the set of messages that this event makes a host send; it must have been stepped before. */
  sentBy(id: number, event: number): number {
    return this.#at(id).moves?.[2 * event + 1] ?? 0;
  }

  /** Crashes of a correct host: at rest, or while it performs one of these events. */
  crashesOf(id: number, events: Iterable<number>): number[] {
    const { crashes, decided, host } = this.#at(id);
    if (crashes >= this.#options.crashes || decided !== null || !this.isCorrect(id)) return [];
    const found = [crashEvent];
    for (const event of events) {
      const writes = this.#interrupted(host as HostState, event)?.unsynced.writes.length ?? 0;
      for (let kept = 1; kept < writes; kept++) found.push(crashEvent * (1 + kept) + event);
    }
    return found;
  }

  crash(id: number, event: number): HostMove {
    const host = this.#at(id);
    const known = host.crashed.get(event);
    if (known !== undefined) return known;
    const move = this.#guarded(host, () => this.#crash(host, event));
    this.#checkReads(host, event, move);
    host.crashed.set(event, move);
    return move;
  }

  /** Which blocks a host decides when it gets these commits; fetching blocks succeeds. */
  decidable(id: number, available: Mask): Digest[] {
    const { table } = this.#options;
    const { decided, host } = this.#at(id);
    if (decided !== null) return [decided];
    const commits = bitsOf(available).map((message) => table.message(message));
    return table.digests.filter((digest) => {
      let at = host as HostState;
      for (const message of commits) {
        if (message.type !== 'commit' || message.payload.digest !== digest || at.machine === null) continue;
        at = this.#fetch(this.#give(at, { type: 'message', message, peer: message.payload.author })).host;
      }
      return at.stored.blocks[0]?.digest === digest;
    });
  }

  #at(id: number): KnownHost {
    return this.#hosts[id] as KnownHost;
  }

  // --- one event ---------------------------------------------------------------------------------------------------

  #compute(id: number, known: KnownHost, host: HostState, event: number): HostMove {
    if (known.decided !== null || known.violation !== null) return { to: id, sent: 0 };
    return this.#guarded(known, () => {
      const stepped = this.#perform(host, event, this.#options.setting);
      return stepped === null
        ? { to: id, sent: 0 }
        : this.#reached(known.instance, this.#fetch(stepped), known.crashes);
    });
  }

  /** What the machine itself calls impossible is a finding like any other. */
  #guarded(known: KnownHost, move: () => HostMove): HostMove {
    try {
      return move();
    } catch (error) {
      if (!(error instanceof InvariantError) || error instanceof UnsoundReductionError) throw error;
      const violation = `broke a rule of its own: ${error.message}`;
      return {
        to: this.#intern(known.instance, known.host as HostState, { crashes: known.crashes, violation }),
        sent: 0,
      };
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

  #timeOut(host: HostState, setting: Setting): Stepped | null {
    const round = host.machine?.round ?? 0;
    if (host.timers.round === null || round >= this.#options.rounds - 1) return null;
    let stepped = expire(setting, host, 'round', nowMs);
    for (let firing = 1; firing < firingsMax && stepped.host.machine?.round === round; firing++)
      if (stepped.host.timers.round !== null) stepped = expire(setting, stepped.host, 'round', nowMs);
    return stepped;
  }

  #give(host: HostState, input: Input): Stepped {
    this.transitions += 1;
    return step(this.#options.setting, host, input, nowMs);
  }

  /**
   * A decided block that is not here comes at once. That it comes late needs no state of its own: until then the host goes
   * on as if it had not got the commits.
   */
  #fetch(stepped: Stepped): Stepped {
    const { machine } = stepped.host;
    if (machine === null || machine.awaited === null) return stepped;
    const block = this.#options.table.block(machine.awaited.digest);
    const fetched = this.#give(stepped.host, { type: 'block-fetched', height: machine.facts.height, block });
    const sent = [...stepped.sent, ...fetched.sent];
    return { ...fetched, sent, reports: [...stepped.reports, ...fetched.reports] };
  }

  #interrupted(host: HostState, event: number): HostState | null {
    return this.#perform(host, event, { ...this.#options.setting, syncs: 'later' })?.host ?? null;
  }

  #crash(known: KnownHost, event: number): HostMove {
    const host = known.host as HostState;
    const writes = Math.floor(event / crashEvent) - 1;
    const interrupted = writes === 0 ? host : this.#interrupted(host, event % crashEvent);
    invariant(interrupted !== null, 'the event that a crash interrupts is possible');
    const down = crash(interrupted, { ...nothingKept, writes });
    return this.#reached(known.instance, restart(this.#options.setting, down, host.live, nowMs), known.crashes + 1);
  }

  // --- numbers -----------------------------------------------------------------------------------------------------

  #reached(instance: number, stepped: Stepped, crashes: number): HostMove {
    const { table, masks } = this.#options;
    const sent = emptyMask();
    for (const { message } of stepped.sent) setBit(sent, table.idOf(message, instance));
    const to = this.#intern(instance, stepped.host, { crashes, violation: this.#violationOf(instance, stepped) });
    return { to, sent: masks.of(sent) };
  }

  #violationOf(instance: number, { reports }: Stepped): string | null {
    if (this.#options.scope.instances[instance]?.isCorrect !== true) return null;
    for (const report of reports) {
      if (report.type === 'guard-refused')
        return `asked to sign a ${report.payload.kind} that contradicts what it signed`;
      if (report.type === 'decided-invalid') return 'decided an invalid block';
    }
    return null;
  }

  #intern(instance: number, host: HostState, standing: Standing): number {
    const { scope } = this.#options;
    const id = this.#number(instance, this.#textOf(host, 0), standing);
    const known = this.#at(id);
    if (known.host !== null) {
      if (known.other === null && known.host !== host) this.#addOther(id, known, host);
      return id;
    }
    known.host = host;
    known.acceptedRound = host.machine?.proposal?.status === 'accepted' ? host.machine.round : -1;
    known.reads = this.#options.isSliced ? readsOf(host, this.#text) : -1;
    known.decided = host.stored.blocks[0]?.digest ?? null;
    scope.renamings.forEach(({ instances }, at) => {
      known.images[at] = this.#number(instances[instance] as number, this.#textOf(host, at), standing);
    });
    return id;
  }

  #textOf(host: HostState, renaming: number): HostText {
    const naming = this.#options.table.naming(renaming);
    return this.#options.isSliced ? slicedHost(host, this.#text, naming) : wholeHost(host, naming);
  }

  #number(instance: number, text: HostText, { crashes, violation }: Standing): number {
    const coreText = `${instance} ${text.core} ${crashes} ${violation ?? ''}`;
    const key = `${coreText}|${text.prepares}|${text.commits}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#hosts.length;
    let core = this.#cores.get(coreText);
    if (core === undefined) this.#cores.set(coreText, (core = this.#cores.size));
    this.#ids.set(key, id);
    this.#hosts.push({
      ...{
        instance,
        host: null,
        other: null,
        decided: null,
        crashes,
        violation,
        core,
        acceptedRound: -1,
        reads: 0,
        moves: null,
      },
      crashed: new Map(),
      images: new Int32Array(this.#options.scope.renamings.length),
    });
    return id;
  }

  // --- comparison --------------------------------------------------------------------------------------------------

  #addOther(id: number, known: KnownHost, host: HostState): void {
    known.other = host;
    if (known.moves === null) return;
    for (let event = 0; event < firstMessage + messagesMax; event++)
      if ((known.moves[2 * event] as number) >= 0) this.#compare(id, known, event);
  }

  /** What a host is said not to read any more changes nothing, and stays unread. */
  #checkReads(known: KnownHost, event: number, { to, sent }: HostMove): void {
    const after = this.#at(to);
    if ((after.reads & ~known.reads) !== 0) throw new UnsoundReductionError('a host reads again what it had done with');
    if (event < firstMessage || event >= crashEvent) return;
    const { type, payload } = this.#options.table.message(event - firstMessage);
    const isUnread = (known.reads & readBit(type, payload.round)) === 0;
    if (isUnread && (after !== known || sent !== 0))
      throw new UnsoundReductionError(`a host reads a ${type} that it was said to have done with`);
  }

  #compare(id: number, known: KnownHost, event: number): void {
    this.compared += 1;
    const { to, sent } = this.#compute(id, known, known.other as HostState, event);
    const name = event >= firstMessage ? this.#options.table.text(event - firstMessage) : `event ${event}`;
    const isSame = to === known.moves?.[2 * event] && sent === known.moves[2 * event + 1];
    if (!isSame) throw new UnsoundReductionError(`two hosts of one text differ after ${name}`);
  }
}

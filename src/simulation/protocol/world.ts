/**
 * A run at the protocol level: the hosts of a cast, the checks, and the steps that a schedule or a scheduler takes. Who
 * gets what and when is decided by the caller; a message that leaves a host is handed to `onSent`.
 */
import type { Input, TimerKind, Verified } from '../../protocols/ibft/machine-types.ts';
import { recountKept } from '../../protocols/ibft/draft.ts';
import type { ConsensusMessage } from '../../protocols/ibft/messages.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { InvariantError } from '../../protocols/shared/errors.ts';
import { TraceHash } from '../trace-hash.ts';
import { ProtocolChecks } from './checks.ts';
import {
  adopt,
  answer,
  crash,
  createHost,
  expire,
  isWaitingForSync,
  type Kept,
  restart,
  setLive,
  step,
  sync,
} from './host.ts';
import type { HostState, Sent, Stepped } from './host-state.ts';
import { type Cast, instancesOf, memberOfInstance } from './schedule.ts';
import { type DecidedBlock, genesisTimeMs, keyOf, memberOf, type Setting } from './setting.ts';

/** Messages from one look at the memory of their receiver to the next. */
const memoryEvery = 16;

/** `to`: instances. */
export type OnSent = (from: number, to: readonly number[], message: Verified<ConsensusMessage>) => void;

/** Is told of everything that leaves an instance and of everything that one decides. */
export interface Watcher {
  readonly onSent: (from: number, message: Verified<ConsensusMessage>) => void;
  /** `host`: after the decision; what it holds back has not left yet. */
  readonly onDecided: (host: HostState, block: DecidedBlock) => void;
}

const stepCodes = {
  deliver: 1,
  expire: 2,
  answer: 3,
  sync: 4,
  crash: 5,
  restart: 6,
  adopt: 7,
  link: 8,
  forge: 9,
} as const;

export class ProtocolWorld {
  readonly cast: Cast;
  readonly setting: Setting;
  readonly hosts: HostState[];
  readonly checks: ProtocolChecks;
  readonly trace = new TraceHash();
  /** Moves on when a block time has passed, or with the clock of a calm run. */
  nowMs = genesisTimeMs;
  /** Messages given to machines. */
  delivered = 0;
  readonly counts = {
    timeOuts: 0,
    crashes: 0,
    roundMax: 0,
    jumps: 0,
    lateSeals: 0,
    certificates: 0,
    evidence: 0,
    guardRefusals: 0,
  };
  watcher: Watcher | null = null;
  readonly #later: Setting;
  /** By instance: the height of the last message that it sent in this life. */
  readonly #spoke: (number | undefined)[] = [];
  #onSent: OnSent;
  /** By instance: all others. */
  readonly #others: readonly (readonly number[])[];
  /** By member. */
  readonly #instances: readonly (readonly number[])[];

  constructor(cast: Cast, setting: Setting, onSent: OnSent) {
    this.cast = cast;
    this.setting = { ...setting, syncs: 'at-once' };
    this.#later = { ...setting, syncs: 'later' };
    this.#onSent = onSent;
    this.checks = new ProtocolChecks(setting, cast);
    const all = Array.from({ length: instancesOf(cast) }, (_, instance) => instance);
    this.hosts = all.map((instance) => createHost(setting, { member: memberOfInstance(cast, instance), instance }));
    this.#others = all.map((instance) => all.filter((other) => other !== instance));
    this.#instances = Array.from({ length: cast.validators }, (_, member) =>
      all.filter((instance) => memberOfInstance(cast, instance) === member),
    );
  }

  /** Starts everyone but the adversaries. */
  start(): void {
    for (const [instance, { member }] of this.hosts.entries())
      if (!this.cast.adversaries.includes(member)) this.restart(instance);
  }

  /** From now on messages go there. */
  divert(onSent: OnSent): void {
    this.#onSent = onSent;
  }

  get isBroken(): boolean {
    return this.checks.violations.length > 0;
  }

  host(instance: number): HostState {
    return this.hosts[instance] as HostState;
  }

  // --- steps -----------------------------------------------------------------------------------------------------

  deliver(from: number, to: number, message: Verified<ConsensusMessage>, later = false): void {
    const host = this.host(to);
    if (!host.isUp) return;
    this.delivered += 1;
    this.#record('deliver', to, from);
    this.trace.bytes(message.payload.signature);
    const peer = keyOf(memberOfInstance(this.cast, from));
    const input: Input = { type: 'message', message, peer };
    const stepped = this.#perform(to, later, (setting) => step(setting, host, input, this.nowMs), from);
    const machine = stepped?.host.machine ?? null;
    if (machine !== null && message.type === 'round-change') {
      if (stepped?.verdict.kind === 'accepted') this.checks.rounds.onHeard(to, message.payload, machine);
      this.checks.proposers.onRoundChange(to, message.payload, machine);
    }
    if (this.delivered % memoryEvery === 0) this.#checkMemory(to);
  }

  /** The adversary says something to some. */
  inject(by: number, to: readonly number[], message: Verified<ConsensusMessage>): void {
    // Also where nobody gets it: what was said may be quoted.
    this.#record('forge', by, to.length);
    this.trace.bytes(message.payload.signature);
    this.checks.onSent(by, message);
    this.watcher?.onSent(by, message);
    for (const instance of to) if (instance < this.hosts.length) this.deliver(by, instance, message);
  }

  /** A timer that does not run is left alone. */
  expire(instance: number, timer: TimerKind, later = false): void {
    const host = this.host(instance);
    const running = host.timers[timer];
    if (running === null) return;
    this.counts.timeOuts += 1;
    // A block is due by the wall clock: it cannot be in the future once its time-out fired.
    if (timer === 'proposal-due' || timer === 'proposal-held') this.nowMs = Math.max(this.nowMs, running.dueMs);
    this.#record('expire', instance, running.round);
    this.trace.text(timer);
    this.#perform(instance, later, (setting) => expire(setting, host, timer, this.nowMs));
  }

  answer(instance: number, later = false): void {
    const host = this.host(instance);
    if (host.answers.length === 0) return;
    this.#record('answer', instance, 0);
    this.#perform(instance, later, (setting) => answer(setting, host, this.nowMs));
  }

  /** One sync; what follows from it waits for the next. */
  sync(instance: number): void {
    const host = this.host(instance);
    if (!isWaitingForSync(host)) return;
    this.#record('sync', instance, 0);
    this.#perform(instance, true, (setting) => sync(setting, host, this.nowMs));
  }

  crash(instance: number, kept: Kept): void {
    const host = this.host(instance);
    if (!host.isUp) return;
    this.counts.crashes += 1;
    this.#record('crash', instance, (kept.writes << 8) | kept.blocks);
    const before = host.stored.blocks.length;
    const crashed = crash(host, kept);
    this.#spoke[instance] = undefined;
    this.checks.rounds.onCrash(instance);
    this.checks.proposers.onCrash(instance);
    this.hosts[instance] = crashed;
    if (crashed.stored.blocks.length < before) this.checks.onBlocksLost(instance, before);
  }

  restart(instance: number, later = false): void {
    const host = this.host(instance);
    if (host.isUp) return;
    this.#record('restart', instance, 0);
    this.#perform(instance, later, (setting) => restart(setting, host, host.live, this.nowMs));
  }

  adopt(instance: number, from: number, later = false): void {
    const host = this.host(instance);
    const { blocks } = this.host(from).durable;
    if (!host.isUp || blocks.length <= host.stored.blocks.length) return;
    this.#record('adopt', instance, from);
    this.#perform(instance, later, (setting) => adopt(setting, host, blocks, this.nowMs));
  }

  link(instance: number, live: readonly number[], later = false): void {
    const host = this.host(instance);
    const keys = [...new Set(live.map((other) => memberOfInstance(this.cast, other)))]
      .filter((member) => member !== host.member)
      .map(keyOf);
    this.#record('link', instance, live.length);
    if (host.isUp) {
      const stepped = this.#perform(instance, later, (setting) => setLive(setting, host, keys, this.nowMs));
      if (!later && stepped !== null) this.#checkTold(instance, host, stepped.sent);
    } else this.hosts[instance] = { ...host, live: [...keys].sort() };
  }

  #checkMemory(instance: number): void {
    const { machine, member } = this.host(instance);
    if (!this.setting.rules.hasCertificates || machine === null) return;
    const counted = machine.keptBytes;
    const kept = recountKept(machine, memberOf);
    const wrong = kept.findIndex((bytes, of) => bytes !== counted[of]);
    if (wrong >= 0)
      this.checks.violate(
        'memory',
        `validator ${member} keeps ${kept[wrong]} bytes of validator ${wrong} and counts ${counted[wrong]}`,
      );
  }

  /** Rule 11: who is linked anew is told at once what was said last. Links change no height. */
  #checkTold(instance: number, before: HostState, sent: readonly Sent[]): void {
    const { machine, member } = before;
    if (!this.setting.rules.hasCertificates || machine === null || machine.decided !== null) return;
    if (this.#spoke[instance] !== machine.facts.height) return;
    for (const key of this.host(instance).live) {
      if (before.live.includes(key) || sent.some(({ to }) => to === key || to === 'all')) continue;
      this.checks.violate('resends', `validator ${member} says nothing on its new link to ${memberOf(key)}`);
    }
  }

  // --- what follows ----------------------------------------------------------------------------------------------

  #record(kind: keyof typeof stepCodes, instance: number, word: number): void {
    this.trace.record('step', (stepCodes[kind] << 8) | instance, word);
  }

  /** `from`: who sent what is being delivered. */
  #perform(
    instance: number,
    later: boolean,
    act: (setting: Setting) => Stepped,
    from: number | null = null,
  ): Stepped | null {
    let stepped: Stepped;
    try {
      stepped = act(later ? this.#later : this.setting);
    } catch (error) {
      if (!(error instanceof InvariantError)) throw error;
      this.checks.violate('no-failures', `instance ${instance} failed: ${error.message}`);
      return null;
    }
    const { host, sent, decided, reports, verdict } = stepped;
    this.hosts[instance] = host;
    const { member } = host;
    if (verdict.kind === 'rejected' && from !== null)
      this.checks.onRefused(member, memberOfInstance(this.cast, from), verdict.reason);
    for (const { to, message } of sent) {
      this.#spoke[instance] = message.payload.height;
      this.checks.onSent(member, message);
      this.watcher?.onSent(instance, message);
      if (message.type === 'round-change' && message.block !== null) this.counts.certificates += 1;
      this.#onSent(instance, this.#receivers(instance, to), message);
    }
    for (const block of decided) {
      this.trace.text(block.digest);
      this.checks.onDecided(member, block);
      this.watcher?.onDecided(host, block);
    }
    for (const report of reports) {
      this.#count(report.type);
      if (report.type === 'round-entered') {
        this.counts.roundMax = Math.max(this.counts.roundMax, report.round);
        if (report.cause === 'jump') this.counts.jumps += 1;
      }
      this.checks.onReport(instance, member, report);
    }
    return stepped;
  }

  #count(type: string): void {
    if (type === 'late-seal') this.counts.lateSeals += 1;
    if (type === 'evidence') this.counts.evidence += 1;
    if (type === 'guard-refused') this.counts.guardRefusals += 1;
  }

  /** Instances that a message goes to: both of a twin, and the other one of the own. */
  #receivers(from: number, to: PublicKey | 'all'): readonly number[] {
    const others = this.#others[from] as readonly number[];
    return to === 'all' ? others : (this.#instances[memberOf(to)] ?? []).filter((instance) => instance !== from);
  }
}

/**
 * Makes a failing schedule small: fewer choices (delta debugging, Zeller and Hildebrandt 2002), fewer validators, fewer
 * heights, no twins, no dead, everything at once where that suffices. What is left still violates the same check.
 */
import type { ProtocolCheck } from './checks.ts';
import { replayProtocol } from './replay.ts';
import type { Cast, Choice, Forgery, MessageName, ProtocolSchedule } from './schedule.ts';
import { instancesOf } from './schedule.ts';
import type { Rules } from './setting.ts';

export interface MinimiseOptions {
  readonly rules: Rules;
  /** What must still be violated. */
  readonly check: ProtocolCheck;
  /** Runs to spend; 5,000 unless told otherwise. */
  readonly replaysMax?: number;
  /** Votes that decide among fewer validators; as in the schedule unless told otherwise. */
  readonly quorumOf?: (validators: number) => number | null;
  /** Called after each schedule that is smaller and still fails; false stops. */
  readonly onSmaller?: (schedule: ProtocolSchedule, replays: number) => boolean;
}

export interface Minimised {
  readonly schedule: ProtocolSchedule;
  readonly replays: number;
  /** Nothing more can be left out one by one; false where the runs were spent before. */
  readonly isMinimal: boolean;
}

class Minimiser {
  schedule: ProtocolSchedule;
  replays = 0;
  isStopped = false;
  readonly #options: MinimiseOptions;

  constructor(schedule: ProtocolSchedule, options: MinimiseOptions) {
    this.schedule = schedule;
    this.#options = options;
  }

  run(): Minimised {
    this.#try(this.schedule);
    for (let before = ''; before !== JSON.stringify(this.schedule) && !this.isStopped; ) {
      before = JSON.stringify(this.schedule);
      this.#dropValidators();
      this.#dropHeights();
      this.#simplify();
      this.#dropChoices();
      this.#simplifyChoices();
    }
    return { schedule: this.schedule, replays: this.replays, isMinimal: !this.isStopped };
  }

  /** Takes the schedule where it fails alike, without what did nothing in it. */
  #try(schedule: ProtocolSchedule): boolean {
    const { rules, check, replaysMax = 5000, onSmaller } = this.#options;
    if (this.isStopped) return false;
    if (this.replays >= replaysMax) this.isStopped = true;
    this.replays += 1;
    const { violations, effective } = replayProtocol(schedule, rules);
    if (!violations.some((violation) => violation.check === check)) return false;
    this.schedule = { ...schedule, choices: effective };
    if (onSmaller?.(this.schedule, this.replays) === false) this.isStopped = true;
    return true;
  }

  /** Leaves out ever smaller parts, until no single choice can be left out. */
  #dropChoices(): void {
    let size = Math.max(1, this.schedule.choices.length >> 1);
    for (;;) {
      let isSmaller = false;
      // From the end: what comes late depends on what came early.
      for (let end = this.schedule.choices.length; end > 0 && !this.isStopped; ) {
        const { choices } = this.schedule;
        const from = Math.max(0, end - size);
        const rest = [...choices.slice(0, from), ...choices.slice(end)];
        if (this.#try({ ...this.schedule, choices: rest })) isSmaller = true;
        end = Math.min(from, this.schedule.choices.length);
      }
      if (this.isStopped || (size === 1 && !isSmaller)) return;
      size = Math.max(1, size >> 1);
    }
  }

  #dropValidators(): void {
    for (let member = this.schedule.cast.validators - 1; member >= 0; member--) {
      const { validators } = this.schedule.cast;
      if (validators === 1) return;
      const { quorumOf = () => this.schedule.quorum } = this.#options;
      this.#try({ ...withoutMember(this.schedule, member), quorum: quorumOf(validators - 1) });
    }
  }

  #dropHeights(): void {
    while (this.schedule.heights > 1 && this.#try({ ...this.schedule, heights: this.schedule.heights - 1 }));
  }

  #simplify(): void {
    const { cast, calm } = this.schedule;
    if (calm !== null) this.#try({ ...this.schedule, calm: null });
    for (const dead of calm?.dead ?? []) {
      const now = this.schedule.calm;
      if (now !== null) this.#try({ ...this.schedule, calm: { ...now, dead: now.dead.filter((one) => one !== dead) } });
    }
    for (const member of cast.adversaries) {
      const adversaries = this.schedule.cast.adversaries.filter((one) => one !== member);
      this.#try({ ...this.schedule, cast: { ...this.schedule.cast, adversaries } });
    }
    // The last twin's instance has the highest number: the others keep theirs.
    while (this.schedule.cast.twins.length > 0) {
      const twins = this.schedule.cast.twins.slice(0, -1);
      if (!this.#try({ ...this.schedule, cast: { ...this.schedule.cast, twins } })) break;
    }
    if (this.schedule.blocks === 'later') this.#try({ ...this.schedule, blocks: 'at-once' });
  }

  #simplifyChoices(): void {
    this.#try({ ...this.schedule, choices: this.schedule.choices.map(atOnce) });
    for (let at = 0; at < this.schedule.choices.length && !this.isStopped; at++) {
      const choice = this.schedule.choices[at] as Choice;
      const simpler = atOnce(choice);
      if (simpler === choice) continue;
      this.#try({ ...this.schedule, choices: this.schedule.choices.with(at, simpler) });
    }
  }
}

function atOnce(choice: Choice): Choice {
  if (!('later' in choice)) return choice;
  const { later: _, ...rest } = choice;
  return rest;
}

// --- fewer validators --------------------------------------------------------------------------------------------

/** The same without one validator and its twins; those above it move down by one. */
function withoutMember(schedule: ProtocolSchedule, member: number): ProtocolSchedule {
  const { cast, choices, proposerOrder, calm } = schedule;
  const lower = (other: number): number => (other > member ? other - 1 : other);
  const others = (members: readonly number[]): number[] => members.filter((other) => other !== member).map(lower);
  const smaller: Cast = {
    validators: cast.validators - 1,
    twins: others(cast.twins),
    adversaries: others(cast.adversaries),
  };
  const numbers = new Map<number, number>();
  for (let instance = 0; instance < instancesOf(cast); instance++) {
    const of = instance < cast.validators ? instance : cast.twins[instance - cast.validators];
    if (of !== member) numbers.set(instance, numbers.size);
  }
  return {
    ...schedule,
    cast: smaller,
    proposerOrder: proposerOrder === null ? null : others(proposerOrder),
    calm: calm === null ? null : { ...calm, dead: renumberAll(numbers, calm.dead) },
    choices: choices.flatMap((choice) => renumber(numbers, choice) ?? []),
  };
}

type Numbers = ReadonlyMap<number, number>;

const renumberAll = (numbers: Numbers, instances: readonly number[]): number[] =>
  instances.flatMap((instance) => numbers.get(instance) ?? []);

/** null: it is about an instance that is gone. */
function renumber(numbers: Numbers, choice: Choice): Choice | null {
  if (choice.do === 'forge') {
    const by = numbers.get(choice.by);
    if (by === undefined) return null;
    return { ...choice, by, to: renumberAll(numbers, choice.to), message: renumberForgery(numbers, choice.message) };
  }
  if (choice.do === 'deliver') {
    const [from, to] = [numbers.get(choice.from), numbers.get(choice.to)];
    return from === undefined || to === undefined ? null : { ...choice, from, to };
  }
  const host = numbers.get(choice.host);
  if (host === undefined) return null;
  if (choice.do === 'link') return { ...choice, host, live: renumberAll(numbers, choice.live) };
  if (choice.do !== 'adopt') return { ...choice, host };
  const from = numbers.get(choice.from);
  return from === undefined ? null : { ...choice, host, from };
}

function renumberForgery(numbers: Numbers, forgery: Forgery): Forgery {
  const one = (name: MessageName): MessageName => ({ ...name, from: numbers.get(name.from) ?? -1 });
  const { block, roundChanges, prepares } = forgery;
  return {
    ...forgery,
    block: block === null || 'salt' in block ? block : one(block),
    ...(roundChanges === undefined ? {} : { roundChanges: roundChanges.map(one) }),
    ...(prepares === undefined ? {} : { prepares: prepares.map(one) }),
  };
}

/** The schedule must fail as it is: otherwise it comes back as it was. */
export const minimiseProtocol = (schedule: ProtocolSchedule, options: MinimiseOptions): Minimised =>
  new Minimiser(schedule, options).run();

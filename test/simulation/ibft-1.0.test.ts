/**
 * Goal: the simulator finds what is known to be wrong with IBFT 1.0, without being told how: two blocks at one height
 * where n ≠ 3f + 1 and a quorum is 2f + 1, and validators locked on different blocks that never decide; and the rules
 * that ship pass the very schedules that break it. Source: Saltini and Hyland-Wood, arXiv 1901.07160; consensus design,
 * "Known-answer tests". Method: random search, minimisation, replay under both sets of rules; `SHOW_SCHEDULES` set:
 * the minimal schedules are printed.
 */
import { expect } from 'chai';
import type { ProtocolCheck } from '../../src/simulation/protocol/checks.ts';
import { describeSchedule } from '../../src/simulation/protocol/describe.ts';
import { ibft1Quorum, ibft1Rules } from '../../src/simulation/protocol/ibft-1.0/machine.ts';
import { minimiseProtocol } from '../../src/simulation/protocol/minimise.ts';
import { replayProtocol, type ReplayResult } from '../../src/simulation/protocol/replay.ts';
import type { Choice, ProtocolSchedule } from '../../src/simulation/protocol/schedule.ts';
import { searchProtocol } from '../../src/simulation/protocol/search.ts';
import { productionRules } from '../../src/simulation/protocol/setting.ts';
import type { ProtocolWorld } from '../../src/simulation/protocol/world.ts';

/** Three years of calm: what is not decided then never is. */
const calmMs = 100_000_000_000;
/** ⌈2n/3⌉, with which two quorums share a correct validator whatever n is. */
const safeQuorum = (validators: number): number => Math.ceil((2 * validators) / 3);

interface Control {
  readonly validators: number;
  readonly quorumOf: (validators: number) => number;
  readonly check: ProtocolCheck;
  /** Of the search: choices of a run, rounds that time out. Short runs give short schedules. */
  readonly stepsMax: number;
  readonly roundsMax: number;
  readonly twins?: number;
}

/** The smallest schedule that the tool makes of the first one that it finds. */
function findMinimal({ validators, quorumOf, check, stepsMax, roundsMax, twins = 0 }: Control): ProtocolSchedule {
  const { finding, runs } = searchProtocol({
    ...{ validators, heights: 1, runs: 4000, seed: 'ibft-1.0', rules: ibft1Rules, ruleName: 'ibft-1.0', calmMs },
    ...{ quorum: quorumOf(validators), stepsMax, roundsMax },
    faults: { crashes: false, twins, adversaries: 0 },
  });
  expect(
    finding?.violations.map((violation) => violation.check),
    `${runs} seeds`,
  ).to.deep.equal([check]);
  const { schedule, isMinimal } = minimiseProtocol(finding?.schedule as ProtocolSchedule, {
    ...{ rules: ibft1Rules, check, quorumOf },
  });
  expect(isMinimal).to.equal(true);
  return schedule;
}

interface Ended extends ReplayResult {
  /** Of the validators that were alive at the end of the choices. */
  readonly locks: readonly (string | null)[];
}

function replay(schedule: ProtocolSchedule, rules: typeof ibft1Rules): Ended {
  let world: ProtocolWorld | null = null;
  const result = replayProtocol(schedule, rules, (_, after) => {
    world = after;
  });
  const hosts = (world as ProtocolWorld | null)?.hosts ?? [];
  return {
    ...result,
    locks: hosts.flatMap(({ machine }) => (machine === null ? [] : [machine.prepared?.digest ?? null])),
  };
}

/** The same choices under the rules that ship, and their own bound for the calm. */
function underOurs(schedule: ProtocolSchedule): Ended {
  const { calm } = schedule;
  const own = calm === null ? { seed: 'after', dead: [] } : { seed: calm.seed, dead: calm.dead };
  return replay({ ...schedule, rules: 'production', quorum: null, calm: own }, productionRules);
}

function show(title: string, schedule: ProtocolSchedule): void {
  if (process.env['SHOW_SCHEDULES'] !== undefined) console.log([title, ...describeSchedule(schedule)].join('\n  '));
}

/** Each choice is needed: without it the check holds. */
function expectMinimal(schedule: ProtocolSchedule): void {
  schedule.choices.forEach((choice, index) => {
    const { violations } = replayProtocol({ ...schedule, choices: schedule.choices.toSpliced(index, 1) }, ibft1Rules);
    expect(violations, JSON.stringify(choice)).to.deep.equal([]);
  });
}

describe('IBFT 1.0: two blocks at one height where n ≠ 3f + 1 and a quorum is 2f + 1', () => {
  const controls: readonly Control[] = [
    { validators: 6, quorumOf: ibft1Quorum, check: 'agreement', stepsMax: 120, roundsMax: 4 },
    { validators: 5, quorumOf: ibft1Quorum, check: 'agreement', stepsMax: 300, roundsMax: 5, twins: 1 },
  ];
  for (const control of controls)
    it(`n = ${control.validators}, ${control.twins ?? 'no'} Byzantine validator: found and minimised; ours pass`, () => {
      const schedule = findMinimal(control);
      show(`IBFT 1.0 decides two blocks (n = ${control.validators})`, schedule);
      expect(schedule.cast).to.deep.include({ validators: control.validators });
      expect(schedule.cast.twins).to.have.length(control.twins ?? 0);
      expectMinimal(schedule);
      expect(underOurs(schedule).violations).to.deep.equal([]);
    });
});

describe('IBFT 1.0: locks that split', () => {
  const controls: readonly Control[] = [
    { validators: 4, quorumOf: ibft1Quorum, check: 'liveness', stepsMax: 300, roundsMax: 5 },
    { validators: 5, quorumOf: safeQuorum, check: 'liveness', stepsMax: 200, roundsMax: 3 },
  ];
  for (const control of controls)
    it(`n = ${control.validators}, a quorum is ${control.quorumOf(control.validators)}: with one dead nothing is decided any more; ours decide`, () => {
      const schedule = findMinimal(control);
      show(`IBFT 1.0 stalls (found with n = ${control.validators})`, schedule);
      const { locks } = replay(schedule, ibft1Rules);
      // Some are locked on one block, and the others, locked on another or not at all, are too few without them.
      expect(locks.some((lock) => lock !== null)).to.equal(true);
      expect(schedule.calm?.dead).to.have.length(1);
      expectMinimal(schedule);
      const ours = underOurs(schedule);
      expect([ours.violations, ours.heights]).to.deep.equal([[], 1]);
    });

  it('and nothing is found where the calm begins with nobody dead: who is locked convinces the others in time', () => {
    const { finding } = searchProtocol({
      ...{
        validators: 4,
        heights: 1,
        runs: 500,
        seed: 'alive',
        rules: ibft1Rules,
        calmMs,
        stepsMax: 300,
        roundsMax: 5,
      },
      faults: { crashes: false, twins: 0, adversaries: 0, dead: false },
    });
    expect(finding).to.equal(null);
  });
});

/** Who hears whom in round 0 of partition case 1; in round 1 the messages of 0 and 1 reach everyone but 1. */
const heardInRound0: readonly (readonly number[])[] = [[3, 4], [], [], [0, 3, 4], [3, 4]];

/** Everything of one kind and round that passes the partition, in the order of senders and receivers. */
function delivered(
  kind: 'proposal' | 'prepare' | 'round-change',
  round: number,
  silent: readonly number[] = [],
): Choice[] {
  const choices: Choice[] = [];
  for (let from = 0; from < 5; from++)
    for (let to = 0; to < 5; to++) {
      const isHeard = round === 0 ? heardInRound0[from]?.includes(to) === true : from > 1 || to !== 1;
      if (from === to || !isHeard || silent.includes(from)) continue;
      choices.push({ do: 'deliver', from, to, kind, height: 1, round });
    }
  return choices;
}

const allExpire = (timer: 'proposal-due' | 'round'): Choice[] =>
  Array.from({ length: 5 }, (_, host) => ({ do: 'expire', host, timer }));

describe('partition case 1 (n = 5, proposer of round r is r, commits of rounds 0 and 1 cut)', () => {
  const schedule = (withheld: readonly number[]): ProtocolSchedule => ({
    rules: 'ibft-1.0',
    cast: { validators: 5, twins: [], adversaries: [] },
    heights: 1,
    quorum: 3,
    proposerOrder: [0, 1, 2, 3, 4],
    blocks: 'at-once',
    choices: [
      ...allExpire('proposal-due'),
      ...delivered('proposal', 0),
      ...delivered('prepare', 0),
      ...allExpire('round'),
      ...delivered('round-change', 1, withheld),
      ...delivered('proposal', 1),
      ...delivered('prepare', 1),
    ],
    calm: { seed: 'partition case 1', dead: [1], withinMs: calmMs },
  });

  it('with IBFT 1.0 validators end locked on different blocks', () => {
    const { violations, locks } = replay(schedule([]), ibft1Rules);
    expect(new Set(locks.filter((lock) => lock !== null)).size).to.be.greaterThan(1);
    expect(violations.map(({ check }) => check)).to.deep.equal(['liveness']);
  });

  for (const withheld of [[], [1]])
    it(`ours decide within the recovery bound (round change of 1 ${withheld.length > 0 ? 'withheld' : 'sent'})`, () => {
      const { violations, heights } = underOurs(schedule(withheld));
      expect([violations, heights]).to.deep.equal([[], 1]);
    });
});

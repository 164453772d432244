/** Random search: many seeds, each with its own mix of faults; the first run that shows something is written down. */
import { calmDown } from './calm.ts';
import { Chaos } from './chaos.ts';
import type { ProtocolViolation } from './checks.ts';
import { allFaults, drawMix, type Mix, type ProtocolFaults } from './mix.ts';
import type { Cast, ProtocolRuleName, ProtocolSchedule } from './schedule.ts';
import { type Rules, type Setting, settingOf } from './setting.ts';
import type { Watcher } from './world.ts';

export interface ProtocolSearch {
  /** 1 to 31. */
  readonly validators: number;
  readonly heights: number;
  /** Seeds: `seed`/0 to `seed`/(runs − 1). */
  readonly runs: number;
  readonly seed: number | string;
  readonly rules: Rules;
  /** How saved schedules name the rules. */
  readonly ruleName?: ProtocolRuleName;
  /** Votes that decide, where another number than the protocol's is wanted. */
  readonly quorum?: number;
  readonly proposerOrder?: readonly number[];
  readonly faults?: Partial<ProtocolFaults>;
  /** Choices of a run before the calm at most; 600 unless told otherwise. */
  readonly stepsMax?: number;
  /** Before the calm only rounds below this one time out; all of them unless told otherwise. */
  readonly roundsMax?: number;
  /** Length of blocks; 300 unless told otherwise. */
  readonly blockBytes?: number;
  /** Whether every run ends with the calm, in which the next block is decided in time. */
  readonly calm?: boolean;
  /** Time of the calm, where the recovery bound is not what is wanted, ms. */
  readonly calmMs?: number;
  /** Called after each run; false ends the search. */
  readonly onRun?: (run: ProtocolRun) => boolean;
}

export interface ProtocolRun {
  readonly seed: string;
  readonly violations: readonly ProtocolViolation[];
  readonly traceHash: string;
  readonly delivered: number;
  readonly heights: number;
  readonly recoveryMs: number | null;
  /** What has happened how often. */
  readonly counts: Readonly<Record<string, number>>;
}

export interface Finding {
  readonly seed: string;
  readonly violations: readonly ProtocolViolation[];
  /** Replays to the same violation without a seed. */
  readonly schedule: ProtocolSchedule;
}

export interface SearchResult {
  readonly runs: number;
  readonly delivered: number;
  readonly heights: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly finding: Finding | null;
}

interface Prepared {
  readonly mix: Mix;
  readonly setting: Setting;
}

function prepare(search: ProtocolSearch, seed: string): Prepared {
  const {
    validators,
    heights,
    rules,
    quorum,
    proposerOrder = null,
    blockBytes = 300,
    stepsMax = 600,
    roundsMax = Infinity,
  } = search;
  const drawn = drawMix(seed, { validators, faults: { ...allFaults, ...search.faults }, stepsMax, roundsMax });
  const mix = search.calmMs === undefined ? drawn : { ...drawn, calm: { ...drawn.calm, withinMs: search.calmMs } };
  const setting = settingOf(validators, { rules, heightsMax: heights, proposerOrder, blockBytes, blocks: mix.blocks });
  return { mix, setting: quorum === undefined ? setting : { ...setting, set: { ...setting.set, quorum } } };
}

/** One seed of a search. `watch` gives what is to be told of what leaves hosts, and of what they decide. */
export function runProtocolSeed(
  search: ProtocolSearch,
  seed: string,
  watch?: (cast: Cast, setting: Setting) => Watcher,
): ProtocolRun {
  const { mix, setting } = prepare(search, seed);
  const chaos = new Chaos(seed, mix, setting, false);
  const { world } = chaos;
  world.watcher = watch?.(mix.cast, setting) ?? null;
  chaos.run();
  const recoveryMs = search.calm === false || world.isBroken ? null : calmDown(world, mix.calm);
  const { checks, delivered, counts, trace } = world;
  return {
    ...{ seed, violations: checks.violations, traceHash: trace.toString(), delivered, heights: checks.heights },
    ...{ recoveryMs, counts },
  };
}

/** What a seed does, as a schedule. */
export function recordProtocolSeed(search: ProtocolSearch, seed: string): ProtocolSchedule {
  const { mix, setting } = prepare(search, seed);
  const chaos = new Chaos(seed, mix, setting, true);
  chaos.run();
  return {
    rules: search.ruleName ?? 'production',
    cast: mix.cast,
    heights: search.heights,
    quorum: search.quorum ?? null,
    proposerOrder: search.proposerOrder ?? null,
    blocks: mix.blocks,
    choices: chaos.choices,
    calm: search.calm === false ? null : mix.calm,
  };
}

/** Runs seed after seed until one shows something. */
export function searchProtocol(search: ProtocolSearch): SearchResult {
  const totals = { delivered: 0, heights: 0 };
  const counts: Record<string, number> = {};
  for (let index = 0; index < search.runs; index++) {
    const run = runProtocolSeed(search, `${search.seed}/${index}`);
    totals.delivered += run.delivered;
    totals.heights += run.heights;
    for (const [name, count] of Object.entries(run.counts))
      counts[name] = name.endsWith('Max') ? Math.max(counts[name] ?? 0, count) : (counts[name] ?? 0) + count;
    const goesOn = search.onRun?.(run) ?? true;
    if (run.violations.length > 0) {
      const { seed, violations } = run;
      const finding = { seed, violations, schedule: recordProtocolSeed(search, seed) };
      return { runs: index + 1, ...totals, counts, finding };
    }
    if (!goesOn) return { runs: index + 1, ...totals, counts, finding: null };
  }
  return { runs: search.runs, ...totals, counts, finding: null };
}

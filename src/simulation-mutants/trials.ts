/** What a mutant is tried under, by name. This module and all below it are loaded with the defect in place. */
import { InvariantError, invariant } from '../protocols/shared/errors.ts';
import { type ProtocolSearch, runProtocolSeed } from '../simulation/protocol/search.ts';
import { productionRules, type Rules } from '../simulation/protocol/setting.ts';
import { runUndisturbed, type UndisturbedOptions } from '../simulation/protocol/undisturbed.ts';
import { simulate } from '../simulation.ts';
import type { Finding } from './messages.ts';
import { MutantError } from './mutant.ts';
import { scenarios } from './scenarios.ts';

interface Trial {
  /** One run. Null where no checker finds anything. Rejects where the simulator itself fails. */
  readonly run: (seed: number) => Promise<Finding | null>;
}

/** Consensus machines alone, among all faults and an adversary: a thousand runs in the time of a few whole ones. */
const protocolTrials: Readonly<Record<string, Omit<ProtocolSearch, 'runs' | 'seed' | 'rules'>>> = {
  'machines, four': { validators: 4, heights: 3 },
  'machines, seven': { validators: 7, heights: 3 },
  // Nothing fits into anyone's share: certificates are kept only of the round where one is.
  'machines, large blocks': {
    ...{ validators: 4, heights: 1, blockBytes: 13 * 1024 * 1024, stepsMax: 250 },
    faults: { twins: 0, adversaries: 0, crashes: false },
  },
  'one height, four': { validators: 4, heights: 1, calm: false },
  'one height, six': { validators: 6, heights: 1, calm: false, faults: { crashes: false } },
  'one height, an adversary': {
    ...{ validators: 4, heights: 1, calm: false, roundsMax: 4, stepsMax: 250 },
    faults: { crashes: false, twins: 0, dead: false },
  },
  'one height, messages only': {
    ...{ validators: 4, heights: 1, calm: false, roundsMax: 4, stepsMax: 250 },
    faults: { crashes: false, twins: 0, adversaries: 0, dead: false },
  },
};

/** No faults at all, but messages of later heights before those of earlier ones. */
const undisturbedTrials: Readonly<Record<string, Omit<UndisturbedOptions, 'rules'>>> = {
  'every message once, four': { validators: 4, heights: 4 },
  'every message once, seven': { validators: 7, heights: 4 },
};

/** Steps of the machines in one run; a healthy one takes some thousands. */
const transitionsMax = 500_000;

/** The rules that ship. Whatever a machine throws is a failure of the machine, and so is that it never comes to rest. */
function watchedRules(): Rules {
  let left = transitionsMax;
  const watch = <T>(work: () => T): T => {
    invariant(left-- > 0, `not at rest after ${transitionsMax} steps`);
    try {
      return work();
    } catch (error) {
      if (error instanceof InvariantError) throw error;
      throw new InvariantError(`the machine threw ${String(error)}`);
    }
  };
  return {
    ...productionRules,
    create: (options) => watch(() => productionRules.create(options)),
    transition: (state, input) => watch(() => productionRules.transition(state, input)),
  };
}

const trials = new Map<string, Trial>();
for (const [name, options] of Object.entries(protocolTrials)) {
  trials.set(name, {
    run: (seed) => {
      const search = { ...options, runs: 1, seed: name, rules: watchedRules() };
      const [first] = runProtocolSeed(search, `${name}/${seed}`).violations;
      return Promise.resolve(first === undefined ? null : { checker: first.check, detail: first.detail });
    },
  });
}
for (const [name, options] of Object.entries(undisturbedTrials)) {
  trials.set(name, {
    run: (seed) => {
      const [first] = runUndisturbed({ ...options, rules: watchedRules() }, `${name}/${seed}`).violations;
      return Promise.resolve(first === undefined ? null : { checker: first.check, detail: first.detail });
    },
  });
}
for (const [name, scenario] of Object.entries(scenarios)) {
  trials.set(name, {
    run: async (seed) => {
      const { verdicts } = await simulate(scenario, { seed });
      const first = verdicts.flatMap(({ violations }) => violations)[0];
      return first === undefined ? null : { checker: first.checker, detail: first.detail };
    },
  });
}

/** Throws MutantError `unknown-trial`. */
export function findTrial(name: string): Trial {
  const trial = trials.get(name);
  if (trial === undefined) throw new MutantError('unknown-trial', `there is no trial "${name}"`);
  return trial;
}

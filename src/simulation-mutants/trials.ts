/** What a mutant is tried under, by name. This module and all below it are loaded with the defect in place. */
import { simulate } from '../simulation.ts';
import type { Finding } from './messages.ts';
import { MutantError } from './mutant.ts';
import { scenarios } from './scenarios.ts';

interface Trial {
  /** One run. Null where no checker finds anything. Rejects where the simulator itself fails. */
  run(seed: number): Promise<Finding | null>;
}

const trials = new Map<string, Trial>();
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

/** When a node is ready: it is linked to a quorum of validators and has the blocks that they have. */
import type { NodeStatus } from '../../protocols/ibft/status.ts';
import type { HealthView } from '../ports/chain-api.ts';

export interface ReadinessFacts {
  /** Validators that are linked, this node included where it is one. */
  readonly linkedValidators: number;
  readonly quorum: number;
  readonly finalHeight: number;
  /** What linked validators last said of themselves. */
  readonly statuses: readonly NodeStatus[];
  /** Code of what keeps this node from doing its part, or null. */
  readonly trouble: string | null;
}

/** Blocks that a node may lag and still be ready: the last one or two are on their way. */
const lagMax = 2;

export function readinessOf(facts: ReadinessFacts): HealthView {
  const best = Math.max(facts.finalHeight, ...facts.statuses.map(({ finalHeight }) => finalHeight));
  const lag = best - facts.finalHeight;
  const checks = [
    {
      name: 'linked',
      ok: facts.linkedValidators >= facts.quorum,
      detail: `${facts.linkedValidators} validators linked, a quorum is ${facts.quorum}`,
    },
    { name: 'caught-up', ok: lag <= lagMax, detail: `height ${facts.finalHeight}, the best known is ${best}` },
    { name: 'working', ok: facts.trouble === null, detail: facts.trouble ?? 'nothing is in the way' },
  ];
  return { ok: checks.every(({ ok }) => ok), checks };
}

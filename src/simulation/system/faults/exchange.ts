import { type FaultKind, nodeNumber } from './fault-kind.ts';
import { type OneNodeFault, validatorTargets } from './validator-fault.ts';

/** The validators vote a node that follows into the place of one of them; when it ends, the other way round. */
export interface ExchangeFault extends OneNodeFault {
  readonly kind: 'exchange';
  readonly by: number;
}

export const exchange: FaultKind<ExchangeFault> = {
  kind: 'exchange',
  ofValidators: true,
  fields: { node: nodeNumber, by: nodeNumber },
  begin: ({ node, by }, targets) => {
    const validators = validatorTargets(targets);
    validators.change({ joins: by, leaves: node });
    return () => validators.change({ joins: node, leaves: by });
  },
  swarm: {
    among: 'few',
    draw: (draw, { node, candidates }) => (candidates.length === 0 ? null : { node, by: draw.pick(candidates) }),
  },
};

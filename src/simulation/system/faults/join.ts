import { type FaultKind, nodeNumber } from './fault-kind.ts';
import { type OneNodeFault, validatorTargets } from './validator-fault.ts';

/** The validators vote a node in that follows; when it ends, out again. */
export interface JoinFault extends OneNodeFault {
  readonly kind: 'join';
}

export const join: FaultKind<JoinFault> = {
  kind: 'join',
  ofValidators: true,
  fields: { node: nodeNumber },
  begin: ({ node }, targets) => {
    const validators = validatorTargets(targets);
    validators.change({ joins: node, leaves: null });
    return () => validators.change({ joins: null, leaves: node });
  },
  swarm: { among: 'candidates', draw: (_draw, { node }) => ({ node }) },
};

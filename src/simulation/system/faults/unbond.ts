import { type FaultKind, nodeNumber } from './fault-kind.ts';
import { type OneNodeFault, validatorTargets } from './validator-fault.ts';

/** Its operator bonds more than it must and takes it back bit by bit, as one may who expects to be punished. */
export interface UnbondFault extends OneNodeFault {
  readonly kind: 'unbond';
}

export const unbond: FaultKind<UnbondFault> = {
  kind: 'unbond',
  ofValidators: true,
  fields: { node: nodeNumber },
  begin: (fault, targets) => validatorTargets(targets).unbond(fault.node, targets.draw(fault)),
  // Of those that may lie: who never does is never punished.
  swarm: { among: 'few', draw: (_draw, { node }) => ({ node }) },
};

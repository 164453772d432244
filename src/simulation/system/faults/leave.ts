import { type FaultKind, nodeNumber } from './fault-kind.ts';
import { type OneNodeFault, validatorTargets } from './validator-fault.ts';

/** The validators vote one of them out; it follows. When it ends, they vote it in again. */
export interface LeaveFault extends OneNodeFault {
  readonly kind: 'leave';
}

/** A smaller set has fewer to spare: where some lie or forget, only those may be voted out. */
export const leave: FaultKind<LeaveFault> = {
  kind: 'leave',
  ofValidators: true,
  fields: { node: nodeNumber },
  begin: ({ node }, targets) => {
    const validators = validatorTargets(targets);
    validators.change({ joins: null, leaves: node });
    return () => validators.change({ joins: node, leaves: null });
  },
  swarm: { among: 'few', draw: (_draw, { node }) => ({ node }) },
};

import { type FaultKind, nodeNumber } from './fault-kind.ts';
import type { OneNodeFault } from './validator-fault.ts';
import { wipeNode } from './wipe.ts';

/** A node is set up anew: whatever it held is gone, and it starts with empty disks when this ends. */
export interface NewcomerFault extends OneNodeFault {
  readonly kind: 'newcomer';
}

/** Of a node that never votes: what it forgets endangers nobody. */
export const newcomer: FaultKind<NewcomerFault> = {
  kind: 'newcomer',
  ofValidators: true,
  fields: { node: nodeNumber },
  begin: wipeNode,
  // The later, the more there is to fetch: more than block by block.
  swarm: { among: 'outsiders', isLate: true, draw: (_draw, { node }) => ({ node }) },
};

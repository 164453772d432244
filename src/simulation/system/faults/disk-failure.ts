import { type FaultBase, type FaultKind, nodeAt, nodeNumber } from './fault-kind.ts';

/**
 * Nothing can be made durable any more: every sync fails, also after a restart, until the fault ends. The node is to end
 * itself, and is started again until it stays up.
 */
export interface DiskFailureFault extends FaultBase {
  readonly kind: 'disk-failure';
  readonly node: number;
}

export const diskFailure: FaultKind<DiskFailureFault> = {
  kind: 'disk-failure',
  fields: { node: nodeNumber },
  begin: ({ node }, targets) => nodeAt(targets, node).disks.fail(),
  swarm: { among: 'all', draw: (_draw, { node }) => ({ node }) },
};

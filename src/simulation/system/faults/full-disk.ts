import { type FaultBase, type FaultKind, nodeAt, nodeNumber } from './fault-kind.ts';

/** No more fits on the disks of a node than is there, until the fault ends. The node is to wait without voting. */
export interface FullDiskFault extends FaultBase {
  readonly kind: 'full-disk';
  readonly node: number;
}

export const fullDisk: FaultKind<FullDiskFault> = {
  kind: 'full-disk',
  fields: { node: nodeNumber },
  begin: ({ node }, targets) => nodeAt(targets, node).disks.fill(),
  swarm: { among: 'all', draw: (_draw, { node }) => ({ node }) },
};

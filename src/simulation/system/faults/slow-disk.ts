import { type FaultBase, type FaultKind, nodeAt, nodeNumber, whole } from './fault-kind.ts';

/** Every sync of a node takes up to so much longer. */
export interface SlowDiskFault extends FaultBase {
  readonly kind: 'slow-disk';
  readonly node: number;
  readonly upToMs: number;
}

export const slowDisk: FaultKind<SlowDiskFault> = {
  kind: 'slow-disk',
  fields: { node: nodeNumber, upToMs: whole(0, 60_000) },
  begin: (fault, targets) => {
    const { disks } = nodeAt(targets, fault.node);
    disks.extraSyncMs += fault.upToMs;
    return () => (disks.extraSyncMs -= fault.upToMs);
  },
  swarm: { among: 'all', draw: (draw, { node }) => ({ node, upToMs: draw.pick([20, 200, 1_500]) }) },
};

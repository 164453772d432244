import { type FaultBase, type FaultKind, nodeAt, nodeNumber } from './fault-kind.ts';

/** The process dies and starts again after `forMs` with empty disks, its guard among them. */
export interface WipeFault extends FaultBase {
  readonly kind: 'wipe';
  readonly node: number;
}

/** Nobody remembers what a wiped node has signed: beyond f of them the network is right to stand still. */
export const wipe: FaultKind<WipeFault> = {
  kind: 'wipe',
  fields: { node: nodeNumber },
  begin: (fault, targets) => {
    const node = nodeAt(targets, fault.node);
    const end = targets.outages.crash(node);
    node.disks.wipe();
    targets.onDiskLost(fault.node);
    return end;
  },
  swarm: { among: 'few', draw: (_draw, { node }) => ({ node }) },
};

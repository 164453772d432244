import { type FaultBase, type FaultKind, type FaultTargets, nodeAt, nodeNumber } from './fault-kind.ts';

/** The process dies and starts again after `forMs` with empty disks, its guard among them. */
export interface WipeFault extends FaultBase {
  readonly kind: 'wipe';
  readonly node: number;
}

/** Returns what starts it again. */
export function wipeNode({ node: index }: { readonly node: number }, targets: FaultTargets): () => void {
  const node = nodeAt(targets, index);
  const end = targets.outages.crash(node);
  node.disks.wipe();
  targets.onDiskLost(index);
  return end;
}

/** Nobody remembers what a wiped node has signed: beyond f of them the network is right to stand still. */
export const wipe: FaultKind<WipeFault> = {
  kind: 'wipe',
  fields: { node: nodeNumber },
  begin: wipeNode,
  swarm: { among: 'few', draw: (_draw, { node }) => ({ node }) },
};

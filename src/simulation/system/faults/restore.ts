import { type FaultBase, type FaultKind, nodeAt, nodeNumber, whole } from './fault-kind.ts';

/** The process dies and starts again after `forMs` on its disks as they were at `copiedAtMs`. */
export interface RestoreFault extends FaultBase {
  readonly kind: 'restore';
  readonly node: number;
  readonly copiedAtMs: number;
}

/** What a restored node has signed since its copy was made is forgotten: not more than f of them, as with wiped ones. */
export const restore: FaultKind<RestoreFault> = {
  kind: 'restore',
  fields: {
    node: nodeNumber,
    copiedAtMs: (value, fault, bounds) => whole(0, fault.atMs, 'before atMs')(value, fault, bounds),
  },
  prepare: {
    atMs: ({ copiedAtMs }) => copiedAtMs,
    run: (fault, targets) => targets.copies.set(fault, nodeAt(targets, fault.node).disks.copy()),
  },
  begin: (fault, targets) => {
    const node = nodeAt(targets, fault.node);
    const copy = targets.copies.get(fault);
    const end = targets.outages.crash(node);
    if (copy !== undefined) node.disks.restore(copy);
    targets.copies.delete(fault);
    targets.onDiskLost(fault.node);
    return end;
  },
  swarm: {
    among: 'few',
    draw: (draw, { node, atMs }) => ({ node, copiedAtMs: draw.between(Math.floor(atMs / 2), atMs) }),
  },
};

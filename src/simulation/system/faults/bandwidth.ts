import { type FaultBase, type FaultKind, nodeAt, nodeNumbers, whole } from './fault-kind.ts';

/** The line of each of these nodes takes so many bytes a second of what it sends, to all others together. */
export interface BandwidthFault extends FaultBase {
  readonly kind: 'bandwidth';
  readonly nodes: readonly number[];
  readonly bytesPerSecond: number;
}

export const bandwidth: FaultKind<BandwidthFault> = {
  kind: 'bandwidth',
  fields: { nodes: nodeNumbers, bytesPerSecond: whole(100, 1e9) },
  hits: ({ nodes }) => nodes,
  begin: ({ nodes, bytesPerSecond }, targets) => {
    const ends = nodes.map((node) => targets.networkFaults.narrow(nodeAt(targets, node), bytesPerSecond));
    return () => {
      for (const end of ends) end();
      for (const node of nodes) targets.network.hasten(nodeAt(targets, node).key);
    };
  },
  swarm: {
    among: 'all',
    draw: (draw, { parts: [nodes] }) => ({ nodes, bytesPerSecond: draw.pick([4_000, 20_000, 100_000]) }),
  },
};

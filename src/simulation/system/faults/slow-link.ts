import { type FaultBase, type FaultKind, nodeNumbers, whole } from './fault-kind.ts';

/** Frames from and to these nodes take up to so much longer; others do not. */
export interface SlowLinkFault extends FaultBase {
  readonly kind: 'slow-link';
  readonly nodes: readonly number[];
  readonly upToMs: number;
}

export const slowLink: FaultKind<SlowLinkFault> = {
  kind: 'slow-link',
  fields: { nodes: nodeNumbers, upToMs: whole(0, 60_000) },
  hits: ({ nodes }) => nodes,
  begin: ({ nodes: slow, upToMs }, { nodes, networkFaults }) => {
    const change = (byMs: number): void => {
      for (const from of nodes) {
        for (const to of nodes) {
          if (slow.includes(from.index) || slow.includes(to.index)) networkFaults.slow(from, to, byMs);
        }
      }
    };
    change(upToMs);
    return () => change(-upToMs);
  },
  swarm: { among: 'all', draw: (draw, { parts: [nodes] }) => ({ nodes, upToMs: draw.pick([100, 500, 2_000]) }) },
};

import { blockDirections, type FaultBase, type FaultKind, nodeNumbers, whole } from './fault-kind.ts';

/** All links of these nodes are down for `downMs`, up for `upMs`, down again, and so on. */
export interface FlappingFault extends FaultBase {
  readonly kind: 'flapping';
  readonly nodes: readonly number[];
  readonly downMs: number;
  readonly upMs: number;
}

export const flapping: FaultKind<FlappingFault> = {
  kind: 'flapping',
  fields: { nodes: nodeNumbers, downMs: whole(1, 60_000), upMs: whole(1, 60_000) },
  hits: ({ nodes }) => nodes,
  begin: ({ nodes, downMs, upMs }, targets) => {
    const { clock } = targets;
    const goDown = (): (() => void) => {
      const unblock = blockDirections(targets, (from, to) => nodes.includes(from) || nodes.includes(to));
      let end = unblock;
      const timer = clock.setTimer(downMs, () => {
        unblock();
        const again = clock.setTimer(upMs, () => (end = goDown()));
        end = () => again.cancel();
      });
      return () => {
        timer.cancel();
        end();
      };
    };
    return goDown();
  },
  swarm: {
    among: 'all',
    draw: (draw, { parts: [nodes] }) => ({
      ...{ nodes, downMs: draw.pick([50, 300, 1_500]), upMs: draw.pick([50, 300, 1_500]) },
    }),
  },
};

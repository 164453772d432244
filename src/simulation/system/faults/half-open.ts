import { type FaultBase, type FaultKind, nodeAt, nodeNumber, whole } from './fault-kind.ts';

/**
 * Every so often this node loses its connections to one other, as where something between them forgot them: it dials
 * anew while the other side still sends on the old ones, and what was in flight there arrives beside the new.
 */
export interface HalfOpenFault extends FaultBase {
  readonly kind: 'half-open';
  readonly node: number;
  readonly everyMs: number;
}

export const halfOpen: FaultKind<HalfOpenFault> = {
  kind: 'half-open',
  fields: { node: nodeNumber, everyMs: whole(1, 60_000) },
  begin: (fault, targets) => {
    const { clock, network, nodes } = targets;
    const node = nodeAt(targets, fault.node);
    const draw = targets.draw(fault);
    const others = nodes.filter((other) => other !== node);
    const lose = () => {
      network.forsake(node.key, draw.pick(others).key);
      return clock.setTimer(fault.everyMs, () => (timer = lose()));
    };
    let timer = lose();
    return () => timer.cancel();
  },
  swarm: { among: 'all', draw: (draw, { node }) => ({ node, everyMs: draw.pick([200, 1_000, 5_000]) }) },
};

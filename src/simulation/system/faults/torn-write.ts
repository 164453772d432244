import { crashAtNth } from './crash-at-effect.ts';
import { type FaultBase, type FaultKind, nodeNumber, whole } from './fault-kind.ts';

/**
 * Power fails in the midst of the node's n-th durable write after `atMs`, and comes back `downMs` later. Of what was
 * being written the disk has nothing or a part, whole commits in their order: more a store does not promise.
 */
export interface TornWriteFault extends FaultBase {
  readonly kind: 'torn-write';
  readonly node: number;
  /** From 1. */
  readonly nth: number;
  readonly downMs: number;
}

export const tornWrite: FaultKind<TornWriteFault> = {
  kind: 'torn-write',
  fields: {
    node: nodeNumber,
    nth: whole(1, 1e9),
    downMs: (value, fault, bounds) => whole(0, fault.forMs, 'at most forMs')(value, fault, bounds),
  },
  begin: (fault, targets) => crashAtNth(targets, fault, { kind: 'write', phase: 'during' }),
  swarm: {
    among: 'all',
    draw: (draw, { node, forMs }) => ({ node, nth: draw.between(1, 10), downMs: draw.between(0, forMs) }),
  },
};

import { type FaultBase, type FaultKind, nodeAt, nodeNumber } from './fault-kind.ts';

/** The process stands still, and then goes on as if nothing had been. */
export interface PauseFault extends FaultBase {
  readonly kind: 'pause';
  readonly node: number;
}

export const pause: FaultKind<PauseFault> = {
  kind: 'pause',
  fields: { node: nodeNumber },
  begin: ({ node }, targets) => targets.outages.pause(nodeAt(targets, node)),
  swarm: { among: 'all', draw: (_draw, { node }) => ({ node }) },
};

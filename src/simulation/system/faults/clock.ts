import { type FaultBase, type FaultKind, nodeAt, nodeNumber, whole } from './fault-kind.ts';

/** The wall clock of a node is off by so much, ahead where positive. */
export interface ClockFault extends FaultBase {
  readonly kind: 'clock';
  readonly node: number;
  readonly offsetMs: number;
}

export const clock: FaultKind<ClockFault> = {
  kind: 'clock',
  fields: { node: nodeNumber, offsetMs: whole(-1e9, 1e9, 'whole milliseconds') },
  begin: (fault, targets) => {
    const { time } = nodeAt(targets, fault.node);
    time.offsetMs += fault.offsetMs;
    return () => (time.offsetMs -= fault.offsetMs);
  },
  swarm: { among: 'all', draw: (draw, { node }) => ({ node, offsetMs: draw.between(-5_000, 5_000) }) },
};

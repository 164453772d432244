import { type FaultBase, type FaultKind, nodeAt, nodeNumber, whole } from './fault-kind.ts';

/**
 * The oscillator of a node is off by so much, fast where positive: wall clock, monotonic clock and timers alike. When
 * the fault ends it is right again, and the wall clock is set to the true time.
 */
export interface ClockDriftFault extends FaultBase {
  readonly kind: 'clock-drift';
  readonly node: number;
  readonly partsPerMillion: number;
}

export const clockDrift: FaultKind<ClockDriftFault> = {
  kind: 'clock-drift',
  fields: { node: nodeNumber, partsPerMillion: whole(-500_000, 500_000) },
  begin: ({ node, partsPerMillion }, targets) => {
    const { time } = nodeAt(targets, node);
    time.drift(partsPerMillion);
    return () => {
      time.drift(-partsPerMillion);
      if (time.isRight) time.setRight();
    };
  },
  swarm: {
    among: 'all',
    draw: (draw, { node }) => ({ node, partsPerMillion: draw.pick([200, 20_000, 150_000]) * draw.pick([1, -1]) }),
  },
};

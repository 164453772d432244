import { type FaultBase, type FaultKind, nodeAt, nodeNumber, whole } from './fault-kind.ts';

/** Every so often the wall clock of a node is set anew, wrongly: up to so much ahead or behind. In the end it is right. */
export interface ClockJumpsFault extends FaultBase {
  readonly kind: 'clock-jumps';
  readonly node: number;
  readonly upToMs: number;
  readonly everyMs: number;
}

export const clockJumps: FaultKind<ClockJumpsFault> = {
  kind: 'clock-jumps',
  fields: { node: nodeNumber, upToMs: whole(0, 1e9), everyMs: whole(1, 60_000) },
  begin: (fault, targets) => {
    const { upToMs, everyMs } = fault;
    const { time } = nodeAt(targets, fault.node);
    const draw = targets.draw(fault);
    let offsetMs = 0;
    const jumpTo = (nextMs: number): void => {
      time.offsetMs += nextMs - offsetMs;
      offsetMs = nextMs;
    };
    const jump = () => {
      jumpTo(draw.between(-upToMs, upToMs));
      return targets.clock.setTimer(everyMs, () => (timer = jump()));
    };
    let timer = jump();
    return () => {
      timer.cancel();
      jumpTo(0);
    };
  },
  swarm: {
    among: 'all',
    draw: (draw, { node }) => ({ node, upToMs: draw.pick([100, 2_000, 60_000]), everyMs: draw.pick([300, 2_000]) }),
  },
};

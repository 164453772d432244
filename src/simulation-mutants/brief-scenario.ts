/** What the scenarios of mutants have in common. */
import type { Draw } from '../simulation/draw.ts';
import type { Fault } from '../simulation/system/faults/index.ts';

export const few = [0, 1, 2, 3];

/** Faults from here on, and over by there: the shortest run that a scenario may be. */
export const fromMs = 10_000;
const untilMs = 30_000;

export const brief = {
  validators: 4,
  durationMs: untilMs + 40_000,
  blockTimeMs: 1_000,
  roundTimeoutBaseMs: 1_000,
  transfersPerSecond: 5,
} as const;

/** One crash after the other, each of any validator; two may be down together. */
export function crashes(draw: Draw, count: number): readonly Fault[] {
  return Array.from({ length: count }, () => {
    const atMs = draw.between(fromMs, untilMs - 3_000);
    return { kind: 'crash', node: draw.between(0, 3), atMs, forMs: draw.between(50, 3_000) };
  });
}

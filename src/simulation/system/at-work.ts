/** Clients that do something every now and then, at a node that somebody can reach. */
import type { Clock } from '../../runtime/ports/clock.ts';
import type { Draw } from '../draw.ts';
import { isReachable } from './client.ts';
import type { ValidatorNode } from './validator-node.ts';

const everyMs = 500;

interface Surroundings {
  readonly clock: Clock;
  readonly draw: Draw;
  readonly nodes: readonly ValidatorNode[];
}

/** Each half second, with a node drawn anew. */
export function atWork({ clock, draw, nodes }: Surroundings, work: (node: ValidatorNode) => void): void {
  const next = (): void => {
    const node = draw.pick(nodes);
    if (isReachable(node)) work(node);
    clock.setTimer(everyMs, next);
  };
  clock.setTimer(everyMs, next);
}

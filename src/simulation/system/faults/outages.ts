/** Nodes that are down or stand still, by how many faults: one is back when the last of these has ended. */
import type { Remains, SimulatedNode } from '../node.ts';

export class Outages {
  readonly #downs = new Map<SimulatedNode, number>();
  readonly #pauses = new Map<SimulatedNode, number>();

  isDown(node: SimulatedNode): boolean {
    return (this.#downs.get(node) ?? 0) > 0;
  }

  /** The node dies, also where it has not come back since the last time. Returns what starts it again. */
  crash(node: SimulatedNode, remains: Remains = {}): () => void {
    node.crash(remains);
    return hold(this.#downs, node, () => node.boot());
  }

  /** The node stands still. Returns what makes it go on. */
  pause(node: SimulatedNode): () => void {
    node.pause();
    return hold(this.#pauses, node, () => node.resume());
  }
}

function hold(holds: Map<SimulatedNode, number>, node: SimulatedNode, onLastEnd: () => void): () => void {
  holds.set(node, (holds.get(node) ?? 0) + 1);
  return () => {
    const left = (holds.get(node) ?? 1) - 1;
    holds.set(node, left);
    if (left === 0) onLastEnd();
  };
}

/** Makes the faults of a run happen, and ends them. */
import type { Clock } from '../../runtime/ports/clock.ts';
import type { PipeNetwork } from '../../runtime/simulated/pipe-transport.ts';
import type { NetworkFaults } from './network-faults.ts';
import type { SimulatedNode } from './node.ts';
import type { Fault } from './scenario.ts';

export interface FaultTargets {
  readonly clock: Clock;
  readonly nodes: readonly SimulatedNode[];
  readonly network: PipeNetwork;
  readonly networkFaults: NetworkFaults;
  /** A fault begins. */
  readonly onFault: (fault: Fault) => void;
  /** The disk of this node forgets what it held. */
  readonly onDiskLost: (node: number) => void;
}

export class FaultSchedule {
  readonly #targets: FaultTargets;
  /** Lives that wait for their end: a node that crashes again meanwhile stays down until the last of them. */
  readonly #downs = new Map<SimulatedNode, number>();
  readonly #pauses = new Map<SimulatedNode, number>();

  constructor(targets: FaultTargets) {
    this.#targets = targets;
  }

  start(faults: readonly Fault[]): void {
    for (const fault of faults) this.#plan(fault);
  }

  #plan(fault: Fault): void {
    const { clock } = this.#targets;
    if (fault.kind === 'restore') this.#planRestore(fault);
    else clock.setTimer(fault.atMs, () => this.#begin(fault));
  }

  #planRestore(fault: Extract<Fault, { kind: 'restore' }>): void {
    const { clock } = this.#targets;
    const node = this.#node(fault.node);
    clock.setTimer(fault.copiedAtMs, () => {
      const copy = node.copyDisks();
      clock.setTimer(fault.atMs - fault.copiedAtMs, () => {
        this.#targets.onFault(fault);
        this.#crash(node, fault.forMs);
        node.restore(copy);
        this.#targets.onDiskLost(node.index);
      });
    });
  }

  #begin(fault: Exclude<Fault, { kind: 'restore' }>): void {
    const { networkFaults, onFault, onDiskLost } = this.#targets;
    onFault(fault);
    switch (fault.kind) {
      case 'crash':
        this.#crash(this.#node(fault.node), fault.forMs);
        return;
      case 'wipe':
        this.#crash(this.#node(fault.node), fault.forMs);
        this.#node(fault.node).wipe();
        onDiskLost(fault.node);
        return;
      case 'pause':
        this.#pause(this.#node(fault.node), fault.forMs);
        return;
      case 'partition':
      case 'one-way':
        this.#block(blockedPairs(fault, this.#targets.nodes), fault.forMs);
        return;
      case 'loss':
        networkFaults.lossProbability += fault.probability;
        this.#after(fault.forMs, () => (networkFaults.lossProbability -= fault.probability));
        return;
      case 'delay':
        networkFaults.extraDelayMs += fault.upToMs;
        this.#after(fault.forMs, () => (networkFaults.extraDelayMs -= fault.upToMs));
        return;
      case 'clock':
        this.#node(fault.node).clockOffsetMs += fault.offsetMs;
        this.#after(fault.forMs, () => (this.#node(fault.node).clockOffsetMs -= fault.offsetMs));
    }
  }

  #crash(node: SimulatedNode, forMs: number): void {
    node.crash();
    const waiting = (this.#downs.get(node) ?? 0) + 1;
    this.#downs.set(node, waiting);
    this.#after(forMs, () => {
      const left = (this.#downs.get(node) ?? 1) - 1;
      this.#downs.set(node, left);
      if (left === 0) node.boot();
    });
  }

  #pause(node: SimulatedNode, forMs: number): void {
    this.#pauses.set(node, (this.#pauses.get(node) ?? 0) + 1);
    node.pause();
    this.#after(forMs, () => {
      const left = (this.#pauses.get(node) ?? 1) - 1;
      this.#pauses.set(node, left);
      if (left === 0) node.resume();
    });
  }

  #block(pairs: readonly (readonly [from: SimulatedNode, to: SimulatedNode])[], forMs: number): void {
    const { network, networkFaults } = this.#targets;
    for (const [from, to] of pairs) networkFaults.block(from, to, 1);
    network.changed();
    this.#after(forMs, () => {
      for (const [from, to] of pairs) networkFaults.block(from, to, -1);
      network.changed();
    });
  }

  #after(durationMs: number, callback: () => void): void {
    this.#targets.clock.setTimer(durationMs, callback);
  }

  #node(index: number): SimulatedNode {
    return this.#targets.nodes[index] as SimulatedNode;
  }
}

function blockedPairs(
  fault: Extract<Fault, { kind: 'partition' | 'one-way' }>,
  nodes: readonly SimulatedNode[],
): (readonly [from: SimulatedNode, to: SimulatedNode])[] {
  const isBlocked =
    fault.kind === 'one-way'
      ? (from: number, to: number): boolean => fault.from.includes(from) && fault.to.includes(to)
      : (from: number, to: number): boolean =>
          !fault.groups.some((group) => group.includes(from) && group.includes(to));
  return nodes.flatMap((from) =>
    nodes.filter((to) => to !== from && isBlocked(from.index, to.index)).map((to) => [from, to] as const),
  );
}

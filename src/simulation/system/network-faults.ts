/** What frames meet between each two nodes: time of flight, partitions, losses. Every pair draws from a stream of its own. */
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { Conditions } from '../../runtime/simulated/pipe-transport.ts';
import type { SeededRandom } from '../../runtime/simulated/seeded-random.ts';
import type { SimulatedNode } from './node.ts';
import type { TraceHash } from '../trace-hash.ts';

interface Pair {
  readonly conditions: Conditions;
  readonly losses: SeededRandom;
}

export class NetworkFaults {
  /** Of all frames. */
  lossProbability = 0;
  extraDelayMs = 0;
  readonly #random: SeededRandom;
  readonly #delayMs: readonly [least: number, most: number];
  readonly #trace: TraceHash;
  readonly #pairs = new Map<string, Pair>();
  /** How many faults in force stop a direction. */
  readonly #blocks = new Map<string, number>();
  readonly #nodes = new Map<PublicKey, SimulatedNode>();

  constructor(random: SeededRandom, delayMs: readonly [least: number, most: number], trace: TraceHash) {
    this.#random = random;
    this.#delayMs = delayMs;
    this.#trace = trace;
  }

  add(node: SimulatedNode): void {
    this.#nodes.set(node.key, node);
  }

  conditions(from: PublicKey, to: PublicKey): Conditions {
    return this.#pair(from, to).conditions;
  }

  /** The frame as it flies, or null where it is lost together with its connection. */
  onFrame(from: PublicKey, to: PublicKey, frame: Uint8Array): Uint8Array | null {
    this.#trace.record('frame', this.#nodes.get(from)?.index ?? -1, this.#nodes.get(to)?.index ?? -1);
    this.#trace.bytes(frame);
    if (this.lossProbability === 0) return frame;
    return this.#pair(from, to).losses.fraction() < this.lossProbability ? null : frame;
  }

  block(from: SimulatedNode, to: SimulatedNode, by: 1 | -1): void {
    const name = `${from.key}${to.key}`;
    this.#blocks.set(name, (this.#blocks.get(name) ?? 0) + by);
  }

  #pair(from: PublicKey, to: PublicKey): Pair {
    const name = `${from}${to}`;
    let pair = this.#pairs.get(name);
    if (pair === undefined) {
      pair = this.#makePair(name, from, to);
      this.#pairs.set(name, pair);
    }
    return pair;
  }

  #makePair(name: string, from: PublicKey, to: PublicKey): Pair {
    const delays = this.#random.fork(`delays ${name}`);
    const [least, most] = this.#delayMs;
    const delayMs = (): number => least + delays.fraction() * (most - least + this.extraDelayMs);
    const isOpen = (): boolean =>
      (this.#blocks.get(name) ?? 0) === 0 &&
      this.#nodes.get(from)?.isPaused !== true &&
      this.#nodes.get(to)?.isPaused !== true;
    const conditions = {
      get delayMs() {
        return delayMs();
      },
      get open() {
        return isOpen();
      },
    };
    return { conditions, losses: this.#random.fork(`losses ${name}`) };
  }
}

/** What frames meet between each two nodes: time of flight, partitions, losses. Every pair draws from a stream of its own. */
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import type { Conditions, Disorder } from '../../runtime/simulated/pipe-transport.ts';
import type { SeededRandom } from '../../runtime/simulated/seeded-random.ts';
import type { SimulatedNode } from './node.ts';
import type { TraceHash } from '../trace-hash.ts';

/** One direction between two nodes. */
interface Direction {
  readonly conditions: Conditions;
  readonly losses: SeededRandom;
  readonly disorders: SeededRandom;
  /** How many faults in force stop it. */
  blocks: number;
  /** Every frame takes up to so much longer. */
  extraDelayMs: number;
}

/** What a node's line takes in a second, and until when it is busy with what was sent. */
interface Line {
  bytesPerSecond: number;
  freeAtMs: number;
}

const inOrder: Disorder = { copies: 1, overtakes: false };

export class NetworkFaults {
  /** Of all frames. */
  lossProbability = 0;
  duplicateProbability = 0;
  overtakingProbability = 0;
  extraDelayMs = 0;
  readonly #random: SeededRandom;
  readonly #delayMs: readonly [least: number, most: number];
  readonly #trace: TraceHash;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** By sender, then by receiver. */
  readonly #directions = new Map<PublicKey, Map<PublicKey, Direction>>();
  readonly #lines = new Map<PublicKey, Line>();
  readonly #nodes = new Map<PublicKey, SimulatedNode>();

  constructor(
    random: SeededRandom,
    delayMs: readonly [least: number, most: number],
    trace: TraceHash,
    clock: Pick<Clock, 'monotonicMs'>,
  ) {
    this.#random = random;
    this.#delayMs = delayMs;
    this.#trace = trace;
    this.#clock = clock;
  }

  add(node: SimulatedNode): void {
    this.#nodes.set(node.key, node);
  }

  conditions(from: PublicKey, to: PublicKey): Conditions {
    return this.#direction(from, to).conditions;
  }

  /** The frame as it flies, or null where it is lost together with its connection. */
  onFrame(from: PublicKey, to: PublicKey, frame: Uint8Array): Uint8Array | null {
    this.#trace.record('frame', this.#nodes.get(from)?.index ?? -1, this.#nodes.get(to)?.index ?? -1);
    this.#trace.bytes(frame);
    if (this.lossProbability === 0) return frame;
    return this.#direction(from, to).losses.fraction() < this.lossProbability ? null : frame;
  }

  disorder(from: PublicKey, to: PublicKey): Disorder {
    if (this.duplicateProbability === 0 && this.overtakingProbability === 0) return inOrder;
    const { disorders } = this.#direction(from, to);
    const copies = disorders.fraction() < this.duplicateProbability ? 2 : 1;
    return { copies, overtakes: disorders.fraction() < this.overtakingProbability };
  }

  block(from: SimulatedNode, to: SimulatedNode, by: 1 | -1): void {
    this.#direction(from.key, to.key).blocks += by;
  }

  slow(from: SimulatedNode, to: SimulatedNode, byMs: number): void {
    this.#direction(from.key, to.key).extraDelayMs += byMs;
  }

  /** What the node sends, to all others together, takes its time from now on. Returns what ends that. */
  narrow(node: SimulatedNode, bytesPerSecond: number): () => void {
    const line = { bytesPerSecond, freeAtMs: 0 };
    this.#lines.set(node.key, line);
    return () => {
      if (this.#lines.get(node.key) === line) this.#lines.delete(node.key);
    };
  }

  #direction(from: PublicKey, to: PublicKey): Direction {
    const directions = this.#directions.get(from) ?? new Map<PublicKey, Direction>();
    if (directions.size === 0) this.#directions.set(from, directions);
    let direction = directions.get(to);
    if (direction === undefined) {
      direction = this.#create(`${from}${to}`, from, to);
      directions.set(to, direction);
    }
    return direction;
  }

  #create(name: string, from: PublicKey, to: PublicKey): Direction {
    const delays = this.#random.fork(`delays ${name}`);
    const [least, most] = this.#delayMs;
    const delayMs = (): number =>
      least + delays.fraction() * (most - least + this.extraDelayMs + direction.extraDelayMs);
    const isOpen = (): boolean =>
      direction.blocks === 0 && this.#nodes.get(from)?.isPaused !== true && this.#nodes.get(to)?.isPaused !== true;
    const conditions: Conditions = {
      get delayMs() {
        return delayMs();
      },
      get open() {
        return isOpen();
      },
      transmissionMs: (bytes) => this.#transmissionMs(from, bytes),
    };
    const direction: Direction = {
      conditions,
      losses: this.#random.fork(`losses ${name}`),
      disorders: this.#random.fork(`disorders ${name}`),
      ...{ blocks: 0, extraDelayMs: 0 },
    };
    return direction;
  }

  #transmissionMs(from: PublicKey, bytes: number): number {
    const line = this.#lines.get(from);
    if (line === undefined) return 0;
    const nowMs = this.#clock.monotonicMs();
    line.freeAtMs = Math.max(line.freeAtMs, nowMs) + (1000 * bytes) / line.bytesPerSecond;
    return line.freeAtMs - nowMs;
  }
}

/** Messages on their way. Taking the oldest, the newest or any costs the same. */
import type { Verified } from '../../protocols/ibft/machine-types.ts';
import type { ConsensusMessage } from '../../protocols/ibft/messages.ts';
import type { SeededRandom } from '../../runtime/simulated/seeded-random.ts';
import type { MessageName } from './schedule.ts';

export interface InFlight {
  readonly from: number;
  readonly to: number;
  readonly message: Verified<ConsensusMessage>;
  /** null where nobody writes the schedule down. */
  readonly name: MessageName | null;
}

/** Below the oldest one, the array holds what was taken: dropped from time to time. */
const droppedAt = 1024;

export class MessageBag {
  #entries: InFlight[] = [];
  #oldest = 0;

  get size(): number {
    return this.#entries.length - this.#oldest;
  }

  add(entry: InFlight): void {
    this.#entries.push(entry);
  }

  /** Not empty. */
  take(order: 'random' | 'oldest' | 'newest', random: SeededRandom): InFlight {
    const entries = this.#entries;
    if (order === 'newest') return entries.pop() as InFlight;
    if (order === 'random') {
      const at = this.#oldest + (random.uint32() % this.size);
      const taken = entries[at] as InFlight;
      entries[at] = entries[this.#oldest] as InFlight;
      entries[this.#oldest] = taken;
    }
    const taken = entries[this.#oldest++] as InFlight;
    if (this.#oldest >= droppedAt) {
      entries.splice(0, this.#oldest);
      this.#oldest = 0;
    }
    return taken;
  }

  clear(): void {
    this.#entries = [];
    this.#oldest = 0;
  }
}

/** What is known of the pods of a driver, kept up by a watch that begins with the first question and is renewed when it ends. */
import type { V1Pod } from '@kubernetes/client-node';
import type { Clock, TimerHandle } from '../../ports/clock.ts';
import type { ClusterApi, PodEvent } from './cluster-api.ts';
import { idOf } from './pod.ts';

const renewAfterMs = 500;

interface Waiter {
  readonly id: string;
  readonly wanted: (pod: V1Pod) => boolean;
  readonly resolve: (pod: V1Pod | null) => void;
}

export class PodWatch {
  readonly #api: Pick<ClusterApi, 'watchPods' | 'listPods'>;
  readonly #clock: Clock;
  readonly #ended = new AbortController();
  readonly #waiters = new Set<Waiter>();
  readonly #pods = new Map<string, V1Pod>();
  #renewal: TimerHandle | null = null;
  #running: Promise<void> | null = null;

  constructor(api: Pick<ClusterApi, 'watchPods' | 'listPods'>, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
  }

  /** What an answer told, before the watch does. */
  saw(pod: V1Pod): void {
    this.#pods.set(idOf(pod), pod);
  }

  /** Resolves with the pod once it is so; null where it is gone, or at `signal`. */
  until(id: string, wanted: Waiter['wanted'], signal: AbortSignal): Promise<V1Pod | null> {
    return new Promise((settle) => {
      const waiter: Waiter = {
        ...{ id, wanted },
        resolve: (pod) => {
          this.#waiters.delete(waiter);
          settle(pod);
        },
      };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', () => waiter.resolve(null), { once: true });
      const known = this.#pods.get(id);
      if (known !== undefined && wanted(known)) waiter.resolve(known);
      this.#watch();
    });
  }

  async close(): Promise<void> {
    this.#ended.abort();
    this.#renewal?.cancel();
    await this.#running;
    for (const { resolve } of [...this.#waiters]) resolve(null);
  }

  #watch(): void {
    if (this.#running !== null || this.#renewal !== null || this.#ended.signal.aborted) return;
    this.#running = this.#once().finally(() => {
      this.#running = null;
      if (this.#waiters.size === 0 || this.#ended.signal.aborted) return;
      this.#renewal = this.#clock.setTimer(renewAfterMs, () => {
        this.#renewal = null;
        this.#watch();
      });
    });
  }

  /** Whoever went while nobody watched is in no event: those waited for are looked up in a list first. */
  async #once(): Promise<void> {
    try {
      const there = await this.#api.listPods();
      const ids = new Set(there.map(idOf));
      for (const pod of there) this.#take({ type: 'changed', pod });
      for (const { id, resolve } of [...this.#waiters]) if (!ids.has(id)) resolve(null);
      await this.#api.watchPods(this.#ended.signal, (event) => this.#take(event));
    } catch {
      // Tried again: an API server that is away for a while ends nothing.
    }
  }

  #take({ type, pod }: PodEvent): void {
    const id = idOf(pod);
    if (type === 'gone') this.#pods.delete(id);
    else this.#pods.set(id, pod);
    for (const waiter of [...this.#waiters])
      if (waiter.id === id && (type === 'gone' || waiter.wanted(pod)))
        waiter.resolve(type === 'gone' && !waiter.wanted(pod) ? null : pod);
  }
}

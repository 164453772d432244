/** An actor system on a virtual clock and seeded randomness, with everything observable recorded. */
import { createActorSystem } from '../../../src/runtime/actor-system.ts';
import type { ActorSystem, DeadLetter } from '../../../src/runtime/ports/actors.ts';
import type { Links } from '../../../src/runtime/ports/links.ts';
import { SeededRandom } from '../../../src/runtime/simulated/seeded-random.ts';
import { VirtualClock } from '../../../src/runtime/simulated/virtual-clock.ts';
import { QuietTelemetry } from './quiet-telemetry.ts';

export interface ActorWorld {
  readonly clock: VirtualClock;
  readonly telemetry: QuietTelemetry;
  readonly system: ActorSystem;
  readonly deadLetters: DeadLetter[];
  readonly fatal: unknown[];
  /** Moves the clock in steps to every timer on the way, letting the actors settle after each. */
  readonly pass: (durationMs: number) => Promise<void>;
}

export function createActorWorld(options: { readonly seed?: string; readonly links?: Links } = {}): ActorWorld {
  const clock = new VirtualClock();
  const telemetry = new QuietTelemetry();
  const random = new SeededRandom(options.seed ?? 'actor world');
  const system = createActorSystem({
    clock,
    random,
    telemetry,
    ...(options.links === undefined ? {} : { links: options.links }),
  });
  const deadLetters: DeadLetter[] = [];
  system.onDeadLetter((letter) => deadLetters.push(letter));
  const fatal: unknown[] = [];
  system.onFatal((cause) => fatal.push(cause));
  return {
    clock,
    telemetry,
    system,
    deadLetters,
    fatal,
    async pass(durationMs) {
      const endMs = clock.monotonicMs() + durationMs;
      await settle();
      for (let next = clock.nextAtMs; next !== undefined && next <= endMs; next = clock.nextAtMs) {
        clock.advanceTo(next);
        await settle();
      }
      clock.advanceTo(endMs);
      await settle();
    },
  };
}

/** Lets everything that is ready run: turns are macrotasks, their consequences microtasks or further turns. */
export async function settle(rounds = 12): Promise<void> {
  for (let i = 0; i < rounds; i++) await new Promise((resolve) => setImmediate(resolve));
}

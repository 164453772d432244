/** The machine's timers as timers of the actor: one of each kind, the latest that was set. */
import type { Effect, TimerKind } from '../../protocols/ibft/machine-types.ts';
import type { Height, Round } from '../../protocols/shared/brands.ts';
import type { ValidatorContext } from './dependencies.ts';

export class ConsensusTimers {
  readonly #context: ValidatorContext;
  readonly #running = new Map<TimerKind, { height: number; round: number; dueMs: number }>();

  constructor(context: ValidatorContext) {
    this.#context = context;
  }

  set(effect: Extract<Effect, { type: 'set-timer' }>): void {
    const { timer, height, round, due } = effect;
    const now = this.#context.clock.monotonicMs();
    const delayMs = Math.max(0, 'afterMs' in due ? due.afterMs : due.atMs - this.#context.clock.now());
    const running = this.#running.get(timer);
    const isSame = running?.height === height && running.round === round;
    if (effect.keepEarlier && isSame && running.dueMs <= now + delayMs) return;
    this.#running.set(timer, { height, round, dueMs: now + delayMs });
    this.#context.timer(timer, delayMs, { type: 'timer', timer, height, round });
  }

  cancel(timer: TimerKind): void {
    this.#running.delete(timer);
    this.#context.cancelTimer(timer);
  }

  /** It has gone off. */
  expired(timer: TimerKind, height: Height, round: Round): void {
    const running = this.#running.get(timer);
    if (running?.height === height && running.round === round) this.#running.delete(timer);
  }
}

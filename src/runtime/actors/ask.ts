/**
 * Questions that wait for an answer. An ask belongs to the actor that it was sent to: when that actor stops, the ask
 * fails at once.
 */
import type { ActorErrorCode, ReplyTo } from '../ports/actors.ts';

export abstract class Ask {
  /** Whether it has been answered or has failed: nothing more can happen to it. */
  settled = false;
  /** The open asks of the target; the ask removes itself when it settles. */
  openAtTarget: Set<Ask> | undefined = undefined;
  /** The open asks of the same time limit. */
  openByDeadline: Set<Ask> | undefined = undefined;
  dueMs = 0;
  #onSettled: (() => void)[] | undefined = undefined;

  /** Takes the answer. False where the ask is settled already: the answer is a dead letter. */
  answer(reply: unknown): boolean {
    if (!this.#settle()) return false;
    this.onAnswer(reply);
    return true;
  }

  fail(code: ActorErrorCode, message: string): void {
    if (this.#settle()) this.onFailure(code, message);
  }

  /** `callback` runs once the ask has settled, however that came. */
  whenSettled(callback: () => void): void {
    (this.#onSettled ??= []).push(callback);
  }

  #settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    this.openAtTarget?.delete(this);
    this.openByDeadline?.delete(this);
    const callbacks = this.#onSettled;
    if (callbacks !== undefined) for (const callback of callbacks) callback();
    return true;
  }

  protected abstract onAnswer(reply: unknown): void;
  protected abstract onFailure(code: ActorErrorCode, message: string): void;
}

/** What a message carries as its `replyTo`: nothing of the ask can be seen or forged through it. */
export class ReplyAddress {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  static of(ask: Ask): ReplyTo<unknown> {
    const address: object = new ReplyAddress(ask);
    return address;
  }

  /** The ask behind an address; undefined for what is no address of this runtime. */
  static askOf(address: object): Ask | undefined {
    return #ask in address ? address.#ask : undefined;
  }
}

/** Asks made in this system, and the answers to all asks. */
import { invariant, InvariantError } from '../../protocols/shared/errors.ts';
import { ActorError, type ActorErrorCode, type ReplyTo } from '../ports/actors.ts';
import { Ask, ReplyAddress } from './ask.ts';
import type { Cell } from './cell.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { Deadlines } from './deadlines.ts';

/** An ask whose answer is awaited here. */
export class AwaitedAsk extends Ask {
  readonly promise: Promise<unknown>;
  readonly address = ReplyAddress.of(this);
  readonly #madeBy: Set<Ask> | undefined;
  #resolve!: (reply: unknown) => void;
  #reject!: (cause: unknown) => void;

  constructor(madeBy: Set<Ask> | undefined) {
    super();
    this.#madeBy = madeBy;
    madeBy?.add(this);
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** The message could not even be made or sent: whoever asks is told why, as it is. */
  abandon(cause: unknown): void {
    this.#reject(cause);
    this.fail('target-failed', 'never sent');
  }

  protected override onAnswer(reply: unknown): void {
    this.#madeBy?.delete(this);
    this.#resolve(reply);
  }

  protected override onFailure(code: ActorErrorCode, message: string): void {
    this.#madeBy?.delete(this);
    this.#reject(new ActorError(code, message));
  }
}

/** The ask is open at `target`: it fails at once when that actor stops. */
export function openAt(target: Cell, ask: Ask): void {
  const open = (target.openAsks ??= new Set());
  open.add(ask);
  ask.openAtTarget = open;
}

export function startAsk(asker: Cell | undefined, timeoutMs: number, deadlines: Deadlines): AwaitedAsk {
  invariant(timeoutMs >= 0 && timeoutMs < Infinity, `an ask needs a finite time limit, got ${timeoutMs} ms`);
  const ask = new AwaitedAsk(asker === undefined ? undefined : (asker.madeAsks ??= new Set()));
  deadlines.add(ask, timeoutMs);
  return ask;
}

/** Gives the answer to whoever asked; what comes too late or twice is a dead letter. */
export function reply(address: ReplyTo<never>, answer: unknown, deadLetters: DeadLetters): void {
  const ask = ReplyAddress.askOf(address);
  if (ask === undefined) throw new InvariantError('not a reply address that an actor system has given out');
  if (!ask.answer(answer)) deadLetters.publish('/reply', answer, 'no-reply-expected');
}

/** Fails every ask still open at an actor. */
export function failOpenAsks(cell: Cell): void {
  if (cell.openAsks === undefined) return;
  for (const ask of [...cell.openAsks]) ask.fail('target-stopped', `${cell.path} has stopped`);
}

import type { PublicKey } from '../../protocols/shared/brands.ts';
import { CodedError } from '../../protocols/shared/errors.ts';
import type { Clock, TimerHandle } from '../ports/clock.ts';
import type { DialAbort, Pipe, Transport } from '../ports/transport.ts';
import type { BackOff } from './back-off.ts';

/** Dials one lane of one peer, again and again until told to stop: each attempt the next of the peer's addresses. */
export class Dialer {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #backOff: BackOff;
  readonly #key: PublicKey;
  readonly #timeoutMs: number;
  readonly #hooks: { readonly onPipe: (pipe: Pipe) => void; readonly onError: (reason: string) => void };
  #addresses: readonly string[] = [];
  #turn = 0;
  #attempt: DialAbort | null = null;
  #timer: TimerHandle | null = null;

  constructor(
    dependencies: {
      readonly transport: Transport;
      readonly clock: Clock;
      readonly backOff: BackOff;
      readonly key: PublicKey;
      readonly timeoutMs: number;
    },
    hooks: { readonly onPipe: (pipe: Pipe) => void; readonly onError: (reason: string) => void },
  ) {
    this.#transport = dependencies.transport;
    this.#clock = dependencies.clock;
    this.#backOff = dependencies.backOff;
    this.#key = dependencies.key;
    this.#timeoutMs = dependencies.timeoutMs;
    this.#hooks = hooks;
  }

  get dialing(): boolean {
    return this.#attempt !== null;
  }

  setAddresses(addresses: readonly string[]): void {
    this.#addresses = addresses;
  }

  /** The peer is reachable: the next delay is the shortest again. */
  succeeded(): void {
    this.#backOff.reset();
  }

  now(): void {
    this.#cancelTimer();
    const address = this.#addresses[this.#turn % Math.max(1, this.#addresses.length)];
    if (address === undefined || this.#attempt !== null) return;
    this.#turn += 1;
    const attempt: DialAbort = { onAbort: () => undefined };
    this.#attempt = attempt;
    const options = { expectedKey: this.#key, timeoutMs: this.#timeoutMs, abort: attempt };
    this.#transport.dial(address, options).then(
      (pipe) => {
        if (this.#attempt !== attempt) {
          pipe.close('superseded');
          return;
        }
        this.#attempt = null;
        this.#hooks.onPipe(pipe);
      },
      (error: unknown) => {
        if (this.#attempt !== attempt) return;
        this.#attempt = null;
        const reason = error instanceof CodedError ? `${error.code}: ${error.message}` : String(error);
        this.later();
        this.#hooks.onError(`${reason} (${address})`);
      },
    );
  }

  /** Dials once the back-off has passed, and not before `atLeastMs`. An attempt that runs or waits stays as it is. */
  later(atLeastMs = 0): void {
    if (this.#timer !== null || this.#attempt !== null || this.#addresses.length === 0) return;
    const delayMs = Math.max(atLeastMs, this.#backOff.next());
    this.#timer = this.#clock.setTimer(delayMs, () => {
      this.#timer = null;
      this.now();
    });
  }

  /** Neither dials nor waits any more. */
  cancel(): void {
    this.#cancelTimer();
    const attempt = this.#attempt;
    this.#attempt = null;
    attempt?.onAbort();
  }

  #cancelTimer(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}

/**
 * One life of a simulated node, from boot to crash: its clock, its macrotasks, its end of the network. All of its code
 * runs through here, one callback a step, so that a life can be paused, and ended in the midst of anything.
 */
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { ActorSystemOptions } from '../../runtime/actor-system.ts';
import type { Clock, TimerHandle } from '../../runtime/ports/clock.ts';
import type { NactGlobals } from '../../runtime/ports/nact-globals.ts';
import type { Random } from '../../runtime/ports/random.ts';
import type { Pipe, Transport } from '../../runtime/ports/transport.ts';
import type { TraceHash } from '../trace-hash.ts';

/** nact as a node's own instance. The caller of the simulator brings what loads it (`adapters/nact-source.ts`). */
export type Nact = NonNullable<ActorSystemOptions['nact']>;

export interface NodeProcessOptions {
  readonly clock: Clock;
  readonly trace: TraceHash;
  readonly node: number;
  readonly random: Random;
  /** A frame is about to be sent by `send`. Default: it is. */
  readonly onSend?: (frame: Uint8Array, send: () => void) => void;
  /** A callback of the node threw, which ends a process. Default: it is thrown at whoever runs the clock. */
  readonly onThrown?: (cause: unknown) => void;
}

interface Task {
  callback: (() => void) | null;
}

export class NodeProcess {
  readonly clock: Clock;
  readonly nactGlobals: NactGlobals;
  readonly #options: NodeProcessOptions;
  /** In the order of setting, as Node runs them. */
  readonly #immediates: Task[] = [];
  /** What fell due while the process was paused, in order: it is caught up with, one a step, before anything new. */
  readonly #held: Task[] = [];
  #paused = false;
  #ended = false;

  constructor(options: NodeProcessOptions) {
    this.#options = options;
    const { clock } = options;
    this.clock = {
      now: () => clock.now(),
      monotonicMs: () => clock.monotonicMs(),
      setTimer: (delayMs, callback) => this.#setTimer(delayMs, callback),
    };
    this.nactGlobals = this.#globals();
  }

  /** Runs in a step of its own, soon: as an event that comes from outside does. */
  post(callback: () => void): void {
    this.#schedule(0, { callback });
  }

  /** Runs now, in a step that is the node's alone; later where the process is paused, never where it has ended. */
  enter(callback: () => void): void {
    this.#run({ callback });
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#catchUp();
  }

  /** What a life that has ended in the midst of a step still does goes nowhere. */
  send(frame: Uint8Array, pipe: Pipe): void {
    const { onSend } = this.#options;
    if (this.#ended) return;
    if (onSend === undefined) pipe.send(frame);
    else onSend(frame, () => pipe.send(frame));
  }

  /** Nothing of this life runs any more. */
  end(): void {
    this.#ended = true;
    this.#immediates.length = 0;
    this.#held.length = 0;
  }

  /** The network as this life sees it. */
  transport(network: Transport): Transport {
    return {
      listen: (address, handlers) =>
        network.listen(address, {
          ...handlers,
          onPipe: (pipe) => handlers.onPipe(new ProcessPipe(pipe, this)),
        }),
      dial: (address, options) =>
        new Promise((resolve, reject) => {
          if (this.#ended) return;
          // Handed over in the very step, so that no frame comes before its receiver is set.
          network.dial(address, options).then(
            (pipe) => this.enter(() => resolve(new ProcessPipe(pipe, this))),
            (error: unknown) => this.enter(() => reject(error instanceof Error ? error : new Error(String(error)))),
          );
        }),
    };
  }

  #setTimer(delayMs: number, callback: () => void): TimerHandle {
    const task = {
      callback,
      cancel: () => {
        task.callback = null;
        handle.cancel();
      },
    } satisfies Task & TimerHandle as Task & TimerHandle;
    const handle = this.#schedule(delayMs, task);
    return task;
  }

  #schedule(delayMs: number, task: Task): TimerHandle {
    return this.#options.clock.setTimer(delayMs, () => this.#run(task));
  }

  #catchUp(): void {
    if (this.#held.length === 0) return;
    this.#options.clock.setTimer(0, () => {
      if (this.#paused || this.#ended) return;
      const task = this.#held.shift();
      if (task !== undefined) this.#perform(task);
      this.#catchUp();
    });
  }

  #run(task: Task): void {
    if (this.#paused || this.#held.length > 0) this.#held.push(task);
    else this.#perform(task);
  }

  #perform(task: Task): void {
    const { callback } = task;
    if (this.#ended || callback === null) return;
    task.callback = null;
    this.#options.trace.record('callback', this.#options.node, 0);
    try {
      callback();
    } catch (error) {
      const { onThrown } = this.#options;
      if (onThrown === undefined) throw error;
      onThrown(error);
    }
  }

  #setImmediate(callback: () => void): Task {
    const task: Task = { callback };
    this.#immediates.push(task);
    if (this.#immediates.length === 1) this.post(this.#runImmediate);
    return task;
  }

  readonly #runImmediate = (): void => {
    const task = this.#immediates.shift();
    if (this.#immediates.length > 0) this.post(this.#runImmediate);
    task?.callback?.();
  };

  #globals(): NactGlobals {
    const { random } = this.#options;
    const unreachable = (name: string) => (): never => {
      throw new Error(`nact called ${name}`);
    };
    return {
      setImmediate: (callback) => this.#setImmediate(callback),
      clearImmediate: (handle) => {
        // Nothing to forget where none was set: an actor stops with no message in hand.
        if (handle !== undefined) (handle as Task).callback = null;
      },
      setTimeout: (callback, delayMs = 0) => this.#setTimer(delayMs, callback),
      clearTimeout: (handle) => (handle as TimerHandle | undefined)?.cancel(),
      Math: { abs: Math.abs, min: Math.min, max: Math.max, random: () => random.fraction() },
      Date: undefined,
      console: {
        log: unreachable('console.log'),
        warn: unreachable('console.warn'),
        error: unreachable('console.error'),
      },
      crypto: {
        randomBytes: (count) => {
          const bytes = random.bytes(count);
          return { readUInt32BE: () => new DataView(bytes.buffer).getUint32(0) };
        },
      },
    };
  }
}

/** A pipe whose news reach the node through its process. */
class ProcessPipe implements Pipe {
  readonly peerKey: PublicKey;
  readonly channelBinding: Uint8Array;
  readonly remoteAddress: string;
  onFrame: (frame: Uint8Array) => void = () => undefined;
  onClose: (reason: string) => void = () => undefined;
  onDrain: () => void = () => undefined;
  readonly #pipe: Pipe;
  readonly #process: NodeProcess;

  constructor(pipe: Pipe, process: NodeProcess) {
    this.#pipe = pipe;
    this.#process = process;
    this.peerKey = pipe.peerKey;
    this.channelBinding = pipe.channelBinding;
    this.remoteAddress = pipe.remoteAddress;
    pipe.onFrame = (frame) => process.enter(() => this.onFrame(frame));
    // Caused by others, or by this node in the midst of something: a step of its own.
    pipe.onClose = (reason) => process.post(() => this.onClose(reason));
    pipe.onDrain = () => process.post(() => this.onDrain());
  }

  get bufferedBytes(): number {
    return this.#pipe.bufferedBytes;
  }

  send(frame: Uint8Array): void {
    this.#process.send(frame, this.#pipe);
  }

  pause(): void {
    this.#pipe.pause();
  }

  resume(): void {
    this.#pipe.resume();
  }

  close(reason: string): void {
    this.#pipe.close(reason);
  }
}

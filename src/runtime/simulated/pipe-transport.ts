/**
 * A network in memory: the {@link Transport} of the simulator. Frames of one pipe arrive in the order sent, as over TCP;
 * a partition holds them (and dials time out) until it heals or the pipe is closed, as TCP retransmits; `cut` and
 * `crash` end pipes. Everything happens through the clock that it is given, nothing by itself.
 */
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { Clock, TimerHandle } from '../ports/clock.ts';
import { type DialOptions, type Listener, type Pipe, type Transport, TransportError } from '../ports/transport.ts';

/** What a frame from one node to another meets now. */
export interface Conditions {
  /** Time of flight, ms. */
  readonly delayMs: number;
  /** False: nothing passes in this direction. */
  readonly open: boolean;
  /** Time until a frame of so many bytes that is sent now has left, ms: a line that is busy or slow. Default 0. */
  readonly transmissionMs?: (bytes: number) => number;
}

/** What no TCP connection does to a frame, for links that are to refuse or survive it. */
export interface Disorder {
  /** How often it arrives. */
  readonly copies: number;
  /** It does not wait for those sent before it. */
  readonly overtakes: boolean;
}

export interface PipeNetworkOptions {
  readonly clock: Clock;
  /** Asked for every frame and dial. Call `changed` when its answers change. */
  readonly conditions?: (from: PublicKey, to: PublicKey) => Conditions;
  /** Sees every frame before it flies, and may change it; null loses it together with the pipe. For fault injection. */
  readonly onFrame?: (from: PublicKey, to: PublicKey, frame: Uint8Array) => Uint8Array | null;
  /** Asked for every frame that `onFrame` lets pass. */
  readonly disorder?: (from: PublicKey, to: PublicKey) => Disorder;
  /** Bytes in flight that count as taken by the operating system. Default 256 KiB. */
  readonly socketBufferBytes?: number;
}

type ListenHandlers = Parameters<Transport['listen']>[1];

interface Door {
  readonly key: PublicKey;
  readonly handlers: ListenHandlers;
}

const perfect: Conditions = { delayMs: 0, open: true };
const inOrder: Disorder = { copies: 1, overtakes: false };

export class PipeNetwork {
  readonly clock: Clock;
  readonly socketBufferBytes: number;
  readonly #options: PipeNetworkOptions;
  readonly #doors = new Map<string, Door>();
  readonly #pipes = new Set<SimulatedPipe>();
  readonly #dials = new Set<{ readonly key: PublicKey; readonly forget: () => void }>();
  #nextPort = 40_000;
  #connections = 0;

  constructor(options: PipeNetworkOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.socketBufferBytes = options.socketBufferBytes ?? 256 * 1024;
  }

  /** The network as the node of this key sees it. */
  transport(key: PublicKey): Transport {
    return {
      listen: (address, handlers) => Promise.resolve(this.#listen(key, address, handlers)),
      dial: (address, options) => this.#dial(key, address, options),
    };
  }

  /** Held frames are looked at again. */
  changed(): void {
    for (const pipe of [...this.#pipes]) pipe.pump();
  }

  /** What is still on its way from a node takes no longer than what is sent now: its line is free again. */
  hasten(from: PublicKey): void {
    for (const pipe of [...this.#pipes]) if (pipe.peerKey === from) pipe.hasten();
  }

  /** Ends every pipe between two nodes, at both ends, now. What was in flight is lost. */
  cut(a: PublicKey, b: PublicKey, reason = 'connection reset'): void {
    for (const pipe of [...this.#pipes]) {
      if (pipe.ownKey !== a || pipe.peerKey !== b) continue;
      pipe.other?.ended(reason);
      pipe.ended(reason);
    }
  }

  /** The pipes between two nodes end at the side of `key`; the other side hears nothing of it, nor of anything from there again. */
  forsake(key: PublicKey, peer: PublicKey, reason = 'connection lost'): void {
    for (const pipe of [...this.#pipes]) {
      if (pipe.ownKey !== key || pipe.peerKey !== peer) continue;
      pipe.other?.forsaken();
      pipe.ended(reason);
    }
  }

  /**
   * A node is gone: its doors are shut, its own handlers are not called, its dials never settle. At the other end its
   * pipes are reset after the first `keep(count)` of the `count` frames in flight from it. Default: none of them.
   */
  crash(key: PublicKey, keep: (inFlight: number) => number = () => 0): void {
    for (const dial of [...this.#dials]) if (dial.key === key) dial.forget();
    for (const [address, door] of this.#doors) if (door.key === key) this.#doors.delete(address);
    for (const pipe of [...this.#pipes]) {
      if (pipe.ownKey !== key) continue;
      pipe.onClose = () => undefined;
      pipe.onFrame = () => undefined;
      pipe.onDrain = () => undefined;
      pipe.other?.diesAfter(keep, 'connection reset');
      pipe.ended('connection reset');
    }
  }

  conditions(from: PublicKey, to: PublicKey): Conditions {
    return this.#options.conditions?.(from, to) ?? perfect;
  }

  inspect(from: PublicKey, to: PublicKey, frame: Uint8Array): Uint8Array | null {
    return this.#options.onFrame === undefined ? frame : this.#options.onFrame(from, to, frame);
  }

  disorder(from: PublicKey, to: PublicKey): Disorder {
    return this.#options.disorder?.(from, to) ?? inOrder;
  }

  forget(pipe: SimulatedPipe): void {
    this.#pipes.delete(pipe);
  }

  #listen(key: PublicKey, asked: string, handlers: ListenHandlers): Listener {
    const address = asked.endsWith(':0') ? `${asked.slice(0, -1)}${this.#nextPort++}` : asked;
    if (this.#doors.has(address)) throw new TransportError('bad-address', `${address} is taken`);
    this.#doors.set(address, { key, handlers });
    return {
      address,
      close: () => {
        if (this.#doors.get(address)?.key === key) this.#doors.delete(address);
        return Promise.resolve();
      },
    };
  }

  #dial(key: PublicKey, address: string, options: DialOptions): Promise<Pipe> {
    return new Promise<Pipe>((resolve, reject) => {
      const deadlineMs = this.clock.monotonicMs() + options.timeoutMs;
      let timer: TimerHandle | null = null;
      const forget = (): void => {
        timer?.cancel();
        this.#dials.delete(dial);
      };
      const dial = { key, forget };
      this.#dials.add(dial);
      const fail = (error: TransportError): void => {
        forget();
        reject(error);
      };
      if (options.abort !== undefined) {
        options.abort.onAbort = () => fail(new TransportError('unreachable', 'given up'));
      }
      const { delayMs } = this.conditions(key, options.expectedKey);
      // SYN, SYN-ACK and the first flight: two trips before either side has a pipe.
      timer = this.clock.setTimer(2 * delayMs, () => {
        const there = this.conditions(key, options.expectedKey);
        const back = this.conditions(options.expectedKey, key);
        if (!there.open || !back.open) {
          const leftMs = Math.max(0, deadlineMs - this.clock.monotonicMs());
          timer = this.clock.setTimer(leftMs, () => fail(new TransportError('timeout', `${address} does not answer`)));
          return;
        }
        try {
          resolve(this.#connect(key, address, options.expectedKey));
          forget();
        } catch (error) {
          if (!(error instanceof TransportError)) throw error;
          fail(error);
        }
      });
    });
  }

  #connect(key: PublicKey, address: string, expectedKey: PublicKey): Pipe {
    const door = this.#doors.get(address);
    if (door === undefined) throw new TransportError('unreachable', `nobody listens on ${address}`);
    if (door.key !== expectedKey) throw new TransportError('wrong-key', `${address} has key ${door.key}`);
    this.#connections += 1;
    const dialerAddress = `dialer:${this.#connections}`;
    if (!door.handlers.accept(key, dialerAddress)) throw new TransportError('unreachable', 'refused by the peer');
    const binding = new Uint8Array(32);
    new DataView(binding.buffer).setUint32(28, this.#connections);
    const near = new SimulatedPipe(this, key, door.key, address, binding);
    const far = new SimulatedPipe(this, door.key, key, dialerAddress, binding);
    near.other = far;
    far.other = near;
    this.#pipes.add(near);
    this.#pipes.add(far);
    door.handlers.onPipe(far);
    return near;
  }
}

interface Flight {
  readonly frame: Uint8Array;
  readonly dueMs: number;
}

/** One end. Holds what flies towards it. */
class SimulatedPipe implements Pipe {
  readonly ownKey: PublicKey;
  readonly peerKey: PublicKey;
  readonly channelBinding: Uint8Array;
  readonly remoteAddress: string;
  other: SimulatedPipe | null = null;
  onFrame: (frame: Uint8Array) => void = () => undefined;
  onClose: (reason: string) => void = () => undefined;
  onDrain: () => void = () => undefined;
  readonly #network: PipeNetwork;
  #incoming: Flight[] = [];
  #incomingBytes = 0;
  #closing: { readonly reason: string; readonly dueMs: number } | null = null;
  #timer: TimerHandle | null = null;
  #paused = false;
  #isOpen = true;

  constructor(
    network: PipeNetwork,
    ownKey: PublicKey,
    peerKey: PublicKey,
    remoteAddress: string,
    channelBinding: Uint8Array,
  ) {
    this.#network = network;
    this.ownKey = ownKey;
    this.peerKey = peerKey;
    this.remoteAddress = remoteAddress;
    this.channelBinding = channelBinding;
  }

  get bufferedBytes(): number {
    return Math.max(0, (this.other?.incomingBytes ?? 0) - this.#network.socketBufferBytes);
  }

  get incomingBytes(): number {
    return this.#incomingBytes;
  }

  send(frame: Uint8Array): void {
    if (!this.#isOpen || this.other === null) return;
    const passed = this.#network.inspect(this.ownKey, this.peerKey, frame);
    if (passed === null) {
      this.#reset();
      return;
    }
    const { copies, overtakes } = this.#network.disorder(this.ownKey, this.peerKey);
    for (let copy = 0; copy < copies; copy++) this.other.#arrives(passed, overtakes);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.pump();
  }

  close(reason: string): void {
    if (!this.#isOpen) return;
    this.other?.closesSoon(reason);
    this.ended(reason);
  }

  /** The other end closed: known here after what it sent before has arrived. */
  closesSoon(reason: string): void {
    if (!this.#isOpen) return;
    this.#closing = { reason, dueMs: this.#dueMs(0) };
    this.pump();
  }

  /** The other end is gone for ever, in the midst of what it sent. */
  diesAfter(keep: (inFlight: number) => number, reason: string): void {
    if (!this.#isOpen) return;
    const kept = this.#incoming.slice(0, keep(this.#incoming.length));
    for (const { frame } of this.#incoming.slice(kept.length)) this.#incomingBytes -= frame.length;
    this.#incoming = kept;
    if (kept.length === 0) this.ended(reason);
    else this.closesSoon(reason);
  }

  /** The other end has forgotten this connection: what is sent there is lost. */
  forsaken(): void {
    this.other = null;
  }

  ended(reason: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#timer?.cancel();
    this.#incoming = [];
    this.#incomingBytes = 0;
    this.#network.forget(this);
    this.onClose(reason);
  }

  /** Sets the timer for what is due next, where anything may pass. */
  pump(): void {
    this.#timer?.cancel();
    this.#timer = null;
    const next = this.#incoming[0]?.dueMs ?? this.#closing?.dueMs;
    const isHeld = this.#paused || !this.#network.conditions(this.peerKey, this.ownKey).open;
    if (next === undefined || isHeld || !this.#isOpen) return;
    const delayMs = Math.max(0, next - this.#network.clock.monotonicMs());
    this.#timer = this.#network.clock.setTimer(delayMs, () => this.#deliver());
  }

  hasten(): void {
    const latestMs = this.#dueMs(0, 0);
    this.#incoming = this.#incoming.map((flight) =>
      flight.dueMs <= latestMs ? flight : { ...flight, dueMs: latestMs },
    );
    if (this.#closing !== null && this.#closing.dueMs > latestMs) this.#closing = { ...this.#closing, dueMs: latestMs };
    this.pump();
  }

  /** Both ends learn of it by an event of their own, never within `send`. */
  #reset(): void {
    this.#network.clock.setTimer(0, () => {
      this.other?.ended('connection reset');
      this.ended('connection reset');
    });
  }

  #flightMs(bytes: number): number {
    const { delayMs, transmissionMs } = this.#network.conditions(this.peerKey, this.ownKey);
    return delayMs + (transmissionMs?.(bytes) ?? 0);
  }

  #dueMs(bytes: number, afterMs = this.#incoming[this.#incoming.length - 1]?.dueMs ?? 0): number {
    return Math.max(afterMs, this.#network.clock.monotonicMs() + this.#flightMs(bytes));
  }

  #arrives(frame: Uint8Array, overtakes: boolean): void {
    if (!this.#isOpen || this.#closing !== null) return;
    this.#incomingBytes += frame.length;
    if (overtakes) {
      const dueMs = this.#dueMs(frame.length, 0);
      const later = this.#incoming.findIndex((flight) => flight.dueMs > dueMs);
      this.#incoming.splice(later === -1 ? this.#incoming.length : later, 0, { frame, dueMs });
      this.pump();
      return;
    }
    this.#incoming.push({ frame, dueMs: this.#dueMs(frame.length) });
    if (this.#incoming.length === 1) this.pump();
  }

  #deliver(): void {
    this.#timer = null;
    const flight = this.#incoming.shift();
    if (flight === undefined) {
      if (this.#closing !== null) this.ended(this.#closing.reason);
      return;
    }
    const wasBuffered = (this.other?.bufferedBytes ?? 0) > 0;
    this.#incomingBytes -= flight.frame.length;
    this.pump();
    this.onFrame(flight.frame);
    if (wasBuffered && this.other?.bufferedBytes === 0) this.other.onDrain();
  }
}

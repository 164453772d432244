/**
 * One client's stream of events. Events are read from the chain's own store, never from a queue: a stream holds a
 * position, not a backlog, so nothing can be lost between what is stored and what is live, and nothing repeated.
 */
import type { Writable } from 'node:stream';
import type { ChainApi, EventFilter, EventView } from '../../ports/chain-api.ts';

export interface StreamLimits {
  readonly streamsMax: number;
  readonly heartbeatMs: number;
  /** Bytes that wait for a slow reader before it is cut. */
  readonly streamBacklogBytesMax: number;
  /** A reader that takes nothing for this long is cut. */
  readonly streamStallMs: number;
}

export const defaultStreamLimits: StreamLimits = {
  streamsMax: 256,
  heartbeatMs: 15_000,
  streamBacklogBytesMax: 1024 * 1024,
  streamStallMs: 30_000,
};

export interface EventStreamOptions {
  readonly api: Pick<ChainApi, 'eventsAfter' | 'lastEventId' | 'onBlock'>;
  readonly filter: EventFilter;
  /** Position to begin after; null is the beginning of the chain. */
  readonly after: string | null;
  readonly out: Writable;
  readonly limits: StreamLimits;
  /** Seconds since 1970, or null. */
  readonly expiresAt: number | null;
}

const pageEvents = 256;

export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #closeListeners: (() => void)[] = [];
  #position: string | null;
  /** The id that the client has seen last. */
  #told: string | null;
  #isBlocked = false;
  #isClosed = false;
  #heartbeat: NodeJS.Timeout | undefined;
  #stall: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#position = options.after;
    this.#told = options.after;
  }

  start(): void {
    const { out, api, limits, expiresAt } = this.#options;
    out.on('close', () => this.close());
    out.on('error', () => this.close());
    out.on('drain', () => this.#onDrain());
    this.#unsubscribe = api.onBlock(() => this.#pump());
    this.#heartbeat = setInterval(() => this.#beat(), limits.heartbeatMs);
    if (expiresAt !== null) {
      this.#expiry = setTimeout(() => this.close(), Math.max(0, expiresAt * 1000 - Date.now()));
    }
    // A client that is cut before its first event knows from this where it stood.
    this.#write(this.#position === null ? ': open\n\n' : `id: ${this.#position}\n\n`);
    this.#pump();
  }

  whenClosed(listener: () => void): void {
    this.#closeListeners.push(listener);
  }

  /** Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#heartbeat);
    clearTimeout(this.#stall);
    clearTimeout(this.#expiry);
    this.#unsubscribe?.();
    this.#options.out.destroy();
    for (const listener of this.#closeListeners) listener();
  }

  /** Writes what is stored beyond the position until the client must be waited for. */
  #pump(): void {
    const { api, filter } = this.#options;
    while (!this.#isClosed && !this.#isBlocked) {
      const newest = api.lastEventId();
      const events = api.eventsAfter(this.#position, filter, pageEvents);
      for (const event of events) this.#write(toMessage(event));
      const last = events.at(-1);
      if (last !== undefined) this.#told = this.#position = last.id;
      if (events.length < pageEvents) {
        // Everything up to the newest event was looked at: the next look begins there, whatever the filter.
        if (newest !== null && isAfter(newest, this.#position)) this.#position = newest;
        return;
      }
    }
  }

  #beat(): void {
    if (this.#isBlocked) return;
    if (this.#position !== this.#told) {
      this.#told = this.#position;
      this.#write(`id: ${this.#position ?? ''}\n\n`);
    } else {
      this.#write(': alive\n\n');
    }
  }

  #write(text: string): void {
    const { out, limits } = this.#options;
    if (this.#isClosed) return;
    if (out.write(text)) return;
    this.#isBlocked = true;
    if (out.writableLength > limits.streamBacklogBytesMax) this.close();
    else this.#stall ??= setTimeout(() => this.close(), limits.streamStallMs);
  }

  #onDrain(): void {
    this.#isBlocked = false;
    clearTimeout(this.#stall);
    this.#stall = undefined;
    this.#pump();
  }
}

const toMessage = (event: EventView): string => `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`;

function isAfter(id: string, other: string | null): boolean {
  if (other === null) return true;
  const [height = 0, index = 0] = id.split('-').map(Number);
  const [otherHeight = 0, otherIndex = 0] = other.split('-').map(Number);
  return height > otherHeight || (height === otherHeight && index > otherIndex);
}

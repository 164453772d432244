/**
 * What the runtime keeps of one peer: asks and watches in both directions, and the envelopes that wait for credit or for
 * the link. All of it belongs to one incarnation of the peer.
 */
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { ActorErrorCode, Lane, WireProtocol } from '../ports/actors.ts';
import { ActorError } from '../ports/actors.ts';
import type { Envelope, Links } from '../ports/links.ts';
import type { Ask } from './ask.ts';
import type { Watcher } from './cell.ts';

/** An ask of ours, or one that we passed on, that the peer is to answer. */
export interface AwaitedReply {
  readonly ask: Ask;
  readonly protocol: WireProtocol<unknown>;
  /** Passed on in a tell: someone else may answer it too, so that the peer's refusal is not the last word. */
  readonly isRelayed: boolean;
}

export interface RemoteWatch {
  readonly name: string;
  readonly path: string;
  readonly watcher: Watcher;
  /** The peer's present incarnation knows of it. */
  isSent: boolean;
}

export interface Posting {
  readonly envelope: Envelope;
  readonly lane: Lane;
  readonly once: boolean;
  /** Asked just before sending: what nobody wants any more is dropped. */
  readonly isWanted?: () => boolean;
  readonly onSent?: () => void;
  /** A sender waits: it would rather know than have the envelope kept while the link is down. */
  readonly onRefused?: (refusal: ActorError) => void;
}

/** Envelopes that wait a peer and lane. More answers than this are not kept. */
const waitingMax = 10_000;

export class RemotePeer {
  readonly key: PublicKey;
  readonly awaitedReplies = new Map<number, AwaitedReply>();
  readonly watches = new Map<number, RemoteWatch>();
  /** Asks of the peer that our actors have not answered yet. */
  readonly openAsks = new Set<Ask>();
  /** Watches of the peer on our actors: how to leave each. */
  readonly watchedBy = new Map<number, () => void>();
  /** Counts the incarnations seen. What belongs to an earlier one must not be answered to a later. */
  epoch = 0;
  readonly #links: Links;
  readonly #waiting: Record<Lane, Posting[]> = { control: [], ordinary: [], bulk: [] };
  readonly #awaitsRoom: Record<Lane, boolean> = { control: false, ordinary: false, bulk: false };

  constructor(key: PublicKey, links: Links) {
    this.key = key;
    this.#links = links;
  }

  /** Whether something waits for credit on the lane that a new envelope must not overtake. */
  isCongested(lane: Lane): boolean {
    return this.#awaitsRoom[lane] && this.#waiting[lane].length > 0;
  }

  /** Sends now, or as soon as there is credit or a link. False where too much waits already. */
  post(posting: Posting): boolean {
    const waiting = this.#waiting[posting.lane];
    if (waiting.length === 0 && this.#send(posting)) return true;
    if (waiting.length >= waitingMax) return false;
    waiting.push(posting);
    return true;
  }

  /** The link is up again, with the same incarnation behind it. */
  flushAll(): void {
    for (const lane of ['control', 'ordinary', 'bulk'] as const) {
      this.#awaitsRoom[lane] = false;
      this.#flush(lane);
    }
  }

  /** The link is down. Senders that wait are told; answers and watches are kept for its return. */
  pause(): void {
    for (const lane of ['control', 'ordinary', 'bulk'] as const) {
      this.#awaitsRoom[lane] = false;
      const waiting = this.#waiting[lane];
      this.#waiting[lane] = waiting.filter((posting) => posting.onRefused === undefined);
      for (const posting of waiting)
        posting.onRefused?.(new ActorError('link-lost', `the link to ${this.key} is down`));
    }
  }

  /** A new incarnation: nothing that was under way is answered or kept. Watches that it does not know of remain. */
  startOver(): void {
    this.epoch += 1;
    this.pause();
    for (const lane of ['control', 'ordinary', 'bulk'] as const) this.#waiting[lane] = [];
    this.failAll('link-lost', `${this.key} has started anew`);
    for (const leave of [...this.watchedBy.values()]) leave();
    this.watchedBy.clear();
    for (const [correlation, watch] of [...this.watches]) {
      if (!watch.isSent) continue;
      this.watches.delete(correlation);
      watch.watcher.notify({ path: watch.path, reason: 'link-lost' });
    }
  }

  failAll(code: ActorErrorCode, message: string): void {
    for (const { ask, isRelayed } of [...this.awaitedReplies.values()]) if (!isRelayed) ask.fail(code, message);
    this.awaitedReplies.clear();
    for (const ask of [...this.openAsks]) ask.fail(code, message);
  }

  #send(posting: Posting): boolean {
    if (posting.isWanted?.() === false) return true;
    const { envelope, lane, once } = posting;
    const outcome = this.#links.send(this.key, envelope, { lane, once });
    if (outcome === 'sent') {
      posting.onSent?.();
      return true;
    }
    if (outcome === 'no-link' && posting.onRefused !== undefined) {
      posting.onRefused(new ActorError('link-lost', `there is no link to ${this.key}`));
      return true;
    }
    if (outcome === 'no-credit' && !this.#awaitsRoom[lane]) {
      this.#awaitsRoom[lane] = true;
      this.#links.whenRoom(this.key, lane, () => {
        this.#awaitsRoom[lane] = false;
        this.#flush(lane);
      });
    }
    return false;
  }

  #flush(lane: Lane): void {
    const waiting = this.#waiting[lane];
    let sent = 0;
    for (const posting of waiting) {
      if (!this.#send(posting)) break;
      sent += 1;
    }
    waiting.splice(0, sent);
  }
}

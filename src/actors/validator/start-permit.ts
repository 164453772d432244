/**
 * When a validator may sign after a start. A copy restored from a backup, guard included, does not know what its
 * original signed since; its peers do not know either, but they remember the number of its last start. So a validator
 * signs only after quorum − 1 peers told the highest start number they had seen; where one had seen this number or a
 * higher one, this is an old copy, and it abstains until two heights were decided after its start. Source: consensus
 * design, "Crash safety".
 *
 * An old copy's own tip says nothing of when it started: catching up must not count as decisions. So the answers carry
 * final heights too. The original voted at most at h + 1, h being final for it: then a quorum had stored h − 1, and one
 * of quorum − 1 peers still knows. Two heights above the highest answer are beyond all that it voted on.
 *
 * A start is named by its number and a random token, so that a question asked twice gets the first answer again.
 */
import type { ChainId, PublicKey } from '../../protocols/shared/brands.ts';
import { concatBytes, equalBytes, fromHex } from '../../protocols/shared/bytes.ts';
import { bytesExact, decode, encode, struct, uint } from '../../protocols/shared/codec.ts';
import type { Store, Write } from '../../runtime/ports/store.ts';

const table = 'guard-peers';

/** Heights above the highest known at the start of an old copy that must be decided before it signs. */
const abstainedHeights = 2;

export interface Start {
  readonly counter: number;
  /** 16 random bytes, one a start. */
  readonly token: Uint8Array;
}

interface SeenStart extends Start {
  /** Highest number seen before this one. */
  readonly before: number;
}

const seenCodec = struct<SeenStart>({ counter: uint, token: bytesExact(16), before: uint });

/** Start numbers of peers, as this node remembers them. */
export class PeerStarts {
  readonly #store: Store;
  readonly #chainId: ChainId;

  constructor(store: Store, chainId: ChainId) {
    this.#store = store;
    this.#chainId = chainId;
  }

  /** What to answer, and what must be durable before the answer leaves. */
  answer(peer: PublicKey, start: Start): { readonly before: number; readonly writes: readonly Write[] } {
    const key = concatBytes(fromHex(this.#chainId), fromHex(peer));
    const stored = this.#store.get(table, key);
    const seen = stored === undefined ? undefined : decode(seenCodec, stored);
    if (seen !== undefined && start.counter <= seen.counter) {
      const isSame = start.counter === seen.counter && equalBytes(start.token, seen.token);
      return { before: isSame ? seen.before : seen.counter, writes: [] };
    }
    const next: SeenStart = { ...start, before: seen?.counter ?? 0 };
    return { before: next.before, writes: [{ table, key, value: encode(seenCodec, next) }] };
  }
}

/** What a peer told: the highest start number it had seen before ours, and its final height. */
export interface StartAnswer {
  readonly before: number;
  readonly finalHeight: number;
}

export type PermitState = 'asking' | 'abstaining' | 'permitted';

/** Whether this start may sign yet. */
export class StartPermit {
  readonly start: Start;
  readonly #startHeight: number;
  readonly #answers = new Map<PublicKey, StartAnswer>();
  #state: PermitState;
  /** Height that must be final before an old copy signs; null until enough peers have answered. */
  #abstainUntil: number | null = null;

  constructor(options: { start: Start; finalHeight: number; override: boolean }) {
    this.start = options.start;
    this.#startHeight = options.finalHeight;
    this.#state = options.override ? 'permitted' : 'asking';
  }

  get state(): PermitState {
    return this.#state;
  }

  /** Highest start number that a peer told. */
  get highestSeen(): number {
    return Math.max(0, ...[...this.#answers.values()].map(({ before }) => before));
  }

  /** Whether this peer still has to be asked. */
  needsAnswer(peer: PublicKey): boolean {
    const hasEnough = this.#state === 'permitted' || this.#abstainUntil !== null;
    return !hasEnough && !this.#answers.has(peer);
  }

  onAnswer(peer: PublicKey, counter: number, answer: StartAnswer): void {
    if (counter !== this.start.counter) return;
    this.#answers.set(peer, answer);
  }

  /** Called after answers and decisions. True when the state changed. */
  update(members: readonly PublicKey[], quorum: number, finalHeight: number): boolean {
    const before = this.#state;
    const answered = members.filter((member) => this.#answers.has(member)).length;
    if (this.#state === 'asking') {
      if (this.highestSeen >= this.start.counter) this.#state = 'abstaining';
      else if (answered >= quorum - 1) this.#state = 'permitted';
    }
    if (this.#state === 'abstaining') {
      if (this.#abstainUntil === null && answered >= quorum - 1) {
        const heights = [...this.#answers.values()].map((answer) => answer.finalHeight);
        this.#abstainUntil = Math.max(this.#startHeight, ...heights) + abstainedHeights;
      }
      if (this.#abstainUntil !== null && finalHeight >= this.#abstainUntil) this.#state = 'permitted';
    }
    return this.#state !== before;
  }
}

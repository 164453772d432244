/**
 * When a validator may sign after a start. A copy restored from a backup, guard included, does not know what its
 * original signed since; its peers do not know either, but they remember the number of its last start. So a validator
 * signs only after quorum − 1 peers told the highest start number they had seen; where one had seen this number or a
 * higher one, this is an old copy, and it abstains until two heights were decided. Source: consensus design, "Crash
 * safety".
 *
 * A start is named by its number and a random token, so that a question asked twice gets the first answer again.
 */
import type { ChainId, PublicKey } from '../../protocols/shared/brands.ts';
import { concatBytes, equalBytes, fromHex } from '../../protocols/shared/bytes.ts';
import { bytesExact, decode, encode, struct, uint } from '../../protocols/shared/codec.ts';
import type { Store, Write } from '../../runtime/ports/store.ts';

const table = 'guard-peers';

/** Heights that must be decided after the start of an old copy before it signs. */
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

export type PermitState = 'asking' | 'abstaining' | 'permitted';

/** Whether this start may sign yet. */
export class StartPermit {
  readonly start: Start;
  readonly #startHeight: number;
  readonly #answers = new Map<PublicKey, number>();
  #state: PermitState;

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
    return Math.max(0, ...this.#answers.values());
  }

  /** Whether this peer still has to be asked. */
  needsAnswer(peer: PublicKey): boolean {
    return this.#state === 'asking' && !this.#answers.has(peer);
  }

  onAnswer(peer: PublicKey, counter: number, before: number): void {
    if (counter !== this.start.counter) return;
    this.#answers.set(peer, before);
  }

  /** Called after answers and decisions. True when the state changed. */
  update(members: readonly PublicKey[], quorum: number, finalHeight: number): boolean {
    const before = this.#state;
    if (this.#state === 'asking') {
      const answered = members.filter((member) => this.#answers.has(member)).length;
      if (this.highestSeen >= this.start.counter) this.#state = 'abstaining';
      else if (answered >= quorum - 1) this.#state = 'permitted';
    }
    if (this.#state === 'abstaining' && finalHeight >= this.#startHeight + abstainedHeights) this.#state = 'permitted';
    return this.#state !== before;
  }
}

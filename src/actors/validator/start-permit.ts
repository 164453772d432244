/**
 * When a validator may sign after a start. A copy restored from a backup, guard included, does not know what its
 * original signed since; its peers remember. So a validator signs only after quorum − 1 peers told the highest start
 * number of its that they had seen, and its furthest signature that had reached them. Where one had seen this start
 * number or a higher one, or a signature beyond what the guard knows of (a copy of a running validator has the right
 * start number), this is an old copy, and it abstains until two heights were decided after its start. Source: consensus
 * design, "Crash safety".
 *
 * What only those have seen who do not answer is not noticed. They are at most f, so no quorum of anything rests on it.
 *
 * An old copy's own tip says nothing of when it started: catching up must not count as decisions. So only blocks count
 * whose time is not before the start: what the original voted on was proposed before. Should this clock be behind, the
 * heights that peers had reached count too. Up to f of them may lie: a lie can make a validator abstain for two heights
 * and no longer, because of their numbers and heights the (f+1)-th highest is believed, which is at most an honest one.
 *
 * A start is named by its number and a random token, so that a question asked twice gets the first answer again.
 */
import { faultyCountMax } from '../../protocols/ledger/validator-set.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { comparePositions, type SignedPosition } from './signed-position.ts';

/** Heights that must be decided after the start of an old copy before it signs. */
const abstainedHeights = 2;

export interface Start {
  readonly counter: number;
  /** 16 random bytes, one a start. */
  readonly token: Uint8Array;
}

export interface StartAnswer {
  /** The highest start number that the peer had seen before ours. */
  readonly before: number;
  /** The peer's own final height. */
  readonly finalHeight: number;
  /** Our furthest signature that came to the peer. */
  readonly signed: SignedPosition;
}

export type PermitState = 'asking' | 'abstaining' | 'permitted';

export interface PermitOptions {
  readonly start: Start;
  /** Wall clock at the start, milliseconds since 1970. */
  readonly startedAtMs: number;
  /** How far the guard knows to have signed. */
  readonly guarded: SignedPosition;
  /** Sign without asking. */
  readonly override: boolean;
}

/** Last final block of this node. */
export interface PermitTip {
  readonly height: number;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** Whether this start may sign yet. */
export class StartPermit {
  readonly start: Start;
  readonly #startedAtMs: number;
  readonly #guarded: SignedPosition;
  readonly #answers = new Map<PublicKey, StartAnswer>();
  #state: PermitState;
  /** Blocks since the start whose time is not before it, and the last one that was looked at. */
  #freshBlocks = 0;
  #lastHeight = 0;

  constructor({ start, startedAtMs, guarded, override }: PermitOptions) {
    this.start = start;
    this.#startedAtMs = startedAtMs;
    this.#guarded = guarded;
    this.#state = override ? 'permitted' : 'asking';
  }

  get state(): PermitState {
    return this.#state;
  }

  /** Whether a peer knows of a start or of a signature that this copy does not. */
  get #isOldCopy(): boolean {
    return [...this.#answers.values()].some(
      ({ before, signed }) => before >= this.start.counter || comparePositions(signed, this.#guarded) > 0,
    );
  }

  /** Highest start number that can be believed. */
  highestSeen(memberCount: number): number {
    return this.#believed(({ before }) => before, memberCount);
  }

  /** The (f+1)-th highest of what was answered; 0 where fewer answered. */
  #believed(of: (answer: StartAnswer) => number, memberCount: number): number {
    const values = [...this.#answers.values()].map(of).sort((a, b) => b - a);
    return values[faultyCountMax(memberCount)] ?? 0;
  }

  /** Whether this peer still has to be asked. */
  needsAnswer(peer: PublicKey): boolean {
    return this.#state !== 'permitted' && !this.#answers.has(peer);
  }

  onAnswer(peer: PublicKey, counter: number, answer: StartAnswer): void {
    if (counter !== this.start.counter) return;
    this.#answers.set(peer, answer);
  }

  /** Called after answers and decisions. True when the state changed. */
  update(members: readonly PublicKey[], quorum: number, tip: PermitTip): boolean {
    const before = this.#state;
    if (tip.height > this.#lastHeight && tip.time >= this.#startedAtMs) this.#freshBlocks += 1;
    this.#lastHeight = tip.height;
    const answered = members.filter((member) => this.#answers.has(member)).length;
    if (this.#state === 'asking') {
      if (this.#isOldCopy) this.#state = 'abstaining';
      else if (answered >= quorum - 1) this.#state = 'permitted';
    }
    if (this.#state === 'abstaining' && answered >= quorum - 1 && this.#freshBlocks >= abstainedHeights) {
      const reached = this.#believed(({ finalHeight }) => finalHeight, members.length);
      if (tip.height >= reached + abstainedHeights) this.#state = 'permitted';
    }
    return this.#state !== before;
  }
}

/**
 * When a validator may sign after a start. A copy restored from a backup, guard included, does not know what its
 * original signed since; its peers remember. So a validator signs only after quorum − 1 peers showed it the start with
 * its highest number that they had seen, and its furthest payload that had reached them, both with its own signature.
 * Where one shows another start with this number or a higher one, or a payload beyond what the guard knows of (a copy of
 * a running validator has the right start number), this is an old copy, and it abstains until two heights were decided
 * after its start. Source: consensus design, "Crash safety"; docs/decisions/0016 and 0018.
 *
 * A claim without the validator's own signature is no answer. With an intact guard it has signed nothing that the guard
 * does not know of, since no signature leaves before its record is durable: nothing that peers can show makes it abstain,
 * and what is true but old shows nothing.
 *
 * A peer can still keep to itself what it has seen. An old copy is one of the f faulty validators, so of its peers at most
 * f − 1 do so, and n − quorum need not answer: n − quorum + f − 1 in all. Every quorum that the original was in has
 * quorum − 1 of its peers, and those are more, for the reason for which two quorums share a correct validator
 * (2 · quorum > n + f). So whatever was decided with its vote, somebody shows it.
 *
 * An old copy's own tip says nothing of when it started: catching up must not count as decisions. So only blocks count
 * whose time is not before the start: what the original voted on was proposed before. Should this clock be behind, the
 * heights that peers had reached count too. Those are not proved; the (f+1)-th highest is believed, which is at most an
 * honest one.
 *
 * A start is named by its number and a random token, so that a question asked twice gets the first answer again.
 */
import { faultyCountMax } from '../../protocols/ledger/validator-set.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { comparePositions, positionOf, type SignedPosition } from './signed-position.ts';
import { isSameStart, type SignedStart, type StartClaims } from './start-proofs.ts';

/** Heights that must be decided after the start of an old copy before it signs. */
const abstainedHeights = 2;

export interface StartAnswer extends StartClaims {
  /** The peer's own final height. */
  readonly finalHeight: number;
}

export type PermitState = 'asking' | 'abstaining' | 'permitted';

export interface PermitOptions {
  readonly start: SignedStart;
  /** Wall clock at the start, milliseconds since 1970. */
  readonly startedAtMs: number;
  /** How far the guard knows to have signed. */
  readonly guarded: SignedPosition;
  /** Sign without asking. */
  readonly override: boolean;
  /** Whether this validator signed all that is claimed. */
  readonly areProven: (claims: StartClaims) => boolean;
}

/** Last final block of this node. */
export interface PermitTip {
  readonly height: number;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** What became of an answer: `late` where nothing is asked any more, or about another start. */
type AnswerOutcome = 'counted' | 'late' | 'unproven';

/** Whether this start may sign yet. */
export class StartPermit {
  readonly start: SignedStart;
  readonly #startedAtMs: number;
  readonly #guarded: SignedPosition;
  readonly #areProven: (claims: StartClaims) => boolean;
  readonly #answers = new Map<PublicKey, StartAnswer>();
  #state: PermitState;
  /** Blocks since the start whose time is not before it, and the last one that was looked at. */
  #freshBlocks = 0;
  #lastHeight = 0;

  constructor({ start, startedAtMs, guarded, override, areProven }: PermitOptions) {
    this.start = start;
    this.#startedAtMs = startedAtMs;
    this.#guarded = guarded;
    this.#areProven = areProven;
    this.#state = override ? 'permitted' : 'asking';
  }

  get state(): PermitState {
    return this.#state;
  }

  /** Whether a peer shows a start or a signature that this copy does not know of. */
  get #isOldCopy(): boolean {
    return [...this.#answers.values()].some(({ before, signed }) => {
      // A peer that shows this very start shows nothing.
      if (before !== null && before.counter >= this.start.counter && !isSameStart(before, this.start)) return true;
      return signed !== null && comparePositions(positionOf(signed.type, signed), this.#guarded) > 0;
    });
  }

  /** Highest start number that a peer has shown; 0 where none has. */
  get highestSeen(): number {
    return Math.max(0, ...[...this.#answers.values()].map(({ before }) => before?.counter ?? 0));
  }

  /** The (f+1)-th highest final height that was answered; 0 where fewer answered. */
  #reached(memberCount: number): number {
    const heights = [...this.#answers.values()].map(({ finalHeight }) => finalHeight).sort((a, b) => b - a);
    return heights[faultyCountMax(memberCount)] ?? 0;
  }

  /** Whether this peer still has to be asked. */
  needsAnswer(peer: PublicKey): boolean {
    return this.#state !== 'permitted' && !this.#answers.has(peer);
  }

  onAnswer(peer: PublicKey, counter: number, answer: StartAnswer): AnswerOutcome {
    if (counter !== this.start.counter || !this.needsAnswer(peer)) return 'late';
    if (!this.#areProven(answer)) return 'unproven';
    this.#answers.set(peer, answer);
    return 'counted';
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
      if (tip.height >= this.#reached(members.length) + abstainedHeights) this.#state = 'permitted';
    }
    return this.#state !== before;
  }
}

/**
 * The obligation monitor: takes statements from the sources that agreements name, and gives notice of the breaches that they prove,
 * by transactions of the court's own key. What is a breach is judged in `protocols/court`; this remembers what was sent.
 */
import { outagesBefore } from '../../protocols/ledger/modules/court/court-clock.ts';
import { statementsCodec } from '../../protocols/ledger/modules/court/statements.ts';
import type { SignatureRule } from '../../protocols/ledger/module.ts';
import type { Json } from '../../protocols/ledger/json-codec.ts';
import { View } from '../../protocols/ledger/view.ts';
import { type HandedIn, handedInCodec } from '../../protocols/court/handed-in.ts';
import {
  judgeStatement,
  type ProvedBreach,
  settledAgreements,
  type Watch,
  watchObligations,
} from '../../protocols/court/obligation-watch.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import { encode } from '../../protocols/shared/codec.ts';
import { sha256, toDigest } from '../../protocols/shared/hash.ts';
import type { Store } from '../../runtime/ports/store.ts';
import type { Log } from '../../runtime/ports/telemetry.ts';
import type { ChainFeed, FollowedState, Sent } from '../traffic/chain-feed.ts';
import { StatementStore } from './statement-store.ts';

/** Notices under way at once. */
const underWayMax = 16;
/** A notice that the chain refuses so often is given up until the court starts anew. */
const refusalsMax = 5;
/** Blocks until the next attempt at most. */
const pauseMax = 64;
/** Blocks in which the followed state comes to know of a notice that is final. */
const catchUpBlocks = 8;

export interface MonitorOptions {
  readonly feed: ChainFeed;
  readonly store: Store;
  readonly signatures: SignatureRule;
  /** As agreements spell it. */
  readonly court: string;
  readonly log: Log;
}

interface Attempts {
  readonly refused: number;
  readonly failed: number;
  /** Height before which it is not tried again. */
  readonly notBefore: number;
}

export type Taken =
  | { readonly kind: 'taken'; readonly isNew: boolean }
  | { readonly kind: 'refused'; readonly reason: string };

export interface Notice {
  readonly breach: ProvedBreach;
  readonly sent: Promise<Sent>;
}

export type NoticeOutcome = { readonly value: Sent } | { readonly error: unknown };

export class ObligationMonitor {
  readonly #options: MonitorOptions;
  readonly #statements: StatementStore;
  readonly #open: Set<Digest>;
  #from: ReadonlyMap<string, number> = new Map();
  readonly #underWay = new Set<Digest>();
  readonly #attempts = new Map<Digest, Attempts>();

  constructor(options: MonitorOptions) {
    this.#options = options;
    this.#statements = new StatementStore(options.store);
    this.#open = new Set(this.#statements.held.keys());
  }

  /** Whether a statement is one that the court waits for; then it is held. Durable once {@link durable} resolves. Throws StoreError. */
  take(followed: FollowedState, { agreement, obligation, period, ...statement }: HandedIn): Taken {
    const { feed, signatures } = this.#options;
    const { held } = this.#statements;
    const subject = { agreement, obligation, period };
    const view = new View(followed.reader);
    const signing = { held, chainId: feed.chainId, signatures };
    const judged = judgeStatement(view, this.#watch(view, followed), { subject, statement }, signing);
    if (judged === 'known') return { kind: 'taken', isNew: false };
    if (judged !== 'new') return { kind: 'refused', reason: judged.refused };
    if (this.#statements.isFull) return { kind: 'refused', reason: 'too-many-statements' };
    this.#open.add(this.#statements.add(subject, statement));
    return { kind: 'taken', isNew: true };
  }

  /** Rejects with StoreError. */
  durable(): Promise<void> {
    return this.#statements.durable();
  }

  /** As they were handed in. */
  statementsOf(agreement: Digest): Json {
    return { agreement, statements: this.#statements.of(agreement).map((each) => handedInCodec.toJson(each)) };
  }

  /** After each block: notices to give now, each sent once at a time. */
  look(followed: FollowedState): readonly Notice[] {
    const view = new View(followed.reader);
    for (const agreement of settledAgreements(view, this.#statements.held)) this.#statements.forget(agreement);
    const memory = { open: this.#open, from: this.#from };
    const found = watchObligations(view, this.#watch(view, followed), this.#statements.held, memory);
    for (const id of found.closed) this.#open.delete(id);
    for (const id of this.#open) if (!this.#statements.held.has(id)) this.#open.delete(id);
    this.#from = found.from;
    const proved = new Set(found.breaches.map(({ id }) => id));
    for (const id of this.#attempts.keys()) {
      if (!proved.has(id) && !this.#underWay.has(id)) this.#attempts.delete(id);
    }
    const notices: Notice[] = [];
    for (const breach of found.breaches) {
      const { id } = breach;
      if (this.#underWay.size >= underWayMax) break;
      if (this.#underWay.has(id) || (this.#attempts.get(id)?.notBefore ?? 0) > followed.height) continue;
      this.#underWay.add(id);
      notices.push({ breach, sent: this.#send(breach) });
    }
    return notices;
  }

  /** What became of a notice, at this height. Rightly refused ones are not repeated for ever. */
  noticed({ id, subject, proof }: ProvedBreach, outcome: NoticeOutcome, height: number): void {
    const { log } = this.#options;
    this.#underWay.delete(id);
    const about = { case: id, ...subject, proof };
    const code = 'value' in outcome ? outcome.value.code : null;
    if (code === 'ok' || code === 'already-noticed') {
      this.#attempts.set(id, { refused: 0, failed: 0, notBefore: height + catchUpBlocks });
      log.info(code === 'ok' ? 'gave notice of a breach' : 'a breach was noticed already', about);
      return;
    }
    const before = this.#attempts.get(id) ?? { refused: 0, failed: 0, notBefore: 0 };
    const refused = before.refused + (code === null ? 0 : 1);
    const failed = before.failed + (code === null ? 1 : 0);
    const isGivenUp = refused >= refusalsMax;
    const notBefore = isGivenUp ? Infinity : height + Math.min(pauseMax, 2 ** (refused + failed));
    this.#attempts.set(id, { refused, failed, notBefore });
    const problem = code ?? ('error' in outcome ? String(outcome.error) : '');
    if (isGivenUp) log.error('a notice of a breach is given up', { ...about, problem });
    else log.warn('a notice of a breach was not taken', { ...about, problem });
  }

  #watch(view: View, { time }: FollowedState): Watch {
    return { court: this.#options.court, time, courtTime: time - outagesBefore(view) };
  }

  #send({ subject, statements }: ProvedBreach): Promise<Sent> {
    const grounds = toDigest(sha256(encode(statementsCodec, statements)));
    const body = { ...subject, statements: statementsCodec.toJson(statements), grounds };
    return this.#options.feed.send('court.notice-breach', body);
  }
}

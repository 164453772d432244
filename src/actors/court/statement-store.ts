/** The statements that were handed in to a court: in memory to be looked at, in a store to outlive the process. */
import { type HandedIn, handedInCodec } from '../../protocols/court/handed-in.ts';
import type { Held, HeldStatements } from '../../protocols/court/obligation-watch.ts';
import { caseIdOf } from '../../protocols/ledger/modules/court/case-state.ts';
import type { Statement, StatementSubject } from '../../protocols/ledger/modules/court/statements.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import { concatBytes, fromHex } from '../../protocols/shared/bytes.ts';
import { decode, encode } from '../../protocols/shared/codec.ts';
import type { Store, Write } from '../../runtime/ports/store.ts';

/** Digest of the subject and its source → what the source signed. */
export const statementsTable = 'court-statements';

/** Statements that a court holds at most. */
const statementsMax = 100_000;

export class StatementStore {
  readonly #store: Store;
  readonly #held = new Map<Digest, HeldStatements>();
  #count = 0;

  /** Holds what the store has. */
  constructor(store: Store) {
    this.#store = store;
    for (const [, value] of store.range(statementsTable)) {
      const { agreement, obligation, period, ...statement } = decode(handedInCodec, value);
      this.#hold({ agreement, obligation, period }, statement);
    }
  }

  get held(): Held {
    return this.#held;
  }

  get isFull(): boolean {
    return this.#count >= statementsMax;
  }

  /** Those of one agreement, in the order in which they came. */
  of(agreement: Digest): readonly HandedIn[] {
    return [...this.#held.values()].flatMap(({ subject, statements }) =>
      subject.agreement === agreement ? statements.map((statement) => ({ ...subject, ...statement })) : [],
    );
  }

  /** It is on stable storage once {@link durable} resolves. Throws StoreError. Returns the name of the case about its subject. */
  add(subject: StatementSubject, statement: Statement): Digest {
    const entry = { ...subject, ...statement };
    this.#store.commit([
      { table: statementsTable, key: statementKey(subject, statement), value: encode(handedInCodec, entry) },
    ]);
    return this.#hold(subject, statement);
  }

  /** Rejects with StoreError. */
  durable(): Promise<void> {
    return this.#store.durable();
  }

  forget(agreement: Digest): void {
    const writes: Write[] = [];
    for (const [id, { subject, statements }] of this.#held) {
      if (subject.agreement !== agreement) continue;
      for (const statement of statements)
        writes.push({ table: statementsTable, key: statementKey(subject, statement), value: null });
      this.#held.delete(id);
      this.#count -= statements.length;
    }
    if (writes.length > 0) this.#store.commit(writes);
  }

  #hold(subject: StatementSubject, statement: Statement): Digest {
    const id = caseIdOf(subject.agreement, subject.obligation, subject.period);
    this.#held.set(id, { subject, statements: [...(this.#held.get(id)?.statements ?? []), statement] });
    this.#count += 1;
    return id;
  }
}

export const statementKey = ({ agreement, obligation, period }: StatementSubject, { source }: Statement): Uint8Array =>
  concatBytes(fromHex(caseIdOf(agreement, obligation, period)), fromHex(source));

/**
 * Goal: the view is the committed state with this block's changes on top, and a rolled-back transaction never was.
 * Also: nonces and deadlines, which stand on it. Method: random operations against plain maps.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import {
  cancelDeadline,
  deadlinesPerBlockMax,
  scheduleDeadline,
  takeDueDeadlines,
} from '../../../src/protocols/ledger/deadline-queue.ts';
import { freshNonces, nonceState, type NonceWindow, useNonce } from '../../../src/protocols/ledger/nonces.ts';
import { nonceWindow } from '../../../src/protocols/ledger/transaction.ts';
import { emptyState, stateKey, table, View } from '../../../src/protocols/ledger/view.ts';
import { decode, encode, uint } from '../../../src/protocols/shared/codec.ts';
import { InvariantError } from '../../../src/protocols/shared/errors.ts';
import { MemoryState } from './ledger-world.ts';
import { toHex } from '../../../src/protocols/shared/bytes.ts';

const numbers = table('test/number/', uint);
const keys = ['a', 'a/b', 'b', 'c/1', 'c/2', 'd'];
const key = fc.constantFrom(...keys);
const operation = fc.oneof(
  fc.record({ type: fc.constant('set' as const), key, value: fc.nat(50) }),
  fc.record({ type: fc.constant('delete' as const), key }),
  fc.record({ type: fc.constant('get' as const), key }),
);

describe('ledger view', () => {
  it('equals a map over the committed one, through commits and rollbacks, and writes exactly the difference', () => {
    const transactions = fc.array(
      fc.record({ keep: fc.boolean(), operations: fc.array(operation, { maxLength: 8 }) }),
      {
        maxLength: 8,
      },
    );
    const committed = fc.dictionary(key, fc.nat(50));
    fc.assert(
      fc.property(committed, transactions, (before, all) => {
        const state = new MemoryState();
        for (const [name, value] of Object.entries(before)) {
          state.entries.set(toHex(stateKey(`test/number/${name}`)), encode(uint, value));
        }
        const view = new View(state);
        let model = new Map(Object.entries(before));
        all.forEach(({ keep, operations }, index) => {
          const attempt = new Map(model);
          view.begin(index);
          for (const each of operations) {
            if (each.type === 'set') {
              attempt.set(each.key, each.value);
              view.set(numbers, each.key, each.value);
              view.emit({ module: 'test', kind: 'set', attributes: { key: each.key } });
            } else if (each.type === 'delete') {
              attempt.delete(each.key);
              view.delete(numbers, each.key);
            } else expect(view.get(numbers, each.key)).to.equal(attempt.get(each.key));
          }
          if (keep) {
            model = attempt;
            expect(view.commit()).to.equal(operations.filter(({ type }) => type === 'set').length);
          } else view.rollback();
          const sorted = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
          expect([...view.scan(numbers)]).to.deep.equal(sorted);
          expect([...view.scan(numbers, 'c/')]).to.deep.equal(sorted.filter(([name]) => name.startsWith('c/')));
        });
        const kept = all.flatMap((each, index) =>
          each.keep ? each.operations.filter(({ type }) => type === 'set').map(() => index) : [],
        );
        expect(view.events().map(({ transaction }) => transaction)).to.deep.equal(kept);
        state.apply(view.writes(), { nodeWrites: [], rootRef: null } as never);
        expect(state.entries.size).to.equal(model.size);
        expect(new View(state).writes()).to.be.empty;
        for (const { key: written, value } of view.writes()) {
          const name = String.fromCharCode(...written).slice('test/number/'.length);
          expect(value === null ? undefined : decode(uint, value), name).to.not.equal(before[name]);
        }
        expect([...new View(state).scan(numbers)]).to.deep.equal([...model].sort(([a], [b]) => (a < b ? -1 : 1)));
      }),
      { numRuns: 200 },
    );
  });

  it('refuses keys that are not printable ASCII, are empty or too long, and tables without a module', () => {
    for (const bad of ['', 'a b', 'ä', 'a\n', 'x'.repeat(512)]) expect(() => stateKey(bad)).to.throw(InvariantError);
    for (const bad of ['numbers', 'numbers/', '/x/', 'A/b/', 'a/b'])
      expect(() => table(bad, uint)).to.throw(InvariantError);
  });

  it('refuses a transaction within a transaction, and an end without a beginning', () => {
    const view = new View(emptyState);
    expect(() => view.commit()).to.throw(InvariantError);
    expect(() => view.rollback()).to.throw(InvariantError);
    view.begin(0);
    expect(() => view.begin(1)).to.throw(InvariantError);
  });
});

describe('nonces', () => {
  it('are each valid once, within 64 of the lowest unused one, in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 300 }), (sent) => {
        let window: NonceWindow = freshNonces;
        const used = new Set<number>();
        for (const nonce of sent) {
          let base = 0;
          while (used.has(base)) base += 1;
          const expected = used.has(nonce) ? 'used' : nonce >= base + nonceWindow ? 'too-far' : 'free';
          expect(nonceState(window, nonce)).to.equal(expected);
          if (expected !== 'free') continue;
          used.add(nonce);
          window = useNonce(window, nonce);
          expect(window.used < 2n ** 64n && (window.used & 1n) === 0n).to.equal(true);
        }
      }),
    );
  });

  it('slide over a whole window at once', () => {
    let window: NonceWindow = freshNonces;
    for (let nonce = nonceWindow - 1; nonce >= 0; nonce--) window = useNonce(window, nonce);
    expect(window).to.deep.equal({ base: nonceWindow, used: 0n });
  });
});

describe('deadline queue', () => {
  const deadline = (subject: string) => ({ module: 'test', action: 'end', subject });

  it('gives what is due in order of time, then of scheduling, and nothing twice', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(30), fc.boolean()), { maxLength: 40 }), (all) => {
        const view = new View(emptyState);
        const expected: (readonly [due: number, subject: string])[] = [];
        all.forEach(([due, isCancelled], index) => {
          const id = scheduleDeadline(view, 'time', due, deadline(String(index)));
          if (isCancelled) cancelDeadline(view, id);
          else expected.push([due, String(index)]);
        });
        expected.sort(([a], [b]) => a - b);
        const taken: string[] = [];
        for (const now of [10, 10, 29, 30]) {
          taken.push(...takeDueDeadlines(view, 'time', now).map(({ subject }) => subject));
          expect(taken).to.deep.equal(expected.filter(([due]) => due <= now).map(([, subject]) => subject));
        }
        expect(takeDueDeadlines(view, 'height', 1000)).to.be.empty;
      }),
    );
  });

  it('hands out a bounded number, and the rest the next time', () => {
    const view = new View(emptyState);
    for (let i = 0; i < deadlinesPerBlockMax + 5; i++) scheduleDeadline(view, 'height', 1, deadline(String(i)));
    expect(takeDueDeadlines(view, 'height', 1)).to.have.length(deadlinesPerBlockMax);
    expect(takeDueDeadlines(view, 'height', 1).map(({ subject }) => subject)).to.deep.equal(
      Array.from({ length: 5 }, (_, i) => String(deadlinesPerBlockMax + i)),
    );
  });
});

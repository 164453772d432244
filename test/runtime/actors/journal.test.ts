/**
 * Goal: an event-sourced actor finds after any crash exactly the events that were durable, a prefix of what it appended,
 * and never writes beside its successor. Method: a disk in memory that crashes at random points; a plain array as the
 * oracle.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { list, textMax } from '../../../src/protocols/shared/codec.ts';
import { openJournal } from '../../../src/runtime/actors/journal.ts';
import { defineActor } from '../../../src/runtime/actor-system.ts';
import type { ReplyTo } from '../../../src/runtime/ports/actors.ts';
import type { Store } from '../../../src/runtime/ports/store.ts';
import { MemoryDisk } from '../../../src/runtime/simulated/memory-store.ts';
import { createActorWorld } from '../support/actor-world.ts';
import { errorOf, failureOf } from '../support/waiting.ts';

const schema = { kind: 'journal test', version: 1 };
const text = textMax(100);

const open = (store: Store, options: { readonly snapshotEvery?: number; readonly name?: string } = {}) =>
  openJournal<readonly string[], string>({
    store,
    table: 'journals',
    name: 'notes',
    zero: [],
    apply: (state, event) => [...state, event],
    event: text,
    snapshot: list(text, 10_000),
    ...options,
  });

describe('a journal', () => {
  it('holds after any crash a prefix of what was appended, no shorter than what was durable', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ count: fc.integer({ min: 0, max: 4 }), then: fc.constantFrom('go on', 'sync', 'crash') }),
          {
            maxLength: 40,
          },
        ),
        fc.integer({ min: 1, max: 6 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (script, snapshotEvery, keptShare) => {
          const disk = new MemoryDisk();
          let journal = open(disk.open(schema), { snapshotEvery });
          let appended: string[] = [];
          let durable = 0;
          let next = 0;
          for (const { count, then } of script) {
            const events = Array.from({ length: count }, () => `event ${next++}`);
            journal.append(events);
            appended.push(...events);
            expect(journal.state).to.deep.equal(appended);
            if (then === 'sync') {
              await journal.durable();
              durable = appended.length;
            } else if (then === 'crash') {
              disk.crash((unsynced) => Math.floor(unsynced * keptShare));
              journal = open(disk.open(schema), { snapshotEvery });
              expect(journal.length).to.be.at.least(durable);
              expect(journal.state).to.deep.equal(appended.slice(0, journal.length));
              appended = [...journal.state];
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('keeps the events of one append together', () => {
    const disk = new MemoryDisk();
    const journal = open(disk.open(schema));
    journal.append(['a', 'b', 'c']);
    journal.append(['d', 'e']);
    disk.crash((unsynced) => unsynced - 1);
    expect(open(disk.open(schema)).state).to.deep.equal(['a', 'b', 'c']);
  });

  it('has one writer: opening it again ends the writing of the one before', () => {
    const store = new MemoryDisk().open(schema);
    const first = open(store);
    first.append(['by the first']);
    const second = open(store);
    expect(() => first.append(['too late'])).to.throw('later writer');
    second.append(['by the second']);
    expect(open(store).state).to.deep.equal(['by the first', 'by the second']);
  });

  it('is apart from others in the same table, also where one name begins with the other', () => {
    const store = new MemoryDisk().open(schema);
    const names = ['a', 'aa', 'a-', 'b'];
    for (const name of names) open(store, { name, snapshotEvery: 2 }).append([`of ${name}`, 'x', 'y']);
    for (const name of names) expect(open(store, { name }).state).to.deep.equal([`of ${name}`, 'x', 'y']);
  });

  it('deletes what a snapshot contains', () => {
    const store = new MemoryDisk().open(schema);
    const journal = open(store, { snapshotEvery: 10 });
    for (let i = 0; i < 95; i++) journal.append([`event ${i}`]);
    // Five events, the snapshot and the writer's number.
    expect([...store.range('journals')]).to.have.length(7);
    expect(open(store).length).to.equal(95);
  });

  it('names a gap instead of leaving events out', () => {
    const store = new MemoryDisk().open(schema);
    open(store).append(['a', 'b', 'c']);
    const middle = [...store.range('journals')].map(([key]) => key).find((key) => key.at(-1) === 1 && key.length > 9);
    store.commit([{ table: 'journals', key: middle as Uint8Array, value: null }]);
    let failure = '';
    try {
      open(store);
    } catch (error) {
      failure = errorOf(error);
    }
    expect(failure).to.equal('corrupt');
  });

  it('brings an actor back to where it was, past its own crash and that of the machine', async () => {
    const disk = new MemoryDisk();
    type Message = { readonly note: string; readonly replyTo: ReplyTo<number> };
    const notebook = (store: Store) =>
      defineActor<ReturnType<typeof open>, Message>({
        name: 'notebook',
        initial: () => open(store, { snapshotEvery: 2 }),
        receive: async (journal, { note, replyTo }, context) => {
          journal.append([note]);
          if (note === 'crash') throw new Error('planted after the append');
          await journal.durable();
          context.reply(replyTo, journal.length);
          return journal;
        },
      });
    const first = createActorWorld();
    const ref = first.system.spawn(notebook(disk.open(schema)));
    const write = (note: string) =>
      first.system.ask(ref, (replyTo: ReplyTo<number>) => ({ note, replyTo }), { timeoutMs: 100 });
    expect(await write('one')).to.equal(1);
    expect(await failureOf(write('crash'))).to.equal('target-failed');
    expect(await write('three')).to.equal(3);
    disk.crash();

    const second = createActorWorld();
    const again = second.system.spawn(notebook(disk.open(schema)));
    const length = await second.system.ask(again, (replyTo: ReplyTo<number>) => ({ note: 'four', replyTo }), {
      timeoutMs: 100,
    });
    expect(length).to.equal(4);
    await Promise.all([first.system.terminate(), second.system.terminate()]);
  });
});

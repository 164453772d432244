/**
 * What every adapter of the Store port promises (src/runtime/ports/store.ts), as one suite over a factory. Not a test file
 * itself: the adapters' tests call it.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { toHex, toUtf8, uint64Key } from '../../src/protocols/shared/bytes.ts';
import { InvariantError } from '../../src/protocols/shared/errors.ts';
import {
  keyBytesMax,
  StoreError,
  type RangeOptions,
  type Store,
  type StoreErrorCode,
  type StoreReader,
  type StoreSchema,
  type Write,
} from '../../src/runtime/ports/store.ts';

/** One disk: what is durable outlives the stores opened on it. */
export interface StoreBench {
  open(schema: StoreSchema): Store;
  dispose(): Promise<void>;
}

export const schema: StoreSchema = { kind: 'conformance', version: 3 };

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);

export const write = (table: string, key: string, value: string | null): Write => ({
  table,
  key: toUtf8(key),
  value: value === null ? null : toUtf8(value),
});

export const listed = (reader: StoreReader, table: string, options?: RangeOptions): string[] =>
  [...reader.range(table, options)].map(([key, value]) => `${text(key)}=${text(value)}`);

export const read = (reader: StoreReader, table: string, key: string): string | undefined =>
  text(reader.get(table, toUtf8(key)));

export function refusalOf(action: () => unknown): StoreErrorCode {
  try {
    action();
  } catch (error) {
    if (error instanceof StoreError) return error.code;
    throw error;
  }
  throw new Error('not refused');
}

export async function rejectionOf(action: Promise<unknown>): Promise<StoreErrorCode> {
  try {
    await action;
  } catch (error) {
    if (error instanceof StoreError) return error.code;
    throw error;
  }
  throw new Error('not rejected');
}

export function describeStore(name: string, makeBench: () => StoreBench): void {
  describe(`${name} as a Store`, () => {
    let bench: StoreBench;
    let store: Store;
    beforeEach(() => {
      bench = makeBench();
      store = bench.open(schema);
    });
    afterEach(async () => {
      await store.close();
      await bench.dispose();
    });
    const reopen = async (): Promise<void> => {
      await store.close();
      store = bench.open(schema);
    };

    describeReading(() => store);
    describeViews(() => store);
    describeDurability(() => store, reopen);
    describeOpening(
      () => bench,
      () => store,
    );
  });
}

function describeReading(current: () => Store): void {
  it('shows a commit to every reader when it returns, and keeps tables apart', () => {
    const store = current();
    store.commit([write('a', 'k', '1'), write('b', 'k', '2'), write('a', 'empty', '')]);
    expect([read(store, 'a', 'k'), read(store, 'b', 'k'), read(store, 'a', 'empty')]).to.deep.equal(['1', '2', '']);
    expect([read(store, 'c', 'k'), read(store, 'a', 'x')]).to.deep.equal([undefined, undefined]);
    expect(listed(store, 'a')).to.deep.equal(['empty=', 'k=1']);
    expect(listed(store, 'c')).to.deep.equal([]);
  });

  it('lets the last write of a commit to a key win, and deletes', () => {
    const store = current();
    store.commit([write('t', 'k', '1'), write('t', 'k', null), write('t', 'k', '2'), write('t', 'gone', null)]);
    expect(listed(store, 't')).to.deep.equal(['k=2']);
    store.commit([write('t', 'k', null)]);
    expect(listed(store, 't')).to.deep.equal([]);
  });

  it('takes keys of 1 to 511 bytes and refuses others without writing anything', () => {
    const store = current();
    for (const size of [1, keyBytesMax]) {
      const key = new Uint8Array(size).fill(0xff);
      store.commit([{ table: 't', key, value: key }]);
      expect(store.get('t', key)).to.deep.equal(key);
    }
    for (const size of [0, keyBytesMax + 1]) {
      const refused = { table: 't', key: new Uint8Array(size), value: null };
      expect(() => store.commit([write('t', 'before', '1'), refused])).to.throw(InvariantError);
    }
    expect(() => store.commit([write('', 'k', '1')])).to.throw(InvariantError);
    expect(read(store, 't', 'before')).to.equal(undefined);
  });

  it('copies bytes on the way in and out', async () => {
    const store = current();
    const key = toUtf8('key');
    const value = toUtf8('value');
    store.commit([{ table: 't', key, value }]);
    value.fill(0);
    key.fill(0);
    for (const stage of ['committed', 'durable']) {
      if (stage === 'durable') await store.durable();
      store.get('t', toUtf8('key'))?.fill(0);
      for (const [rangeKey, rangeValue] of store.range('t')) {
        rangeKey.fill(0);
        rangeValue.fill(0);
      }
      expect(listed(store, 't'), stage).to.deep.equal(['key=value']);
    }
    const kept = store.get('t', toUtf8('key'));
    store.commit([write('t', 'key', 'other'), write('t', 'more', 'x'.repeat(100_000))]);
    await store.durable();
    read(store, 't', 'more');
    expect(text(kept)).to.equal('value');
  });

  it('keeps large values', async () => {
    const store = current();
    const value = new Uint8Array(3_000_000).map((_, index) => index % 251);
    store.commit([{ table: 't', key: toUtf8('large'), value }]);
    await store.durable();
    expect(toHex(store.get('t', toUtf8('large')) ?? new Uint8Array())).to.equal(toHex(value));
    expect(store.sizeBytes()).to.be.greaterThan(value.length);
  });

  it('agrees with a plain map on random commits, syncs and ranges', async () => {
    const key = fc
      .uint8Array({ minLength: 1, maxLength: 2 })
      .map((bytes) => bytes.map((byte) => (byte % 6 ? 0xff - (byte % 5) : byte)));
    const step = fc.record({
      writes: fc.array(fc.record({ key, value: fc.option(fc.uint8Array({ maxLength: 3 })) }), { maxLength: 8 }),
      sync: fc.boolean(),
      from: fc.option(key, { nil: undefined }),
      to: fc.option(key, { nil: undefined }),
      reverse: fc.boolean(),
      limit: fc.option(fc.nat(4), { nil: undefined }),
    });
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const name = `table ${runs++}`;
        const store = current();
        const model = new Map<string, string>();
        for (const { writes, sync, from, to, reverse, limit } of steps) {
          store.commit(writes.map((one) => ({ table: name, ...one })));
          for (const { key: written, value } of writes)
            if (value === null) model.delete(toHex(written));
            else model.set(toHex(written), toHex(value));
          const written = sync ? store.durable() : Promise.resolve();
          const options = { ...(from && { from }), ...(to && { to }), reverse, ...(limit !== undefined && { limit }) };
          expectRange(store, name, model, options);
          await written;
          expectRange(store, name, model, options);
          for (const { key: asked } of writes)
            expect(toHex(store.get(name, asked) ?? toUtf8('?'))).to.equal(
              model.get(toHex(asked)) ?? toHex(toUtf8('?')),
            );
        }
      }),
      { numRuns: 40 },
    );
  });
}

function expectRange(store: Store, table: string, model: ReadonlyMap<string, string>, options: RangeOptions): void {
  const { from, to, reverse, limit } = options;
  let expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
  expected = expected.filter(
    ([key]) => (from === undefined || key >= toHex(from)) && (to === undefined || key < toHex(to)),
  );
  if (reverse === true) expected.reverse();
  const found = [...store.range(table, options)].map(([key, value]) => [toHex(key), toHex(value)]);
  expect(found).to.deep.equal(expected.slice(0, limit));
}

function describeViews(current: () => Store): void {
  it('holds a snapshot still while commits and syncs go on, until it is released', async () => {
    const store = current();
    store.commit([write('t', 'durable', '1')]);
    await store.durable();
    store.commit([write('t', 'committed', '1')]);
    const early = store.snapshot();
    const written = store.durable();
    store.commit([write('t', 'durable', '2'), write('t', 'committed', null), write('t', 'new', '2')]);
    const late = store.snapshot();
    for (const stage of ['during', 'after']) {
      if (stage === 'after') {
        await written;
        store.commit([write('t', 'durable', '3')]);
        await store.durable();
      }
      expect(listed(early, 't'), stage).to.deep.equal(['committed=1', 'durable=1']);
      expect(listed(late, 't', { reverse: true }), stage).to.deep.equal(['new=2', 'durable=2']);
      expect([read(early, 't', 'durable'), read(early, 't', 'new'), read(late, 't', 'committed')]).to.deep.equal([
        '1',
        undefined,
        undefined,
      ]);
    }
    expect(listed(store, 't')).to.deep.equal(['durable=3', 'new=2']);
    early.release();
    early.release();
    expect(refusalOf(() => early.get('t', toUtf8('new')))).to.equal('closed');
    expect(listed(late, 't')).to.deep.equal(['durable=2', 'new=2']);
    late.release();
  });

  it('iterates the view of the moment in which the iteration starts', async () => {
    const store = current();
    for (let i = 0; i < 600; i++) store.commit([{ table: 't', key: uint64Key(i), value: Uint8Array.of(1) }]);
    await store.durable();
    store.commit([{ table: 't', key: uint64Key(600), value: Uint8Array.of(1) }]);
    let seen = 0;
    for (const [key, value] of store.range('t')) {
      store.commit([
        { table: 't', key, value: null },
        { table: 't', key: uint64Key(1000 + seen), value: Uint8Array.of(2) },
      ]);
      if (seen % 200 === 0) await store.durable();
      expect(value[0]).to.equal(1);
      seen += 1;
    }
    expect(seen).to.equal(601);
    expect([...store.range('t')]).to.have.length(601);
  });

  it('starts an iteration with its first entry, however long after the iterator was made', async () => {
    const store = current();
    store.commit([write('t', 'a', '1'), write('t', 'b', '1')]);
    const iterator = store.range('t')[Symbol.iterator]();
    store.commit([write('t', 'a', null)]);
    await store.durable();
    store.commit([write('t', 'b', '2')]);
    const first = iterator.next();
    expect(first.done === true ? 'nothing' : text(first.value[1])).to.equal('2');
    expect(iterator.next().done).to.equal(true);
  });

  it('may be left in the middle of many iterations', async () => {
    const store = current();
    for (let i = 0; i < 10; i++) store.commit([write('t', `${i}`, 'x')]);
    await store.durable();
    for (let i = 0; i < 2000; i++)
      for (const [key] of store.range('t', { reverse: i % 2 === 0 })) if (key.length > 0) break;
    expect(listed(store, 't')).to.have.length(10);
  });
}

function describeDurability(current: () => Store, reopen: () => Promise<void>): void {
  it('holds everything durable after it is closed and opened again', async () => {
    current().commit([write('t', 'k', '1')]);
    await current().durable();
    current().commit([write('t', 'k', '2'), write('u', 'k', 'closing makes durable')]);
    await reopen();
    expect([read(current(), 't', 'k'), read(current(), 'u', 'k')]).to.deep.equal(['2', 'closing makes durable']);
    current().commit([write('v', 'k', '3')]);
    await reopen();
    expect(listed(current(), 'v')).to.deep.equal(['k=3']);
  });

  it('makes many concurrent writers durable, and resolves where there is nothing to write', async () => {
    await current().durable();
    await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        await Promise.resolve();
        current().commit([write('t', `${i}`, `${i}`)]);
        await current().durable();
        current().commit([write('t', `${i}`, 'done')]);
        await current().durable();
      }),
    );
    await reopen();
    expect(listed(current(), 't').filter((entry) => entry.endsWith('=done'))).to.have.length(200);
  });

  it('refuses everything once closed, and closes twice', async () => {
    const store = current();
    store.commit([write('t', 'k', '1')]);
    const snapshot = store.snapshot();
    const iteration = store.range('t')[Symbol.iterator]();
    iteration.next();
    await store.close();
    await store.close();
    expect(refusalOf(() => store.commit([write('t', 'k', '2')]))).to.equal('closed');
    expect(refusalOf(() => store.get('t', toUtf8('k')))).to.equal('closed');
    expect(refusalOf(() => listed(store, 't'))).to.equal('closed');
    expect(refusalOf(() => store.snapshot())).to.equal('closed');
    expect(await rejectionOf(store.durable())).to.equal('closed');
    snapshot.release();
  });
}

function describeOpening(bench: () => StoreBench, current: () => Store): void {
  it('is held by one store at a time', async () => {
    expect(refusalOf(() => bench().open(schema))).to.equal('locked');
    current().commit([write('t', 'k', 'still in use')]);
    await current().durable();
    await current().close();
    await bench().open(schema).close();
  });

  it('refuses another kind, another chain, and other layouts, and names them', async () => {
    await current().close();
    const chainId = 'ab'.repeat(32) as NonNullable<StoreSchema['chainId']>;
    const refusals: [StoreSchema, StoreErrorCode, RegExp][] = [
      [{ kind: 'other', version: 3 }, 'schema-foreign', /conformance store, not a other store/],
      [{ ...schema, chainId }, 'schema-foreign', /no chain, not to abab/],
      [{ ...schema, version: 2 }, 'schema-newer', /layout 3, this program knows up to 2/],
      [{ ...schema, version: 4 }, 'schema-foreign', /layout 3, this program writes 4/],
    ];
    for (const [other, code, message] of refusals) {
      expect(refusalOf(() => bench().open(other))).to.equal(code);
      expect(() => bench().open(other)).to.throw(message);
    }
    await bench().open(schema).close();
  });
}

// Goal: a sorted map with snapshots. Method: random operations against a plain Map that is sorted anew each time.
import { expect } from 'chai';
import fc from 'fast-check';
import { fromHex, toHex } from '../../../src/protocols/shared/bytes.ts';
import { SortedBytesMap, type SortedRange } from '../../../src/protocols/shared/sorted-bytes-map.ts';

type Model = Map<string, number>;

function expectedEntries(model: Model, { from, to, reverse }: SortedRange): [string, number][] {
  const inside = [...model].filter(
    ([key]) => (from === undefined || key >= toHex(from)) && (to === undefined || key < toHex(to)),
  );
  inside.sort(([a], [b]) => (a < b ? -1 : 1));
  return reverse === true ? inside.reverse() : inside;
}

const entriesOf = (map: SortedBytesMap<number>, range: SortedRange): [string, number][] =>
  [...map.entries(range)].map(([key, value]) => [toHex(key), value]);

const shortKey = fc.uint8Array({ minLength: 1, maxLength: 2 });

describe('SortedBytesMap', () => {
  it('behaves as a sorted map, and its snapshots stay as they were', () => {
    const operation = fc.oneof(
      { weight: 12, arbitrary: fc.record({ kind: fc.constant('set' as const), key: shortKey }) },
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('delete' as const), key: shortKey }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('snapshot' as const), key: shortKey }) },
    );
    fc.assert(
      fc.property(
        fc.array(operation, { minLength: 1, maxLength: 2000, size: 'max' }),
        shortKey,
        shortKey,
        (operations, from, to) => {
          const map = new SortedBytesMap<number>();
          const model: Model = new Map();
          const snapshots: { map: SortedBytesMap<number>; model: Model }[] = [];
          for (const [index, { kind, key }] of operations.entries()) {
            const before = model.get(toHex(key));
            if (kind === 'set') {
              expect(map.set(key, index)).to.equal(before);
              model.set(toHex(key), index);
            } else if (kind === 'delete') {
              expect(map.delete(key)).to.equal(before);
              model.delete(toHex(key));
            } else snapshots.push({ map: map.snapshot(), model: new Map(model) });
          }
          for (const view of [{ map, model }, ...snapshots]) {
            expect(view.map.size).to.equal(view.model.size);
            for (const range of [
              {},
              { reverse: true },
              { from },
              { to, reverse: true },
              { from, to },
              { from, to, reverse: true },
            ])
              expect(entriesOf(view.map, range)).to.deep.equal(expectedEntries(view.model, range));
            for (const { key } of operations) expect(view.map.get(key)).to.equal(view.model.get(toHex(key)));
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  it('lets a snapshot be written to without touching its origin', () => {
    const origin = new SortedBytesMap<number>();
    for (let i = 0; i < 1000; i++) origin.set(fromHex(i.toString(16).padStart(4, '0')), i);
    const copy = origin.snapshot();
    copy.set(fromHex('0005'), -1);
    copy.delete(fromHex('0006'));
    expect([origin.get(fromHex('0005')), origin.get(fromHex('0006')), origin.size]).to.deep.equal([5, 6, 1000]);
    expect([copy.get(fromHex('0005')), copy.get(fromHex('0006')), copy.size]).to.deep.equal([-1, undefined, 999]);
  });
});

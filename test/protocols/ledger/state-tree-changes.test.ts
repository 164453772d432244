/**
 * Goal: the difference of two versions of the state tree is exactly what was changed between them, from any place on.
 * Method: random batches of changes on a tree kept in memory; the oracle compares two maps.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { compareBytes, toHex, toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import { type RootRef, type StateChange, updateTree } from '../../../src/protocols/ledger/state-tree.ts';
import { treeChanges } from '../../../src/protocols/ledger/state-tree-changes.ts';

const batch = fc.uniqueArray(
  fc.record({ key: fc.nat(60), value: fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 3 })) }),
  { selector: ({ key }) => key, maxLength: 25 },
);
type Batch = readonly { readonly key: number; readonly value: number | null }[];

const keyOf = (key: number): Uint8Array => toUtf8(`module/table/${key}`);

class Versions {
  readonly #nodes = new Map<string, Uint8Array>();
  readonly reader = { node: (key: Uint8Array): Uint8Array | undefined => this.#nodes.get(toHex(key)) };
  readonly roots: RootRef[] = [null];
  readonly states: ReadonlyMap<string, string>[] = [new Map()];

  apply(changes: Batch): void {
    const state = new Map(this.states.at(-1));
    const stated = changes.map(({ key, value }): StateChange => {
      const name = toHex(keyOf(key));
      if (value === null) state.delete(name);
      else state.set(name, toHex(Uint8Array.of(value)));
      return { key: keyOf(key), value: value === null ? null : Uint8Array.of(value) };
    });
    const { rootRef, nodeWrites } = updateTree(this.reader, this.roots.at(-1) ?? null, this.roots.length, stated);
    for (const { key, value } of nodeWrites) this.#nodes.set(toHex(key), value);
    this.roots.push(rootRef);
    this.states.push(state);
  }

  /** Key and value of what differs, by looking at both whole. */
  difference(from: number, to: number): readonly string[] {
    const [before, after] = [this.states[from]!, this.states[to]!];
    const keys = [...new Set([...before.keys(), ...after.keys()])];
    return keys
      .filter((key) => before.get(key) !== after.get(key))
      .map((key) => `${key} ${after.get(key) ?? 'none'}`)
      .sort();
  }
}

const shown = ({ key, value }: StateChange): string => `${toHex(key)} ${value === null ? 'none' : toHex(value)}`;

describe('what differs between two versions of the state tree', () => {
  it('is what was changed between them, whichever two they are, in the order of the paths', () => {
    fc.assert(
      fc.property(fc.array(batch, { minLength: 1, maxLength: 6 }), (batches) => {
        const versions = new Versions();
        for (const changes of batches) versions.apply(changes);
        for (let from = 0; from <= batches.length; from++)
          for (let to = from; to <= batches.length; to++) {
            const found = [...treeChanges(versions.reader, versions.roots[from]!, versions.roots[to]!)];
            expect(found.map(shown).sort()).deep.equal(versions.difference(from, to));
            for (let i = 1; i < found.length; i++) expect(compareBytes(found[i - 1]!.path, found[i]!.path)).lessThan(0);
          }
      }),
      { numRuns: 25 },
    );
  });

  it('goes on after any path as if it had not stopped there', () => {
    fc.assert(
      fc.property(batch, batch, (first, second) => {
        const versions = new Versions();
        versions.apply(first);
        versions.apply(second);
        const all = [...treeChanges(versions.reader, versions.roots[1]!, versions.roots[2]!)];
        all.forEach(({ path }, at) => {
          const rest = [...treeChanges(versions.reader, versions.roots[1]!, versions.roots[2]!, path)];
          expect(rest.map(shown)).deep.equal(all.slice(at + 1).map(shown));
        });
      }),
      { numRuns: 30 },
    );
  });
});

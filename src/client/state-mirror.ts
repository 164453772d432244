/**
 * The chain's state in memory, kept by its own tree: what a node says of it is taken over only where the root that comes out is
 * the one that the validators sealed, so nothing can be left out, added or changed on the way.
 */
import {
  emptyStateRoot,
  type RootRef,
  type StateChange,
  type TreeReader,
  updateTree,
} from '../protocols/ledger/state-tree.ts';
import type { StateReader } from '../protocols/ledger/view.ts';
import type { Digest } from '../protocols/shared/brands.ts';
import { SortedBytesMap } from '../protocols/shared/sorted-bytes-map.ts';

const keyText = new TextDecoder('latin1');
/** Of a tree record's key: where it says that the record is a leaf, which an update never reads. */
const kindAt = 8;
const leafMark = 0xff;

export class StateMirror implements StateReader {
  readonly #values = new SortedBytesMap<Uint8Array>();
  readonly #nodes = new Map<string, Uint8Array>();
  readonly #tree: TreeReader = { node: (key) => this.#nodes.get(keyText.decode(key)) };
  #rootRef: RootRef = null;
  #root: Digest = emptyStateRoot;

  /**
   * The state at a height above the last one. Returns false, and changes nothing, where it would not have this root.
   *
   * @param changes distinct keys, neither they nor values empty
   */
  advance(height: number, changes: readonly StateChange[], root: Digest): boolean {
    if (changes.length === 0) return root === this.#root;
    const update = updateTree(this.#tree, this.#rootRef, height, changes);
    if (update.root !== root) return false;
    for (const stale of update.staleNodes) this.#nodes.delete(keyText.decode(stale));
    for (const { key, value } of update.nodeWrites)
      if (key[kindAt] !== leafMark) this.#nodes.set(keyText.decode(key), value);
    for (const { key, value } of changes) {
      if (value === null) this.#values.delete(key);
      else this.#values.set(key, value);
    }
    this.#rootRef = update.rootRef;
    this.#root = update.root;
    return true;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#values.get(key);
  }

  *range(prefix: Uint8Array): Generator<readonly [Uint8Array, Uint8Array]> {
    for (const entry of this.#values.entries({ from: prefix })) {
      if (!startsWith(entry[0], prefix)) return;
      yield entry;
    }
  }
}

function startsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  for (let at = 0; at < prefix.length; at++) if (key[at] !== prefix[at]) return false;
  return true;
}

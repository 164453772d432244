/** Records of a state tree in memory, with pruning by the stale index as a node does it. */
import type { RootRef, StateChange, TreeReader, TreeUpdate } from '../../../src/protocols/ledger/state-tree.ts';
import { nodeOfStaleKey, staleEnd, staleKey, updateTree } from '../../../src/protocols/ledger/state-tree.ts';
import { compareBytes, fromHex, toHex } from '../../../src/protocols/shared/bytes.ts';

export class TreeStore implements TreeReader {
  readonly nodes = new Map<string, Uint8Array>();
  readonly stale = new Set<string>();
  reads = 0;

  node(key: Uint8Array): Uint8Array | undefined {
    this.reads += 1;
    return this.nodes.get(toHex(key));
  }

  apply(previous: RootRef, version: number, changes: readonly StateChange[]): TreeUpdate {
    const update = updateTree(this, previous, version, changes);
    for (const { key, value } of update.nodeWrites) {
      if (this.nodes.has(toHex(key))) throw new Error('a record is written once');
      this.nodes.set(toHex(key), value);
    }
    for (const key of update.staleNodes) this.stale.add(toHex(staleKey(version, key)));
    return update;
  }

  prune(oldestHeight: number): void {
    const end = staleEnd(oldestHeight);
    for (const entry of this.stale) {
      if (compareBytes(fromHex(entry), end) >= 0) continue;
      this.stale.delete(entry);
      if (!this.nodes.delete(toHex(nodeOfStaleKey(fromHex(entry))))) throw new Error('a stale record exists');
    }
  }
}

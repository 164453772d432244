/**
 * Imports a snapshot part by part. Every part is checked against the hash that its parent named before anything of it is
 * written; the records of a split subtree's own node are written when all its children are.
 */
import { type Block, blockCodec, blockDigest } from '../../protocols/ledger/block.ts';
import type { Genesis } from '../../protocols/ledger/genesis.ts';
import { type Child, fanOut } from '../../protocols/ledger/state-tree-node.ts';
import { TreeWriter } from '../../protocols/ledger/state-tree-build.ts';
import { validatorSetsAt } from '../../protocols/ledger/queries.ts';
import type { SignatureCheck } from '../../protocols/ledger/signed-note.ts';
import { edgeRoot, edgeTiles, isWholeEdge } from '../../protocols/ledger/transparency-log.ts';
import { verifyBundle } from '../../protocols/ledger/verify-bundle.ts';
import type { Height } from '../../protocols/shared/brands.ts';
import { fromHex, uint64Key } from '../../protocols/shared/bytes.ts';
import { encode, tryDecode, uint } from '../../protocols/shared/codec.ts';
import { invariant } from '../../protocols/shared/errors.ts';
import {
  checkPart,
  type Leaf,
  nodeOf,
  type PartName,
  type PartRefusal,
  type SnapshotOffer,
  type SnapshotPart,
  withNibble,
} from '../../protocols/sync/snapshot.ts';
import { commitCodec } from '../../protocols/ledger/block.ts';
import { type SetChange, setChangeCodec } from '../../protocols/ledger/proof-bundle.ts';
import type { Store, Write } from '../../runtime/ports/store.ts';
import { backfillCodec } from './history-backfill.ts';
import {
  backfillKey,
  factsCodec,
  importingKey,
  stateReaderOf,
  tables,
  tileKey,
  tipCodec,
  tipKey,
} from '../chain/tables.ts';

/** Why an offer is not taken; null: it holds against the genesis document. */
export interface OfferVerdict {
  /** `unanchored`: it holds, but only others that offer the same make it trustworthy. */
  readonly kind: 'valid' | 'unanchored' | 'refused';
  readonly detail: string;
}

export function judgeOffer(offer: SnapshotOffer, genesis: Genesis, verifySignature: SignatureCheck): OfferVerdict {
  const refuse = (detail: string): OfferVerdict => ({ kind: 'refused', detail });
  const { header } = offer.bundle;
  const { verdict, checks, headerDigest } = verifyBundle(offer.bundle, genesis, { verifySignature });
  if (verdict === 'invalid') {
    const failed = checks.find(({ ok }) => !ok);
    return refuse(`${failed?.check ?? 'bundle'}: ${failed?.detail ?? ''}`);
  }
  const decoded = tryDecode(blockCodec, offer.block);
  if (!('value' in decoded) || blockDigest(decoded.value.header) !== headerDigest) return refuse('another block');
  const { logEdge } = offer;
  if (logEdge.size !== header.logSize || edgeRoot(logEdge) !== header.logRoot || !isWholeEdge(logEdge)) {
    return refuse('the edge of the log is not that of the header');
  }
  return { kind: verdict, detail: `height ${header.height}` };
}

interface PendingNode {
  readonly name: PartName;
  readonly children: (Child | null)[];
  missing: number;
  readonly parent: { readonly node: PendingNode; readonly nibble: number } | null;
}

/** A part still to be fetched. */
export interface WantedPart {
  readonly name: PartName;
  readonly expected: Uint8Array;
  readonly parent: { readonly node: PendingNode; readonly nibble: number } | null;
}

export class SnapshotImport {
  readonly height: Height;
  readonly #offer: SnapshotOffer;
  readonly #store: Store;
  readonly #wanted: WantedPart[] = [];
  #leaves = 0;
  #rootDone = false;

  constructor(offer: SnapshotOffer, store: Store) {
    this.#offer = offer;
    this.#store = store;
    const { header } = offer.bundle;
    this.height = header.height;
    const name: PartName = { height: header.height, depth: 0, path: new Uint8Array(32) };
    this.#wanted.push({ name, expected: fromHex(header.stateRoot), parent: null });
  }

  /** Leaves imported so far. */
  get leaves(): number {
    return this.#leaves;
  }

  get isComplete(): boolean {
    return this.#rootDone;
  }

  /** Marks the store and removes the genesis state. */
  begin(): void {
    const writes: Write[] = [{ table: tables.meta, key: importingKey, value: encode(uint, this.height) }];
    for (const table of [tables.state, tables.tree, tables.stale]) {
      for (const [key] of this.#store.range(table)) writes.push({ table, key, value: null });
    }
    this.#store.commit(writes);
  }

  next(): WantedPart | undefined {
    return this.#wanted.pop();
  }

  putBack(part: WantedPart): void {
    this.#wanted.push(part);
  }

  /** Takes a part in, or says why it is refused; then nothing was written. */
  accept(wanted: WantedPart, part: SnapshotPart): PartRefusal | null {
    const writer = new TreeWriter(this.height);
    const checked = checkPart(wanted.name, wanted.expected, part, writer);
    if (checked.type === 'refused') return checked.reason;
    const writes: Write[] = checked.leaves.map(stateWrite);
    this.#leaves += checked.leaves.length;
    if (checked.type === 'complete') this.#complete(wanted.parent, checked.child, writer);
    else this.#split(wanted, checked.children, writer);
    for (const { key, value } of writer.writes) writes.push({ table: tables.tree, key, value });
    this.#store.commit(writes);
    return null;
  }

  /** Only children that are nodes are fetched; leaves and gaps are known. */
  #split(wanted: WantedPart, children: readonly (Child | null)[], writer: TreeWriter): void {
    const { name, parent } = wanted;
    const node: PendingNode = { name, children: [...children], missing: 0, parent };
    for (let nibble = fanOut - 1; nibble >= 0; nibble--) {
      const child = children[nibble] ?? null;
      if (child === null || child.path !== null) continue;
      node.missing += 1;
      const path = withNibble(name.path, name.depth, nibble);
      const below: PartName = { height: name.height, depth: name.depth + 1, path };
      this.#wanted.push({ name: below, expected: child.hash, parent: { node, nibble } });
    }
    if (node.missing === 0) this.#finishNode(node, writer);
  }

  #complete(parent: WantedPart['parent'], child: Child, writer: TreeWriter): void {
    if (parent === null) {
      this.#rootDone = true;
      return;
    }
    parent.node.children[parent.nibble] = child;
    parent.node.missing -= 1;
    if (parent.node.missing === 0) this.#finishNode(parent.node, writer);
  }

  #finishNode(node: PendingNode, writer: TreeWriter): void {
    const child = writer.node(nodeOf(node.children), node.name.path, node.name.depth);
    this.#complete(node.parent, child, writer);
  }

  /** The tip moves to the snapshot's block; in one commit with the end of the import. */
  finish(storedAt: number): void {
    invariant(this.#rootDone, 'an import is finished when every part is in');
    const { bundle, block, logEdge } = this.#offer;
    const { header, commit, setChanges } = bundle;
    const decoded = tryDecode(blockCodec, block);
    invariant('value' in decoded, 'the block of an offer was decoded before');
    const at = uint64Key(this.height);
    const firstLeaf = header.logSize - countOf(decoded.value);
    const facts = { storedAt, rootRef: this.height, firstLeaf, hasState: true };
    const writes: Write[] = [
      { table: tables.blocks, key: at, value: block },
      { table: tables.commits, key: at, value: encode(commitCodec, commit) },
      { table: tables.facts, key: at, value: encode(factsCodec, facts) },
      { table: tables.meta, key: tipKey, value: encode(tipCodec, { height: this.height, rootRef: this.height }) },
      { table: tables.meta, key: importingKey, value: null },
      // The snapshot's own block is filled in with the rest: its transactions and results are history too.
      { table: tables.meta, key: backfillKey, value: encode(backfillCodec, { next: 1, until: this.height }) },
    ];
    for (const change of [...setChanges, ...this.#ownSetChange()]) {
      writes.push({
        table: tables.setChanges,
        key: uint64Key(change.header.height),
        value: encode(setChangeCodec, change),
      });
    }
    for (const { level, index, hashes } of edgeTiles(logEdge)) {
      writes.push({ table: tables.tiles, key: tileKey(level, index), value: hashes });
    }
    this.#store.commit(writes);
  }

  /** The bundle leads to the snapshot's header; a change that this very block makes is in the imported state. */
  #ownSetChange(): readonly SetChange[] {
    const { header, commit } = this.#offer.bundle;
    if (header.nextValidatorsHash === header.validatorsHash) return [];
    return [{ header, commit, nextValidators: validatorSetsAt(stateReaderOf(this.#store)).next }];
  }
}

const stateWrite = ({ key, value }: Leaf): Write => ({ table: tables.state, key, value });
const countOf = ({ transactions }: Block): number => transactions.length;

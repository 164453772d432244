/**
 * The chain of one node in its store: the tip, building and checking the next block on it, and appending a decided one.
 * Owned by one actor (the validator or the ledger follower); everybody else reads. All judgement is the ledger
 * protocol's; this file moves its results to the store and back.
 */
import type { Application } from '../../protocols/ledger/application.ts';
import { application as defaultApplication } from '../../protocols/ledger/application.ts';
import {
  type DecodedTransaction,
  decodeTransaction,
  type SignedTransaction,
} from '../../protocols/ledger/admission.ts';
import { genesisBeaconOutput } from '../../protocols/ledger/beacon.ts';
import { type Block, blockCodec, blockDigest, type Commit, commitCodec } from '../../protocols/ledger/block.ts';
import { eventCodec } from '../../protocols/ledger/events.ts';
import {
  type BlockChoice,
  type BlockVerdict,
  buildBlock,
  type BuiltBlock,
  checkBlock,
  type ExecutedBlock,
  genesisParent,
  type LedgerState,
  type ParentBlock,
  parentOf,
} from '../../protocols/ledger/executor.ts';
import { chainIdOf, type ChainParameters, type Genesis } from '../../protocols/ledger/genesis.ts';
import { genesisState } from '../../protocols/ledger/genesis-state.ts';
import type { SignatureRule } from '../../protocols/ledger/module.ts';
import { accountAt, parametersAt, validatorSetsAt } from '../../protocols/ledger/queries.ts';
import { nodeOfStaleKey, staleEnd, staleKey } from '../../protocols/ledger/state-tree.ts';

import { edgeAt, type LogEdge } from '../../protocols/ledger/transparency-log.ts';
import { setChangeCodec } from '../../protocols/ledger/proof-bundle.ts';
import type { ValidatorSet } from '../../protocols/ledger/validator-set.ts';
import type { StateReader } from '../../protocols/ledger/view.ts';
import type { ChainId, Digest, Height, PublicKey } from '../../protocols/shared/brands.ts';
import { height as toHeight } from '../../protocols/shared/brands.ts';
import { toUtf8, uint64Key } from '../../protocols/shared/bytes.ts';
import { decode, encode, list } from '../../protocols/shared/codec.ts';
import { invariant } from '../../protocols/shared/errors.ts';
import { type Store, StoreError, type Write } from '../../runtime/ports/store.ts';
import { StateCache } from './state-cache.ts';
import {
  factsCodec,
  hashKey,
  placeCodec,
  stateReaderOf,
  tables,
  tileKey,
  tileReaderOf,
  tipCodec,
  tipKey,
  treeReaderOf,
} from './tables.ts';

export type { BlockVerdict, ExecutedBlock };

const genesisKey = toUtf8('genesis');
const eventsCodec = list(eventCodec, 1_000_000);

/** Records of the state's history deleted in one block at most, so that pruning never stalls a block. */
const prunedPerBlock = 20_000;

const recentBlocks = 8;

/** The last final block, and what the next one stands on. */
export interface ChainTip {
  /** 0: genesis. */
  readonly height: Height;
  readonly digest: Digest;
  readonly time: number;
  /** null at genesis. */
  readonly proposer: PublicKey | null;
  readonly commit: Commit | null;
  readonly beaconOutput: Uint8Array;
  /** Decides the next block. */
  readonly set: ValidatorSet;
  /** In force for the next block. */
  readonly parameters: ChainParameters;
}

export interface ChainOptions {
  readonly store: Store;
  readonly genesis: Genesis;
  readonly signatures: SignatureRule;
  /** Heights of the state's history that stay readable. */
  readonly historyBlocks: number;
  readonly application?: Application;
  /** Default: the ledger's own. */
  readonly checkBlock?: typeof checkBlock;
}

export class Chain {
  readonly chainId: ChainId;
  readonly genesis: Genesis;
  readonly application: Application;
  readonly store: Store;
  readonly state: StateReader;
  readonly #signatures: SignatureRule;
  readonly #stateCache: StateCache;
  readonly #checkBlock: typeof checkBlock;
  /** Heights of the state's history that stay readable. */
  readonly historyBlocks: number;
  #tip: ChainTip;
  #parent: ParentBlock;
  #rootRef: number | null;
  #logEdge: LogEdge;
  /** Of the last blocks appended, so that what reacts to a block need not decode it again. */
  readonly #recent = new Map<number, readonly DecodedTransaction[]>();

  /** Writes the genesis state into an empty store. Throws StoreError `schema-foreign` where another chain lies there. */
  constructor(options: ChainOptions) {
    this.store = options.store;
    this.genesis = options.genesis;
    this.chainId = chainIdOf(options.genesis);
    this.application = options.application ?? defaultApplication;
    this.#signatures = options.signatures;
    this.#checkBlock = options.checkBlock ?? checkBlock;
    this.historyBlocks = options.historyBlocks;
    this.#stateCache = new StateCache(stateReaderOf(this.store));
    this.state = this.#stateCache;
    if (this.store.get(tables.meta, tipKey) === undefined) this.#writeGenesis();
    this.#refuseOtherChain();
    const stored = this.#load();
    this.#tip = stored.tip;
    this.#parent = stored.parent;
    this.#rootRef = stored.rootRef;
    this.#logEdge = stored.logEdge;
  }

  get tip(): ChainTip {
    return this.#tip;
  }

  get rootRef(): number | null {
    return this.#rootRef;
  }

  get logEdge(): LogEdge {
    return this.#logEdge;
  }

  /** Reads the tip again: another writer (a snapshot) has replaced what the store holds. */
  reload(): void {
    this.#stateCache.clear();
    const stored = this.#load();
    this.#tip = stored.tip;
    this.#parent = stored.parent;
    this.#rootRef = stored.rootRef;
    this.#logEdge = stored.logEdge;
  }

  /** The next block of these candidates. */
  build(choice: BlockChoice, candidates: readonly SignedTransaction[]): BuiltBlock {
    return buildBlock(this.#ledgerState(), choice, candidates);
  }

  /** Checks and executes a block on the tip. Signatures of transactions, seals and beacon are the caller's to check. */
  check(block: Block, transactions: readonly SignedTransaction[]): BlockVerdict {
    return this.#checkBlock(this.#ledgerState(), block, transactions);
  }

  /**
   * Gives each transaction of a block the key that its account signs with at the tip, which its signature is to be
   * checked under; undefined where there is no such account.
   */
  signersOf(transactions: readonly DecodedTransaction[]): readonly (PublicKey | undefined)[] {
    const known = new Map<PublicKey, PublicKey | undefined>();
    return transactions.map(({ value: { sender } }) => {
      if (!known.has(sender)) known.set(sender, accountAt(this.state, sender)?.signingKey);
      return known.get(sender);
    });
  }

  /** Stores a decided block with everything that follows from it. Visible when it returns, not durable. */
  append(executed: ExecutedBlock, commit: Commit, storedAt: number): void {
    const { header } = executed.block;
    invariant(header.parent === this.#tip.digest, 'a block is appended to its parent');
    const writes = this.#writesOf(executed, commit, storedAt);
    this.store.commit(writes);
    this.#stateCache.apply(executed.stateWrites);
    this.#recent.set(header.height, executed.transactions);
    this.#recent.delete(header.height - recentBlocks);
    this.#parent = parentOf(header);
    this.#rootRef = executed.tree.rootRef;
    this.#logEdge = executed.log.edge;
    this.#tip = {
      height: header.height,
      digest: executed.digest,
      time: header.time,
      proposer: header.proposer,
      commit,
      beaconOutput: header.beacon.output,
      set: executed.nextValidators,
      parameters: executed.nextParameters,
    };
  }

  /** Transactions of a stored block, in order. */
  transactionsOf(height: number): readonly DecodedTransaction[] {
    const recent = this.#recent.get(height);
    if (recent !== undefined) return recent;
    const bytes = this.store.get(tables.blocks, uint64Key(height));
    if (bytes === undefined) return [];
    const decoded = decode(blockCodec, bytes).transactions.map(decodeTransaction);
    return decoded.filter((transaction) => transaction !== undefined);
  }

  #ledgerState(): LedgerState {
    return {
      application: this.application,
      chainId: this.chainId,
      parent: this.#parent,
      reader: this.state,
      tree: treeReaderOf(this.store),
      rootRef: this.#rootRef,
      logEdge: this.#logEdge,
      signatures: this.#signatures,
    };
  }

  #writesOf(executed: ExecutedBlock, commit: Commit, storedAt: number): Write[] {
    const { height } = executed.block.header;
    const at = uint64Key(height);
    const firstLeaf = this.#logEdge.size;
    const { rootRef } = executed.tree;
    const writes: Write[] = [
      { table: tables.blocks, key: at, value: executed.bytes },
      { table: tables.commits, key: at, value: encode(commitCodec, commit) },
      { table: tables.facts, key: at, value: encode(factsCodec, { storedAt, rootRef, firstLeaf, hasState: true }) },
      { table: tables.meta, key: tipKey, value: encode(tipCodec, { height, rootRef }) },
    ];
    const { header } = executed.block;
    if (header.nextValidatorsHash !== header.validatorsHash) {
      const change = { header, commit, nextValidators: executed.nextValidators };
      writes.push({ table: tables.setChanges, key: at, value: encode(setChangeCodec, change) });
    }
    if (executed.events.length > 0) {
      writes.push({ table: tables.events, key: at, value: encode(eventsCodec, executed.events) });
    }
    executed.transactions.forEach(({ hash, signer }, index) => {
      const place = encode(placeCodec, { height, index, signer });
      writes.push({ table: tables.transactions, key: hashKey(hash), value: place });
    });
    executed.leaves.forEach((leaf, i) => {
      writes.push({ table: tables.entries, key: uint64Key(firstLeaf + i), value: leaf });
    });
    for (const { level, index, hashes } of executed.log.tileWrites) {
      writes.push({ table: tables.tiles, key: tileKey(level, index), value: hashes });
    }
    for (const { key, value } of executed.stateWrites) writes.push({ table: tables.state, key, value });
    for (const { key, value } of executed.tree.nodeWrites) writes.push({ table: tables.tree, key, value });
    for (const node of executed.tree.staleNodes) {
      writes.push({ table: tables.stale, key: staleKey(height, node), value: new Uint8Array(0) });
    }
    this.#prune(height, writes);
    return writes;
  }

  /** Deletes records of the state tree that no height kept reads any more. */
  #prune(height: number, writes: Write[]): void {
    const oldest = height - this.historyBlocks;
    if (oldest < 0) return;
    for (const [key] of this.store.range(tables.stale, { to: staleEnd(oldest), limit: prunedPerBlock })) {
      writes.push({ table: tables.stale, key, value: null });
      writes.push({ table: tables.tree, key: nodeOfStaleKey(key).slice(), value: null });
    }
  }

  #writeGenesis(): void {
    const { stateWrites, tree } = genesisState(this.application, this.genesis);
    const writes: Write[] = [
      { table: tables.meta, key: genesisKey, value: toUtf8(this.chainId) },
      { table: tables.meta, key: tipKey, value: encode(tipCodec, { height: 0, rootRef: tree.rootRef }) },
    ];
    for (const { key, value } of stateWrites) writes.push({ table: tables.state, key, value });
    for (const { key, value } of tree.nodeWrites) writes.push({ table: tables.tree, key, value });
    this.store.commit(writes);
  }

  #refuseOtherChain(): void {
    const stored = this.store.get(tables.meta, genesisKey);
    const found = stored === undefined ? 'no chain' : new TextDecoder().decode(stored);
    if (found === this.chainId) return;
    throw new StoreError('schema-foreign', `the store holds chain ${found}, the genesis is of ${this.chainId}`);
  }

  #load(): { tip: ChainTip; parent: ParentBlock; rootRef: number | null; logEdge: LogEdge } {
    const tipBytes = this.store.get(tables.meta, tipKey);
    invariant(tipBytes !== undefined, 'an opened chain has a tip');
    const { height, rootRef } = decode(tipCodec, tipBytes);
    const set = validatorSetsAt(this.state).next;
    const parameters = parametersAt(this.state);
    if (height === 0) {
      const parent = genesisParent(this.chainId, this.genesis);
      const { digest, time } = parent;
      const tip = { height: toHeight(0), digest, time, proposer: null, commit: null };
      const logEdge = edgeAt(tileReaderOf(this.store), 0);
      return { tip: { ...tip, beaconOutput: genesisBeaconOutput, set, parameters }, parent, rootRef, logEdge };
    }
    const block = this.store.get(tables.blocks, uint64Key(height));
    const commit = this.store.get(tables.commits, uint64Key(height));
    if (block === undefined || commit === undefined) throw new StoreError('corrupt', `block ${height} is missing`);
    const { header } = decode(blockCodec, block);
    const tip: ChainTip = {
      height: header.height,
      digest: blockDigest(header),
      time: header.time,
      proposer: header.proposer,
      commit: decode(commitCodec, commit),
      beaconOutput: header.beacon.output,
      set,
      parameters,
    };
    return { tip, parent: parentOf(header), rootRef, logEdge: edgeAt(tileReaderOf(this.store), header.logSize) };
  }
}

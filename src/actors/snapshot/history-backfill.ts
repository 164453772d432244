/**
 * Fills in what happened before a snapshot: blocks, seals, results, events and the transparency log, from block 1 up.
 * Nothing is executed: each block is sealed by the set that decided it, its results must lead to the log root in its
 * header, its events to the events root. Which key an account signed with is in no header: the key that a peer names is
 * believed where the transaction's signature holds under it.
 */
import { decodeTransaction, type SignedTransaction } from '../../protocols/ledger/admission.ts';
import { blockCodec, blockDigest, commitCodec, lastCommitHash } from '../../protocols/ledger/block.ts';
import { commitRefusal, sealsToVerify } from '../../protocols/ledger/block-limits.ts';
import { eventCodec } from '../../protocols/ledger/events.ts';
import { encodeLogLeaf } from '../../protocols/ledger/log-leaf.ts';
import { merkleRoot } from '../../protocols/ledger/merkle-log.ts';
import { transactionSigningBytes } from '../../protocols/ledger/transaction.ts';
import { appendLeaves, edgeAt, type LogAppend, type LogEdge } from '../../protocols/ledger/transparency-log.ts';
import { uint64Key } from '../../protocols/shared/bytes.ts';
import { type Codec, decode, encode, list, struct, tryDecode, uint } from '../../protocols/shared/codec.ts';
import type { HistoricBlock } from '../../protocols/sync/snapshot-messages.ts';
import type { SignedItem, Verifier } from '../../runtime/ports/signer.ts';
import type { Store, Write } from '../../runtime/ports/store.ts';
import type { Chain } from '../chain/chain.ts';
import { setDeciding } from '../chain/validator-sets.ts';
import { backfillKey, factsCodec, hashKey, placeCodec, tables, tileKey, tileReaderOf } from '../chain/tables.ts';

export interface BackfillState {
  /** Next height to fill in. */
  readonly next: number;
  /** Last height to fill in. */
  readonly until: number;
}

export const backfillCodec: Codec<BackfillState> = struct<BackfillState>({ next: uint, until: uint });
const eventsCodec = list(eventCodec, 1_000_000);

/** A block that holds as far as hashes say; its signatures are still to be verified. */
interface JudgedBlock {
  readonly height: number;
  /** Of its seals and of its transactions. */
  readonly signatures: readonly SignedItem[];
  readonly transactions: readonly SignedTransaction[];
  readonly leaves: readonly Uint8Array[];
  readonly log: LogAppend;
}

const transactionToVerify = ({ value, signer }: SignedTransaction): SignedItem => ({
  key: signer,
  message: transactionSigningBytes(value),
  signature: value.signature,
});

export class HistoryBackfill {
  readonly #store: Store;
  readonly #chain: Pick<Chain, 'chainId' | 'genesis'>;
  readonly #verifier: Pick<Verifier, 'verifyMany'>;
  #state: BackfillState;
  #edge: LogEdge;

  private constructor(chain: Chain, verifier: Pick<Verifier, 'verifyMany'>, state: BackfillState) {
    this.#store = chain.store;
    this.#chain = chain;
    this.#verifier = verifier;
    this.#state = state;
    this.#edge = edgeAt(tileReaderOf(this.#store), sizeBefore(this.#store, state.next));
  }

  /** What is left to do after a snapshot, or null. */
  static resume(chain: Chain, verifier: Pick<Verifier, 'verifyMany'>): HistoryBackfill | null {
    const stored = chain.store.get(tables.meta, backfillKey);
    if (stored === undefined) return null;
    return new HistoryBackfill(chain, verifier, decode(backfillCodec, stored));
  }

  get next(): number {
    return this.#state.next;
  }

  get isDone(): boolean {
    return this.#state.next > this.#state.until;
  }

  /** Stores what is right, in order; one call at a time. Resolves with why it stopped, or null. */
  async apply(blocks: readonly HistoricBlock[], storedAt: number): Promise<string | null> {
    for (const block of blocks) {
      if (this.isDone) return null;
      const judged = this.#judge(block);
      if (typeof judged === 'string') return judged;
      const verdicts = await this.#verifier.verifyMany(judged.signatures);
      if (verdicts.includes(false)) return 'bad-signature';
      this.#store.commit(this.#writesOf(block, judged, storedAt));
      this.#state = { ...this.#state, next: this.#state.next + 1 };
      this.#edge = judged.log.edge;
    }
    return null;
  }

  /** Everything that the header commits to, in place; or why not. */
  #judge({ bytes, commit, signers, results, events }: HistoricBlock): JudgedBlock | string {
    const { next: height } = this.#state;
    const decoded = tryDecode(blockCodec, bytes);
    if ('error' in decoded) return 'malformed';
    const { header, transactions: encoded, lastCommit } = decoded.value;
    if (header.chainId !== this.#chain.chainId || header.height !== height) return 'wrong-height';
    const refusal = commitRefusal(commit, height, setDeciding(this.#store, this.#chain.genesis, height));
    if (refusal !== null) return refusal;
    if (header.transactionsRoot !== merkleRoot(encoded)) return 'wrong-transactions';
    if (header.lastCommitHash !== lastCommitHash(lastCommit)) return 'wrong-last-commit';
    if (header.eventsRoot !== merkleRoot(events.map((event) => encode(eventCodec, event)))) return 'wrong-events';
    if (results.length !== encoded.length) return 'wrong-results';
    if (signers.length !== encoded.length) return 'wrong-signers';
    const leaves = encoded.map((transaction, index) =>
      encodeLogLeaf({ height: header.height, index, transaction, result: results[index] as Uint8Array }),
    );
    const log = appendLeaves(this.#edge, leaves);
    if (log.size !== header.logSize || log.root !== header.logRoot) return 'wrong-results';
    const transactions: SignedTransaction[] = [];
    for (const [index, signer] of signers.entries()) {
      const transaction = decodeTransaction(encoded[index] as Uint8Array);
      if (transaction === undefined) return 'malformed';
      transactions.push({ ...transaction, signer });
    }
    const seals = sealsToVerify(header.chainId, header.height, blockDigest(header), commit);
    const signatures = [...seals, ...transactions.map(transactionToVerify)];
    return { height, signatures, transactions, leaves, log };
  }

  #writesOf({ bytes, commit, events }: HistoricBlock, judged: JudgedBlock, storedAt: number): Write[] {
    const { height, transactions, leaves, log } = judged;
    const firstLeaf = this.#edge.size;
    const writes = this.#blockWrites(height, bytes, { storedAt, firstLeaf });
    writes.push({ table: tables.commits, key: uint64Key(height), value: encode(commitCodec, commit) });
    if (events.length > 0) {
      writes.push({ table: tables.events, key: uint64Key(height), value: encode(eventsCodec, events) });
    }
    transactions.forEach(({ hash, signer }, index) => {
      const place = encode(placeCodec, { height, index, signer });
      writes.push({ table: tables.transactions, key: hashKey(hash), value: place });
    });
    leaves.forEach((leaf, i) => {
      writes.push({ table: tables.entries, key: uint64Key(firstLeaf + i), value: leaf });
    });
    for (const { level, index, hashes } of log.tileWrites) this.#writeTile(level, index, hashes, writes);
    const { until } = this.#state;
    const value = height === until ? null : encode(backfillCodec, { next: height + 1, until });
    writes.push({ table: tables.meta, key: backfillKey, value });
    return writes;
  }

  /** The snapshot's own block has its facts already, with the state. */
  #blockWrites(height: number, bytes: Uint8Array, at: { storedAt: number; firstLeaf: number }): Write[] {
    const writes: Write[] = [{ table: tables.blocks, key: uint64Key(height), value: bytes }];
    if (height === this.#state.until) return writes;
    const facts = encode(factsCodec, { ...at, rootRef: null, hasState: false });
    writes.push({ table: tables.facts, key: uint64Key(height), value: facts });
    return writes;
  }

  /** The log has grown beyond the snapshot meanwhile: a wider tile stays. */
  #writeTile(level: number, index: number, hashes: Uint8Array, writes: Write[]): void {
    const key = tileKey(level, index);
    if ((this.#store.get(tables.tiles, key)?.length ?? 0) >= hashes.length) return;
    writes.push({ table: tables.tiles, key, value: hashes });
  }
}

/** Leaves of the log before the block at `height`. */
function sizeBefore(store: Store, height: number): number {
  const bytes = store.get(tables.blocks, uint64Key(height - 1));
  return bytes === undefined ? 0 : decode(blockCodec, bytes).header.logSize;
}

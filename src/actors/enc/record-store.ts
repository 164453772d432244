/** Workloads, receipts and batches of an operator, in memory and in its store. */
import { type WorkloadRecord, workloadRecordCodec } from '../../protocols/enc/record.ts';
import { receiptHash } from '../../protocols/enc/receipt.ts';
import { hashLeaf } from '../../protocols/ledger/merkle-hash.ts';
import { rootOfHashes } from '../../protocols/ledger/merkle-log.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import {
  compareText,
  concatBytes,
  fromHex,
  fromUint64Key,
  toHex,
  toUtf8,
  uint64Key,
} from '../../protocols/shared/bytes.ts';
import {
  type Codec,
  decode,
  digest32,
  encode,
  list,
  nullable,
  struct,
  textMax,
  uint,
} from '../../protocols/shared/codec.ts';
import { toDigest } from '../../protocols/shared/hash.ts';
import type { Store, Write } from '../../runtime/ports/store.ts';

const workloadsTable = 'enc-workloads';
/** Number in eight bytes → cluster, workload, batch, bytes. */
const receiptsTable = 'enc-receipts';
/** Cluster and number → what was anchored. */
const batchesTable = 'enc-batches';

export interface StoredReceipt {
  readonly cluster: string;
  readonly workload: Digest;
  readonly epoch: number;
  /** The transaction that admitted this execution. */
  readonly admittedBy: Digest | null;
  /** The DSSE envelope as JSON text. */
  readonly text: string;
}

export interface ReceiptBatch {
  readonly cluster: string;
  readonly batch: number;
  /** Numbers of its receipts, in their order. */
  readonly receipts: readonly number[];
  readonly root: Digest;
  /** The transaction that anchored it; null: none is known yet. */
  readonly anchoredBy: Digest | null;
}

const receiptsPerBatchMax = 1024;

const receiptCodec: Codec<StoredReceipt> = struct<StoredReceipt>({
  ...{
    cluster: textMax(63),
    workload: digest32,
    epoch: uint,
    admittedBy: nullable(digest32),
    text: textMax(256 * 1024),
  },
});
const batchCodec: Codec<ReceiptBatch> = struct<ReceiptBatch>({
  ...{ cluster: textMax(63), batch: uint, receipts: list(uint, receiptsPerBatchMax), root: digest32 },
  anchoredBy: nullable(digest32),
});

const batchKey = (cluster: string, batch: number): Uint8Array => concatBytes(toUtf8(`${cluster}/`), uint64Key(batch));

/** Leaves of a batch's tree are the receipts' hashes. */
const batchLeaf = (text: string): Uint8Array => hashLeaf(fromHex(receiptHash(toUtf8(text))));

export class RecordStore {
  readonly #store: Store;
  readonly #records = new Map<Digest, WorkloadRecord>();
  readonly #receiptsOf = new Map<Digest, number[]>();
  readonly #batchOf = new Map<number, ReceiptBatch>();
  readonly #lastBatch = new Map<string, ReceiptBatch>();
  #loose: { readonly number: number; readonly cluster: string }[] = [];
  #nextReceipt = 0;

  /** Reads all of it. */
  constructor(store: Store) {
    this.#store = store;
    for (const [key, value] of store.range(workloadsTable))
      this.#records.set(toHex(key) as Digest, decode(workloadRecordCodec, value));
    for (const [, value] of store.range(batchesTable)) this.#hold(decode(batchCodec, value));
    for (const [key, value] of store.range(receiptsTable)) {
      const number = fromUint64Key(key);
      const { cluster, workload } = decode(receiptCodec, value);
      this.#add(workload, number, cluster);
    }
  }

  get ids(): readonly Digest[] {
    return [...this.#records.keys()].sort(compareText);
  }

  get(id: Digest): WorkloadRecord | undefined {
    return this.#records.get(id);
  }

  /** Throws StoreError; then nothing has changed. It is on stable storage once {@link durable} resolves. */
  put(id: Digest, record: WorkloadRecord, receipt?: StoredReceipt): void {
    const writes: Write[] = [{ table: workloadsTable, key: fromHex(id), value: encode(workloadRecordCodec, record) }];
    if (receipt !== undefined)
      writes.push({ table: receiptsTable, key: uint64Key(this.#nextReceipt), value: encode(receiptCodec, receipt) });
    this.#store.commit(writes);
    this.#records.set(id, record);
    if (receipt !== undefined) this.#add(id, this.#nextReceipt, receipt.cluster);
  }

  durable(): Promise<void> {
    return this.#store.durable();
  }

  /** Numbers of a workload's receipts, the oldest first. */
  receiptsOf(id: Digest): readonly number[] {
    return this.#receiptsOf.get(id) ?? [];
  }

  receipt(number: number): StoredReceipt | undefined {
    const bytes = this.#store.get(receiptsTable, uint64Key(number));
    return bytes === undefined ? undefined : decode(receiptCodec, bytes);
  }

  batchOf(receipt: number): ReceiptBatch | undefined {
    return this.#batchOf.get(receipt);
  }

  /** The batch that a cluster anchors next, made where there is none; null: nothing to anchor. Throws StoreError. */
  nextBatch(cluster: string, anchored: number): ReceiptBatch | null {
    const last = this.#lastBatch.get(cluster);
    if (last !== undefined && last.anchoredBy === null) return last;
    const own = this.#loose.filter((each) => each.cluster === cluster).slice(0, receiptsPerBatchMax);
    if (own.length === 0) return null;
    const receipts = own.map(({ number }) => number);
    const leaves = this.leavesOf(receipts);
    const batch = { cluster, batch: anchored + 1, receipts, root: toDigest(rootOfHashes(leaves)), anchoredBy: null };
    this.#write(batch);
    return batch;
  }

  leavesOf(receipts: readonly number[]): readonly Uint8Array[] {
    return receipts.map((number) => batchLeaf(this.receipt(number)?.text ?? ''));
  }

  anchored(batch: ReceiptBatch, anchoredBy: Digest): void {
    this.#write({ ...batch, anchoredBy });
  }

  #write(batch: ReceiptBatch): void {
    const key = batchKey(batch.cluster, batch.batch);
    this.#store.commit([{ table: batchesTable, key, value: encode(batchCodec, batch) }]);
    this.#hold(batch);
    const taken = new Set(batch.receipts);
    this.#loose = this.#loose.filter(({ number }) => !taken.has(number));
  }

  #hold(batch: ReceiptBatch): void {
    for (const number of batch.receipts) this.#batchOf.set(number, batch);
    const last = this.#lastBatch.get(batch.cluster);
    if (last === undefined || last.batch <= batch.batch) this.#lastBatch.set(batch.cluster, batch);
  }

  #add(workload: Digest, number: number, cluster: string): void {
    const own = this.#receiptsOf.get(workload);
    if (own === undefined) this.#receiptsOf.set(workload, [number]);
    else own.push(number);
    this.#nextReceipt = Math.max(this.#nextReceipt, number + 1);
    if (!this.#batchOf.has(number)) this.#loose.push({ number, cluster });
  }
}

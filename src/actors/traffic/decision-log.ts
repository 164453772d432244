/**
 * A light's log in its store. Entries are appended in memory and become durable in groups: one commit (entries, tiles, head
 * with its signed checkpoint) and one fsync a group, shared by everybody who appended meanwhile. Nothing is told before
 * that fsync, so a checkpoint that anybody saw covers only what is on the disk, and is there itself.
 *
 * A commit is all or nothing, so there is no torn tail to mend: after a crash the log is as long as the last group that
 * became durable, and so is its checkpoint. Source: policy-and-traffic design, "Logged before answered".
 */
import { hashLeaf } from '../../protocols/ledger/merkle-hash.ts';
import {
  appendLeafHashes,
  consistencyProof,
  edgeAt,
  edgeRoot,
  emptyLogEdge,
  inclusionProof,
  type LogEdge,
  rootAt,
} from '../../protocols/ledger/transparency-log.ts';
import type { ChainId, Digest } from '../../protocols/shared/brands.ts';
import { fromUint64Key, uint64Key } from '../../protocols/shared/bytes.ts';
import { decode, encode } from '../../protocols/shared/codec.ts';
import { CodedError } from '../../protocols/shared/errors.ts';
import { toDigest } from '../../protocols/shared/hash.ts';
import { encodeEntry, type PreviousEpoch } from '../../protocols/traffic/entry.ts';
import { signLogCheckpoint, trafficLogId } from '../../protocols/traffic/log-identity.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import { type Store, StoreError, type Write } from '../../runtime/ports/store.ts';
import type { Gathering } from './gathering.ts';
import {
  type EntryToAppend,
  groupBytesMax,
  logGroupCodec,
  groupEntriesMax,
  groupKey,
  logHeadCodec,
  lastHead,
  type LogHead,
  logTables,
  logTileKey,
  tileReader,
} from './log-tables.ts';

export type DecisionLogErrorCode =
  | 'failed' // the device failed: nothing is taken until the process starts anew
  | 'behind' // the chain holds more of it than the disk: it is frozen when it is opened anew
  | 'full'; // no space: nothing is taken until the log is opened anew, with room

export class DecisionLogError extends CodedError<DecisionLogErrorCode> {
  override readonly name = 'DecisionLogError';
}

/** What the chain holds of the light's log. */
export interface LogAnchor {
  readonly logId: Digest;
  readonly epoch: number;
  readonly size: number;
  readonly root: Digest;
}

export interface Appended {
  readonly index: number;
  /** Leaf hash: the decision's id. */
  readonly id: Digest;
}

export interface StoredEntry extends Appended {
  readonly bytes: Uint8Array;
  readonly aside: Uint8Array | null;
}

interface Pending {
  readonly entries: EntryToAppend[];
  /** When it is written at the latest where groups are gathered, monotonic ms. */
  dueMs: number;
  readonly hashes: Uint8Array[];
  readonly writes: Write[];
  readonly waiting: { readonly resolve: (head: LogHead) => void; readonly reject: (error: unknown) => void }[];
  bytes: number;
}

const emptyPending = (): Pending => ({
  ...{ entries: [], hashes: [], writes: [], waiting: [], bytes: 0, dueMs: Number.POSITIVE_INFINITY },
});

export interface DecisionLogOptions {
  readonly store: Store;
  readonly chainId: ChainId;
  readonly signer: Signer;
  /** What the chain holds now; null: no log of this light. */
  readonly anchor: LogAnchor | null;
  /** What becomes durable with a new epoch: for a light that has lost what it knew. */
  readonly uponNewEpoch?: readonly Write[];
}

export class DecisionLog {
  readonly #store: Store;
  readonly #signer: Signer;
  /** Of what is durable. */
  #head: LogHead;
  /** Of what is committed. */
  #edge: LogEdge;
  /** Entries appended, those that wait included. */
  #size: number;
  #queue: Pending[] = [];
  #writing = false;
  #refusal: DecisionLogError | null = null;
  #gathering: Gathering | null = null;

  private constructor(options: DecisionLogOptions, head: LogHead, edge: LogEdge) {
    this.#store = options.store;
    this.#signer = options.signer;
    this.#head = head;
    this.#edge = edge;
    this.#size = edge.size;
  }

  /**
   * Resolves when the log is open and durable, in a new epoch where what lies there does not extend its last anchor. Rejects
   * with StoreError or DecisionLogError.
   */
  static async open(options: DecisionLogOptions): Promise<DecisionLog> {
    const { store, anchor } = options;
    // What a log before this one committed and could not sync is seen here: it counts once it is durable.
    await store.durable();
    const last = lastHead(store);
    if (last === null) {
      // Nothing on disk, but something on chain: the disk was lost.
      const lost = anchor === null ? null : { logId: anchor.logId, ...foundOf(anchor), ...anchoredOf(anchor) };
      return openEpoch(options, (anchor?.epoch ?? 0) + 1, lost, []);
    }
    if (!last.isFrozen && (anchor === null || extendsAnchor(store, last, anchor)))
      return new DecisionLog(options, last, edgeAt(tileReader(store, last.epoch), last.size));
    const frozen: Write = {
      table: logTables.heads,
      key: uint64Key(last.epoch),
      value: encode(logHeadCodec, { ...last, isFrozen: true }),
    };
    const known = anchor ?? { ...last, size: 0, root: edgeRoot(emptyLogEdge) };
    const previous = { logId: known.logId, ...anchoredOf(known), foundSize: last.size, foundRoot: last.root };
    return openEpoch(options, Math.max(last.epoch, known.epoch) + 1, previous, [frozen]);
  }

  static create(options: DecisionLogOptions, head: LogHead, edge: LogEdge): DecisionLog {
    return new DecisionLog(options, head, edge);
  }

  /** Of what is durable. */
  get head(): LogHead {
    return this.#head;
  }

  /** Index of the next entry. */
  get size(): number {
    return this.#size;
  }

  /** Why nothing is taken; null where it is. It stays so: the log has to be opened anew. */
  get refusal(): DecisionLogError | null {
    return this.#refusal;
  }

  /** Takes nothing from now on, and resolves nothing more but what is being written. */
  close(reason: DecisionLogError): void {
    this.#refusal ??= reason;
    for (const { reject } of this.#queue.splice(0).flatMap(({ waiting }) => waiting)) reject(this.#refusal);
  }

  /** Whether what the chain holds is a beginning of what is durable here, or of the log that this one goes on from. */
  extends(anchor: LogAnchor): boolean {
    return extendsAnchor(this.#store, this.#head, anchor);
  }

  /** Entries whose fsync is under way or to come. */
  get waiting(): number {
    return this.#size - this.#head.size;
  }

  /**
   * Takes a place in the log. Nothing may be told of it before `durable` resolves. Throws DecisionLogError.
   */
  append(entry: EntryToAppend): Appended {
    if (this.#refusal !== null) throw this.#refusal;
    const hash = hashLeaf(entry.bytes);
    const group = this.#group(entry.bytes.length);
    group.entries.push(entry);
    group.hashes.push(hash);
    group.bytes += entry.bytes.length;
    return { index: this.#size++, id: toDigest(hash) };
  }

  /** What becomes durable with the entry that was appended last, in the same commit. */
  also(writes: readonly Write[]): void {
    if (writes.length > 0) this.#group(0).writes.push(...writes);
  }

  /** From now on a group is written once it is full or due, not as soon as somebody waits for it. */
  gather(gathering: Gathering): void {
    this.#gathering = gathering;
  }

  /**
   * The head that covers everything appended before, once it is durable. Rejects with DecisionLogError.
   *
   * @param receivedMs monotonic ms from which the delay of a gathered group counts; absent: now
   */
  durable(receivedMs?: number): Promise<LogHead> {
    if (this.#refusal !== null) return Promise.reject(this.#refusal);
    const last = this.#queue.at(-1);
    if (last === undefined && !this.#writing) return Promise.resolve(this.#head);
    const group = last ?? this.#group(0);
    const promise = new Promise<LogHead>((resolve, reject) => group.waiting.push({ resolve, reject }));
    if (this.#gathering !== null) group.dueMs = Math.min(group.dueMs, this.#gathering.dueMs(receivedMs));
    this.#begin();
    return promise;
  }

  /** null: there is none at this index that is durable. */
  entry(index: number): StoredEntry | null {
    if (index < 0 || index >= this.#head.size) return null;
    const { epoch } = this.#head;
    const range = { from: groupKey(epoch, 0), to: groupKey(epoch, index + 1), reverse: true, limit: 1 };
    for (const [key, value] of this.#store.range(logTables.entries, range)) {
      const first = fromUint64Key(key.subarray(8));
      const found = decode(logGroupCodec, value)[index - first];
      return found === undefined ? null : { index, id: toDigest(hashLeaf(found.bytes)), ...found };
    }
    return null;
  }

  /** Durable entries from the newest down. */
  *newestFirst(): Generator<StoredEntry> {
    const { epoch, size } = this.#head;
    const range = { from: groupKey(epoch, 0), to: groupKey(epoch, size), reverse: true };
    for (const [key, value] of this.#store.range(logTables.entries, range)) {
      const first = fromUint64Key(key.subarray(8));
      const group = decode(logGroupCodec, value);
      for (let i = group.length - 1; i >= 0; i--) {
        const found = group[i] as EntryToAppend;
        yield { index: first + i, id: toDigest(hashLeaf(found.bytes)), ...found };
      }
    }
  }

  /** Siblings from the leaf up, in the tree of `size` leaves, which is durable. */
  inclusion(index: number, size: number): readonly Uint8Array[] {
    return inclusionProof(tileReader(this.#store, this.#head.epoch), index, size);
  }

  /** From a tree of `from` leaves to one of `to`; empty where `from` is 0. */
  consistency(from: number, to: number): readonly Uint8Array[] {
    return from === 0 ? [] : consistencyProof(tileReader(this.#store, this.#head.epoch), from, to);
  }

  rootAt(size: number): Digest {
    return rootAt(tileReader(this.#store, this.#head.epoch), size);
  }

  #group(bytes: number): Pending {
    const last = this.#queue.at(-1);
    if (last !== undefined && last.entries.length < groupEntriesMax && last.bytes + bytes <= groupBytesMax) return last;
    const group = emptyPending();
    this.#queue.push(group);
    return group;
  }

  /** Writes what is due; what is not yet, later. */
  #begin(): void {
    if (this.#writing) return;
    const [first] = this.#queue;
    if (first === undefined) return;
    if (this.#isDue(first)) void this.#write();
    else this.#gathering?.wakeAt(first.dueMs, () => this.#begin());
  }

  /** A group behind which another one waits is full. */
  #isDue({ entries, dueMs }: Pending): boolean {
    return this.#queue.length > 1 || this.#gathering === null || this.#gathering.isDue(entries.length, dueMs);
  }

  #next(): Pending | undefined {
    const [first] = this.#queue;
    return first !== undefined && this.#isDue(first) ? this.#queue.shift() : undefined;
  }

  async #write(): Promise<void> {
    this.#writing = true;
    for (let group = this.#next(); group !== undefined; group = this.#next()) {
      try {
        const { head, edge } = this.#commit(group);
        await this.#store.durable();
        this.#head = head;
        this.#edge = edge;
      } catch (error) {
        this.#fail(error);
        for (const { reject } of [group, ...this.#queue.splice(0)].flatMap(({ waiting }) => waiting))
          reject(this.#refusal);
        break;
      }
      for (const { resolve } of group.waiting) resolve(this.#head);
    }
    this.#writing = false;
    this.#begin();
  }

  #commit({ entries, hashes, writes }: Pending): { head: LogHead; edge: LogEdge } {
    if (entries.length === 0) return { head: this.#head, edge: this.#edge };
    const { epoch, logId, previous } = this.#head;
    const { edge, size, root, tileWrites } = appendLeafHashes(this.#edge, hashes);
    const checkpoint = signLogCheckpoint(logId, this.#signer.publicKey, { size, root }, (message) =>
      this.#signer.sign(message),
    );
    const head: LogHead = { logId, epoch, previous, size, root, checkpoint, isFrozen: false };
    this.#store.commit([
      { table: logTables.entries, key: groupKey(epoch, this.#edge.size), value: encode(logGroupCodec, entries) },
      ...tileWrites.map(({ level, index, hashes: tile }) => ({
        table: logTables.tiles,
        key: logTileKey(epoch, level, index),
        value: tile,
      })),
      ...writes,
      { table: logTables.heads, key: uint64Key(epoch), value: encode(logHeadCodec, head) },
    ]);
    return { head, edge };
  }

  #fail(error: unknown): void {
    if (!(error instanceof StoreError)) throw error;
    this.#refusal =
      error.code === 'full'
        ? new DecisionLogError('full', 'the decision log has no room: nothing is decided', { cause: error })
        : new DecisionLogError('failed', 'the decision log cannot be written: nothing is decided', { cause: error });
  }
}

const anchoredOf = ({ size, root }: LogAnchor): Pick<PreviousEpoch, 'anchoredSize' | 'anchoredRoot'> => ({
  anchoredSize: size,
  anchoredRoot: root,
});
const foundOf = (_anchor: LogAnchor): Pick<PreviousEpoch, 'foundSize' | 'foundRoot'> => ({
  foundSize: 0,
  foundRoot: edgeRoot(emptyLogEdge),
});

/** Whether the log on disk is the one on chain, or that one grown, or its successor that the chain has not heard of. */
function extendsAnchor(store: Store, head: LogHead, { logId, size, root }: LogAnchor): boolean {
  if (head.previous === logId) return true;
  return head.logId === logId && head.size >= size && rootAt(tileReader(store, head.epoch), size) === root;
}

async function openEpoch(
  options: DecisionLogOptions,
  epoch: number,
  previous: PreviousEpoch | null,
  writes: readonly Write[],
): Promise<DecisionLog> {
  const { chainId, signer } = options;
  const light = signer.publicKey;
  const before = previous?.logId ?? null;
  const logId = trafficLogId({ chainId, light, epoch, previous: before });
  const root = edgeRoot(emptyLogEdge);
  const head: LogHead = { logId, epoch, previous: before, size: 0, root, checkpoint: '', isFrozen: false };
  const log = DecisionLog.create(options, head, emptyLogEdge);
  log.append({ bytes: encodeEntry({ type: 'epoch', chainId, light, epoch, previous }), aside: null });
  log.also([...writes, ...(options.uponNewEpoch ?? [])]);
  await log.durable();
  return log;
}

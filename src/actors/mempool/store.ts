/** Acknowledged transactions in the store, until they are final or never possible again. */
import type { DecodedTransaction } from '../../protocols/ledger/admission.ts';
import { decodeTransaction } from '../../protocols/ledger/admission.ts';
import { transactionBytesMax } from '../../protocols/ledger/transaction.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import { fromHex } from '../../protocols/shared/bytes.ts';
import { bytesMax, type Codec, decode, encode, struct, uint } from '../../protocols/shared/codec.ts';
import type { Store, Write } from '../../runtime/ports/store.ts';

const mempoolTable = 'mempool';

interface Stored {
  /** Order of acknowledgement. */
  readonly order: number;
  readonly bytes: Uint8Array;
}

const storedCodec: Codec<Stored> = struct<Stored>({ order: uint, bytes: bytesMax(transactionBytesMax) });

export interface StoreChanges {
  readonly acknowledged: readonly DecodedTransaction[];
  readonly gone: readonly Digest[];
}

export class MempoolStore {
  readonly #store: Store;
  #order = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** In the order of their acknowledgement. */
  load(): readonly DecodedTransaction[] {
    const found = [...this.#store.range(mempoolTable)].map(([, value]) => decode(storedCodec, value));
    found.sort((a, b) => a.order - b.order);
    this.#order = (found.at(-1)?.order ?? -1) + 1;
    return found.map(({ bytes }) => decodeTransaction(bytes)).filter((transaction) => transaction !== undefined);
  }

  /** Visible when it returns; durable when {@link durable} resolves. Throws StoreError. */
  commit({ acknowledged, gone }: StoreChanges): void {
    const writes: Write[] = acknowledged.map(({ hash, bytes }) => ({
      table: mempoolTable,
      key: fromHex(hash),
      value: encode(storedCodec, { order: this.#order++, bytes }),
    }));
    for (const hash of gone) writes.push({ table: mempoolTable, key: fromHex(hash), value: null });
    if (writes.length > 0) this.#store.commit(writes);
  }

  durable(): Promise<void> {
    return this.#store.durable();
  }
}

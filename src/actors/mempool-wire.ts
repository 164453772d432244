/** How transactions travel between mempools: batches of encoded transactions. */
import { blockTransactionsMax, transactionBytesMax } from '../protocols/ledger/transaction.ts';
import type { PublicKey } from '../protocols/shared/brands.ts';
import { bytesMax, type Codec, decode, encode, list } from '../protocols/shared/codec.ts';
import type { WireProtocol } from '../runtime/ports/actors.ts';

/** Transactions and bytes of one batch at most; what is sent stays far below. */
const gossipCountMax = blockTransactionsMax;
const gossipBatchBytes = 256 * 1024;

/** A batch of encoded transactions from a peer. */
export interface GossipMessage {
  readonly type: 'gossip';
  readonly peer: PublicKey;
  readonly transactions: readonly Uint8Array[];
}

const batchCodec: Codec<readonly Uint8Array[]> = list(bytesMax(transactionBytesMax), gossipCountMax);

/** Only gossip crosses a link: nothing else that a mempool understands can come from a peer. */
export const mempoolWire: WireProtocol<GossipMessage> = {
  encode: ({ transactions }) => encode(batchCodec, transactions),
  decode: (payload, peer) => ({ type: 'gossip', peer, transactions: decode(batchCodec, payload) }),
};

/** Cuts transactions into batches of at most {@link gossipBatchBytes} each (more where a single one is larger). */
export function gossipBatches(transactions: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  const batches: Uint8Array[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const transaction of transactions) {
    bytes += transaction.length;
    if (bytes > gossipBatchBytes) {
      batches.push([]);
      bytes = transaction.length;
    }
    batches.at(-1)?.push(transaction);
  }
  return batches;
}

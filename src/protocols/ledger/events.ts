/** Events: what modules tell followers and clients; committed to by the header's eventsRoot. */
import { type Codec, list, nullable, struct, textMax, uintMax } from '../shared/codec.ts';
import { blockTransactionsMax } from './transaction.ts';

interface EventAttribute {
  readonly name: string;
  /** Amounts as decimal text, keys and digests as hex. */
  readonly value: string;
}

export interface LedgerEvent {
  readonly module: string;
  readonly kind: string;
  /** Index in the block of the transaction that caused it; null: the end of the block did (a deadline, a change of set). */
  readonly transaction: number | null;
  readonly attributes: readonly EventAttribute[];
}

export const eventCodec: Codec<LedgerEvent> = struct<LedgerEvent>({
  module: textMax(32),
  kind: textMax(64),
  transaction: nullable(uintMax(blockTransactionsMax)),
  attributes: list(struct<EventAttribute>({ name: textMax(64), value: textMax(1024) }), 32),
});

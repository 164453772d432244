/**
 * The consensus journal in the validator's own store, beside the guard: what a restarted validator resumes from. Records
 * are keyed by (chain, validator, height, type); only the highest round of a type matters, so a later record replaces
 * an earlier one. Source: consensus design, "Crash safety".
 */
import { encodedBlockCodec, preparesCodec, roundChangePayloadCodec } from '../../protocols/ibft/messages.ts';
import type { AcceptedRecord, JournalRecord, PreparedRecord, RoundRecord } from '../../protocols/ibft/machine-types.ts';
import { validatorsMax } from '../../protocols/ledger/block.ts';
import type { ChainId, PublicKey } from '../../protocols/shared/brands.ts';
import { concatBytes, fromHex, uint64Key } from '../../protocols/shared/bytes.ts';
import {
  type Codec,
  decode,
  digest32,
  encode,
  heightNumber,
  list,
  nullable,
  roundNumber,
  struct,
  variant,
} from '../../protocols/shared/codec.ts';
import type { Store, Write } from '../../runtime/ports/store.ts';

const table = 'journal';

const journalRecordCodec: Codec<JournalRecord> = variant<JournalRecord>({
  accepted: struct<Omit<AcceptedRecord, 'type'>>({
    height: heightNumber,
    round: roundNumber,
    digest: digest32,
    block: encodedBlockCodec,
    roundChanges: list(roundChangePayloadCodec, validatorsMax),
    prepares: preparesCodec,
  }),
  prepared: struct<Omit<PreparedRecord, 'type'>>({
    height: heightNumber,
    round: roundNumber,
    digest: digest32,
    block: encodedBlockCodec,
    prepares: preparesCodec,
  }),
  round: struct<Omit<RoundRecord, 'type'>>({
    height: heightNumber,
    round: roundNumber,
    preparedRound: nullable(roundNumber),
    preparedDigest: nullable(digest32),
  }),
});

const typeOrder: readonly JournalRecord['type'][] = ['accepted', 'prepared', 'round'];

export class JournalStore {
  readonly #store: Store;
  readonly #prefix: Uint8Array;

  constructor(store: Store, chainId: ChainId, validator: PublicKey) {
    this.#store = store;
    this.#prefix = concatBytes(fromHex(chainId), fromHex(validator));
  }

  write(record: JournalRecord): Write {
    const key = concatBytes(this.#at(record.height), Uint8Array.of(typeOrder.indexOf(record.type)));
    return { table, key, value: encode(journalRecordCodec, record) };
  }

  /** Records of one height. */
  read(height: number): readonly JournalRecord[] {
    const records: JournalRecord[] = [];
    for (const [, value] of this.#store.range(table, { from: this.#at(height), to: this.#at(height + 1) })) {
      records.push(decode(journalRecordCodec, value));
    }
    return records;
  }

  /** Deletes of the records below `height`, which are of decided heights. */
  prune(height: number): readonly Write[] {
    const writes: Write[] = [];
    for (const [key] of this.#store.range(table, { from: this.#prefix, to: this.#at(height), limit: 100 })) {
      writes.push({ table, key, value: null });
    }
    return writes;
  }

  #at(height: number): Uint8Array {
    return concatBytes(this.#prefix, uint64Key(height));
  }
}

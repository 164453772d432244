/** Which set decided, or will decide, which height: that of genesis, and what the chain has changed since. */
import { type Genesis, genesisValidatorSet } from '../../protocols/ledger/genesis.ts';
import { type SetChange, setChangeCodec } from '../../protocols/ledger/proof-bundle.ts';
import type { ValidatorSet } from '../../protocols/ledger/validator-set.ts';
import { uint64Key } from '../../protocols/shared/bytes.ts';
import { decode } from '../../protocols/shared/codec.ts';
import type { StoreReader } from '../../runtime/ports/store.ts';
import { tables } from './tables.ts';

/** Every change of the validator set in blocks below `height`. */
export function setChangesBefore(store: StoreReader, height: number): readonly SetChange[] {
  const stored = [...store.range(tables.setChanges, { to: uint64Key(height) })];
  return stored.map(([, change]) => decode(setChangeCodec, change));
}

/** The set that decides the block at `height`, as far as the blocks that are stored say. */
export function setDeciding(store: StoreReader, genesis: Genesis, height: number): ValidatorSet {
  for (const [, change] of store.range(tables.setChanges, { to: uint64Key(height), reverse: true, limit: 1 })) {
    return decode(setChangeCodec, change).nextValidators;
  }
  return genesisValidatorSet(genesis);
}

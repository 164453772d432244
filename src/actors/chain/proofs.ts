/** Puts proof bundles together from what the chain's store holds. */
import { encodeCommitmentProof } from '../../protocols/ledger/ics23.ts';
import {
  type ProofBundle,
  proofBundleFormat,
  type SetChange,
  setChangeCodec,
  type StateSubject,
  type TransactionSubject,
} from '../../protocols/ledger/proof-bundle.ts';
import { encodeProofFile } from '../../protocols/ledger/proof-file.ts';
import { parseSignedNote } from '../../protocols/ledger/signed-note.ts';
import { proveKey } from '../../protocols/ledger/state-proof.ts';
import { inclusionProof } from '../../protocols/ledger/transparency-log.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import { uint64Key } from '../../protocols/shared/bytes.ts';
import { decode } from '../../protocols/shared/codec.ts';
import type { StoreReader } from '../../runtime/ports/store.ts';
import type { Chain } from './chain.ts';
import type { ChainReader } from './chain-reader.ts';
import { tables, tileReaderOf, treeReaderOf } from './tables.ts';

/** A cosigned checkpoint that the proof may rest on. */
export interface CheckpointSource {
  readonly height: number;
  readonly size: number;
  readonly note: Uint8Array;
}

/**
 * Proof of a final transaction, or null where there is none. Under the newest cosigned checkpoint where that covers the
 * transaction, so that a `.tlog-proof` can go with it; under its own block otherwise.
 */
export function proveTransaction(
  chain: Chain,
  reader: ChainReader,
  checkpoint: CheckpointSource | null,
  hash: Digest,
): ProofBundle | null {
  const place = reader.place(hash);
  const facts = place === undefined ? undefined : reader.facts(place.height);
  if (place === undefined || facts === undefined) return null;
  const logIndex = facts.firstLeaf + place.index;
  const entry = reader.leaf(logIndex);
  if (entry === undefined) return null;
  const covering = checkpoint !== null && checkpoint.size > logIndex ? checkpoint : null;
  const size = covering?.size ?? reader.block(place.height)?.header.logSize;
  if (size === undefined) return null;
  const inclusion = inclusionProof(tileReaderOf(chain.store), logIndex, size);
  const { transaction, result } = entry.leaf;
  const subject: TransactionSubject = { type: 'transaction', ...place, transaction, result, logIndex, inclusion };
  const tlogProof =
    covering === null
      ? null
      : encodeProofFile({
          index: logIndex,
          path: inclusion,
          checkpoint: parseSignedNote(new TextDecoder().decode(covering.note)),
          extra: null,
        });
  return bundle(chain, reader, covering?.height ?? place.height, subject, tlogProof);
}

/** Proof of what a state key is after the block at `height`, or null where that height is not kept. */
export function proveState(chain: Chain, reader: ChainReader, height: number, key: Uint8Array): ProofBundle | null {
  const facts = reader.facts(height);
  if (facts?.hasState !== true) return null;
  const stored = reader.stateAt(height, key);
  const proof = proveKey(treeReaderOf(chain.store), facts.rootRef, key);
  const subject: StateSubject = {
    type: 'state',
    key,
    value: stored?.value ?? null,
    proof: proof === null ? null : encodeCommitmentProof(proof),
  };
  return bundle(chain, reader, height, subject, null);
}

function bundle(
  chain: Chain,
  reader: ChainReader,
  height: number,
  subject: ProofBundle['subject'],
  tlogProof: string | null,
): ProofBundle | null {
  const header = reader.block(height)?.header;
  const commit = reader.commit(height);
  if (header === undefined || commit === undefined) return null;
  const setChanges = setChangesBefore(chain.store, height);
  return { format: proofBundleFormat, chainId: chain.chainId, subject, header, commit, setChanges, tlogProof };
}

/** Every change of the validator set in blocks below `height`. */
export function setChangesBefore(store: StoreReader, height: number): readonly SetChange[] {
  const stored = [...store.range(tables.setChanges, { to: uint64Key(height) })];
  return stored.map(([, change]) => decode(setChangeCodec, change));
}

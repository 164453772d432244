/** Puts proof bundles together from what the chain's store holds. */
import { encodeCommitmentProof } from '../../protocols/ledger/ics23.ts';
import {
  type ProofBundle,
  proofBundleFormat,
  type SetChange,
  type StateSubject,
  type TransactionSubject,
} from '../../protocols/ledger/proof-bundle.ts';
import { encodeProofFile } from '../../protocols/ledger/proof-file.ts';
import { parseSignedNote } from '../../protocols/ledger/signed-note.ts';
import { proveKey } from '../../protocols/ledger/state-proof.ts';
import { inclusionProof } from '../../protocols/ledger/transparency-log.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import type { Chain } from './chain.ts';
import type { ChainReader } from './chain-reader.ts';
import { tileReaderOf, treeReaderOf } from './tables.ts';
import { setChangesBefore, setDeciding } from './validator-sets.ts';

/** A cosigned checkpoint that the proof may rest on. */
export interface CheckpointSource {
  readonly height: number;
  readonly size: number;
  readonly note: Uint8Array;
}

/** Where the way from genesis to the proof's header is to pass. */
export interface ProofOptions {
  /** Height of a header that the reader trusts; the bundle has that header in it. */
  readonly through?: number;
}

/**
 * Proof of a final transaction, or null where there is none. Under the newest cosigned checkpoint where that covers the
 * transaction and what the proof is to pass through, so that a `.tlog-proof` can go with it; under its own block, or
 * the one to pass through where that is later, otherwise.
 */
export function proveTransaction(
  chain: Chain,
  reader: ChainReader,
  checkpoint: CheckpointSource | null,
  hash: Digest,
  { through }: ProofOptions = {},
): ProofBundle | null {
  const place = reader.place(hash);
  const facts = place === undefined ? undefined : reader.facts(place.height);
  if (place === undefined || facts === undefined) return null;
  const logIndex = facts.firstLeaf + place.index;
  const entry = reader.leaf(logIndex);
  if (entry === undefined) return null;
  const isCovering = ({ size, height }: CheckpointSource): boolean => size > logIndex && height >= (through ?? 0);
  const covering = checkpoint !== null && isCovering(checkpoint) ? checkpoint : null;
  const height = covering?.height ?? Math.max(place.height, through ?? 0);
  const size = covering?.size ?? reader.block(height)?.header.logSize;
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
  return bundle(chain, reader, { height, through, subject, tlogProof });
}

/**
 * Proof of what a state key is after the block at `height`, or null where that height is not kept or the proof cannot
 * pass where it should: above `height`.
 */
export function proveState(
  chain: Chain,
  reader: ChainReader,
  height: number,
  key: Uint8Array,
  { through }: ProofOptions = {},
): ProofBundle | null {
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
  return bundle(chain, reader, { height, through, subject, tlogProof: null });
}

interface BundleParts extends Pick<ProofBundle, 'subject' | 'tlogProof'> {
  /** Of the header that the subject is proved under. */
  readonly height: number;
  readonly through: number | undefined;
}

function bundle(chain: Chain, reader: ChainReader, parts: BundleParts): ProofBundle | null {
  const { height, through, subject, tlogProof } = parts;
  const header = reader.block(height)?.header;
  const commit = reader.commit(height);
  const setChanges = wayTo(chain, reader, height, through);
  if (header === undefined || commit === undefined || setChanges === null) return null;
  return { format: proofBundleFormat, chainId: chain.chainId, subject, header, commit, setChanges, tlogProof };
}

/** Every set change below `height`, with the header at `through` among them; null where that is not on the way. */
function wayTo(
  chain: Chain,
  reader: ChainReader,
  height: number,
  through: number | undefined,
): readonly SetChange[] | null {
  const changes = setChangesBefore(chain.store, height);
  if (through === undefined || through === height) return changes;
  if (changes.some(({ header }) => header.height === through)) return changes;
  const header = reader.block(through)?.header;
  const commit = reader.commit(through);
  if (through > height || header === undefined || commit === undefined) return null;
  const nextValidators = setDeciding(chain.store, chain.genesis, through + 1);
  const waypoint = { header, commit, nextValidators };
  return [...changes, waypoint].sort((a, b) => a.header.height - b.header.height);
}

/** Audits the newest checkpoint that a node gathered: cosigned by a quorum of those who decided its block, over the log that the blocks give. */
import { blockCodec } from '../../protocols/ledger/block.ts';
import { logOrigin, parseCheckpoint, validatorNoteKey } from '../../protocols/ledger/checkpoint.ts';
import type { SignatureRule } from '../../protocols/ledger/module.ts';
import { encodeSignedNote, NoteError, parseSignedNote, verifyNote } from '../../protocols/ledger/signed-note.ts';
import { uint64Key } from '../../protocols/shared/bytes.ts';
import { tryDecode } from '../../protocols/shared/codec.ts';
import { type ServedCheckpoint, servedCheckpointCodec } from '../checkpoint-cosigner.ts';
import type { Chain } from './chain.ts';
import { tables } from './tables.ts';
import { setDeciding } from './validator-sets.ts';

/** Why the record cannot be believed, or null. `chain` has executed every block up to the node's own. */
export function checkpointProblem(
  chain: Chain,
  record: Uint8Array,
  { verify }: Pick<SignatureRule, 'verify'>,
): string | null {
  const read = tryDecode(servedCheckpointCodec, record);
  if ('error' in read) return read.error.message;
  try {
    return noteProblem(chain, read.value, verify);
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    return error.message;
  }
}

/** Throws NoteError where the note is none. */
function noteProblem(
  chain: Chain,
  { height, size, note: bytes }: ServedCheckpoint,
  verify: SignatureRule['verify'],
): string | null {
  const text = new TextDecoder().decode(bytes);
  const note = parseSignedNote(text);
  const { origin, root, extensions, size: noted } = parseCheckpoint(note.text);
  const block = tryDecode(blockCodec, chain.store.get(tables.blocks, uint64Key(height)) ?? new Uint8Array(0));
  if ('error' in block) return `there is no block ${height}`;
  const { logSize, logRoot } = block.value.header;
  if (origin !== logOrigin(chain.chainId) || extensions.length > 0 || encodeSignedNote(note) !== text) {
    return 'it is not of this log';
  }
  if (size !== logSize || noted !== logSize || root !== logRoot) return `it is not the log of block ${height}`;
  const { validators, quorum } = setDeciding(chain.store, chain.genesis, height);
  const keys = validators.map(({ publicKey }) => validatorNoteKey(publicKey));
  const verification = verifyNote(note, keys, verify);
  if (verification.kind === 'refused') return `${verification.reason} ${verification.name}`;
  const { length } = verification.signers;
  if (length !== note.signatures.length) return 'a cosignature is not of a validator, or there twice';
  return length >= quorum ? null : `${length} cosignatures, ${quorum} needed`;
}

/**
 * Checkpoints: a log's size and root as a signed note. Source: c2sp.org/tlog-checkpoint; ledger design, "Transparency
 * log". Validators are the log's witnesses: each signs with its own key, as a cosignature with the time at which it
 * saw this as the largest tree. The log has no key of its own.
 */
import type { ChainId, Digest, PublicKey } from '../shared/brands.ts';
import { fromBase64, toBase64 } from '../shared/base64.ts';
import { fromHex, toHex } from '../shared/bytes.ts';
import { NoteError, type NoteKey } from './signed-note.ts';

export interface Checkpoint {
  /** Names the log. */
  readonly origin: string;
  readonly size: number;
  readonly root: Digest;
  /** Opaque lines below the root; ours write none. */
  readonly extensions: readonly string[];
}

/** Origin of a chain's log. */
export const logOrigin = (chain: ChainId): string => `bpci/log/${chain}`;

/** The key under which a validator cosigns checkpoints. */
export const validatorNoteKey = (publicKey: PublicKey): NoteKey => ({
  name: `bpci/validator/${publicKey}`,
  type: 'cosignature',
  publicKey,
});

/** The checkpoint of a chain's log. */
export const checkpointOf = (chain: ChainId, size: number, root: Digest): Checkpoint => ({
  origin: logOrigin(chain),
  size,
  root,
  extensions: [],
});

/** The note text of a checkpoint. */
export const encodeCheckpoint = ({ origin, size, root, extensions }: Checkpoint): string =>
  [origin, String(size), toBase64(fromHex(root)), ...extensions].map((line) => `${line}\n`).join('');

/** The checkpoint in a note's text. Throws {@link NoteError}. */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n');
  const end = lines.pop();
  const [origin, size, root, ...extensions] = lines;
  const hash = fromBase64(root ?? '');
  const isNumber = size !== undefined && /^(0|[1-9][0-9]*)$/.test(size) && Number.isSafeInteger(Number(size));
  if (end !== '' || lines.includes('') || origin === undefined || !isNumber || hash?.length !== 32) {
    throw new NoteError('malformed-checkpoint', 'a checkpoint is an origin, a size and a root, each on its line');
  }
  return { origin, size: Number(size), root: toHex(hash) as Digest, extensions };
}

/**
 * `.tlog-proof` files: an inclusion proof with the checkpoint it leads to. Source: c2sp.org/tlog-proof.
 * Parsed and written without loss.
 */
import { fromBase64, toBase64 } from '../shared/base64.ts';
import { encodeSignedNote, NoteError, parseSignedNote, type SignedNote } from './signed-note.ts';

export interface ProofFile {
  /** Index of the entry, from 0. */
  readonly index: number;
  /** Siblings of 32 bytes from the leaf up. */
  readonly path: readonly Uint8Array[];
  /** The signed checkpoint; see `parseCheckpoint` for its text. */
  readonly checkpoint: SignedNote;
  /** Unauthenticated bytes for the application, or null. */
  readonly extra: Uint8Array | null;
}

const firstLine = 'c2sp.org/tlog-proof@v1';
/** A tree of 2^53 leaves has paths of 53 hashes. */
const pathMax = 64;

export function encodeProofFile({ index, path, checkpoint, extra }: ProofFile): string {
  const lines = [
    firstLine,
    ...(extra === null ? [] : [`extra ${toBase64(extra)}`]),
    `index ${index}`,
    ...path.map(toBase64),
  ];
  return `${lines.join('\n')}\n\n${encodeSignedNote(checkpoint)}`;
}

/** The proof in this text. Throws {@link NoteError}. */
export function parseProofFile(text: string): ProofFile {
  const split = text.indexOf('\n\n');
  const lines = text.slice(0, Math.max(0, split)).split('\n');
  const malformed = (message: string): never => {
    throw new NoteError('malformed-proof', message);
  };
  if (lines.shift() !== firstLine) malformed(`a proof begins with ${firstLine} and has an empty line`);
  let extra: Uint8Array | null = null;
  if (lines[0]?.startsWith('extra ') === true) {
    extra = fromBase64((lines.shift() as string).slice('extra '.length)) ?? malformed('the extra data are not base64');
  }
  const indexText = /^index (0|[1-9][0-9]*)$/.exec(lines.shift() ?? '')?.[1];
  const index = Number(indexText);
  if (!Number.isSafeInteger(index)) malformed('a proof names the index of its entry');
  if (lines.length > pathMax) malformed(`${lines.length} hashes in a path, at most ${pathMax} allowed`);
  const path = lines.map((line) => {
    const hash = fromBase64(line);
    return hash?.length === 32 ? hash : malformed(`not a hash: ${JSON.stringify(line.slice(0, 100))}`);
  });
  return { index, path, checkpoint: parseSignedNote(text.slice(split + 2)), extra };
}

/**
 * Signed notes: text with signature lines below it. Source: c2sp.org/signed-note, with two signature types:
 * 0x01, Ed25519 over the text, and 0x04, a timestamped cosignature of a checkpoint (c2sp.org/tlog-cosignature).
 *
 * A note is parsed and written without loss: `encodeSignedNote(parseSignedNote(text))` is `text`.
 */
import type { PublicKey } from '../shared/brands.ts';
import { fromBase64, toBase64 } from '../shared/base64.ts';
import { concatBytes, equalBytes, fromHex, toHex, toUtf8, uint64Key } from '../shared/bytes.ts';
import { CodedError } from '../shared/errors.ts';
import { sha256 } from '../shared/hash.ts';

export type NoteErrorCode = 'malformed-note' | 'malformed-key' | 'malformed-checkpoint' | 'malformed-proof';

/** Text that is not a note, a verifier key, a checkpoint or a proof file. */
export class NoteError extends CodedError<NoteErrorCode> {
  override readonly name = 'NoteError';
}

/** Whether an Ed25519 signature holds. Never throws. */
export type SignatureCheck = (key: PublicKey, message: Uint8Array, signature: Uint8Array) => boolean;

/** Limits of a note that is read: characters and signature lines. */
const noteLengthMax = 256 * 1024;
const signaturesMax = 512;

export interface NoteSignature {
  /** Key name: not empty, without spaces and plus signs. */
  readonly name: string;
  /** First four bytes of what names the key: 8 hex digits. */
  readonly keyId: string;
  /** What follows the key id: 64 bytes for Ed25519; 8 bytes of time, then 64, for a cosignature. */
  readonly signature: Uint8Array;
}

export interface SignedNote {
  /** Ends with a newline. */
  readonly text: string;
  /** At least one. */
  readonly signatures: readonly NoteSignature[];
}

const signatureTypes = { ed25519: 0x01, cosignature: 0x04 } as const;

type NoteKeyType = keyof typeof signatureTypes;

/** A key that signs notes under a name. */
export interface NoteKey {
  readonly name: string;
  readonly type: NoteKeyType;
  readonly publicKey: PublicKey;
}

const isKeyName = (name: string): boolean => name.length > 0 && !/[\s+\u0085]/u.test(name) && isNoteText(name);

/** Valid Unicode without control characters (below U+0020) other than newline. */
function isNoteText(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 && code !== 0x0a) return false;
  }
  return !/\p{Surrogate}/u.test(text);
}

const typedKey = (key: NoteKey): Uint8Array =>
  concatBytes(Uint8Array.of(signatureTypes[key.type]), fromHex(key.publicKey));

/** SHA-256(name ‖ newline ‖ type ‖ public key), first four bytes, as 8 hex digits. */
const noteKeyId = (key: NoteKey): string =>
  toHex(sha256(concatBytes(toUtf8(`${key.name}\n`), typedKey(key))).subarray(0, 4));

/** `<name>+<key id>+<base64 of type and key>`. */
export const encodeVerifierKey = (key: NoteKey): string => `${key.name}+${noteKeyId(key)}+${toBase64(typedKey(key))}`;

/** The key in its text form. Throws {@link NoteError}. */
export function parseVerifierKey(text: string): NoteKey {
  const [name, keyId, encoded, ...rest] = splitVerifierKey(text);
  const bytes = fromBase64(encoded ?? '');
  const type = (Object.keys(signatureTypes) as NoteKeyType[]).find((known) => signatureTypes[known] === bytes?.[0]);
  if (name === undefined || !isKeyName(name) || bytes?.length !== 33 || type === undefined || rest.length > 0) {
    throw new NoteError('malformed-key', `not a verifier key of a known type: ${JSON.stringify(text.slice(0, 100))}`);
  }
  const key: NoteKey = { name, type, publicKey: toHex(bytes.subarray(1)) as PublicKey };
  if (noteKeyId(key) !== keyId) throw new NoteError('malformed-key', `the key id of ${name} is not that of its key`);
  return key;
}

/** At the first two plus signs only: base64 has plus signs of its own. */
function splitVerifierKey(text: string): string[] {
  const first = text.indexOf('+');
  const second = text.indexOf('+', first + 1);
  return first < 0 || second < 0
    ? [text]
    : [text.slice(0, first), text.slice(first + 1, second), text.slice(second + 1)];
}

const signatureLine = /^— (\S+) (\S+)$/u;

/** The note in this text. Throws {@link NoteError}. */
export function parseSignedNote(note: string): SignedNote {
  const malformed = (message: string): never => {
    throw new NoteError('malformed-note', message);
  };
  if (note.length > noteLengthMax) malformed(`a note of ${note.length} characters, at most ${noteLengthMax} allowed`);
  if (!isNoteText(note)) malformed('a note has no control characters other than newline');
  const split = note.lastIndexOf('\n\n');
  if (split < 0 || !note.endsWith('\n')) malformed('a note is text, an empty line and signature lines');
  const lines = note
    .slice(split + 2)
    .split('\n')
    .slice(0, -1);
  if (lines.length === 0 || lines.length > signaturesMax) malformed(`a note has 1 to ${signaturesMax} signatures`);
  const signatures = lines.map((line) => {
    const [, name, encoded] = signatureLine.exec(line) ?? [];
    const bytes = fromBase64(encoded ?? '');
    if (name === undefined || !isKeyName(name) || bytes === undefined || bytes.length < 5) {
      return malformed(`not a signature line: ${JSON.stringify(line.slice(0, 100))}`);
    }
    return { name, keyId: toHex(bytes.subarray(0, 4)), signature: bytes.subarray(4) };
  });
  return { text: note.slice(0, split + 1), signatures };
}

export const encodeSignedNote = (note: SignedNote): string => {
  const lines = note.signatures.map(
    ({ name, keyId, signature }) => `— ${name} ${toBase64(concatBytes(fromHex(keyId), signature))}\n`,
  );
  return `${note.text}\n${lines.join('')}`;
};

/** What a cosigner signs: c2sp.org/tlog-cosignature, "Ed25519 signed message". `time` is in seconds since 1970. */
export const cosignatureBytes = (text: string, time: number): Uint8Array =>
  toUtf8(`cosignature/v1\ntime ${time}\n${text}`);

/** The signature line of an Ed25519 signature over the note's text. */
export const noteSignature = (key: NoteKey, signature: Uint8Array): NoteSignature => ({
  name: key.name,
  keyId: noteKeyId(key),
  signature,
});

/** The signature line of a signature over {@link cosignatureBytes}. */
export const noteCosignature = (key: NoteKey, time: number, signature: Uint8Array): NoteSignature =>
  noteSignature(key, concatBytes(uint64Key(time), signature));

interface NoteSigner {
  readonly key: NoteKey;
  /** Seconds since 1970 where the key cosigns; null otherwise. */
  readonly time: number | null;
}

export type NoteVerification =
  | {
      readonly kind: 'verified';
      /** The known keys whose signatures hold, each once, in the order of the lines. */
      readonly signers: readonly NoteSigner[];
      /** Lines of unknown keys. */
      readonly unknown: number;
    }
  | { readonly kind: 'refused'; readonly reason: 'bad-signature' | 'no-known-signature'; readonly name: string };

/**
 * Checks the lines of known keys; lines of unknown keys are ignored, as the format asks. One bad signature of a known
 * key refuses the whole note.
 */
export function verifyNote(note: SignedNote, keys: readonly NoteKey[], check: SignatureCheck): NoteVerification {
  const known = new Map(keys.map((key) => [`${key.name} ${noteKeyId(key)}`, key]));
  const signers = new Map<NoteKey, NoteSigner>();
  let unknown = 0;
  for (const line of note.signatures) {
    const key = known.get(`${line.name} ${line.keyId}`);
    if (key === undefined) {
      unknown += 1;
      continue;
    }
    const signer = verifyLine(note.text, key, line.signature, check);
    if (signer === null) return { kind: 'refused', reason: 'bad-signature', name: line.name };
    if (!signers.has(key)) signers.set(key, signer);
  }
  return signers.size === 0
    ? { kind: 'refused', reason: 'no-known-signature', name: '' }
    : { kind: 'verified', signers: [...signers.values()], unknown };
}

function verifyLine(text: string, key: NoteKey, signature: Uint8Array, check: SignatureCheck): NoteSigner | null {
  if (key.type === 'ed25519') return check(key.publicKey, toUtf8(text), signature) ? { key, time: null } : null;
  if (signature.length !== 72) return null;
  const time = Number(new DataView(signature.buffer, signature.byteOffset, 8).getBigUint64(0));
  if (!Number.isSafeInteger(time) || !equalBytes(uint64Key(time), signature.subarray(0, 8))) return null;
  return check(key.publicKey, cosignatureBytes(text, time), signature.subarray(8)) ? { key, time } : null;
}

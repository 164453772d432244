/** Names of a light's log: its id, and the checkpoint that the light signs over it (C2SP tlog-checkpoint, Ed25519). */
import { type Checkpoint, encodeCheckpoint, parseCheckpoint } from '../ledger/checkpoint.ts';
import {
  encodeSignedNote,
  NoteError,
  type NoteKey,
  noteSignature,
  parseSignedNote,
  type SignatureCheck,
  verifyNote,
} from '../ledger/signed-note.ts';
import type { ChainId, Digest, PublicKey } from '../shared/brands.ts';
import { toUtf8 } from '../shared/bytes.ts';
import { chainId32, type Codec, digest32, encode, nullable, publicKey32, struct, uint } from '../shared/codec.ts';
import { taggedHash } from '../shared/hash.ts';

export interface LogIdentity {
  readonly chainId: ChainId;
  readonly light: PublicKey;
  /** From 1. */
  readonly epoch: number;
  /** The log that this one goes on from; null for the first. */
  readonly previous: Digest | null;
}

const identityCodec: Codec<LogIdentity> = struct<LogIdentity>({
  ...{ chainId: chainId32, light: publicKey32, epoch: uint, previous: nullable(digest32) },
});

export const trafficLogId = (identity: LogIdentity): Digest =>
  taggedHash('bpci/traffic-log/v1', encode(identityCodec, identity));

const trafficLogOrigin = (logId: Digest): string => `bpci/traffic-log/${logId}`;

const lightNoteKey = (light: PublicKey): NoteKey => ({
  name: `bpci/light/${light}`,
  type: 'ed25519',
  publicKey: light,
});

/** The checkpoint of a log as a signed note. */
export function signLogCheckpoint(
  logId: Digest,
  light: PublicKey,
  head: { readonly size: number; readonly root: Digest },
  sign: (message: Uint8Array) => Uint8Array,
): string {
  const text = encodeCheckpoint({ origin: trafficLogOrigin(logId), ...head, extensions: [] });
  return encodeSignedNote({ text, signatures: [noteSignature(lightNoteKey(light), sign(toUtf8(text)))] });
}

/** The checkpoint of this log in a note that this light signed; null where it is anything else. */
export function readLogCheckpoint(
  note: string,
  logId: Digest,
  light: PublicKey,
  check: SignatureCheck,
): Checkpoint | null {
  try {
    const signed = parseSignedNote(note);
    if (verifyNote(signed, [lightNoteKey(light)], check).kind !== 'verified') return null;
    const checkpoint = parseCheckpoint(signed.text);
    return checkpoint.origin === trafficLogOrigin(logId) && checkpoint.extensions.length === 0 ? checkpoint : null;
  } catch (error) {
    if (error instanceof NoteError) return null;
    throw error;
  }
}

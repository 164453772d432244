/**
 * What validators say of each other's starts is proved by the signature of the one whose start it was: a start number is
 * signed by who announces it, and a position is shown as the payload that was signed there (docs/decisions/0018).
 */
import type { EvidencePayload } from '../../protocols/ledger/evidence.ts';
import { isPayloadSigned } from '../../protocols/ledger/evidence.ts';
import type { ChainId, PublicKey } from '../../protocols/shared/brands.ts';
import { equalBytes } from '../../protocols/shared/bytes.ts';
import { bytesExact, type Codec, encode, signature64, struct, uint } from '../../protocols/shared/codec.ts';
import { signingBytes } from '../../protocols/shared/hash.ts';
import type { Signer, Verifier } from '../../runtime/ports/signer.ts';

export interface Start {
  readonly counter: number;
  /** 16 random bytes, one a start. */
  readonly token: Uint8Array;
}

export interface SignedStart extends Start {
  /** By the validator that started. */
  readonly signature: Uint8Array;
}

const startCodec = struct<Start>({ counter: uint, token: bytesExact(16) });

export const signedStartCodec: Codec<SignedStart> = struct<SignedStart>({
  counter: uint,
  token: bytesExact(16),
  signature: signature64,
});

/** What a validator signs to say "this is my start `counter`": domain, chain id, number and token. */
export const startSigningBytes = (chain: ChainId, start: Start): Uint8Array =>
  signingBytes('bpci/start-counter/v1', chain, encode(startCodec, start));

export const signStart = (signer: Signer, chain: ChainId, start: Start): SignedStart => ({
  ...start,
  signature: signer.sign(startSigningBytes(chain, start)),
});

export const isSameStart = (a: Start, b: Start): boolean => a.counter === b.counter && equalBytes(a.token, b.token);

type Signatures = Pick<Verifier, 'verify'>;

/** Whether this validator announced this start on this chain. */
export const isStartSigned = (chain: ChainId, author: PublicKey, start: SignedStart, signatures: Signatures): boolean =>
  signatures.verify(author, startSigningBytes(chain, start), start.signature);

/** What a peer says that it has of a validator. */
export interface StartClaims {
  /** The start with the highest number that came to the peer before the one that it is asked about. */
  readonly before: SignedStart | null;
  /** The furthest payload that came to the peer. */
  readonly signed: EvidencePayload | null;
}

/** Whether this validator signed all of it on this chain. */
export const areProven = (
  chain: ChainId,
  author: PublicKey,
  { before, signed }: StartClaims,
  signatures: Signatures,
): boolean =>
  (before === null || isStartSigned(chain, author, before, signatures)) &&
  (signed === null || isPayloadSigned(chain, author, signed, signatures));

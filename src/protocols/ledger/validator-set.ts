/** A validator set: members in order of their raw keys, fault bound, quorum, hash. Source: consensus design, preamble and rules 1, 13. */
import type { Digest, PublicKey } from '../shared/brands.ts';
import { compareText } from '../shared/bytes.ts';
import { type Codec, encode, list, publicKey32, struct, uint } from '../shared/codec.ts';
import { taggedHash } from '../shared/hash.ts';
import { validatorsMax } from './block.ts';

export interface Validator {
  readonly publicKey: PublicKey;
  readonly vrfPublicKey: PublicKey;
}

export interface ValidatorSet {
  /** Ascending by publicKey, distinct. */
  readonly validators: readonly Validator[];
  /** Votes that decide. */
  readonly quorum: number;
}

/** f = ⌊(n−1)/3⌋. */
export const faultyCountMax = (count: number): number => Math.floor((count - 1) / 3);

/** ⌈2n/3⌉, raised to ⌈n·threshold/100⌉ where the finality threshold asks for more. */
export const quorumOf = (count: number, finalityThreshold: number): number =>
  Math.max(Math.ceil((2 * count) / 3), Math.ceil((count * finalityThreshold) / 100));

/** Whether a quorum can be met with f validators dead. A set for which this is false is refused. */
export const isQuorumReachable = (count: number, finalityThreshold: number): boolean =>
  quorumOf(count, finalityThreshold) <= count - faultyCountMax(count);

export function validatorSet(validators: readonly Validator[], finalityThreshold: number): ValidatorSet {
  const ordered = [...validators].sort((a, b) => compareText(a.publicKey, b.publicKey));
  return { validators: ordered, quorum: quorumOf(ordered.length, finalityThreshold) };
}

export const validatorSetCodec: Codec<ValidatorSet> = struct<ValidatorSet>({
  validators: list(struct<Validator>({ publicKey: publicKey32, vrfPublicKey: publicKey32 }), validatorsMax),
  quorum: uint,
});

export const validatorSetHash = (set: ValidatorSet): Digest =>
  taggedHash('bpci/validator-set/v1', encode(validatorSetCodec, set));

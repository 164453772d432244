/**
 * The draw of a panel: weighted by bond, without replacement, from public randomness that nobody chooses. A function of
 * what is on chain, so that anybody can do it again: the beacons of f+1 blocks after the draw was opened, the case, the
 * round, and the list whose root the case names. Source: court design, "Draw".
 */
import type { ChainId, Digest, PublicKey } from '../../../shared/brands.ts';

import {
  bytesExact,
  chainId32,
  type Codec,
  digest32,
  encode,
  list,
  publicKey32,
  struct,
  uint,
  uint64,
} from '../../../shared/codec.ts';
import { invariant } from '../../../shared/errors.ts';
import { taggedHash } from '../../../shared/hash.ts';
import { merkleRoot } from '../../merkle-log.ts';
import { validatorsMax } from '../../block.ts';

/** Somebody who may be drawn. */
export interface Candidate {
  readonly arbitrator: PublicKey;
  /** Its bond when the claim was filed, minor units; above 0. */
  readonly weight: bigint;
}

export const candidateCodec: Codec<Candidate> = struct<Candidate>({ arbitrator: publicKey32, weight: uint64 });

/** RFC 6962 root over the candidates in ascending order: what a case says of its list. */
export const candidatesRoot = (candidates: readonly Candidate[]): Digest =>
  merkleRoot(candidates.map((candidate) => encode(candidateCodec, candidate)));

export interface DrawSource {
  readonly chain: ChainId;
  readonly caseId: Digest;
  /** Counts every draw of the case, from 1. */
  readonly round: number;
  /** Beacon outputs of 64 bytes, in the order of their blocks. */
  readonly beacons: readonly Uint8Array[];
}

const sourceCodec: Codec<DrawSource> = struct<DrawSource>({
  chain: chainId32,
  caseId: digest32,
  round: uint,
  beacons: list(bytesExact(64), validatorsMax),
});

export const drawSeed = (source: DrawSource): Digest =>
  taggedHash('bpci/court-draw-seed/v1', encode(sourceCodec, source));

const throwCodec = struct<{ seed: Digest; seat: number; attempt: number }>({
  seed: digest32,
  seat: uint,
  attempt: uint,
});

const hashRange = 1n << 256n;

/** A number below `bound`, every one as likely: what would make the small ones likelier is thrown again. */
function numberBelow(bound: bigint, seed: Digest, seat: number): bigint {
  const fair = hashRange - (hashRange % bound);
  for (let attempt = 0; ; attempt++) {
    const thrown = taggedHash('bpci/court-draw-seat/v1', encode(throwCodec, { seed, seat, attempt }));
    const value = BigInt(`0x${thrown}`);
    if (value < fair) return value % bound;
  }
}

/**
 * Fills up to `seats` seats from the candidates, in the order in which they are drawn.
 *
 * @param candidates ascending by arbitrator, distinct
 */
export function drawPanel(candidates: readonly Candidate[], seats: number, seed: Digest): readonly PublicKey[] {
  const left = [...candidates];
  const drawn: PublicKey[] = [];
  for (let seat = 0; seat < seats && left.length > 0; seat++) {
    const total = left.reduce((sum, { weight }) => sum + weight, 0n);
    invariant(total > 0n, 'candidates have weight');
    let at = numberBelow(total, seed, seat);
    const index = left.findIndex(({ weight }) => {
      if (at < weight) return true;
      at -= weight;
      return false;
    });
    const [chosen] = left.splice(index, 1);
    invariant(chosen !== undefined, 'a number below the total weight falls on a candidate');
    drawn.push(chosen.arbitrator);
  }
  return drawn;
}

/** Blocks: header, body, commit and their canonical bytes. Source: ledger design, "Block". */
import type { ChainId, Digest, Height, PublicKey, Round } from '../shared/brands.ts';
import {
  bytesExact,
  bytesMax,
  chainId32,
  type Codec,
  digest32,
  encode,
  heightNumber,
  list,
  nullable,
  publicKey32,
  roundNumber,
  signature64,
  struct,
  uint,
} from '../shared/codec.ts';
import { signingBytes, taggedHash } from '../shared/hash.ts';
import { blockTransactionsMax, transactionBytesMax } from './transaction.ts';

/** Most validators a set may hold. */
export const validatorsMax = 128;

/** ECVRF output of the proposer over the previous beacon: public randomness that nobody chooses. */
export interface Beacon {
  /** beta, 64 bytes. */
  readonly output: Uint8Array;
  /** pi, 80 bytes (RFC 9381, ECVRF-EDWARDS25519-SHA512-TAI). */
  readonly proof: Uint8Array;
}

export interface BlockHeader {
  readonly chainId: ChainId;
  readonly protocolVersion: number;
  readonly height: Height;
  /** Digest of the parent's header; of the genesis header's place, the genesis hash. */
  readonly parent: Digest;
  /** Milliseconds since 1970, never below parent.time + blockTime. */
  readonly time: number;
  readonly proposer: PublicKey;
  /** RFC 6962 tree hash over the transactions' bytes. */
  readonly transactionsRoot: Digest;
  /** Sparse Merkle root of the state *after* this block. */
  readonly stateRoot: Digest;
  /** RFC 6962 tree hash over the events' canonical bytes. */
  readonly eventsRoot: Digest;
  /** Leaves in the transparency log after this block. */
  readonly logSize: number;
  readonly logRoot: Digest;
  /** Hash of the set that decides this block, and of its quorum. */
  readonly validatorsHash: Digest;
  /** Hash of the set that decides the next block, and of its quorum. */
  readonly nextValidatorsHash: Digest;
  /** Hash of the parent's commit carried in the body; of nil at height 1. */
  readonly lastCommitHash: Digest;
  readonly beacon: Beacon;
}

/** One validator's signature over (height, round, digest). */
export interface CommitSeal {
  readonly validator: PublicKey;
  readonly signature: Uint8Array;
}

/** A quorum of seals of one round. Seals of different rounds are never added together. */
export interface Commit {
  readonly round: Round;
  /** In ascending order of the validators' keys, each validator at most once. */
  readonly seals: readonly CommitSeal[];
}

export interface Block {
  readonly header: BlockHeader;
  /** Encoded signed transactions, in execution order. */
  readonly transactions: readonly Uint8Array[];
  /** The parent's commit as the proposer saw it; null at height 1. */
  readonly lastCommit: Commit | null;
}

const beaconCodec: Codec<Beacon> = struct<Beacon>({ output: bytesExact(64), proof: bytesExact(80) });

export const headerCodec: Codec<BlockHeader> = struct<BlockHeader>({
  chainId: chainId32,
  protocolVersion: uint,
  height: heightNumber,
  parent: digest32,
  time: uint,
  proposer: publicKey32,
  transactionsRoot: digest32,
  stateRoot: digest32,
  eventsRoot: digest32,
  logSize: uint,
  logRoot: digest32,
  validatorsHash: digest32,
  nextValidatorsHash: digest32,
  lastCommitHash: digest32,
  beacon: beaconCodec,
});

export const commitCodec: Codec<Commit> = struct<Commit>({
  round: roundNumber,
  seals: list(struct<CommitSeal>({ validator: publicKey32, signature: signature64 }), validatorsMax),
});

export const blockCodec: Codec<Block> = struct<Block>({
  header: headerCodec,
  transactions: list(bytesMax(transactionBytesMax + 512), blockTransactionsMax),
  lastCommit: nullable(commitCodec),
});

/** A block's identity: the hash of its header, which commits to the body. Its own seals and deciding round are outside. */
export const blockDigest = (header: BlockHeader): Digest => taggedHash('bpci/block/v1', encode(headerCodec, header));

export const lastCommitHash = (commit: Commit | null): Digest =>
  taggedHash('bpci/last-commit/v1', encode(nullable(commitCodec), commit));

const sealedCodec = struct<{ height: Height; round: Round; digest: Digest }>({
  height: heightNumber,
  round: roundNumber,
  digest: digest32,
});

/** What a commit seal signs. The commit message's own signature is the seal. */
export const commitSigningBytes = (chain: ChainId, height: Height, round: Round, digest: Digest): Uint8Array =>
  signingBytes('bpci/commit/v1', chain, encode(sealedCodec, { height, round, digest }));

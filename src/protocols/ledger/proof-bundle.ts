/**
 * Proof bundles: everything that convinces a stranger, who has only the genesis document, that a transaction was
 * executed with a result, or that a state key has a value or none. One JSON document, described for people and machines
 * in docs/formats/proof-bundle.md and .schema.json. Source: ledger design, "Transparency log".
 *
 * Bytes are lower-case hex. Nothing in a bundle is optional to the proof: a changed field anywhere makes it invalid.
 */
import type { ChainId, PublicKey } from '../shared/brands.ts';
import { type Beacon, type BlockHeader, type Commit, type CommitSeal, validatorsMax } from './block.ts';
import {
  jsonBytesExact,
  jsonBytesMax,
  type JsonCodec,
  jsonDigest,
  jsonKey,
  jsonList,
  jsonNullable,
  jsonPattern,
  jsonStruct,
  jsonText,
  jsonUint,
  jsonVariant,
} from './json-codec.ts';
import { resultBytesMax } from './log-leaf.ts';
import { blockTransactionsMax, transactionBytesMax } from './transaction.ts';
import type { Validator, ValidatorSet } from './validator-set.ts';

export const proofBundleFormat = 'bpci/proof-bundle/v1';

/** Set changes that a bundle may walk through. */
const setChangesMax = 4096;
const stateBytesMax = 256 * 1024;

/** That a transaction was executed: its leaf in the transparency log, and where it stands. */
export interface TransactionSubject {
  readonly type: 'transaction';
  /** Block that holds the transaction, and its place there. */
  readonly height: number;
  readonly index: number;
  /** Canonical bytes of the signed transaction. */
  readonly transaction: Uint8Array;
  /** The key under which it is signed: the sender's own until the account rotates its key. */
  readonly signer: PublicKey;
  /** Canonical bytes of its result. */
  readonly result: Uint8Array;
  /** Index of the leaf in the log. */
  readonly logIndex: number;
  /** Siblings of 32 bytes from the leaf up to the header's logRoot. */
  readonly inclusion: readonly Uint8Array[];
}

/** What a state key is after the header's block. */
export interface StateSubject {
  readonly type: 'state';
  readonly key: Uint8Array;
  /** null: absent. */
  readonly value: Uint8Array | null;
  /** ICS-23 `CommitmentProof` under the header's stateRoot; null where the state is empty. */
  readonly proof: Uint8Array | null;
}

/** A final header on the way from genesis to the bundle's header, with the set that decides the block after it. */
export interface SetChange {
  readonly header: BlockHeader;
  readonly commit: Commit;
  /** Preimage of the header's nextValidatorsHash. */
  readonly nextValidators: ValidatorSet;
}

export interface ProofBundle {
  readonly format: typeof proofBundleFormat;
  readonly chainId: ChainId;
  readonly subject: TransactionSubject | StateSubject;
  /** The final header whose logRoot or stateRoot the subject is proved under; for a transaction, of its block or later. */
  readonly header: BlockHeader;
  readonly commit: Commit;
  /**
   * Ascending by height: every header up to `header` whose next set is another one. Headers that change nothing may
   * stand among them, so that the chain passes through one that the verifier trusts.
   */
  readonly setChanges: readonly SetChange[];
  /** A `.tlog-proof` of the same leaf with a checkpoint of the header's log, cosigned by a quorum; null without. */
  readonly tlogProof: string | null;
}

export const jsonChainId = jsonDigest as unknown as JsonCodec<ChainId>;
const heightMin = 1;
const jsonHeight = jsonUint(Number.MAX_SAFE_INTEGER, heightMin);

const jsonHeader: JsonCodec<BlockHeader> = jsonStruct<BlockHeader>({
  chainId: jsonChainId,
  protocolVersion: jsonUint(),
  height: jsonHeight as unknown as JsonCodec<BlockHeader['height']>,
  parent: jsonDigest,
  time: jsonUint(),
  proposer: jsonKey,
  transactionsRoot: jsonDigest,
  stateRoot: jsonDigest,
  eventsRoot: jsonDigest,
  logSize: jsonUint(),
  logRoot: jsonDigest,
  validatorsHash: jsonDigest,
  nextValidatorsHash: jsonDigest,
  lastCommitHash: jsonDigest,
  beacon: jsonStruct<Beacon>({ output: jsonBytesExact(64), proof: jsonBytesExact(80) }),
});

const jsonCommit: JsonCodec<Commit> = jsonStruct<Commit>({
  round: jsonUint(0x7fffffff) as unknown as JsonCodec<Commit['round']>,
  seals: jsonList(jsonStruct<CommitSeal>({ validator: jsonKey, signature: jsonBytesExact(64) }), validatorsMax),
});

export const jsonValidatorSet: JsonCodec<ValidatorSet> = jsonStruct<ValidatorSet>({
  validators: jsonList(jsonStruct<Validator>({ publicKey: jsonKey, vrfPublicKey: jsonKey }), validatorsMax),
  quorum: jsonUint(validatorsMax, 1),
});

export const setChangeCodec: JsonCodec<SetChange> = jsonStruct<SetChange>({
  header: jsonHeader,
  commit: jsonCommit,
  nextValidators: jsonValidatorSet,
});

/** A final header with what makes it final. */
export const sealedHeaderCodec: JsonCodec<Pick<ProofBundle, 'header' | 'commit'>> = jsonStruct<
  Pick<ProofBundle, 'header' | 'commit'>
>({ header: jsonHeader, commit: jsonCommit });

/** The bundle as JSON, read strictly: unknown fields, other spellings of bytes and numbers are problems. */
export const proofBundleCodec: JsonCodec<ProofBundle> = jsonStruct<ProofBundle>({
  format: jsonPattern(/^bpci\/proof-bundle\/v1$/, 32) as JsonCodec<typeof proofBundleFormat>,
  chainId: jsonChainId,
  subject: jsonVariant<TransactionSubject | StateSubject>({
    transaction: jsonStruct<Omit<TransactionSubject, 'type'>>({
      height: jsonHeight,
      index: jsonUint(blockTransactionsMax - 1),
      transaction: jsonBytesMax(transactionBytesMax),
      signer: jsonKey,
      result: jsonBytesMax(resultBytesMax),
      logIndex: jsonUint(),
      inclusion: jsonList(jsonBytesExact(32), 64),
    }),
    state: jsonStruct<Omit<StateSubject, 'type'>>({
      key: jsonBytesMax(1024),
      value: jsonNullable(jsonBytesMax(stateBytesMax)),
      proof: jsonNullable(jsonBytesMax(3 * stateBytesMax)),
    }),
  }),
  header: jsonHeader,
  commit: jsonCommit,
  setChanges: jsonList(setChangeCodec, setChangesMax),
  tlogProof: jsonNullable(jsonText(256 * 1024)),
});

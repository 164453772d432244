/**
 * Blocks as functions of the state: what a proposer builds, what everybody checks. Source: ledger design, "Block" and
 * "Transaction"; consensus design, rules 4, 7, 12 and 13.
 *
 * Pure and synchronous. Signatures of transactions and seals and the beacon's proof are verified by the caller, who
 * passes transactions as {@link SignedTransaction} (with the key that they verified under). The future bound of a
 * block's time and the proposer of a round are the caller's and consensus' too. Nothing here is stored: the caller
 * commits `stateWrites`, `tree` and `log` of the executed block together.
 */
import type { ChainId, Digest, Height, PublicKey } from '../shared/brands.ts';
import { equalBytes } from '../shared/bytes.ts';
import { encode } from '../shared/codec.ts';
import { CodedError, InvariantError } from '../shared/errors.ts';
import type { AdmissionRefusal, SignedTransaction } from './admission.ts';
import type { Application } from './application.ts';
import {
  type Beacon,
  type Block,
  blockCodec,
  blockDigest,
  type BlockHeader,
  type Commit,
  headerCodec,
  lastCommitHash,
} from './block.ts';
import { bodyBytes, type CommitRefusal, commitRefusal, transactionBodyBytes } from './block-limits.ts';
import { type LedgerEvent, eventCodec } from './events.ts';
import { BlockExecution } from './execution.ts';
import type { ChainParameters, Genesis } from './genesis.ts';
import { encodeLogLeaf } from './log-leaf.ts';
import { merkleRoot } from './merkle-log.ts';
import type { SignatureRule } from './module.ts';
import { protocolVersionSupported, readParameters, readProtocolVersion } from './modules/parameters.ts';
import { isMember } from './modules/ballots.ts';
import { readLastSet, readNextSet } from './modules/validator-state.ts';
import { encodeResult, type TransactionResult } from './results.ts';
import { type RootRef, type TreeReader, type TreeUpdate, updateTree } from './state-tree.ts';
import { blockBytesMax, blockTransactionsMax } from './transaction.ts';
import { appendLeaves, type LogAppend, type LogEdge } from './transparency-log.ts';
import { type ValidatorSet, validatorSetHash } from './validator-set.ts';
import { type StateReader, type StateWrite, View } from './view.ts';

/** The block that the next one stands on. */
export interface ParentBlock {
  /** 0: genesis. */
  readonly height: number;
  /** Of genesis: the chain id. */
  readonly digest: Digest;
  /** Milliseconds since 1970. */
  readonly time: number;
}

export const genesisParent = (chainId: ChainId, genesis: Genesis): ParentBlock => ({
  height: 0,
  digest: chainId as string as Digest,
  time: genesis.time,
});

export const parentOf = (header: BlockHeader): ParentBlock => ({
  height: header.height,
  digest: blockDigest(header),
  time: header.time,
});

/** Everything at the parent's height that the next block depends on. */
export interface LedgerState {
  readonly application: Application;
  readonly chainId: ChainId;
  readonly parent: ParentBlock;
  readonly reader: StateReader;
  readonly tree: TreeReader;
  readonly rootRef: RootRef;
  readonly logEdge: LogEdge;
  readonly signatures: SignatureRule;
}

/** What the proposer chooses. */
export interface BlockChoice {
  /** max(parent.time + blockTime, now): rule 12. */
  readonly time: number;
  readonly proposer: PublicKey;
  readonly beacon: Beacon;
  /** Seals of the parent; null at height 1. */
  readonly lastCommit: Commit | null;
}

export interface ExecutedBlock {
  readonly block: Block;
  /** Canonical bytes of the block. */
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly transactions: readonly SignedTransaction[];
  /** One a transaction, in order. */
  readonly results: readonly TransactionResult[];
  readonly events: readonly LedgerEvent[];
  /** One a transaction: entries of the transparency log from `header.logSize − leaves.length` on. */
  readonly leaves: readonly Uint8Array[];
  /** Ascending by key. */
  readonly stateWrites: readonly StateWrite[];
  readonly tree: TreeUpdate;
  readonly log: LogAppend;
  /** Decides this block. */
  readonly validators: ValidatorSet;
  /** Decides the next block. */
  readonly nextValidators: ValidatorSet;
  /** In force for the next block. */
  readonly nextParameters: ChainParameters;
  /** Of the next block. Above `protocolVersionSupported`: this program must halt before it. */
  readonly nextProtocolVersion: number;
}

export interface BuiltBlock {
  readonly executed: ExecutedBlock;
  /** Candidates that can never be in a block on this state; those that did merely not fit are not named. */
  readonly refused: readonly { readonly hash: Digest; readonly reason: AdmissionRefusal }[];
}

type BlockRefusal =
  | 'wrong-chain'
  | 'wrong-protocol-version'
  | 'wrong-height'
  | 'wrong-parent'
  | 'time-too-early'
  | 'proposer-not-validator'
  | 'too-many-transactions'
  | 'too-many-bytes'
  | 'transactions-mismatch'
  | 'wrong-last-commit-hash'
  | CommitRefusal
  | `transaction-${AdmissionRefusal}`
  | `wrong-${'transactions-root' | 'state-root' | 'events-root' | 'log-size' | 'log-root' | 'validators-hash' | 'next-validators-hash'}`;

export type BlockVerdict =
  | { readonly kind: 'valid'; readonly executed: ExecutedBlock }
  /** `detail` is for people: which transaction, which root. */
  | { readonly kind: 'invalid'; readonly reason: BlockRefusal; readonly detail: string };

export type LedgerErrorCode = 'protocol-version-unsupported';

/** A condition of the chain that this program cannot go on from. */
export class LedgerError extends CodedError<LedgerErrorCode> {
  override readonly name = 'LedgerError';
}

/** Throws {@link LedgerError} where the chain has moved to a version that this program does not execute. */
function supportedVersion(view: View): number {
  const version = readProtocolVersion(view);
  if (version > protocolVersionSupported) {
    throw new LedgerError(
      'protocol-version-unsupported',
      `the chain continues with protocol version ${version}; this program executes up to ${protocolVersionSupported}`,
      { details: { version, supported: protocolVersionSupported } },
    );
  }
  return version;
}

interface Execution {
  readonly view: View;
  readonly version: number;
  readonly validators: ValidatorSet;
  readonly run: BlockExecution;
}

function begin(state: LedgerState, time: number, beacon: Uint8Array): Execution {
  const view = new View(state.reader);
  const height = (state.parent.height + 1) as Height;
  const { chainId, signatures } = state;
  const context = { chainId, height, time, parentTime: state.parent.time, beacon, signatures };
  return {
    view,
    version: supportedVersion(view),
    validators: readNextSet(view),
    run: new BlockExecution(state.application, view, context),
  };
}

/** Ends the execution and puts the block together. */
function finish(
  state: LedgerState,
  choice: BlockChoice,
  execution: Execution,
  transactions: readonly SignedTransaction[],
): ExecutedBlock {
  const { view, run, validators, version } = execution;
  const height = (state.parent.height + 1) as Height;
  run.end();
  const { results } = run;
  const events = view.events();
  const leaves = transactions.map(({ bytes }, index) =>
    encodeLogLeaf({ height, index, transaction: bytes, result: encodeResult(results[index] as TransactionResult) }),
  );
  const stateWrites = view.writes();
  const tree = updateTree(state.tree, state.rootRef, height, stateWrites);
  const log = appendLeaves(state.logEdge, leaves);
  const nextValidators = readNextSet(view);
  const header: BlockHeader = {
    chainId: state.chainId,
    protocolVersion: version,
    height,
    parent: state.parent.digest,
    time: choice.time,
    proposer: choice.proposer,
    transactionsRoot: merkleRoot(transactions.map(({ bytes }) => bytes)),
    stateRoot: tree.root,
    eventsRoot: merkleRoot(events.map((event) => encode(eventCodec, event))),
    logSize: log.size,
    logRoot: log.root,
    validatorsHash: validatorSetHash(validators),
    nextValidatorsHash: validatorSetHash(nextValidators),
    lastCommitHash: lastCommitHash(choice.lastCommit),
    beacon: choice.beacon,
  };
  const block: Block = { header, transactions: transactions.map(({ bytes }) => bytes), lastCommit: choice.lastCommit };
  return {
    block,
    bytes: encode(blockCodec, block),
    digest: blockDigest(header),
    transactions,
    results,
    events,
    leaves,
    stateWrites,
    tree,
    log,
    validators,
    nextValidators,
    nextParameters: readParameters(view),
    nextProtocolVersion: readProtocolVersion(view),
  };
}

/**
 * The block of these candidates, in their order, as many as fit the limits. Throws {@link LedgerError} only.
 *
 * @param choice trusted: the caller's own
 */
export function buildBlock(
  state: LedgerState,
  choice: BlockChoice,
  candidates: readonly SignedTransaction[],
): BuiltBlock {
  const execution = begin(state, choice.time, choice.beacon.output);
  const { run } = execution;
  run.readSigningKeys(candidates);
  const included: SignedTransaction[] = [];
  const refused: { hash: Digest; reason: AdmissionRefusal }[] = [];
  let size = bodyBytes([], choice.lastCommit);
  for (const candidate of candidates) {
    if (included.length === blockTransactionsMax) break;
    const bytes = transactionBodyBytes(candidate.bytes);
    if (size + bytes > blockBytesMax) continue;
    const reason = run.refusal(candidate);
    if (reason !== null) {
      refused.push({ hash: candidate.hash, reason });
      continue;
    }
    run.execute(candidate);
    included.push(candidate);
    size += bytes;
  }
  return { executed: finish(state, choice, execution, included), refused };
}

const invalid = (reason: BlockRefusal, detail: string): BlockVerdict => ({ kind: 'invalid', reason, detail });

/**
 * Whether a block of someone else is the one that its own contents lead to on this state.
 *
 * @param transactions the block's transactions, decoded, with the keys that their signatures verified under
 * @throws {@link LedgerError}
 */
export function checkBlock(state: LedgerState, block: Block, transactions: readonly SignedTransaction[]): BlockVerdict {
  const { header, lastCommit } = block;
  const execution = begin(state, header.time, header.beacon.output);
  const refusal = contentRefusal(state, block, transactions, execution);
  if (refusal !== null) return refusal;
  const { run } = execution;
  run.readSigningKeys(transactions);
  for (const [index, transaction] of transactions.entries()) {
    const reason = run.refusal(transaction);
    if (reason !== null) return invalid(`transaction-${reason}`, `transaction ${index}, ${transaction.hash}`);
    run.execute(transaction);
  }
  const { time, proposer, beacon } = header;
  const executed = finish(state, { time, proposer, beacon, lastCommit }, execution, transactions);
  return rootMismatch(header, executed.block.header) ?? { kind: 'valid', executed };
}

/** Rules that need no execution. */
function contentRefusal(
  state: LedgerState,
  block: Block,
  transactions: readonly SignedTransaction[],
  { view, version, validators }: Execution,
): BlockVerdict | null {
  const { header, lastCommit } = block;
  const { parent } = state;
  if (header.chainId !== state.chainId) return invalid('wrong-chain', header.chainId);
  if (header.protocolVersion !== version) {
    return invalid('wrong-protocol-version', `${header.protocolVersion}, expected ${version}`);
  }
  if (header.height !== parent.height + 1) {
    return invalid('wrong-height', `${header.height}, expected ${parent.height + 1}`);
  }
  if (header.parent !== parent.digest) return invalid('wrong-parent', `${header.parent}, expected ${parent.digest}`);
  const earliest = parent.time + readParameters(view).blockTimeMs;
  if (header.time < earliest) return invalid('time-too-early', `${header.time}, earliest ${earliest}`);
  if (!isMember(validators, header.proposer)) return invalid('proposer-not-validator', header.proposer);
  if (block.transactions.length > blockTransactionsMax) {
    return invalid('too-many-transactions', `${block.transactions.length}`);
  }
  const size = bodyBytes(block.transactions, lastCommit);
  if (size > blockBytesMax) return invalid('too-many-bytes', `${size}`);
  const isSameList =
    transactions.length === block.transactions.length &&
    transactions.every(({ bytes }, index) => equalBytes(bytes, block.transactions[index] as Uint8Array));
  if (!isSameList) return invalid('transactions-mismatch', 'the decoded transactions are not those of the block');
  const commitReason = commitRefusal(lastCommit, parent.height, readLastSet(view));
  if (commitReason !== null) return invalid(commitReason, `commit of height ${parent.height}`);
  if (header.lastCommitHash !== lastCommitHash(lastCommit)) {
    return invalid('wrong-last-commit-hash', header.lastCommitHash);
  }
  return null;
}

/** The header against the one that the block's contents lead to. */
function rootMismatch(header: BlockHeader, expected: BlockHeader): BlockVerdict | null {
  if (equalBytes(encode(headerCodec, header), encode(headerCodec, expected))) return null;
  const compared = [
    ['wrong-transactions-root', 'transactionsRoot'],
    ['wrong-validators-hash', 'validatorsHash'],
    ['wrong-next-validators-hash', 'nextValidatorsHash'],
    ['wrong-events-root', 'eventsRoot'],
    ['wrong-log-size', 'logSize'],
    ['wrong-log-root', 'logRoot'],
    ['wrong-state-root', 'stateRoot'],
  ] as const;
  for (const [reason, field] of compared) {
    if (header[field] !== expected[field]) return invalid(reason, `${header[field]}, expected ${expected[field]}`);
  }
  throw new InvariantError('a header field that is not compared');
}

/**
 * The pure protocols alone: synchronous functions of their inputs, no I/O, no clock, no `node:` module. They run in a
 * browser as they do here.
 */

// --- values and their one encoding
export {
  type ChainId,
  chainId,
  type Digest,
  digest,
  type Height,
  height,
  type PublicKey,
  publicKey,
  type Round,
  round,
} from './protocols/shared/brands.ts';
export { fromHex, toHex } from './protocols/shared/bytes.ts';
export {
  boolean,
  bytesExact,
  bytesMax,
  type Codec,
  CodecError,
  type CodecErrorCode,
  decode,
  type Decoded,
  digest32,
  encode,
  list,
  nullable,
  publicKey32,
  struct,
  textMax,
  tryDecode,
  uint,
  uint64,
  uintMax,
  variant,
} from './protocols/shared/codec.ts';
export { CodedError, InvariantError, type Verdict } from './protocols/shared/errors.ts';
export { type Json, type JsonCodec, type JsonProblem, readJson } from './protocols/ledger/json-codec.ts';

// --- chain: genesis, transactions, blocks
export {
  chainIdOf,
  type ChainParameters,
  type Genesis,
  type GenesisAccount,
  type GenesisValidator,
} from './protocols/ledger/genesis.ts';
export { genesisFromJson, genesisToJson } from './protocols/ledger/genesis-json.ts';
export { genesisProblems, genesisState, type GenesisState } from './protocols/ledger/genesis-state.ts';
export { possessionSigningBytes } from './protocols/ledger/possession.ts';
export {
  type Transaction,
  transactionCodec,
  transactionHash,
  transactionSigningBytes,
  type UnsignedTransaction,
} from './protocols/ledger/transaction.ts';
export { type Application, application, bodyCodec, encodeBody } from './protocols/ledger/application.ts';
export {
  type Beacon,
  type Block,
  blockCodec,
  blockDigest,
  type BlockHeader,
  type Commit,
  type CommitSeal,
  commitSigningBytes,
  headerCodec,
} from './protocols/ledger/block.ts';
export {
  faultyCountMax,
  quorumOf,
  type Validator,
  type ValidatorSet,
  validatorSet,
  validatorSetHash,
} from './protocols/ledger/validator-set.ts';

// --- executor: blocks as functions of the state
export {
  type BlockChoice,
  type BlockVerdict,
  buildBlock,
  type BuiltBlock,
  checkBlock,
  type ExecutedBlock,
  genesisParent,
  type LedgerState,
  type ParentBlock,
  parentOf,
} from './protocols/ledger/executor.ts';
export type { SignedTransaction } from './protocols/ledger/admission.ts';
export type { LedgerEvent } from './protocols/ledger/events.ts';
export type { SignatureRule } from './protocols/ledger/module.ts';
export type { TransactionResult } from './protocols/ledger/results.ts';
export { type StateReader, type StateWrite, stateKey } from './protocols/ledger/view.ts';
export type { RootRef, TreeReader, TreeUpdate } from './protocols/ledger/state-tree.ts';
export { emptyLogEdge, type LogAppend, type LogEdge } from './protocols/ledger/transparency-log.ts';
export { accountAt, parametersAt, validatorSetsAt } from './protocols/ledger/queries.ts';

// --- proofs and their verification, offline
export { type ProofBundle, proofBundleCodec } from './protocols/ledger/proof-bundle.ts';
export {
  type BundleCheckName,
  type BundleVerification,
  verifyBundle,
  type VerifyBundleOptions,
} from './protocols/ledger/verify-bundle.ts';
export { verifyConsistency, verifyInclusion } from './protocols/ledger/merkle-log.ts';
export type { SignatureCheck } from './protocols/ledger/signed-note.ts';

// --- court: agreements as documents, statements, votes, draws, and what stands in state
export {
  type AgreementDocument,
  agreementDocumentCodec,
  documentId,
  readAgreementDocument,
  storedOf,
} from './protocols/ledger/modules/court/agreement-document.ts';
export { type AgreementTemplate, fillTemplate } from './protocols/ledger/modules/court/agreement-template.ts';
export { caseIdOf } from './protocols/ledger/modules/court/case-state.ts';
export {
  agreementAt,
  agreementsAt,
  type AgreementView,
  arbitratorsAt,
  caseAt,
  casesAt,
  type CaseView,
  constraintsAt,
  courtStateKeys,
  jurisdictionAt,
} from './protocols/ledger/modules/court/court-queries.ts';
export { type Candidate, candidatesRoot, drawPanel, drawSeed } from './protocols/ledger/modules/court/draw.ts';
export { decideByRule, statementSigningBytes } from './protocols/ledger/modules/court/statements.ts';
export { type Vote, voteCommitment } from './protocols/ledger/modules/court/vote.ts';

// --- consensus: the IBFT machine
export { createMachine as createIbftMachine, transition as ibftTransition } from './protocols/ibft/machine.ts';
export type {
  Effect as IbftEffect,
  HeightFacts,
  Input as IbftInput,
  JournalRecord,
  MachineState as IbftState,
  StartOptions as IbftStartOptions,
  Transition as IbftTransition,
  Verified,
} from './protocols/ibft/machine-types.ts';
export { type ConsensusReport, explain as explainIbft } from './protocols/ibft/report.ts';
export {
  type ConsensusMessage,
  consensusMessageCodec,
  type EncodedBlock,
  encodedBlockCodec,
  payloadSigningBytes,
  type UnsignedPayload,
} from './protocols/ibft/messages.ts';

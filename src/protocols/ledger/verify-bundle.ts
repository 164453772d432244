/**
 * Offline verification of a proof bundle: no node, no clock, nothing but the bundle, the genesis document and, where the
 * reader has one, a header that it trusts. Source: ledger design, "Transparency log"; consensus design, "Validator set".
 *
 * The chain of trust: genesis names the first validator set; a quorum of a set seals a header that names the next one;
 * a quorum of the last set seals the bundle's header; that header's roots commit to the log and to the state.
 */
import type { Digest, PublicKey } from '../shared/brands.ts';
import { equalBytes, fromHex, toHex } from '../shared/bytes.ts';
import { tryDecode } from '../shared/codec.ts';
import { type BlockHeader, blockDigest } from './block.ts';
import { logOrigin, parseCheckpoint, validatorNoteKey } from './checkpoint.ts';
import { chainIdOf, type Genesis, genesisValidatorSet } from './genesis.ts';
import { decodeCommitmentProof, Ics23Error, verifyMembership, verifyNonMembership } from './ics23.ts';
import { sealsFinding } from './light-client.ts';
import { encodeLogLeaf } from './log-leaf.ts';
import { hashLeaf } from './merkle-hash.ts';
import { verifyInclusion } from './merkle-log.ts';
import type { ProofBundle, StateSubject, TransactionSubject } from './proof-bundle.ts';
import { parseProofFile } from './proof-file.ts';
import { NoteError, type SignatureCheck, verifyNote } from './signed-note.ts';
import { emptyStateRoot } from './state-tree.ts';
import { transactionCodec, transactionHash, transactionSigningBytes } from './transaction.ts';
import { type ValidatorSet, validatorSetHash } from './validator-set.ts';

export type BundleCheckName =
  | 'chain' // the bundle is of this genesis, and so is every header in it
  | 'set-chain' // validator sets follow from genesis to the header
  | 'set-change-seals' // each step of that chain is sealed by a quorum
  | 'header-validators' // the header is decided by the last set of the chain
  | 'header-seals' // and sealed by a quorum of it
  | 'transaction' // signed under the key named, for this chain
  | 'log-inclusion' // the leaf is in the log under the header
  | 'state-proof' // the key is as claimed under the header
  | 'checkpoint' // the .tlog-proof is of the same leaf and log, cosigned by a quorum
  | 'trusted-header' // the chain passes through the header that the reader trusts
  | 'anchor'; // the chain is no older than the trust period

interface BundleCheck {
  readonly check: BundleCheckName;
  readonly ok: boolean;
  /** For people: what was found. */
  readonly detail: string;
}

export interface BundleVerification {
  /**
   * - valid: every check passed.
   * - unanchored: all but `anchor` did; validators removed since could have forged the chain of sets, so a recent
   *   trusted header is needed.
   * - invalid: anything else.
   */
  readonly verdict: 'valid' | 'unanchored' | 'invalid';
  /** Every check that applies, in order. */
  readonly checks: readonly BundleCheck[];
  /** Digest of the bundle's header. */
  readonly headerDigest: Digest;
  /** Of a transaction's bundle. */
  readonly transactionHash: Digest | null;
}

export interface VerifyBundleOptions {
  readonly verifySignature: SignatureCheck;
  /** A header that the reader knows to be final from elsewhere. The bundle must pass through it. */
  readonly trusted?: { readonly height: number; readonly digest: Digest };
  /** Height at which the reader believes the chain to be; the age of the chain of sets is counted up to it. */
  readonly currentHeight?: number;
}

interface Context {
  readonly bundle: ProofBundle;
  readonly genesis: Genesis;
  readonly options: VerifyBundleOptions;
}

/** What is wrong, or null. */
type Finding = string | null;

const outcome = (check: BundleCheckName, finding: Finding, detail: string): BundleCheck => ({
  check,
  ok: finding === null,
  detail: finding ?? detail,
});

/** Says of every check whether it passed. Never throws for what the bundle holds. */
export function verifyBundle(bundle: ProofBundle, genesis: Genesis, options: VerifyBundleOptions): BundleVerification {
  const context: Context = { bundle, genesis, options };
  const { header, setChanges, subject } = bundle;
  const set = setChanges.at(-1)?.nextValidators ?? genesisValidatorSet(genesis);
  const checks: BundleCheck[] = [
    outcome('chain', chainFinding(context), `chain ${bundle.chainId} of genesis ${genesis.chainName}`),
    outcome('set-chain', setChainFinding(context), `${setChanges.length} headers from genesis to ${header.height}`),
    outcome('set-change-seals', changeSealsFinding(context), `${setChanges.length} headers sealed by quorums`),
    outcome(
      'header-validators',
      header.validatorsHash === validatorSetHash(set) ? null : 'the header is of another validator set',
      `${set.validators.length} validators, quorum ${set.quorum}`,
    ),
    outcome(
      'header-seals',
      sealsFinding(options.verifySignature, bundle, set),
      `${bundle.commit.seals.length} seals of round ${bundle.commit.round}`,
    ),
    ...(subject.type === 'transaction' ? transactionChecks(context, subject) : [stateCheck(header, subject)]),
  ];
  if (bundle.tlogProof !== null) checks.push(checkpointCheck(context, bundle.tlogProof, set));
  if (options.trusted !== undefined) checks.push(trustedCheck(bundle, options.trusted));
  checks.push(anchorCheck(context));
  const failed = checks.filter(({ ok }) => !ok);
  const isAnchorOnly = failed.every(({ check }) => check === 'anchor');
  return {
    verdict: failed.length === 0 ? 'valid' : isAnchorOnly ? 'unanchored' : 'invalid',
    checks,
    headerDigest: blockDigest(header),
    transactionHash: subject.type === 'transaction' ? transactionHash(subject.transaction) : null,
  };
}

const headersOf = ({ setChanges, header }: ProofBundle): readonly BlockHeader[] => [
  ...setChanges.map((change) => change.header),
  header,
];

function chainFinding({ bundle, genesis }: Context): Finding {
  const expected = chainIdOf(genesis);
  if (bundle.chainId !== expected) return `the bundle is of chain ${bundle.chainId}, the genesis of ${expected}`;
  const foreign = headersOf(bundle).find((header) => header.chainId !== expected);
  return foreign === undefined ? null : `the header at ${foreign.height} is of chain ${foreign.chainId}`;
}

function setChainFinding({ bundle, genesis }: Context): Finding {
  let set = genesisValidatorSet(genesis);
  let height = 0;
  for (const { header, nextValidators } of bundle.setChanges) {
    if (header.height <= height) return `height ${header.height} follows height ${height}`;
    if (header.validatorsHash !== validatorSetHash(set)) {
      return `the header at ${header.height} is decided by another set than the chain leads to`;
    }
    if (header.nextValidatorsHash !== validatorSetHash(nextValidators)) {
      return `the set after ${header.height} is not the one that its header names`;
    }
    set = nextValidators;
    height = header.height;
  }
  return bundle.header.height > height ? null : `the header at ${bundle.header.height} follows height ${height}`;
}

function changeSealsFinding(context: Context): Finding {
  let set = genesisValidatorSet(context.genesis);
  for (const change of context.bundle.setChanges) {
    const { header, nextValidators } = change;
    const finding = sealsFinding(context.options.verifySignature, change, set);
    if (finding !== null) return `at height ${header.height}: ${finding}`;
    set = nextValidators;
  }
  return null;
}

function transactionChecks({ bundle, options }: Context, subject: TransactionSubject): BundleCheck[] {
  const { logSize, logRoot, height } = bundle.header;
  const inclusion = (): Finding => {
    if (subject.height > height) return `a transaction of height ${subject.height} in a log of height ${height}`;
    const hash = leafHash(subject);
    const holds = verifyInclusion(subject.logIndex, logSize, hash, subject.inclusion, fromHex(logRoot));
    return holds ? null : 'the leaf is not at that index of the log under the header';
  };
  const detail = `leaf ${subject.logIndex} of ${logSize}, transaction ${subject.index} of block ${subject.height}`;
  return [signatureCheck(bundle, subject, options.verifySignature), outcome('log-inclusion', inclusion(), detail)];
}

const leafHash = ({ height, index, transaction, result }: TransactionSubject): Uint8Array =>
  hashLeaf(encodeLogLeaf({ height: height as BlockHeader['height'], index, transaction, result }));

/**
 * Which key an account signs with is in the state, not in the bundle: where it is another than the account's first, the
 * validators that sealed the block vouch for it, since they admit no transaction under any other.
 */
function signatureCheck(bundle: ProofBundle, subject: TransactionSubject, verify: SignatureCheck): BundleCheck {
  const decoded = tryDecode(transactionCodec, subject.transaction);
  if ('error' in decoded) return outcome('transaction', `not a transaction: ${decoded.error.message}`, '');
  const { value } = decoded;
  const { signer } = subject;
  const isForeign = value.chainId !== bundle.chainId;
  const isSigned = verify(signer, transactionSigningBytes(value), value.signature);
  const finding = isForeign ? `of chain ${value.chainId}` : isSigned ? null : `not signed under ${signer}`;
  const isRotated = signer !== value.sender;
  const rotation = `; signed under ${signer}: that the account rotated its key to this one rests on the block's seals`;
  const detail = `${value.kind} of ${value.sender}, nonce ${value.nonce}${isRotated ? rotation : ''}`;
  return outcome('transaction', finding, detail);
}

function stateCheck(header: BlockHeader, subject: StateSubject): BundleCheck {
  const detail = subject.value === null ? 'absent' : `${subject.value.length} bytes`;
  return outcome('state-proof', stateFinding(header.stateRoot, subject), `${toHex(subject.key)}: ${detail}`);
}

function stateFinding(stateRoot: Digest, { key, value, proof: bytes }: StateSubject): Finding {
  if (bytes === null) {
    const isEmpty = stateRoot === emptyStateRoot && value === null;
    return isEmpty ? null : 'no proof under a state that is not empty';
  }
  try {
    const proof = decodeCommitmentProof(bytes);
    if (!equalBytes(proof.proof.key, key)) return 'the proof names another key';
    const root = fromHex(stateRoot);
    const verdict = value === null ? verifyNonMembership(root, proof, key) : verifyMembership(root, proof, key, value);
    return verdict.kind === 'rejected' ? `the proof does not hold: ${verdict.reason}` : null;
  } catch (error) {
    if (error instanceof Ics23Error) return `not a proof: ${error.message}`;
    throw error;
  }
}

function checkpointCheck(context: Context, text: string, set: ValidatorSet): BundleCheck {
  try {
    return outcome('checkpoint', checkpointFinding(context, text, set), 'cosigned by a quorum of the validators');
  } catch (error) {
    if (error instanceof NoteError) return outcome('checkpoint', error.message, '');
    throw error;
  }
}

/** Throws {@link NoteError} where the text is not a proof file. */
function checkpointFinding({ bundle, options }: Context, text: string, set: ValidatorSet): Finding {
  const { header, subject } = bundle;
  if (subject.type !== 'transaction') return 'a proof of a log entry beside a state proof';
  const proof = parseProofFile(text);
  const checkpoint = parseCheckpoint(proof.checkpoint.text);
  if (proof.extra !== null) return 'unauthenticated extra data';
  const path = (hashes: readonly Uint8Array[]): string => hashes.map(toHex).join();
  if (proof.index !== subject.logIndex || path(proof.path) !== path(subject.inclusion)) return 'of another entry';
  if (checkpoint.origin !== logOrigin(bundle.chainId)) return `of another log: ${checkpoint.origin}`;
  if (checkpoint.size !== header.logSize || checkpoint.root !== header.logRoot || checkpoint.extensions.length > 0) {
    return 'of another state of the log than the header';
  }
  const keys = set.validators.map(({ publicKey }: { readonly publicKey: PublicKey }) => validatorNoteKey(publicKey));
  const verification = verifyNote(proof.checkpoint, keys, options.verifySignature);
  if (verification.kind === 'refused') return `the checkpoint is refused: ${verification.reason}`;
  const { signers } = verification;
  if (signers.length !== proof.checkpoint.signatures.length)
    return 'a cosignature that is not of a validator, or twice';
  return signers.length >= set.quorum ? null : `${signers.length} cosignatures, ${set.quorum} needed`;
}

function trustedCheck(bundle: ProofBundle, trusted: { readonly height: number; readonly digest: Digest }): BundleCheck {
  const header = headersOf(bundle).find(({ height }) => height === trusted.height);
  const finding =
    header === undefined
      ? `the bundle does not pass through height ${trusted.height}: ask for one that does`
      : blockDigest(header) === trusted.digest
        ? null
        : `the header at ${trusted.height} is ${blockDigest(header)}`;
  return outcome('trusted-header', finding, `passes through ${trusted.digest} at ${trusted.height}`);
}

/**
 * Keys of validators that were removed more than the trust period ago are no longer bonded: they could seal another
 * history at no cost. A chain of sets is believed for the trust period after the last point that is known otherwise.
 */
function anchorCheck({ bundle, genesis, options }: Context): BundleCheck {
  const { trustPeriodBlocks } = genesis.parameters;
  const { height } = bundle.header;
  const trustedHeight = options.trusted?.height ?? 0;
  const age = Math.max(height, options.currentHeight ?? 0) - trustedHeight;
  // Nothing above the trusted header rests on old keys when it is the bundle's own.
  const isAnchored = age <= trustPeriodBlocks || (options.trusted !== undefined && trustedHeight === height);
  const from = options.trusted === undefined ? 'genesis' : `the trusted header at ${trustedHeight}`;
  const finding = `${age} blocks after ${from}, more than the trust period of ${trustPeriodBlocks}: give a trusted header`;
  return outcome('anchor', isAnchored ? null : finding, `${age} blocks after ${from}`);
}

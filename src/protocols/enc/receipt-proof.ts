/**
 * The proof of an execution receipt, verified offline: the receipt, its place in the batch that was anchored, and the transactions by
 * which the cluster was registered, the workload admitted and the batch anchored, each proved from genesis. The admission is what the
 * ledger took only under agreements in force; the decision's own proof may be inside. docs/formats/execution-receipt.md.
 */
import type { Genesis } from '../ledger/genesis.ts';
import {
  type JsonCodec,
  jsonBytesExact,
  jsonList,
  jsonNullable,
  jsonPattern,
  jsonStruct,
  jsonText,
  jsonUint,
} from '../ledger/json-codec.ts';
import { hashLeaf } from '../ledger/merkle-hash.ts';
import { verifyInclusion } from '../ledger/merkle-log.ts';
import { admitCodec, anchorReceiptsCodec, registerClusterCodec } from '../ledger/modules/enc/bodies.ts';
import { type ProofBundle, proofBundleCodec } from '../ledger/proof-bundle.ts';
import { resultCodec } from '../ledger/results.ts';
import { transactionCodec } from '../ledger/transaction.ts';
import { type BundleVerification, verifyBundle, type VerifyBundleOptions } from '../ledger/verify-bundle.ts';
import type { PublicKey } from '../shared/brands.ts';
import { fromHex, toUtf8 } from '../shared/bytes.ts';
import { type Codec, tryDecode } from '../shared/codec.ts';
import { DsseError, openEnvelope, readEnvelope } from '../shared/dsse.ts';
import { type DecisionProof, decisionProofCodec, verifyDecisionProof } from '../traffic/decision-proof.ts';
import { executionPredicate, receiptHash, type WorkloadExecution } from './receipt.ts';

export const receiptProofFormat = 'bpci/execution-receipt-proof/v1';

export interface ReceiptProof {
  readonly format: typeof receiptProofFormat;
  /** The DSSE envelope as JSON text: its very bytes are what is anchored. */
  readonly receipt: string;
  /** Place in the batch, from 0. */
  readonly index: number;
  /** From the leaf up. */
  readonly inclusion: readonly Uint8Array[];
  /** Of transactions `enc.anchor-receipts`, `enc.admit-workload`, `enc.register-cluster`. */
  readonly anchor: ProofBundle;
  readonly admission: ProofBundle;
  readonly registration: ProofBundle;
  readonly decision: DecisionProof | null;
}

export const receiptProofCodec: JsonCodec<ReceiptProof> = jsonStruct<ReceiptProof>({
  format: jsonPattern(/^bpci\/execution-receipt-proof\/v1$/, 40) as JsonCodec<typeof receiptProofFormat>,
  receipt: jsonText(256 * 1024),
  index: jsonUint(),
  inclusion: jsonList(jsonBytesExact(32), 64),
  anchor: proofBundleCodec,
  admission: proofBundleCodec,
  registration: proofBundleCodec,
  decision: jsonNullable(decisionProofCodec),
});

type ReceiptCheckName =
  | 'receipt' // a statement about an execution, signed by the key that it names
  | 'registered' // the cluster was registered on chain with that key
  | 'admitted' // the chain gave the cluster this lease, for this decision, under these agreements
  | 'anchored' // the cluster's owner anchored the batch
  | 'inclusion' // the receipt stands at its place in the batch
  | 'decision'; // the decision is the one that the receipt names, and was anchored itself

interface ReceiptCheck {
  readonly check: ReceiptCheckName | `${'anchor' | 'admission' | 'registration'}: ${string}`;
  readonly ok: boolean;
  readonly detail: string;
}

export interface ReceiptVerification {
  /** unanchored: everything holds from a validator set that is too old to be trusted for itself. */
  readonly verdict: 'valid' | 'unanchored' | 'invalid';
  readonly checks: readonly ReceiptCheck[];
  readonly execution: WorkloadExecution | null;
}

const check = (name: ReceiptCheckName, finding: string | null, detail: string): ReceiptCheck => ({
  ...{ check: name, ok: finding === null },
  detail: finding ?? detail,
});

function executionIn(text: string, { verifySignature }: VerifyBundleOptions): WorkloadExecution | string {
  try {
    const { statement, signers } = openEnvelope(readEnvelope(JSON.parse(text)), verifySignature);
    if (statement.predicateType !== executionPredicate) return `a statement of type ${statement.predicateType}`;
    const execution = statement.predicate as WorkloadExecution;
    const [workload, image] = statement.subject;
    if (!signers.includes(execution.clusterKey)) return 'not signed by the key that it names';
    if (workload?.digest.sha256 !== execution.workload || `sha256:${image?.digest.sha256}` !== execution.image)
      return 'its subjects are not what it speaks of';
    return execution;
  } catch (error) {
    if (error instanceof DsseError || error instanceof SyntaxError || error instanceof TypeError) return error.message;
    throw error;
  }
}

/** The body and sender of the transaction that a bundle proves; text: why it is none of that kind that was taken. */
function taken<Body>(
  { subject }: ProofBundle,
  kind: string,
  codec: Codec<Body>,
): { readonly body: Body; readonly sender: PublicKey; readonly height: number } | string {
  if (subject.type !== 'transaction') return 'the bundle proves no transaction';
  const transaction = tryDecode(transactionCodec, subject.transaction);
  const result = tryDecode(resultCodec, subject.result);
  if (!('value' in transaction) || !('value' in result)) return 'the bundle holds no transaction with its result';
  if (transaction.value.kind !== kind) return `a transaction ${transaction.value.kind}, not ${kind}`;
  if (result.value.code !== 'ok') return `${kind} was refused: ${result.value.code}`;
  const body = tryDecode(codec, transaction.value.body);
  if (!('value' in body)) return `${kind} has no body`;
  return { body: body.value, sender: transaction.value.sender, height: subject.height };
}

function registrationFinding(proof: ReceiptProof, { cluster, clusterKey }: WorkloadExecution): string | PublicKeyOf {
  const found = taken(proof.registration, 'enc.register-cluster', registerClusterCodec);
  if (typeof found === 'string') return found;
  if (found.body.id !== cluster) return `the registration is of ${found.body.id}`;
  return found.body.key === clusterKey ? { owner: found.sender } : 'the cluster was registered with another key';
}

interface PublicKeyOf {
  readonly owner: PublicKey;
}

function admissionFinding(proof: ReceiptProof, execution: WorkloadExecution, owner: PublicKey): string | null {
  const found = taken(proof.admission, 'enc.admit-workload', admitCodec);
  if (typeof found === 'string') return found;
  if (found.sender !== owner || found.body.cluster !== execution.cluster) return 'the admission is to another cluster';
  const one = found.body.admissions.find(
    ({ workload, epoch }) => workload === execution.workload && epoch === execution.epoch,
  );
  if (one === undefined) return 'the admission is of another workload or lease';
  if (one.decision !== execution.decision) return 'it was admitted for another decision';
  return one.agreements.join() === execution.agreements.join() ? null : 'it was admitted under other agreements';
}

function anchorChecks(proof: ReceiptProof, { cluster }: WorkloadExecution, owner: PublicKey): readonly ReceiptCheck[] {
  const found = taken(proof.anchor, 'enc.anchor-receipts', anchorReceiptsCodec);
  if (typeof found === 'string') return [check('anchored', found, '')];
  const { body, sender, height } = found;
  if (sender !== owner || body.cluster !== cluster) return [check('anchored', 'the anchor is of another cluster', '')];
  const leaf = hashLeaf(fromHex(receiptHash(toUtf8(proof.receipt))));
  const isIn = verifyInclusion(proof.index, body.count, leaf, proof.inclusion, fromHex(body.root));
  return [
    check('anchored', null, `block ${height}, batch ${body.batch} of ${cluster}, ${body.count} receipts`),
    check('inclusion', isIn ? null : 'the receipt is not under the anchored root', `${proof.index} of ${body.count}`),
  ];
}

function decisionCheck(
  { decision }: ReceiptProof,
  execution: WorkloadExecution,
  genesis: Genesis,
  options: VerifyBundleOptions,
): ReceiptCheck | null {
  if (decision === null) return null;
  const { verdict, decision: found } = verifyDecisionProof(decision, genesis, options);
  const finding =
    verdict === 'invalid'
      ? 'the proof of the decision does not hold'
      : found?.id !== execution.decision
        ? 'it is another decision than the receipt names'
        : found.state === 'Red' || (found.policy?.policySetHash ?? null) !== execution.policySet
          ? 'the decision does not say what the receipt says of it'
          : null;
  return check('decision', finding, `${found?.state ?? ''}, ${verdict}`);
}

/** Says of every check whether it passed. Never throws for what the proof holds. */
export function verifyReceiptProof(
  proof: ReceiptProof,
  genesis: Genesis,
  options: VerifyBundleOptions,
): ReceiptVerification {
  const execution = executionIn(proof.receipt, options);
  if (typeof execution === 'string')
    return { verdict: 'invalid', checks: [check('receipt', execution, '')], execution: null };
  const checks: ReceiptCheck[] = [
    check('receipt', null, `workload ${execution.workload}, signed by ${execution.cluster}`),
  ];
  const registered = registrationFinding(proof, execution);
  const owner = typeof registered === 'string' ? null : registered.owner;
  checks.push(check('registered', typeof registered === 'string' ? registered : null, `by ${owner ?? ''}`));
  if (owner !== null) {
    const names = execution.agreements.map((id) => id.slice(0, 12)).join(', ');
    checks.push(
      check('admitted', admissionFinding(proof, execution, owner), `lease ${execution.epoch} under ${names}`),
    );
    checks.push(...anchorChecks(proof, execution, owner));
  }
  const decided = decisionCheck(proof, execution, genesis, options);
  if (decided !== null) checks.push(decided);
  const verdicts: BundleVerification['verdict'][] = [];
  for (const part of ['anchor', 'admission', 'registration'] as const) {
    const bundle = verifyBundle(proof[part], genesis, options);
    verdicts.push(bundle.verdict);
    checks.push(...bundle.checks.map((each) => ({ ...each, check: `${part}: ${each.check}` as const })));
  }
  const own = checks.filter(({ check: name }) => !name.includes(': '));
  const isInvalid = own.some(({ ok }) => !ok) || verdicts.includes('invalid');
  return {
    verdict: isInvalid ? 'invalid' : verdicts.includes('unanchored') ? 'unanchored' : 'valid',
    checks,
    execution,
  };
}

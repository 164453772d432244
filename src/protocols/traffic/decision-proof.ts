/**
 * A decision's proof: its entry, its inclusion in the light's log under a signed checkpoint, perhaps the signed receipt, and
 * where the log was anchored the anchor's own proof bundle. Verified offline. docs/formats/decision-proof.md.
 */
import type { Digest, PublicKey } from '../shared/brands.ts';
import { equalBytes, fromHex, toUtf8 } from '../shared/bytes.ts';
import { CodecError, tryDecode } from '../shared/codec.ts';
import { DsseError, openEnvelope, readEnvelope } from '../shared/dsse.ts';
import type { Genesis } from '../ledger/genesis.ts';
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
} from '../ledger/json-codec.ts';
import { hashLeaf } from '../ledger/merkle-hash.ts';
import { verifyInclusion } from '../ledger/merkle-log.ts';
import { type ProofBundle, proofBundleCodec } from '../ledger/proof-bundle.ts';
import { resultCodec } from '../ledger/results.ts';
import { transactionCodec } from '../ledger/transaction.ts';
import { type BundleVerification, verifyBundle, type VerifyBundleOptions } from '../ledger/verify-bundle.ts';
import { anchorBodyCodec } from '../ledger/modules/traffic/bodies.ts';
import { trafficRequestDigest } from './flow.ts';
import { type DecisionEntry, decodeEntry } from './entry.ts';
import { readLogCheckpoint } from './log-identity.ts';
import { decisionStatement, readDecision } from './receipt.ts';

export const decisionProofFormat = 'bpci/decision-proof/v1';

/** The anchor that covers the entry: a transaction `traffic.anchor` of the light. */
export interface AnchorProof {
  /** From the leaf up, in the tree of the anchored size. */
  readonly inclusion: readonly Uint8Array[];
  readonly bundle: ProofBundle;
}

export interface DecisionProof {
  readonly format: typeof decisionProofFormat;
  readonly logId: Digest;
  readonly light: PublicKey;
  readonly index: number;
  /** Canonical bytes of the log entry. */
  readonly entry: Uint8Array;
  /** From the leaf up, in the tree of the checkpoint. */
  readonly inclusion: readonly Uint8Array[];
  /** Signed note. */
  readonly checkpoint: string;
  /** DSSE envelope as JSON text, or null. */
  readonly receipt: string | null;
  readonly anchor: AnchorProof | null;
}

const path = jsonList(jsonBytesExact(32), 64);

export const decisionProofCodec: JsonCodec<DecisionProof> = jsonStruct<DecisionProof>({
  format: jsonPattern(/^bpci\/decision-proof\/v1$/, 32) as JsonCodec<typeof decisionProofFormat>,
  logId: jsonDigest,
  light: jsonKey,
  index: jsonUint(),
  entry: jsonBytesMax(0xffff),
  inclusion: path,
  checkpoint: jsonText(4096),
  receipt: jsonNullable(jsonText(256 * 1024)),
  anchor: jsonNullable(jsonStruct<AnchorProof>({ inclusion: path, bundle: proofBundleCodec })),
});

type DecisionCheckName =
  | 'entry' // the bytes are a decision, and its request digest is that of its flow
  | 'checkpoint' // signed by the light, over this log
  | 'log-inclusion' // the entry stands at its index under the checkpoint
  | 'receipt' // signed by the light, and says what the entry says
  | 'anchor-inclusion' // the entry stands at its index under the root that was anchored
  | 'anchored'; // on chain, by the light

interface DecisionCheck {
  readonly check: DecisionCheckName | BundleVerification['checks'][number]['check'];
  readonly ok: boolean;
  readonly detail: string;
}

export interface DecisionVerification {
  /** unanchored: everything holds, but only the light's word stands for its log (or the anchor's bundle is unanchored). */
  readonly verdict: 'valid' | 'unanchored' | 'invalid';
  readonly checks: readonly DecisionCheck[];
  readonly decision: ReturnType<typeof readDecision> | null;
}

const outcome = (check: DecisionCheckName, finding: string | null, detail: string): DecisionCheck => ({
  ...{ check, ok: finding === null },
  detail: finding ?? detail,
});

function entryOf({ entry, logId, index }: DecisionProof): DecisionEntry | string {
  try {
    const decoded = decodeEntry(entry);
    if (decoded.type !== 'decision') return `an entry of type ${decoded.type}, not a decision`;
    if (decoded.log !== logId || decoded.index !== index) return 'the entry is of another place';
    return trafficRequestDigest(decoded.inputs) === decoded.request
      ? decoded
      : 'the request digest is not that of the flow';
  } catch (error) {
    if (error instanceof CodecError) return `not the bytes of an entry: ${error.message}`;
    throw error;
  }
}

function checkpointChecks(proof: DecisionProof, options: VerifyBundleOptions): readonly DecisionCheck[] {
  const { logId, light, index, entry, inclusion, checkpoint: note } = proof;
  const checkpoint = readLogCheckpoint(note, logId, light, options.verifySignature);
  if (checkpoint === null) return [outcome('checkpoint', 'not a checkpoint of this log signed by the light', '')];
  const { size, root } = checkpoint;
  const isIn = verifyInclusion(index, size, hashLeaf(entry), inclusion, fromHex(root));
  return [
    outcome('checkpoint', null, `${size} entries, root ${root}`),
    outcome(
      'log-inclusion',
      isIn ? null : `no entry ${index} of these bytes under the root`,
      `entry ${index} of ${size}`,
    ),
  ];
}

/** The receipt must be exactly what follows from the entry: nothing can be said beside it. */
function receiptFinding(text: string, proof: DecisionProof, options: VerifyBundleOptions): string | null {
  const { entry, light } = proof;
  try {
    const { statement, signers } = openEnvelope(readEnvelope(JSON.parse(text)), options.verifySignature);
    if (!signers.includes(light)) return 'not signed by the light';
    const expected = toUtf8(JSON.stringify(decisionStatement(readDecision(entry))));
    return equalBytes(toUtf8(JSON.stringify(statement)), expected)
      ? null
      : 'the receipt says something else than the entry';
  } catch (error) {
    if (error instanceof DsseError || error instanceof SyntaxError) return error.message;
    throw error;
  }
}

/** What the bundle proves must be an anchor of this log that was taken. */
function anchorChecks(proof: DecisionProof, anchor: AnchorProof): readonly DecisionCheck[] {
  const { logId, light, index, entry } = proof;
  const wrong = (finding: string): readonly DecisionCheck[] => [outcome('anchored', finding, '')];
  const { subject } = anchor.bundle;
  if (subject.type !== 'transaction') return wrong('the bundle proves no transaction');
  const transaction = tryDecode(transactionCodec, subject.transaction);
  const result = tryDecode(resultCodec, subject.result);
  if (!('value' in transaction) || !('value' in result))
    return wrong('the bundle holds no transaction with its result');
  if (transaction.value.kind !== 'traffic.anchor') return wrong(`a transaction ${transaction.value.kind}, no anchor`);
  if (result.value.code !== 'ok') return wrong(`the anchor was refused: ${result.value.code}`);
  const body = tryDecode(anchorBodyCodec, transaction.value.body);
  if (!('value' in body)) return wrong('the anchor has no body');
  const { size, root } = body.value;
  if (body.value.logId !== logId || transaction.value.sender !== light) return wrong('the anchor is of another log');
  const isIn = verifyInclusion(index, size, hashLeaf(entry), anchor.inclusion, fromHex(root));
  const finding = isIn ? null : `no entry ${index} of these bytes under the anchored root`;
  return [
    outcome('anchored', null, `block ${subject.height}, ${size} entries, root ${root}`),
    outcome('anchor-inclusion', finding, `entry ${index} of ${size}`),
  ];
}

/** Says of every check whether it passed. Never throws for what the proof holds. */
export function verifyDecisionProof(
  proof: DecisionProof,
  genesis: Genesis,
  options: VerifyBundleOptions,
): DecisionVerification {
  const entry = entryOf(proof);
  const isEntry = typeof entry !== 'string';
  const checks: DecisionCheck[] = [
    outcome('entry', isEntry ? null : entry, isEntry ? `request ${entry.request}` : ''),
    ...checkpointChecks(proof, options),
  ];
  if (proof.receipt !== null && isEntry)
    checks.push(outcome('receipt', receiptFinding(proof.receipt, proof, options), `signed by ${proof.light}`));
  let isAnchored = false;
  if (proof.anchor !== null) {
    const bundle = verifyBundle(proof.anchor.bundle, genesis, options);
    checks.push(...anchorChecks(proof, proof.anchor), ...bundle.checks);
    isAnchored = bundle.verdict === 'valid';
  }
  // Of the bundle's own checks its age alone may fail without making the proof invalid.
  const isSound = checks.every(({ ok, check }) => ok || check === 'anchor');
  return {
    verdict: !isSound ? 'invalid' : isAnchored ? 'valid' : 'unanchored',
    checks,
    decision: isEntry ? readDecision(proof.entry) : null,
  };
}

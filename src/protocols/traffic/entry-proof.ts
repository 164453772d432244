/**
 * What proves any entry of a light's log: its inclusion under a signed checkpoint, and where the log was anchored the anchor's own
 * proof bundle. Verified offline. docs/formats/traffic-decision.md.
 */
import type { Digest, PublicKey } from '../shared/brands.ts';
import { fromHex } from '../shared/bytes.ts';
import { CodecError, tryDecode } from '../shared/codec.ts';
import type { Genesis } from '../ledger/genesis.ts';
import {
  jsonBytesExact,
  jsonBytesMax,
  jsonDigest,
  jsonKey,
  jsonList,
  jsonNullable,
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
import { decodeEntry, type LogEntry } from './entry.ts';
import { readLogCheckpoint } from './log-identity.ts';

/** The anchor that covers the entry: a transaction `traffic.anchor` of the light. */
export interface AnchorProof {
  /** From the leaf up, in the tree of the anchored size. */
  readonly inclusion: readonly Uint8Array[];
  readonly bundle: ProofBundle;
}

export interface EntryProof {
  readonly logId: Digest;
  readonly light: PublicKey;
  readonly index: number;
  /** Canonical bytes of the log entry. */
  readonly entry: Uint8Array;
  /** From the leaf up, in the tree of the checkpoint. */
  readonly inclusion: readonly Uint8Array[];
  /** Signed note. */
  readonly checkpoint: string;
  readonly anchor: AnchorProof | null;
}

const path = jsonList(jsonBytesExact(32), 64);

/** Fields of every proof of an entry. */
export const placeFields = {
  logId: jsonDigest,
  light: jsonKey,
  index: jsonUint(),
  entry: jsonBytesMax(0xffff),
  inclusion: path,
  checkpoint: jsonText(4096),
} as const;
export const anchorField = {
  anchor: jsonNullable(jsonStruct<AnchorProof>({ inclusion: path, bundle: proofBundleCodec })),
} as const;

type EntryCheckName =
  | 'entry' // the bytes are an entry of the right type at this place, and agree with themselves
  | 'checkpoint' // signed by the light, over this log
  | 'log-inclusion' // the entry stands at its index under the checkpoint
  | 'receipt' // of a decision: signed by the light, and says what the entry says
  | 'anchor-inclusion' // the entry stands at its index under the root that was anchored
  | 'anchored'; // on chain, by the light

export interface EntryCheck {
  readonly check: EntryCheckName | BundleVerification['checks'][number]['check'];
  readonly ok: boolean;
  readonly detail: string;
}

export interface EntryVerification {
  /** unanchored: everything holds, but only the light's word stands for its log (or the anchor's bundle is unanchored). */
  readonly verdict: 'valid' | 'unanchored' | 'invalid';
  readonly checks: readonly EntryCheck[];
}

/** @param finding null: it passes, with `detail` */
export const entryCheck = (check: EntryCheckName, finding: string | null, detail: string): EntryCheck => ({
  ...{ check, ok: finding === null },
  detail: finding ?? detail,
});

/** An entry that says its own place. */
type PlacedEntry = Extract<LogEntry, { readonly index: number }>;

/** The entry that is proved, or why the bytes are none of this type at this place. */
export function provedEntry<Type extends PlacedEntry['type']>(
  { entry, logId, index }: EntryProof,
  type: Type,
): Extract<PlacedEntry, { type: Type }> | string {
  try {
    const decoded = decodeEntry(entry);
    if (decoded.type !== type) return `an entry of type ${decoded.type}, not ${type}`;
    const placed = decoded as Extract<PlacedEntry, { type: Type }>;
    return placed.log === logId && placed.index === index ? placed : 'the entry is of another place';
  } catch (error) {
    if (error instanceof CodecError) return `not the bytes of an entry: ${error.message}`;
    throw error;
  }
}

function checkpointChecks(proof: EntryProof, options: VerifyBundleOptions): readonly EntryCheck[] {
  const { logId, light, index, entry, inclusion, checkpoint: note } = proof;
  const checkpoint = readLogCheckpoint(note, logId, light, options.verifySignature);
  if (checkpoint === null) return [entryCheck('checkpoint', 'not a checkpoint of this log signed by the light', '')];
  const { size, root } = checkpoint;
  const isIn = verifyInclusion(index, size, hashLeaf(entry), inclusion, fromHex(root));
  return [
    entryCheck('checkpoint', null, `${size} entries, root ${root}`),
    entryCheck(
      'log-inclusion',
      isIn ? null : `no entry ${index} of these bytes under the root`,
      `entry ${index} of ${size}`,
    ),
  ];
}

/** What the bundle proves must be an anchor of this log that was taken. */
function anchorChecks(proof: EntryProof, anchor: AnchorProof): readonly EntryCheck[] {
  const { logId, light, index, entry } = proof;
  const wrong = (finding: string): readonly EntryCheck[] => [entryCheck('anchored', finding, '')];
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
    entryCheck('anchored', null, `block ${subject.height}, ${size} entries, root ${root}`),
    entryCheck('anchor-inclusion', finding, `entry ${index} of ${size}`),
  ];
}

/** Says of every check whether it passed, `own` of the entry itself and of what comes with it. Never throws for what the proof holds. */
export function verifyEntryProof(
  proof: EntryProof,
  genesis: Genesis,
  options: VerifyBundleOptions,
  own: { readonly entry: EntryCheck; readonly more: readonly EntryCheck[] },
): EntryVerification {
  const checks: EntryCheck[] = [own.entry, ...checkpointChecks(proof, options), ...own.more];
  let isAnchored = false;
  if (proof.anchor !== null) {
    const bundle = verifyBundle(proof.anchor.bundle, genesis, options);
    checks.push(...anchorChecks(proof, proof.anchor), ...bundle.checks);
    isAnchored = bundle.verdict === 'valid';
  }
  // Of the bundle's own checks its age alone may fail without making the proof invalid.
  const isSound = checks.every(({ ok, check }) => ok || check === 'anchor');
  return { verdict: !isSound ? 'invalid' : isAnchored ? 'valid' : 'unanchored', checks };
}

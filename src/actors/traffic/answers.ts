/** What a light shows of its log: decisions, proofs, replays. */
import type { ReadView } from '../../protocols/ledger/view.ts';
import { proofBundleCodec } from '../../protocols/ledger/proof-bundle.ts';
import { readJson } from '../../protocols/ledger/json-codec.ts';
import type { Digest, PublicKey } from '../../protocols/shared/brands.ts';
import { decisionProofFormat, type DecisionProof } from '../../protocols/traffic/decision-proof.ts';
import type { AnchorProof, EntryProof } from '../../protocols/traffic/entry-proof.ts';
import { obeyedProofFormat, type ObeyedProof } from '../../protocols/traffic/obeyed-proof.ts';
import { decodeEntry, replayEntry, type ReplayVerdict } from '../../protocols/traffic/entry.ts';
import { signReceipt, toTrafficDecision, type TrafficDecision } from '../../protocols/traffic/receipt.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import type { Anchored } from './anchoring.ts';
import type { StoredEntry } from './decision-log.ts';
import type { Light, Placed, StoredDecision } from './light.ts';
import { decodeAside } from './light-memory.ts';
import type { Answered, DecisionAnswer, DecisionFilter } from './messages.ts';
import type { PolicyLibrary } from '../policy/policy-library.ts';

const unknown = { kind: 'refused', reason: 'unknown-decision' } as const;

/** What is said of a durable decision; `signer` makes the receipt where one is wanted. */
export function answerOf(
  light: Light,
  { id, entry }: Pick<Placed, 'id' | 'entry'>,
  signer: Signer | null,
): DecisionAnswer {
  const decision = toTrafficDecision(id, entry);
  return {
    decision,
    checkpoint: light.log.head.checkpoint,
    receipt: signer === null ? null : signReceipt(decision, signer),
    quarantine: decision.enforcementAction === 'hold' ? (decision.releases ?? decision.id) : null,
  };
}

/** Read back from the log. */
export function answerAt(light: Light, index: number, signer: Signer | null): Answered<DecisionAnswer> {
  const found = light.decisionAt(index);
  return found === null ? unknown : { kind: 'answer', value: answerOf(light, found, signer) };
}

/**
 * A durable decision that the viewer may see: who enforces it and whose tenant's it is may, null (the machine itself) sees all. To
 * everybody else it does not exist.
 */
function visible(light: Light, id: Digest, viewer: PublicKey | null): StoredDecision | null {
  const index = light.indexOf(id);
  const found = index === null ? null : light.decisionAt(index);
  return found !== null && isVisible(found, viewer) ? found : null;
}

const isVisible = ({ entry, aside }: Pick<StoredDecision, 'entry' | 'aside'>, viewer: PublicKey | null): boolean =>
  viewer === null ||
  entry.inputs.enforcementPoint === viewer ||
  (aside !== null && decodeAside(aside).tenant === viewer);

export function decisionById(light: Light, id: Digest, viewer: PublicKey | null): Answered<DecisionAnswer> {
  const found = visible(light, id, viewer);
  return found === null ? unknown : { kind: 'answer', value: answerOf(light, found, null) };
}

/** The newest first. */
export function filterDecisions(
  light: Light,
  { state, tenant, limit }: DecisionFilter,
  viewer: PublicKey | null,
): readonly TrafficDecision[] {
  const found: TrafficDecision[] = [];
  for (const { bytes, aside, id } of light.log.newestFirst()) {
    if (found.length === limit) break;
    if (tenant !== undefined && (aside === null || decodeAside(aside).tenant !== tenant)) continue;
    const entry = decodeEntry(bytes);
    if (entry.type !== 'decision' || (state !== undefined && entry.outcome.state !== state)) continue;
    if (isVisible({ entry, aside }, viewer)) found.push(toTrafficDecision(id, entry));
  }
  return found;
}

/** What a light proves its entries with. */
export interface Proving {
  readonly light: Light;
  readonly signer: Signer;
  readonly covering: (index: number) => Anchored | null;
  readonly bundleOf: (hash: string) => Promise<unknown>;
}

/** Rejects where the chain cannot be asked for the anchor's bundle. */
export async function proofOf(
  proving: Proving,
  id: Digest,
  viewer: PublicKey | null,
): Promise<Answered<DecisionProof>> {
  const { light, signer } = proving;
  const found = visible(light, id, viewer);
  if (found === null) return unknown;
  const receipt = JSON.stringify(signReceipt(toTrafficDecision(id, found.entry), signer));
  const place = await entryProof(proving, found);
  return { kind: 'answer', value: { format: decisionProofFormat, ...place, receipt } };
}

/** Of the receipt by which an order of the court was confirmed: whoever can read the case may see it. Rejects as `proofOf`. */
export async function obeyedProofOf(proving: Proving, receipt: Digest): Promise<Answered<ObeyedProof>> {
  const { light } = proving;
  const index = light.indexOf(receipt);
  const found = index === null ? null : light.log.entry(index);
  if (found === null || decodeEntry(found.bytes).type !== 'obeyed')
    return { kind: 'refused', reason: 'unknown-receipt' };
  return { kind: 'answer', value: { format: obeyedProofFormat, ...(await entryProof(proving, found)) } };
}

async function entryProof(
  { light, signer, covering, bundleOf }: Proving,
  { index, bytes }: Pick<StoredEntry, 'index' | 'bytes'>,
): Promise<EntryProof> {
  const { head } = light.log;
  const anchored = covering(index);
  return {
    ...{ logId: head.logId, light: signer.publicKey, index, entry: bytes },
    inclusion: light.log.inclusion(index, head.size),
    checkpoint: head.checkpoint,
    anchor: anchored === null ? null : await anchorProof(light, index, anchored, bundleOf),
  };
}

async function anchorProof(
  light: Light,
  index: number,
  { size, hash }: Anchored,
  bundleOf: (hash: string) => Promise<unknown>,
): Promise<AnchorProof | null> {
  const bundle = readJson(proofBundleCodec, await bundleOf(hash));
  return 'value' in bundle ? { inclusion: light.log.inclusion(index, size), bundle: bundle.value } : null;
}

/** `view`: the chain as it is now, to be read before the next block. */
export async function replayById(
  light: Light,
  library: PolicyLibrary,
  view: ReadView,
  id: Digest,
  viewer: PublicKey | null,
): Promise<Answered<ReplayVerdict>> {
  const found = visible(light, id, viewer);
  if (found === null) return unknown;
  const { policy, height } = found.entry.inputs.state;
  const tables = policy === null ? null : await library.recall(policy, height, view);
  return { kind: 'answer', value: replayEntry(found.bytes, () => tables) };
}

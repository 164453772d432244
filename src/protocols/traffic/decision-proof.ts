/**
 * A decision's proof: its entry with what proves it, and perhaps the signed receipt. Verified offline. docs/formats/traffic-decision.md.
 */
import { equalBytes, toUtf8 } from '../shared/bytes.ts';
import { DsseError, openEnvelope, readEnvelope } from '../shared/dsse.ts';
import type { Genesis } from '../ledger/genesis.ts';
import { type JsonCodec, jsonNullable, jsonPattern, jsonStruct, jsonText } from '../ledger/json-codec.ts';
import type { VerifyBundleOptions } from '../ledger/verify-bundle.ts';
import type { DecisionEntry } from './entry.ts';
import {
  anchorField,
  entryCheck,
  type EntryProof,
  type EntryVerification,
  placeFields,
  provedEntry,
  verifyEntryProof,
} from './entry-proof.ts';
import { trafficRequestDigest } from './flow.ts';
import { decisionStatement, readDecision } from './receipt.ts';

export const decisionProofFormat = 'bpci/decision-proof/v1';

export interface DecisionProof extends EntryProof {
  readonly format: typeof decisionProofFormat;
  /** DSSE envelope as JSON text, or null. */
  readonly receipt: string | null;
}

export const decisionProofCodec: JsonCodec<DecisionProof> = jsonStruct<DecisionProof>({
  format: jsonPattern(/^bpci\/decision-proof\/v1$/, 32) as JsonCodec<typeof decisionProofFormat>,
  ...placeFields,
  receipt: jsonNullable(jsonText(256 * 1024)),
  ...anchorField,
});

export interface DecisionVerification extends EntryVerification {
  readonly decision: ReturnType<typeof readDecision> | null;
}

function decisionOf(proof: DecisionProof): DecisionEntry | string {
  const entry = provedEntry(proof, 'decision');
  if (typeof entry === 'string' || trafficRequestDigest(entry.inputs) === entry.request) return entry;
  return 'the request digest is not that of the flow';
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

/** Says of every check whether it passed. Never throws for what the proof holds. */
export function verifyDecisionProof(
  proof: DecisionProof,
  genesis: Genesis,
  options: VerifyBundleOptions,
): DecisionVerification {
  const entry = decisionOf(proof);
  const isEntry = typeof entry !== 'string';
  const { receipt, light } = proof;
  const own = {
    entry: entryCheck('entry', isEntry ? null : entry, isEntry ? `request ${entry.request}` : ''),
    more:
      receipt === null || !isEntry
        ? []
        : [entryCheck('receipt', receiptFinding(receipt, proof, options), `signed by ${light}`)],
  };
  return {
    ...verifyEntryProof(proof, genesis, options, own),
    decision: isEntry ? readDecision(proof.entry) : null,
  };
}

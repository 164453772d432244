/**
 * The proof that a light obeys an order of the court: the entry of its log whose leaf hash is the receipt that it confirmed the order
 * with on chain, and what proves that entry. Verified offline. docs/formats/traffic-decision.md, "Proof that an order is obeyed".
 */
import type { Digest } from '../shared/brands.ts';
import type { Genesis } from '../ledger/genesis.ts';
import { type JsonCodec, jsonPattern, jsonStruct } from '../ledger/json-codec.ts';
import type { VerifyBundleOptions } from '../ledger/verify-bundle.ts';
import { entryId, type ObeyedEntry } from './entry.ts';
import {
  anchorField,
  entryCheck,
  type EntryProof,
  type EntryVerification,
  placeFields,
  provedEntry,
  verifyEntryProof,
} from './entry-proof.ts';

export const obeyedProofFormat = 'bpci/obeyed-proof/v1';

export interface ObeyedProof extends EntryProof {
  readonly format: typeof obeyedProofFormat;
}

export const obeyedProofCodec: JsonCodec<ObeyedProof> = jsonStruct<ObeyedProof>({
  format: jsonPattern(/^bpci\/obeyed-proof\/v1$/, 32) as JsonCodec<typeof obeyedProofFormat>,
  ...placeFields,
  ...anchorField,
});

export interface ObeyedVerification extends EntryVerification {
  /** `id`: the receipt, as the case shows it beside the action. null: no such entry is proved. */
  readonly obeyed: (Omit<ObeyedEntry, 'type'> & { readonly id: Digest }) | null;
}

/** Says of every check whether it passed. Never throws for what the proof holds. */
export function verifyObeyedProof(
  proof: ObeyedProof,
  genesis: Genesis,
  options: VerifyBundleOptions,
): ObeyedVerification {
  const entry = provedEntry(proof, 'obeyed');
  const isEntry = typeof entry !== 'string';
  const detail = isEntry ? `action ${entry.action} of case ${entry.case}` : '';
  const own = { entry: entryCheck('entry', isEntry ? null : entry, detail), more: [] };
  const verification = verifyEntryProof(proof, genesis, options, own);
  if (!isEntry) return { ...verification, obeyed: null };
  const { type: _type, ...obeyed } = entry;
  return { ...verification, obeyed: { ...obeyed, id: entryId(proof.entry) } };
}

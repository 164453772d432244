/**
 * The audit archive of a tenant: its agreements, the policy sets in force, its decisions and the rulings about it, each with its own
 * proof, in one document that anybody verifies with the genesis alone. Beyond each proof it is checked that the parts rest on each
 * other: a decision on a policy set that is here, a ruling on an agreement that is here and names the tenant.
 * Source: security-and-audit design, "Audit trail". docs/formats/audit-archive.md.
 */
import type { ChainId, Digest, PublicKey } from '../shared/brands.ts';
import { equalBytes } from '../shared/bytes.ts';
import { tryDecode } from '../shared/codec.ts';
import { chainIdOf, type Genesis } from '../ledger/genesis.ts';
import { type JsonCodec, jsonDigest, jsonKey, jsonList, jsonPattern, jsonStruct } from '../ledger/json-codec.ts';
import {
  agreementId,
  partyOf,
  type StoredAgreement,
  storedAgreementJson,
} from '../ledger/modules/court/agreement-terms.ts';
import { caseCodec, type CaseRecord } from '../ledger/modules/court/case-state.ts';
import { courtStateKeys } from '../ledger/modules/court/court-queries.ts';
import { publicationId } from '../ledger/modules/policies/publication.ts';
import { publishedCodec, type PublishedSet, publishedSetKey } from '../ledger/modules/policies/policies.ts';
import { type ProofBundle, proofBundleCodec } from '../ledger/proof-bundle.ts';
import { verifyBundle, type VerifyBundleOptions } from '../ledger/verify-bundle.ts';
import { type DecisionProof, decisionProofCodec, verifyDecisionProof } from '../traffic/decision-proof.ts';
import { decodeEntry } from '../traffic/entry.ts';

export const auditArchiveFormat = 'bpci/audit-archive/v1';

/** What the state says under a name, with its proof. */
export interface ProvedRecord {
  readonly id: Digest;
  readonly proof: ProofBundle;
}

export interface AuditArchive {
  readonly format: typeof auditArchiveFormat;
  readonly chainId: ChainId;
  /** Account. */
  readonly tenant: PublicKey;
  readonly agreements: readonly ProvedRecord[];
  readonly policySets: readonly ProvedRecord[];
  readonly decisions: readonly DecisionProof[];
  readonly cases: readonly ProvedRecord[];
}

const partsMax = 100_000;
const records: JsonCodec<readonly ProvedRecord[]> = jsonList(
  jsonStruct<ProvedRecord>({ id: jsonDigest, proof: proofBundleCodec }),
  partsMax,
);

export const auditArchiveCodec: JsonCodec<AuditArchive> = jsonStruct<AuditArchive>({
  format: jsonPattern(/^bpci\/audit-archive\/v1$/, 32) as JsonCodec<typeof auditArchiveFormat>,
  chainId: jsonDigest as unknown as JsonCodec<ChainId>,
  tenant: jsonKey,
  agreements: records,
  policySets: records,
  decisions: jsonList(decisionProofCodec, partsMax),
  cases: records,
});

/** One part of the archive, or what it rests on. */
interface ArchiveCheck {
  /** `agreement`, `policy set`, `decision`, `case` */
  readonly part: string;
  readonly id: string;
  readonly ok: boolean;
  /** For people: what was found. */
  readonly detail: string;
}

export interface ArchiveVerification {
  /** unanchored: everything holds, but some proof rests on a chain of sets that is too old, or a log that is not anchored. */
  readonly verdict: 'valid' | 'unanchored' | 'invalid';
  readonly checks: readonly ArchiveCheck[];
}

type Standing = 'valid' | 'unanchored' | 'invalid';

class Verification {
  readonly checks: ArchiveCheck[] = [];
  readonly #genesis: Genesis;
  readonly #options: VerifyBundleOptions;
  #isUnanchored = false;

  constructor(genesis: Genesis, options: VerifyBundleOptions) {
    this.#genesis = genesis;
    this.#options = options;
  }

  get verdict(): Standing {
    if (this.checks.some(({ ok }) => !ok)) return 'invalid';
    return this.#isUnanchored ? 'unanchored' : 'valid';
  }

  check(part: string, id: string, problem: string | null, detail: string): void {
    this.checks.push({ part, id, ok: problem === null, detail: problem ?? detail });
  }

  /** The value that the state has under `key`, or why it is not proved. */
  valueOf({ proof }: ProvedRecord, key: Uint8Array): { readonly value: Uint8Array } | { readonly problem: string } {
    const { verdict, checks } = verifyBundle(proof, this.#genesis, this.#options);
    if (verdict === 'invalid') {
      const failed = checks.filter(({ ok, check }) => !ok && check !== 'anchor').map(({ check }) => check);
      return { problem: `its proof does not hold: ${failed.join(', ')}` };
    }
    if (verdict === 'unanchored') this.#isUnanchored = true;
    const { subject } = proof;
    if (subject.type !== 'state' || !equalBytes(subject.key, key)) return { problem: 'its proof is of something else' };
    return subject.value === null ? { problem: 'the state has no such record' } : { value: subject.value };
  }

  decision(proof: DecisionProof): { readonly id: string; readonly problem: string | null } {
    const { verdict, checks, decision } = verifyDecisionProof(proof, this.#genesis, this.#options);
    if (verdict === 'unanchored') this.#isUnanchored = true;
    const failed = checks.filter(({ ok, check }) => !ok && check !== 'anchor').map(({ check }) => check);
    const problem = verdict === 'invalid' ? `its proof does not hold: ${failed.join(', ')}` : null;
    return { id: decision?.id ?? `${proof.logId}/${proof.index}`, problem };
  }
}

/** Says of every part whether it holds. Never throws for what the archive holds. */
export function verifyArchive(
  archive: AuditArchive,
  genesis: Genesis,
  options: VerifyBundleOptions,
): ArchiveVerification {
  const verification = new Verification(genesis, options);
  if (archive.chainId !== chainIdOf(genesis)) {
    verification.check('archive', archive.chainId, 'it is of another chain', '');
  }
  const agreements = checkAgreements(archive, verification);
  const compiled = checkPolicySets(archive, verification);
  checkDecisions(archive, verification, compiled);
  checkCases(archive, verification, agreements);
  return { verdict: verification.verdict, checks: verification.checks };
}

/** Whether the tenant is a party of the agreement, acts for one, or is bound by it. */
export const concerns = ({ terms }: StoredAgreement, tenant: PublicKey): boolean =>
  partyOf(terms, tenant) !== undefined || terms.bindings.tenants.some(({ account }) => account === tenant);

function checkAgreements(archive: AuditArchive, verification: Verification): ReadonlySet<Digest> {
  const sound = new Set<Digest>();
  for (const record of archive.agreements) {
    const read = verification.valueOf(record, courtStateKeys.stored(record.id));
    const stored = 'value' in read ? tryDecode(storedAgreementJson, read.value) : null;
    let problem = 'problem' in read ? read.problem : null;
    if (stored !== null && 'value' in stored) {
      if (agreementId(stored.value) !== record.id) problem = 'its bytes have another digest';
      else if (!concerns(stored.value, archive.tenant)) problem = 'it does not name the tenant';
    } else problem ??= 'it cannot be read';
    if (problem === null) sound.add(record.id);
    verification.check('agreement', record.id, problem, 'names the tenant; its bytes are what was signed');
  }
  return sound;
}

/** Digests of what the sets compile to. */
function checkPolicySets(archive: AuditArchive, verification: Verification): ReadonlySet<Digest> {
  const compiled = new Set<Digest>();
  for (const record of archive.policySets) {
    const read = verification.valueOf(record, publishedSetKey(record.id));
    const found = 'value' in read ? tryDecode(publishedCodec, read.value) : null;
    let problem = 'problem' in read ? read.problem : null;
    let set: PublishedSet | null = null;
    if (found !== null && 'value' in found) {
      set = found.value;
      if (publicationId(set) !== record.id) problem = 'its names have another digest';
    } else problem ??= 'it cannot be read';
    if (problem === null && set?.compiled !== null && set !== null) compiled.add(set.compiled);
    const since = set?.activeFrom ?? null;
    verification.check('policy set', record.id, problem, since === null ? 'published' : `in force from block ${since}`);
  }
  return compiled;
}

function checkDecisions(archive: AuditArchive, verification: Verification, compiled: ReadonlySet<Digest>): void {
  for (const proof of archive.decisions) {
    const { id, problem } = verification.decision(proof);
    if (problem !== null) {
      verification.check('decision', id, problem, '');
      continue;
    }
    const entry = decodeEntry(proof.entry);
    const policy = entry.type === 'decision' ? entry.inputs.state.policy : null;
    const missing = policy !== null && !compiled.has(policy.compiledHash);
    const rests = policy === null ? 'made without a policy set' : `rests on ${policy.compiledHash}`;
    verification.check('decision', id, missing ? `the policy set ${policy.compiledHash} is not here` : null, rests);
  }
}

function checkCases(archive: AuditArchive, verification: Verification, agreements: ReadonlySet<Digest>): void {
  for (const record of archive.cases) {
    const read = verification.valueOf(record, courtStateKeys.case(record.id));
    const found = 'value' in read ? tryDecode(caseCodec, read.value) : null;
    let problem = 'problem' in read ? read.problem : null;
    let detail = '';
    if (found !== null && 'value' in found) {
      if (!agreements.has(found.value.agreement)) problem = `the agreement ${found.value.agreement} is not here`;
      detail = rulingOf(found.value);
    } else problem ??= 'it cannot be read';
    verification.check('case', record.id, problem, detail);
  }
}

const rulingOf = ({ agreement, stage, ruling }: CaseRecord): string =>
  ruling === null ? `${stage}, on ${agreement}` : `${ruling.decision} at height ${ruling.height}, on ${agreement}`;

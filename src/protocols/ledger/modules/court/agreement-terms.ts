/**
 * The public part of an agreement: what the ledger executes on. Who owes what to whom in accounts, amounts and moments;
 * everything that a person reads (title, prose, names) is in the private part, of which the chain knows a salted digest
 * ({@link agreementId}). Source: court design, "Agreement"; ledger design, "What the chain may hold".
 */
import type { Digest, PublicKey } from '../../../shared/brands.ts';
import { encode } from '../../../shared/codec.ts';
import { taggedHash } from '../../../shared/hash.ts';
import {
  jsonAmount,
  jsonBoolean,
  jsonChoice,
  type JsonCodec,
  jsonDigest,
  jsonKey,
  jsonList,
  jsonNullable,
  jsonPattern,
  jsonStruct,
  jsonUint,
  jsonVariant,
} from '../../json-codec.ts';

export const agreementTypes = ['service', 'data-processing', 'biso', 'compliance', 'partnership'] as const;
export type AgreementType = (typeof agreementTypes)[number];

export interface Party {
  readonly account: PublicKey;
  /** `provider`, `customer`, `controller`, … */
  readonly role: string;
  /** ISO 3166-1 or 3166-2: `DE`, `US-DE`. */
  readonly country: string;
  readonly isConsumer: boolean;
  /** Accounts that act for the party beside its own; with none, it acts for itself. */
  readonly representatives: readonly PublicKey[];
  /** Representatives whose signatures make the party's; 1 with none. */
  readonly threshold: number;
  /** Accounts under the same control: none of them judges the party. */
  readonly affiliates: readonly PublicKey[];
  /** Minor units that the party puts in escrow before the agreement is active. */
  readonly deposit: bigint;
}

/** Decides an obligation from signed statements: `breach` where `needed` sources state a value that violates the bound. */
export interface EvidenceRule {
  /** What is measured, in integers: `availability-ppm`, `latency-p99-us`, `deletion-hours`. */
  readonly metric: string;
  readonly comparison: 'at-least' | 'at-most';
  readonly bound: number;
  /** Keys whose statements count. */
  readonly sources: readonly PublicKey[];
  readonly needed: number;
  /** What too few statements mean. */
  readonly missing: 'breach' | 'no-breach' | 'panel';
}

type Timing =
  /** Once, until this moment (ms since 1970). */
  | { readonly type: 'by'; readonly at: number }
  /** Anew in every period; period 0 begins when the agreement takes effect. */
  | { readonly type: 'every'; readonly periodMs: number };

export interface Obligation {
  readonly id: string;
  readonly debtor: PublicKey;
  readonly creditor: PublicKey;
  readonly timing: Timing;
  /** null: only people can tell. */
  readonly evidenceRule: EvidenceRule | null;
  /** Most that one breach may cost, minor units. */
  readonly penaltyMax: bigint;
}

/** Something that must be so before the agreement is active. */
interface Condition {
  readonly id: string;
  /** The party that says it is. */
  readonly confirmedBy: PublicKey;
}

interface TenantBinding {
  readonly name: string;
  readonly account: PublicKey;
}

/** What the agreement governs; read by the policy engine and the clusters. */
interface Bindings {
  /** Tenants, each of one party. */
  readonly tenants: readonly TenantBinding[];
  readonly workloads: readonly string[];
  /** Names in the registry; they must be there before the agreement is active. */
  readonly clusters: readonly string[];
  readonly countries: readonly string[];
  readonly dataClasses: readonly ('Public' | 'Internal' | 'Confidential' | 'Restricted')[];
}

const enforcementActions = [
  'suspend-tenant',
  'resume-tenant',
  'stop-workloads',
  'flow-red',
  'flow-yellow',
  'require-policy',
  'revoke-certificate',
  'notify',
] as const;
export type EnforcementAction = (typeof enforcementActions)[number];

/** Something that a ruling may order, beside the penalty. */
export interface EnforcementRule {
  readonly action: EnforcementAction;
  /** Tenant, workload, cluster, flow, policy or certificate by its name. */
  readonly target: string;
}

interface DisputeTerms {
  /** Minor units in dispute from which a panel decides instead of a rule or a sole arbitrator. */
  readonly arbitrationThreshold: bigint;
  /** Odd. */
  readonly panelSize: number;
  /** Votes revealed without which a panel has not decided. */
  readonly quorum: number;
  /** Votes that make a decision; more than half of the panel. */
  readonly decisionThreshold: number;
}

export interface AgreementTerms {
  readonly type: AgreementType;
  /** 1 for an agreement of its own, one more than `previous` for an amendment. */
  readonly version: number;
  readonly previous: Digest | null;
  /** Name of the court service that watches it. */
  readonly court: string;
  readonly parties: readonly Party[];
  readonly jurisdiction: string;
  /** ISO 3166-1 or 3166-2. */
  readonly governingLaw: string;
  readonly seat: string;
  /** ISO 639-1. */
  readonly language: string;
  readonly legalFrameworkVersion: string;
  /** Statutes that the agreement names, as jurisdictions spell them. */
  readonly acts: readonly string[];
  readonly obligations: readonly Obligation[];
  readonly conditions: readonly Condition[];
  readonly bindings: Bindings;
  readonly enforcementRules: readonly EnforcementRule[];
  readonly dispute: DisputeTerms;
  /** An agreement that is not active so long after its draft, its offer or its last signature lapses. */
  readonly acceptWithinMs: number;
  readonly suspensionMaxMs: number;
  /** Between one party's termination and its effect. */
  readonly noticeMs: number;
  /** After its end, for breaches before it; the escrow stays so long. */
  readonly claimPeriodMs: number;
  /** Milliseconds since 1970. */
  readonly effective: number;
  readonly expires: number;
}

/** Bounds of durations, milliseconds. */
const durationMin = 1_000;
const durationMax = 20 * 366 * 86_400_000;

export const jsonName: JsonCodec<string> = jsonPattern(/^[a-z0-9][a-z0-9-]{0,62}$/, 63);
export const jsonCountry: JsonCodec<string> = jsonPattern(/^[A-Z]{2}(-[A-Z0-9]{1,3})?$/, 6);
export const jsonLanguage: JsonCodec<string> = jsonPattern(/^[a-z]{2}$/, 2);
export const jsonDuration: JsonCodec<number> = jsonUint(durationMax, durationMin);
const jsonTarget = jsonPattern(/^[\x21-\x2e\x30-\x7e]{1,128}$/, 128);

const evidenceRuleCodec = jsonStruct<EvidenceRule>({
  metric: jsonName,
  comparison: jsonChoice('at-least', 'at-most'),
  bound: jsonUint(),
  sources: jsonList(jsonKey, 16),
  needed: jsonUint(16, 1),
  missing: jsonChoice('breach', 'no-breach', 'panel'),
});

export const enforcementRuleCodec: JsonCodec<EnforcementRule> = jsonStruct<EnforcementRule>({
  action: jsonChoice(...enforcementActions),
  target: jsonTarget,
});

export const termsCodec: JsonCodec<AgreementTerms> = jsonStruct<AgreementTerms>({
  type: jsonChoice(...agreementTypes),
  version: jsonUint(1_000_000, 1),
  previous: jsonNullable(jsonDigest),
  court: jsonName,
  parties: jsonList(
    jsonStruct<Party>({
      account: jsonKey,
      role: jsonName,
      country: jsonCountry,
      isConsumer: jsonBoolean,
      representatives: jsonList(jsonKey, 16),
      threshold: jsonUint(16, 1),
      affiliates: jsonList(jsonKey, 32),
      deposit: jsonAmount,
    }),
    8,
  ),
  jurisdiction: jsonName,
  governingLaw: jsonCountry,
  seat: jsonCountry,
  language: jsonLanguage,
  legalFrameworkVersion: jsonPattern(/^[\x21-\x7e]{1,32}$/, 32),
  acts: jsonList(jsonName, 8),
  obligations: jsonList(
    jsonStruct<Obligation>({
      id: jsonName,
      debtor: jsonKey,
      creditor: jsonKey,
      timing: jsonVariant<Timing>({
        by: jsonStruct<{ at: number }>({ at: jsonUint() }),
        every: jsonStruct<{ periodMs: number }>({ periodMs: jsonDuration }),
      }),
      evidenceRule: jsonNullable(evidenceRuleCodec),
      penaltyMax: jsonAmount,
    }),
    32,
  ),
  conditions: jsonList(jsonStruct<Condition>({ id: jsonName, confirmedBy: jsonKey }), 16),
  bindings: jsonStruct<Bindings>({
    tenants: jsonList(jsonStruct<TenantBinding>({ name: jsonName, account: jsonKey }), 16),
    workloads: jsonList(jsonName, 32),
    clusters: jsonList(jsonName, 32),
    countries: jsonList(jsonCountry, 64),
    dataClasses: jsonList(jsonChoice('Public', 'Internal', 'Confidential', 'Restricted'), 4),
  }),
  enforcementRules: jsonList(enforcementRuleCodec, 16),
  dispute: jsonStruct<DisputeTerms>({
    arbitrationThreshold: jsonAmount,
    panelSize: jsonUint(7, 1),
    quorum: jsonUint(7, 1),
    decisionThreshold: jsonUint(7, 1),
  }),
  acceptWithinMs: jsonDuration,
  suspensionMaxMs: jsonDuration,
  noticeMs: jsonDuration,
  claimPeriodMs: jsonDuration,
  effective: jsonUint(2 ** 48),
  expires: jsonUint(2 ** 48),
});

/** An agreement as the chain stores it, for ever: its bytes are what its name is the digest of. */
export interface StoredAgreement {
  readonly terms: AgreementTerms;
  /** Salted digest of the private part. */
  readonly content: Digest;
}

export const storedAgreementJson: JsonCodec<StoredAgreement> = jsonStruct<StoredAgreement>({
  terms: termsCodec,
  content: jsonDigest,
});

/** An agreement's name: the digest of its canonical bytes, the private part standing in them as its salted digest. */
export const agreementId = (agreement: StoredAgreement): Digest =>
  taggedHash('bpci/court-agreement/v1', encode(storedAgreementJson, agreement));

/** Whether the account is the party's own or one that acts for it. */
export const actsFor = (party: Party, account: PublicKey): boolean =>
  party.account === account || party.representatives.includes(account);

/** The party that an account acts for, or undefined. */
export const partyOf = ({ parties }: AgreementTerms, account: PublicKey): Party | undefined =>
  parties.find((party) => actsFor(party, account));

export const obligationOf = ({ obligations }: AgreementTerms, id: string): Obligation | undefined =>
  obligations.find((obligation) => obligation.id === id);

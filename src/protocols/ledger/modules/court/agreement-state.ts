/** Agreements in state: their bytes, which never change, and where each stands in its life. */
import type { Digest, PublicKey } from '../../../shared/brands.ts';
import {
  boolean,
  type Codec,
  digest32,
  list,
  nullable,
  publicKey32,
  struct,
  textMax,
  uint,
} from '../../../shared/codec.ts';
import { invariant } from '../../../shared/errors.ts';
import { jsonChoice } from '../../json-codec.ts';
import { type ReadView, table, type View } from '../../view.ts';
import { heldFor } from '../accounts.ts';
import { type AgreementTerms, type Party, type StoredAgreement, storedAgreementJson } from './agreement-terms.ts';
import type { Due } from './court-clock.ts';

const agreementStates = [
  'draft',
  'offered',
  'signed',
  'active',
  'suspended',
  'expired',
  'terminated',
  'superseded',
  'lapsed',
] as const;
export type AgreementState = (typeof agreementStates)[number];

/** What all parties together may decide. */
export type ConsentPurpose = 'none' | 'suspend' | 'resume' | 'terminate';

export interface AgreementRecord {
  readonly state: AgreementState;
  /** The party that drafted it. */
  readonly drafter: PublicKey;
  /** Accounts that signed, in their order. */
  readonly signatures: readonly PublicKey[];
  /** Conditions precedent confirmed so far. */
  readonly confirmed: readonly string[];
  /** Header time, ms since 1970; 0: not yet. */
  readonly activeSince: number;
  /** Header time at which it ceased to be in force, or 0. */
  readonly endedAt: number;
  /** The next thing that happens to it by itself; null once its escrow is paid back. */
  readonly due: Due | null;
  /** Header time at which a party's termination takes effect, or 0. */
  readonly terminatesAt: number;
  readonly purpose: ConsentPurpose;
  readonly consents: readonly PublicKey[];
  /** Cases that are not closed. While there is one, the escrow stays. */
  readonly openCases: number;
  /** Whether the claim period is over. */
  readonly isSettled: boolean;
}

export const dueCodec: Codec<Due> = struct<Due>({
  at: uint,
  id: struct<Due['id']>({ order: jsonChoice('height', 'time', 'court'), key: textMax(64) }),
});

const recordCodec: Codec<AgreementRecord> = struct<AgreementRecord>({
  state: jsonChoice(...agreementStates),
  drafter: publicKey32,
  signatures: list(publicKey32, 256),
  confirmed: list(textMax(63), 16),
  activeSince: uint,
  endedAt: uint,
  due: nullable(dueCodec),
  terminatesAt: uint,
  purpose: jsonChoice('none', 'suspend', 'resume', 'terminate'),
  consents: list(publicKey32, 8),
  openCases: uint,
  isSettled: boolean,
});

/** Keys of the state, for proofs: `agreements/stored/<id>` and `agreements/record/<id>`. */
const stored = table('agreements/stored/', storedAgreementJson);
const records = table('agreements/record/', recordCodec);
/** Obligations (by agreement, name and period) that their creditor has called fulfilled. */
const discharges = table('agreements/discharged/', digest32);

/** Agreements of one drafter that are not yet active at most. */
export const pendingPerDrafterMax = 64;

const pending = table('agreements/pending/', uint);

export const pendingOf = (view: ReadView, drafter: PublicKey): number => view.get(pending, drafter) ?? 0;

export function countPending(view: View, drafter: PublicKey, by: 1 | -1): void {
  const after = pendingOf(view, drafter) + by;
  if (after === 0) view.delete(pending, drafter);
  else view.set(pending, drafter, after);
}

export const readStored = (view: ReadView, id: Digest): StoredAgreement | undefined => view.get(stored, id);

export const readAgreement = (view: ReadView, id: Digest): AgreementRecord | undefined => view.get(records, id);

export function termsOf(view: ReadView, id: Digest): AgreementTerms {
  const found = readStored(view, id);
  invariant(found !== undefined, `no agreement ${id}`);
  return found.terms;
}

export function recordOf(view: ReadView, id: Digest): AgreementRecord {
  const found = readAgreement(view, id);
  invariant(found !== undefined, `no agreement ${id}`);
  return found;
}

export const writeAgreement = (view: View, id: Digest, record: AgreementRecord): void => {
  view.set(records, id, record);
};

/** Stored once and never written again. */
export function storeAgreement(view: View, id: Digest, agreement: StoredAgreement): void {
  invariant(readStored(view, id) === undefined, 'an agreement is stored once');
  view.set(stored, id, agreement);
}

/** Below it stands all that ever changes of agreements. */
export const agreementRecordsPrefix = records.prefix;

/** Every agreement with its record, by name. Reads them all: for lists and tests. */
export const allAgreements = (view: ReadView): readonly (readonly [Digest, AgreementRecord])[] =>
  [...view.scan(records)].map(([id, record]) => [id as Digest, record]);

/** The account that a tenant's name belongs to: `agreements/tenant/<name>`. Never given to another. */
const tenantOwners = table('agreements/tenant/', publicKey32);

/** Whose a tenant's name is; undefined where no agreement that named it became active. */
export const tenantOwner = (view: ReadView, name: string): PublicKey | undefined => view.get(tenantOwners, name);

/** Whether every tenant that the terms bind is its party's, or nobody's yet. */
export const areTenantsFree = (view: ReadView, { bindings }: AgreementTerms): boolean =>
  bindings.tenants.every(({ name, account }) => (tenantOwner(view, name) ?? account) === account);

export function claimTenants(view: View, { bindings }: AgreementTerms): void {
  for (const { name, account } of bindings.tenants) {
    if (tenantOwner(view, name) === undefined) view.set(tenantOwners, name, account);
  }
}

export const dischargeKey = (agreement: Digest, obligation: string, period: number): string =>
  `${agreement}/${obligation}/${period}`;

export const readDischarge = (view: ReadView, key: string): Digest | undefined => view.get(discharges, key);

export const writeDischarge = (view: View, key: string, receipt: Digest): void => {
  view.set(discharges, key, receipt);
};

/** Name of the holding that is a party's escrow. */
export const escrowOf = (agreement: Digest, party: PublicKey): string => `agreement/${agreement}/${party}`;

export const isFunded = (view: ReadView, id: Digest, { parties }: AgreementTerms): boolean =>
  parties.every(({ account, deposit }) => heldFor(view, escrowOf(id, account)) >= deposit);

/** Whether enough of a party's own people signed. */
const hasSigned = ({ account, representatives, threshold }: Party, signatures: readonly PublicKey[]): boolean => {
  const may = representatives.length === 0 ? [account] : representatives;
  return may.filter((key) => signatures.includes(key)).length >= threshold;
};

export const isSignedByAll = ({ parties }: AgreementTerms, signatures: readonly PublicKey[]): boolean =>
  parties.every((party) => hasSigned(party, signatures));

export const agreementEvent = (
  view: View,
  kind: string,
  id: Digest,
  attributes: Readonly<Record<string, string>> = {},
): void => {
  view.emit({ module: 'agreements', kind, attributes: { agreement: id, ...attributes } });
};

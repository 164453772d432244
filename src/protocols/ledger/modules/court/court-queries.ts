/** Questions about agreements and cases in committed state, for actors and interfaces; with the keys under which proofs are asked for. */
import type { Digest, PublicKey } from '../../../shared/brands.ts';
import type { StateReader } from '../../view.ts';
import { stateKey, View } from '../../view.ts';
import { type AgreementRecord, allAgreements, readAgreement, readStored } from './agreement-state.ts';
import { type EnforcementRule, partyOf, type StoredAgreement } from './agreement-terms.ts';
import { type ListedArbitrator, readArbitrators } from './arbitrators.ts';
import { allCases, type CaseRecord, readCase } from './case-state.ts';
import { readConstraints } from './constraints.ts';
import { type OrderedAction, readActions } from './enforcement.ts';
import { type Jurisdiction, readJurisdiction } from './jurisdictions.ts';
import { type Panel, readPanel } from './panel-state.ts';

export interface AgreementView extends StoredAgreement {
  readonly id: Digest;
  readonly record: AgreementRecord;
}

/** State keys whose values and absence can be proved (ICS-23). */
export const courtStateKeys = {
  stored: (agreement: Digest): Uint8Array => stateKey(`agreements/stored/${agreement}`),
  record: (agreement: Digest): Uint8Array => stateKey(`agreements/record/${agreement}`),
  /** The account that a tenant's name belongs to. */
  tenant: (name: string): Uint8Array => stateKey(`agreements/tenant/${name}`),
  case: (id: Digest): Uint8Array => stateKey(`court/case/${id}`),
  panel: (id: Digest): Uint8Array => stateKey(`court/panel/${id}`),
  actions: (id: Digest): Uint8Array => stateKey(`court/actions/${id}`),
  /** What the court's time is behind header time. */
  outages: (): Uint8Array => stateKey('court/outage/sum'),
} as const;

export function agreementAt(reader: StateReader, id: Digest): AgreementView | undefined {
  const view = new View(reader);
  const stored = readStored(view, id);
  const record = readAgreement(view, id);
  return stored === undefined || record === undefined ? undefined : { id, ...stored, record };
}

/** Agreements that an account is a party of, or acts for one of; of everybody where none is given. */
export function agreementsAt(
  reader: StateReader,
  filter: { readonly party?: PublicKey; readonly state?: AgreementRecord['state'] } = {},
): readonly AgreementView[] {
  const { party, state } = filter;
  const ids = allAgreements(new View(reader)).filter(([, record]) => state === undefined || record.state === state);
  return ids
    .flatMap(([id]) => agreementAt(reader, id) ?? [])
    .filter(({ terms }) => party === undefined || partyOf(terms, party) !== undefined);
}

export interface CaseView {
  readonly id: Digest;
  readonly record: CaseRecord;
  readonly panel: Panel;
  readonly actions: readonly OrderedAction[];
}

export function caseAt(reader: StateReader, id: Digest): CaseView | undefined {
  const view = new View(reader);
  const record = readCase(view, id);
  return record === undefined ? undefined : { id, record, panel: readPanel(view, id), actions: readActions(view, id) };
}

export const casesAt = (reader: StateReader): readonly CaseView[] =>
  allCases(new View(reader)).flatMap(([id]) => caseAt(reader, id) ?? []);

export const arbitratorsAt = (reader: StateReader): readonly ListedArbitrator[] => readArbitrators(new View(reader));

export const constraintsAt = (reader: StateReader): readonly EnforcementRule[] => readConstraints(new View(reader));

export const jurisdictionAt = (reader: StateReader, id: string): Jurisdiction | undefined =>
  readJurisdiction(new View(reader), id);

/**
 * Jurisdictions as data: how long each stage lasts, how panels are made, what an agreement must be to be judged there.
 * The program runs the clock; it claims no legal effect. Genesis may replace each of these or add others.
 * Source: court design, "Jurisdictions"; the statutes and rules that `citation` names.
 */
import { invariant } from '../../../shared/errors.ts';
import {
  jsonAmount,
  jsonBoolean,
  type JsonCodec,
  jsonList,
  jsonNullable,
  type JsonProblem,
  jsonStruct,
  jsonText,
  jsonUint,
} from '../../json-codec.ts';
import { type ReadView, table, type View } from '../../view.ts';
import { jsonCountry, jsonDuration, jsonLanguage, jsonName } from './agreement-terms.ts';

/** Milliseconds that each stage of a case lasts at most. */
export interface StageDurations {
  readonly cure: number;
  readonly negotiation: number;
  /** In which the claimant files after negotiation has ended. */
  readonly filing: number;
  readonly response: number;
  readonly evidence: number;
  /** In which those drawn accept and the parties challenge them. */
  readonly challenge: number;
  readonly commit: number;
  readonly reveal: number;
  readonly appeal: number;
  /** In which the services confirm what they were ordered. */
  readonly enforcement: number;
}

/** What an agreement must satisfy. Empty lists ask for nothing. */
export interface Requirements {
  /** At least one party of one of these. */
  readonly partyCountries: readonly string[];
  readonly governingLaws: readonly string[];
  /** Statutes that must be named. */
  readonly acts: readonly string[];
  readonly areConsumersAllowed: boolean;
}

export interface Jurisdiction {
  readonly id: string;
  readonly name: string;
  readonly citation: string;
  /** Of the proceedings; null: the agreement's. */
  readonly language: string | null;
  readonly stages: StageDurations;
  /** From a complete panel to the award, one redraw included. */
  readonly awardWithinMs: number;
  /** Minor units. A fee goes to the panel that it was paid for, or comes back where none decided. */
  readonly filingFee: bigint;
  readonly appealFee: bigint;
  /** Least bond of an arbitrator, minor units. */
  readonly arbitratorBondMin: bigint;
  /** Part of the bond, in millionths, that an arbitrator loses who accepted and did not vote. */
  readonly lapsePenaltyPpm: number;
  /** Arbitrators that each party may refuse at each level, giving no reason. */
  readonly challengesPerParty: number;
  /** Draws that fill empty seats, at each level. */
  readonly redrawsMax: number;
  readonly appealsMax: number;
  readonly requirements: Requirements;
}

export const jurisdictionCodec: JsonCodec<Jurisdiction> = jsonStruct<Jurisdiction>({
  id: jsonName,
  name: jsonText(64),
  citation: jsonText(256),
  language: jsonNullable(jsonLanguage),
  stages: jsonStruct<StageDurations>({
    cure: jsonDuration,
    negotiation: jsonDuration,
    filing: jsonDuration,
    response: jsonDuration,
    evidence: jsonDuration,
    challenge: jsonDuration,
    commit: jsonDuration,
    reveal: jsonDuration,
    appeal: jsonDuration,
    enforcement: jsonDuration,
  }),
  awardWithinMs: jsonDuration,
  filingFee: jsonAmount,
  appealFee: jsonAmount,
  arbitratorBondMin: jsonAmount,
  lapsePenaltyPpm: jsonUint(1_000_000),
  challengesPerParty: jsonUint(8),
  redrawsMax: jsonUint(16, 1),
  appealsMax: jsonUint(2),
  requirements: jsonStruct<Requirements>({
    partyCountries: jsonList(jsonCountry, 16),
    governingLaws: jsonList(jsonCountry, 16),
    acts: jsonList(jsonName, 8),
    areConsumersAllowed: jsonBoolean,
  }),
});

/** What is wrong with a jurisdiction of genesis; paths are relative to it. */
export function jurisdictionProblems({ stages, awardWithinMs }: Jurisdiction): readonly JsonProblem[] {
  const vote = stages.commit + stages.reveal;
  const longest = 2 * vote + stages.challenge;
  if (longest <= awardWithinMs) return [];
  const message = `${awardWithinMs}: voting, one redraw and voting again may take ${longest}`;
  return [{ path: 'awardWithinMs', message }];
}

const second = 1_000;
const day = 86_400_000;
const unit = 1_000_000n;

const inDays = (days: StageDurations): StageDurations => ({
  cure: days.cure * day,
  negotiation: days.negotiation * day,
  filing: days.filing * day,
  response: days.response * day,
  evidence: days.evidence * day,
  challenge: days.challenge * day,
  commit: days.commit * day,
  reveal: days.reveal * day,
  appeal: days.appeal * day,
  enforcement: days.enforcement * day,
});

const anyAgreement: Requirements = { partyCountries: [], governingLaws: [], acts: [], areConsumersAllowed: false };

const shared = {
  language: null,
  filingFee: 10n * unit,
  appealFee: 50n * unit,
  arbitratorBondMin: 100n * unit,
  lapsePenaltyPpm: 100_000,
  challengesPerParty: 1,
  redrawsMax: 4,
  appealsMax: 2,
} as const;

const usual: StageDurations = {
  cure: 14,
  negotiation: 14,
  filing: 30,
  response: 30,
  evidence: 30,
  challenge: 15,
  commit: 21,
  reveal: 7,
  appeal: 28,
  enforcement: 14,
};

const builtIn: readonly Jurisdiction[] = [
  {
    ...shared,
    id: 'local',
    name: 'Local',
    citation: 'None: deadlines in seconds, for trials and tests',
    stages: {
      cure: 2 * second,
      negotiation: 2 * second,
      filing: 20 * second,
      response: 10 * second,
      evidence: 6 * second,
      challenge: 8 * second,
      commit: 10 * second,
      reveal: 10 * second,
      appeal: 6 * second,
      enforcement: 20 * second,
    },
    awardWithinMs: 60 * second,
    filingFee: unit,
    appealFee: 5n * unit,
    arbitratorBondMin: 10n * unit,
    requirements: { ...anyAgreement, areConsumersAllowed: true },
  },
  {
    ...shared,
    id: 'delaware',
    name: 'Delaware',
    citation: 'Delaware Rapid Arbitration Act, 10 Del. C. §§ 5801–5812: § 5803 (agreement), § 5808 (award in 120 days)',
    stages: inDays({ ...usual, cure: 10, negotiation: 10, response: 20, appeal: 15 }),
    awardWithinMs: 120 * day,
    requirements: {
      partyCountries: ['US-DE'],
      governingLaws: ['US-DE'],
      acts: ['delaware-rapid-arbitration-act'],
      areConsumersAllowed: false,
    },
  },
  {
    ...shared,
    id: 'england-wales',
    name: 'England and Wales',
    citation: 'Arbitration Act 1996: s. 14 (commencement), s. 24 (removal), s. 70(3) (28 days to challenge)',
    stages: inDays({ ...usual, response: 28 }),
    awardWithinMs: 180 * day,
    requirements: { ...anyAgreement, governingLaws: ['GB', 'GB-ENG', 'GB-WLS', 'GB-EAW'] },
  },
  {
    ...shared,
    id: 'germany',
    name: 'Germany',
    citation: 'ZPO §§ 1025–1066: § 1037(2) (two weeks to challenge), § 1044 (commencement), § 1059(3) (three months)',
    stages: inDays({ ...usual, challenge: 14, appeal: 90 }),
    awardWithinMs: 180 * day,
    requirements: { ...anyAgreement, governingLaws: ['DE'] },
  },
  {
    ...shared,
    id: 'singapore',
    name: 'Singapore',
    citation: 'International Arbitration Act 1994, with the Model Law: art. 13(2) (15 days to challenge), art. 34(3)',
    stages: inDays({ ...usual, appeal: 90 }),
    awardWithinMs: 180 * day,
    language: 'en',
    requirements: { ...anyAgreement, governingLaws: ['SG'] },
  },
  {
    ...shared,
    id: 'uncitral',
    name: 'UNCITRAL',
    citation: 'UNCITRAL Arbitration Rules: art. 4 (30 days to respond), art. 13(1) (15 days to challenge), art. 37',
    stages: inDays({ ...usual, appeal: 30 }),
    awardWithinMs: 270 * day,
    requirements: anyAgreement,
  },
];

const byId = new Map(builtIn.map((jurisdiction) => [jurisdiction.id, jurisdiction]));
const overrides = table('court/jurisdiction/', jurisdictionCodec);

/** Names of those that need no genesis. */
export const builtInJurisdictions: readonly string[] = [...byId.keys()];

export const findBuiltInJurisdiction = (id: string): Jurisdiction | undefined => byId.get(id);

export function builtInJurisdiction(id: string): Jurisdiction {
  const found = byId.get(id);
  invariant(found !== undefined, `no built-in jurisdiction ${id}`);
  return found;
}

/** The jurisdiction of this name in force on this chain. */
export const readJurisdiction = (view: ReadView, id: string): Jurisdiction | undefined =>
  view.get(overrides, id) ?? byId.get(id);

export const writeJurisdiction = (view: View, jurisdiction: Jurisdiction): void => {
  view.set(overrides, jurisdiction.id, jurisdiction);
};

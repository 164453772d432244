/** Cases in state: where each stands, what it is about, and the rules that were frozen for it. Source: court design, "Dispute". */
import type { Digest, PublicKey } from '../../../shared/brands.ts';
import {
  boolean,
  type Codec,
  digest32,
  encode,
  list,
  nullable,
  publicKey32,
  struct,
  textMax,
  uint,
  uint64,
} from '../../../shared/codec.ts';
import { invariant } from '../../../shared/errors.ts';
import { taggedHash } from '../../../shared/hash.ts';
import { jsonChoice } from '../../json-codec.ts';
import type { BlockContext } from '../../module.ts';
import { type ReadView, table, type View } from '../../view.ts';
import { dueCodec } from './agreement-state.ts';
import { arbitratorsMax } from './arbitrator-profile.ts';
import { cancelDue, courtTime, type Due, scheduleDue } from './court-clock.ts';
import { type Candidate, candidateCodec } from './draw.ts';
import { type Jurisdiction, jurisdictionCodec, type StageDurations } from './jurisdictions.ts';

/**
 * Each but `closed` has a deadline, and something that happens by itself when it comes. A ruling is given on entering
 * `appeal`, and is final on leaving it.
 */
export const caseStages = [
  'cure',
  'negotiation',
  'filing',
  'response',
  'evidence',
  'panel-draw',
  'challenge',
  'commit',
  'reveal',
  'appeal',
  'enforcement',
  'closed',
] as const;
export type CaseStage = (typeof caseStages)[number];

const beforeResponse: readonly CaseStage[] = ['cure', 'negotiation', 'filing', 'response'];
const beforeVoting: readonly CaseStage[] = [...beforeResponse, 'evidence', 'panel-draw', 'challenge'];

/** Stages in which each transaction about a case has its place, by the name of its kind. */
export const stagesFor = {
  file: ['filing'],
  respond: ['response'],
  'submit-evidence': ['response', 'evidence'],
  accept: ['challenge'],
  recuse: ['challenge'],
  'challenge-panelist': ['challenge'],
  'commit-vote': ['commit'],
  'reveal-vote': ['reveal'],
  appeal: ['appeal'],
  settle: [...beforeVoting, 'commit', 'reveal', 'appeal'],
  /** Without the other side's consent before the response has come. */
  withdraw: beforeVoting,
  'withdraw-alone': beforeResponse,
} as const satisfies Readonly<Record<string, readonly CaseStage[]>>;

const rulingDecisions = ['breach', 'partial', 'no-breach', 'dismissed', 'settled'] as const;

/** What was decided, and by what: the record that enforcement, services and people rest on. */
export interface Ruling {
  readonly decision: (typeof rulingDecisions)[number];
  readonly by: 'default' | 'rule' | 'panel' | 'parties' | 'nobody';
  /** Minor units. */
  readonly penalty: bigint;
  /** Of the agreement's enforcement rules, by index. */
  readonly actions: readonly number[];
  /** Of the reasons of the votes that prevailed, or of the settlement; null where there are none. */
  readonly reasons: Digest | null;
  /** Votes revealed, and seats. */
  readonly votes: number;
  readonly seats: number;
  readonly dissent: readonly PublicKey[];
  readonly level: number;
  /** Block of the ruling. */
  readonly height: number;
}

export interface Claim {
  /** Minor units. */
  readonly amount: bigint;
  readonly actions: readonly number[];
  readonly grounds: Digest;
}

interface Settlement {
  /** The party that proposed. */
  readonly by: PublicKey;
  readonly penalty: bigint;
  readonly terms: Digest;
}

const caseOutcomes = ['open', 'not-filed', 'withdrawn', 'dismissed', 'no-breach', 'satisfied', 'escalated'] as const;

export interface CaseRecord {
  readonly agreement: Digest;
  readonly obligation: string;
  readonly period: number;
  /** The creditor and the debtor of the obligation. */
  readonly claimant: PublicKey;
  readonly respondent: PublicKey;
  readonly stage: CaseStage;
  readonly due: Due | null;
  /** Header time of the notice, ms since 1970. */
  readonly noticedAt: number;
  readonly claim: Claim | null;
  readonly evidenceCount: number;
  /** How often the case went to another panel after one had decided, or could not. */
  readonly level: number;
  /** Seats that the panel of this level is to have; 0 before the first. */
  readonly panelSize: number;
  /** Draws so far. */
  readonly round: number;
  /** Draws at this level that filled empty seats. */
  readonly redraws: number;
  /** Whether a panel of this level failed to reach its quorum already. */
  readonly isSecondPanel: boolean;
  /** Height at which the current draw was opened. */
  readonly drawOpenedAt: number;
  /** Root of the list of candidates, frozen when the claim was filed. */
  readonly candidatesRoot: Digest | null;
  /** Who paid what the holding of the case holds. */
  readonly feePayer: PublicKey | null;
  readonly withdrawal: PublicKey | null;
  readonly settlement: Settlement | null;
  /** The one that stands; null where none was given, or the last was appealed against. */
  readonly ruling: Ruling | null;
  readonly outcome: (typeof caseOutcomes)[number];
}

const rulingCodec: Codec<Ruling> = struct<Ruling>({
  decision: jsonChoice(...rulingDecisions),
  by: jsonChoice('default', 'rule', 'panel', 'parties', 'nobody'),
  penalty: uint64,
  actions: list(uint, 16),
  reasons: nullable(digest32),
  votes: uint,
  seats: uint,
  dissent: list(publicKey32, 64),
  level: uint,
  height: uint,
});

export const caseCodec: Codec<CaseRecord> = struct<CaseRecord>({
  agreement: digest32,
  obligation: textMax(63),
  period: uint,
  claimant: publicKey32,
  respondent: publicKey32,
  stage: jsonChoice(...caseStages),
  due: nullable(dueCodec),
  noticedAt: uint,
  claim: nullable(struct<Claim>({ amount: uint64, actions: list(uint, 16), grounds: digest32 })),
  evidenceCount: uint,
  level: uint,
  panelSize: uint,
  round: uint,
  redraws: uint,
  isSecondPanel: boolean,
  drawOpenedAt: uint,
  candidatesRoot: nullable(digest32),
  feePayer: nullable(publicKey32),
  withdrawal: nullable(publicKey32),
  settlement: nullable(struct<Settlement>({ by: publicKey32, penalty: uint64, terms: digest32 })),
  ruling: nullable(rulingCodec),
  outcome: jsonChoice(...caseOutcomes),
});

const nameCodec = struct<{ agreement: Digest; obligation: string; period: number }>({
  agreement: digest32,
  obligation: textMax(63),
  period: uint,
});

/** A case's name: one for each breach of an obligation in a period, however often it is noticed. */
export const caseIdOf = (agreement: Digest, obligation: string, period: number): Digest =>
  taggedHash('bpci/court-case/v1', encode(nameCodec, { agreement, obligation, period }));

/** Keys of the state, for proofs: `court/case/<id>`. */
const cases = table('court/case/', caseCodec);
/** The jurisdiction as it was at the notice. */
const frozenRules = table('court/rules/', jurisdictionCodec);
/** Everybody who was eligible when the claim was filed, ascending. */
const candidateLists = table('court/candidates/', list(candidateCodec, arbitratorsMax));
/** Those of them who can no longer be drawn, in the order in which they went. Only grows. */
const exclusions = table('court/excluded/', list(publicKey32, arbitratorsMax));

export const readCase = (view: ReadView, id: Digest): CaseRecord | undefined => view.get(cases, id);

export function caseOf(view: ReadView, id: Digest): CaseRecord {
  const found = readCase(view, id);
  invariant(found !== undefined, `no case ${id}`);
  return found;
}

export const writeCase = (view: View, id: Digest, record: CaseRecord): void => {
  view.set(cases, id, record);
};

/** Every case, by name. Reads them all: for lists and tests. */
export const allCases = (view: ReadView): readonly (readonly [Digest, CaseRecord])[] =>
  [...view.scan(cases)].map(([id, record]) => [id as Digest, record]);

export function rulesOf(view: ReadView, id: Digest): Jurisdiction {
  const found = view.get(frozenRules, id);
  invariant(found !== undefined, `case ${id} has no rules`);
  return found;
}

export const freezeRules = (view: View, id: Digest, rules: Jurisdiction): void => {
  view.set(frozenRules, id, rules);
};

export const frozenCandidates = (view: ReadView, id: Digest): readonly Candidate[] =>
  view.get(candidateLists, id) ?? [];

export const freezeCandidates = (view: View, id: Digest, candidates: readonly Candidate[]): void => {
  view.set(candidateLists, id, candidates);
};

export const excludedFrom = (view: ReadView, id: Digest): readonly PublicKey[] => view.get(exclusions, id) ?? [];

export function exclude(view: View, id: Digest, arbitrators: readonly PublicKey[]): void {
  if (arbitrators.length > 0) view.set(exclusions, id, [...excludedFrom(view, id), ...arbitrators]);
}

export const caseEvent = (
  view: View,
  kind: string,
  id: Digest,
  attributes: Readonly<Record<string, string>> = {},
): void => {
  view.emit({ module: 'court', kind, attributes: { case: id, ...attributes } });
};

/** The holding of a case: fees that wait for a panel. */
export const feeHolding = (id: Digest): string => `fee/${id}`;

function moveTo(view: View, id: Digest, record: CaseRecord, stage: CaseStage, due: Due | null): CaseRecord {
  cancelDue(view, record.due);
  const next = { ...record, stage, due };
  writeCase(view, id, next);
  caseEvent(view, 'stage', id, { from: record.stage, to: stage, due: String(due?.at ?? 0) });
  return next;
}

/** Writes the case in a stage that lasts as long as its frozen rules say. Every other deadline of it is cancelled. */
export function enterStage(
  view: View,
  context: BlockContext,
  id: Digest,
  record: CaseRecord,
  stage: keyof StageDurations,
): CaseRecord {
  const at = courtTime(view, context) + rulesOf(view, id).stages[stage];
  return moveTo(view, id, record, stage, scheduleDue(view, 'court', 'court', at, id));
}

/** The stage that lasts until a block: the beacons up to it are what panels are drawn from. */
export const enterDraw = (view: View, id: Digest, record: CaseRecord, height: number): CaseRecord =>
  moveTo(view, id, record, 'panel-draw', scheduleDue(view, 'court', 'height', height, id));

/** The end. */
export function enterClosed(view: View, id: Digest, record: CaseRecord): void {
  moveTo(view, id, record, 'closed', null);
}

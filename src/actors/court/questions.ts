/** Answers from the state of one block and from what the court remembers. */
import { checkCompliance } from '../../protocols/court/compliance.ts';
import type { CourtBook } from '../../protocols/court/court-book.ts';
import { openDeadlines } from '../../protocols/court/deadlines.ts';
import { agreementJson, caseJson, obligationsJson, panelJson, toPlain } from '../../protocols/court/views.ts';
import type { Json } from '../../protocols/ledger/json-codec.ts';
import { allAgreements, readStored } from '../../protocols/ledger/modules/court/agreement-state.ts';
import { partyOf } from '../../protocols/ledger/modules/court/agreement-terms.ts';
import { readArbitrators } from '../../protocols/ledger/modules/court/arbitrators.ts';
import { allCases } from '../../protocols/ledger/modules/court/case-state.ts';
import { View } from '../../protocols/ledger/view.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import { freshnessReasons } from '../../protocols/traffic/decide.ts';
import type { FollowedState } from '../traffic/chain-feed.ts';
import type { CourtAnswer, CourtQuestion } from './messages.ts';
import type { Timelines } from './timelines.ts';

export interface CourtMemory {
  readonly timelines: Timelines;
  readonly book: CourtBook;
  /** ms since 1970. */
  readonly now: number;
  /** That sources handed in about an agreement. */
  readonly statementsOf: (agreement: Digest) => Json;
  readonly status: (followed: FollowedState) => Json;
}

/** State older than a light decides on complies with nothing, ms. */
const stateAgeMsMax = 30_000;

const freshnessOf = ({ height, time }: FollowedState, { now }: CourtMemory): readonly string[] =>
  freshnessReasons(now, null, { height, stateTime: time, stateAgeMsMax });

type Question<About extends CourtQuestion['about']> = Extract<CourtQuestion, { about: About }>;

const taken = <T>(items: Iterable<T>, limit: number): readonly T[] => {
  const found: T[] = [];
  for (const item of items) {
    if (found.length === limit) break;
    found.push(item);
  }
  return found;
};

function agreements(view: View, { party, state, limit }: Question<'agreements'>): Json {
  const wanted = allAgreements(view).filter(([id, record]) => {
    if (state !== null && record.state !== state) return false;
    const terms = readStored(view, id)?.terms;
    return terms !== undefined && (party === null || partyOf(terms, party) !== undefined);
  });
  return { agreements: taken(wanted, limit).map(([id]) => agreementJson(view, id)) };
}

function cases(view: View, { agreement, party, stage, limit }: Question<'cases'>): Json {
  const wanted = allCases(view).filter(
    ([, record]) =>
      (agreement === null || record.agreement === agreement) &&
      (stage === null || record.stage === stage) &&
      (party === null || record.claimant === party || record.respondent === party),
  );
  return { cases: taken(wanted, limit).map(([id]) => caseJson(view, id)) };
}

/** null: there is no such case. */
function timeline(view: View, id: Digest, timelines: Timelines): Json {
  const found = caseJson(view, id) as { readonly stage: string; readonly deadline: Json } | null;
  if (found === null) return null;
  const events = timelines.of(id).map(({ height, kind, transaction, attributes }) => {
    return { height, kind, transaction, attributes: attributes };
  });
  return { case: id, stage: found.stage, deadline: found.deadline, events };
}

function read(view: View, question: CourtQuestion, followed: FollowedState, memory: CourtMemory): Json {
  switch (question.about) {
    case 'agreements':
      return agreements(view, question);
    case 'agreement':
      return agreementJson(view, question.id);
    case 'obligations':
      return obligationsJson(view, question.id, followed.time);
    case 'statements':
      return readStored(view, question.id) === undefined ? null : memory.statementsOf(question.id);
    case 'cases':
      return cases(view, question);
    case 'case':
      return caseJson(view, question.id);
    case 'panel':
      return panelJson(view, question.id);
    case 'timeline':
      return timeline(view, question.id, memory.timelines);
    case 'deadlines':
      return { time: followed.time, deadlines: toPlain(taken(openDeadlines(view), question.limit)) };
    case 'compliance':
      return toPlain({
        ...checkCompliance(memory.book.rulesOf(followed.reader), question.operation, freshnessOf(followed, memory)),
        ...{ height: followed.height, stateTime: followed.time },
      });
    case 'arbitrators':
      return { arbitrators: toPlain(readArbitrators(view)) };
    case 'status':
      return memory.status(followed);
  }
}

export function answerQuestion(
  question: CourtQuestion,
  followed: FollowedState | null,
  memory: CourtMemory,
): CourtAnswer {
  if (followed === null) return { kind: 'refused', reason: 'not-ready' };
  const value = read(new View(followed.reader), question, followed, memory);
  return value === null ? { kind: 'refused', reason: 'not-found' } : { kind: 'answer', value };
}

/** Agreements, cases and draws as JSON: keys, digests and bytes in lower-case hex, amounts as decimal strings in minor units, times in ms since 1970. */
import type { Json } from '../ledger/json-codec.ts';
import { heldFor } from '../ledger/modules/accounts.ts';
import {
  readStored,
  recordOf,
  escrowOf,
  readDischarge,
  dischargeKey,
} from '../ledger/modules/court/agreement-state.ts';
import { type Obligation, termsCodec } from '../ledger/modules/court/agreement-terms.ts';
import { debtsOf } from '../ledger/modules/court/escrow.ts';
import { caseIdOf, excludedFrom, frozenCandidates, readCase } from '../ledger/modules/court/case-state.ts';
import { readActions } from '../ledger/modules/court/enforcement.ts';
import { readDraw, readPanel } from '../ledger/modules/court/panel-state.ts';
import type { ReadView } from '../ledger/view.ts';
import type { Digest } from '../shared/brands.ts';
import { toHex } from '../shared/bytes.ts';
import { agreementDeadline, caseDeadline } from './deadlines.ts';
import { currentPeriod } from './periods.ts';

/** Amounts become texts, bytes hex. */
export function toPlain(value: unknown): Json {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return value.map(toPlain);
  if (typeof value !== 'object' || value === null) return value as Json;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, toPlain(each)]));
}

/** null: there is none. */
export function agreementJson(view: ReadView, id: Digest): Json {
  const stored = readStored(view, id);
  if (stored === undefined) return null;
  const record = recordOf(view, id);
  const { terms, content } = stored;
  return {
    id,
    state: record.state,
    content,
    terms: termsCodec.toJson(terms),
    signatures: record.signatures,
    confirmed: record.confirmed,
    activeSince: record.activeSince,
    endedAt: record.endedAt,
    terminatesAt: record.terminatesAt,
    openCases: record.openCases,
    deadline: toPlain(agreementDeadline(view, record)),
    escrow: terms.parties.map(({ account, deposit }) => ({
      account,
      agreed: deposit.toString(),
      held: heldFor(view, escrowOf(id, account)).toString(),
      debts: toPlain(debtsOf(view, id, account)),
    })),
  };
}

/** The period of an obligation that runs now, and what became of it so far. */
function standing(view: ReadView, agreement: Digest, obligation: Obligation, period: number): Json {
  const breach = caseIdOf(agreement, obligation.id, period);
  const record = readCase(view, breach);
  return {
    number: period,
    discharged: readDischarge(view, dischargeKey(agreement, obligation.id, period)) ?? null,
    case: record === undefined ? null : { id: breach, stage: record.stage, outcome: record.outcome },
  };
}

/** Obligations with the period that runs at `time`. null: there is no such agreement. */
export function obligationsJson(view: ReadView, id: Digest, time: number): Json {
  const stored = readStored(view, id);
  if (stored === undefined) return null;
  const { terms } = stored;
  const { obligations } = termsCodec.toJson(terms) as { readonly obligations: readonly Record<string, Json>[] };
  return {
    agreement: id,
    obligations: terms.obligations.map((obligation, at) => {
      const period = currentPeriod(obligation, terms, time);
      return {
        ...obligations[at],
        period: period === null ? null : { ...period, ...(standing(view, id, obligation, period.number) as object) },
      };
    }),
  };
}

/** null: there is none. */
export function caseJson(view: ReadView, id: Digest): Json {
  const record = readCase(view, id);
  if (record === undefined) return null;
  const { due: _due, ...rest } = record;
  return {
    id,
    ...(toPlain(rest) as object),
    deadline: toPlain(caseDeadline(view, record)),
    panel: toPlain(readPanel(view, id)),
    actions: toPlain(readActions(view, id)),
  };
}

/** Everything to do the draws of a case again. null: there is no such case. */
export function panelJson(view: ReadView, id: Digest): Json {
  const record = readCase(view, id);
  if (record === undefined) return null;
  const rounds = Array.from({ length: record.round }, (_, index) => index + 1);
  return {
    case: id,
    panel: toPlain(readPanel(view, id)),
    candidatesRoot: record.candidatesRoot,
    candidates: toPlain(frozenCandidates(view, id)),
    excluded: excludedFrom(view, id),
    draws: rounds.flatMap((round) => {
      const draw = readDraw(view, id, round);
      return draw === undefined ? [] : [{ round, ...(toPlain(draw) as object) }];
    }),
  };
}

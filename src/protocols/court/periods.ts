/** When an obligation is owed. Source: court design, "Agreement" (deadline or period). */
import type { AgreementTerms, Obligation } from '../ledger/modules/court/agreement-terms.ts';
import { periodOf } from '../ledger/modules/court/breach.ts';

export interface Period {
  /** From 0; 0 where the obligation is due once. */
  readonly number: number;
  /** Header time, ms since 1970; `to` is exclusive for periods, the last moment for what is due once. */
  readonly from: number;
  readonly to: number;
}

const numbered = (obligation: Obligation, terms: AgreementTerms, number: number): Period | null => {
  const found = periodOf(obligation, terms, number);
  return found === null ? null : { number, ...found };
};

/** The period that runs at a moment: the last one once the agreement's term is over, none before it takes effect. */
export function currentPeriod(obligation: Obligation, terms: AgreementTerms, time: number): Period | null {
  if (time < terms.effective) return null;
  if (obligation.timing.type === 'by') return numbered(obligation, terms, 0);
  const at = Math.min(time, terms.expires - 1);
  return numbered(obligation, terms, Math.floor((at - terms.effective) / obligation.timing.periodMs));
}

/**
 * Whether an operation complies with the agreements that bind it: those in force that name its tenant, and the orders of the court
 * behind them. Asked by services before they act. Source: court design, "API".
 */
import { isInForce } from '../ledger/modules/court/agreement-lifecycle.ts';
import { allAgreements, readStored } from '../ledger/modules/court/agreement-state.ts';
import type { AgreementTerms } from '../ledger/modules/court/agreement-terms.ts';
import { readCausedConstraints } from '../ledger/modules/court/constraints.ts';
import { type JsonCodec, jsonChoice, jsonNullable, jsonPattern, jsonStruct } from '../ledger/json-codec.ts';
import type { ReadView } from '../ledger/view.ts';
import type { Digest } from '../shared/brands.ts';

export interface Operation {
  /** Name or account. */
  readonly tenant: string;
  readonly workload: string | null;
  /** ISO 3166-1, where data goes or is kept. */
  readonly country: string | null;
  readonly classification: AgreementTerms['bindings']['dataClasses'][number] | null;
}

const name = jsonPattern(/^[\x21-\x7e]{1,128}$/, 128);
export const operationCodec: JsonCodec<Operation> = jsonStruct<Operation>({
  tenant: name,
  workload: jsonNullable(name),
  country: jsonNullable(jsonPattern(/^[A-Z]{2}$/, 2)),
  classification: jsonNullable(jsonChoice('Public', 'Internal', 'Confidential', 'Restricted')),
});

type ComplianceProblem =
  | 'agreement-suspended'
  /** The agreement lists countries, and this is none of them. */
  | 'country-not-agreed'
  | 'class-not-agreed'
  /** An order of the court on the tenant, its workload or its flows. */
  | 'court-order';

interface AgreementCompliance {
  readonly agreement: Digest;
  readonly problems: readonly ComplianceProblem[];
}

export interface Compliance {
  readonly complies: boolean;
  /** Agreements in force that bind the operation; with none nothing is promised, and nothing broken. */
  readonly agreements: readonly AgreementCompliance[];
}

/** Orders that let somebody go on are none. */
const forbidding: readonly string[] = ['suspend-tenant', 'stop-workloads', 'flow-red'];

const binds = ({ bindings }: AgreementTerms, { tenant, workload }: Operation): boolean =>
  bindings.tenants.some((bound) => bound.name === tenant || bound.account === tenant) &&
  (workload === null || bindings.workloads.length === 0 || bindings.workloads.includes(workload));

/** An order on the tenant or the workload concerns it; one on anything else (a flow, a cluster) concerns all that is bound. */
const concerns = (target: string, { bindings }: AgreementTerms, { tenant, workload }: Operation): boolean => {
  const named = bindings.tenants.filter((bound) => bound.name === target || bound.account === target);
  if (named.length > 0) return named.some((bound) => bound.name === tenant || bound.account === tenant);
  return !bindings.workloads.includes(target) || workload === null || workload === target;
};

export function checkCompliance(view: ReadView, operation: Operation): Compliance {
  const orders = readCausedConstraints(view).filter(({ rule }) => forbidding.includes(rule.action));
  const agreements: AgreementCompliance[] = [];
  for (const [agreement, record] of allAgreements(view)) {
    const terms = readStored(view, agreement)?.terms;
    if (terms === undefined || !binds(terms, operation)) continue;
    const isOrdered = orders.some(
      (order) => order.agreement === agreement && concerns(order.rule.target, terms, operation),
    );
    // An order outlives the agreement until its case lets go of it.
    if (!isInForce(record) && !isOrdered) continue;
    const { countries, dataClasses } = terms.bindings;
    const { country, classification } = operation;
    const problems: ComplianceProblem[] = [];
    if (record.state === 'suspended') problems.push('agreement-suspended');
    if (country !== null && countries.length > 0 && !countries.some((each) => each.slice(0, 2) === country)) {
      problems.push('country-not-agreed');
    }
    if (classification !== null && dataClasses.length > 0 && !dataClasses.includes(classification)) {
      problems.push('class-not-agreed');
    }
    if (isOrdered) problems.push('court-order');
    agreements.push({ agreement, problems });
  }
  return { complies: agreements.every(({ problems }) => problems.length === 0), agreements };
}

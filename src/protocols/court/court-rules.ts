/**
 * What agreements and the court's orders mean to operations, as of a block: the one answer that a light decides by and that the court
 * gives to whoever asks. Sources: court design, "Enforcement actions" and "API"; tenancy design, "access: agreement-based".
 *
 * Agreements in force that bind an operation hold it to their countries and classes, and a suspended one lets nothing happen. Where
 * none in force binds it, the last one that did still stands in its way: whoever was bound is not free because the term is over.
 *
 * An order reaches tenants that its agreement binds, and nobody else: whoever signs an agreement cannot have another's flows stopped
 * by naming them. Of what an order may name, an operation shows tenant and workload. An order on anything else (a cluster, a flow by
 * its name, a policy) concerns all operations of those whom it is against: what cannot be told apart is Red.
 */
import { isInForce } from '../ledger/modules/court/agreement-lifecycle.ts';
import type { AgreementRecord, AgreementState } from '../ledger/modules/court/agreement-state.ts';
import type { AgreementTerms, EnforcementAction } from '../ledger/modules/court/agreement-terms.ts';
import { readCase } from '../ledger/modules/court/case-state.ts';
import { type Constraint, readCausedConstraints } from '../ledger/modules/court/constraints.ts';
import type { ReadView } from '../ledger/view.ts';
import type { Digest, PublicKey } from '../shared/brands.ts';
import { compareText } from '../shared/bytes.ts';
import { type ConstraintEffect, constraintsMax, type CourtConstraint, type Operation } from '../traffic/constraints.ts';

type Bindings = AgreementTerms['bindings'];

/** What was in force and is no more. */
const endedStates: readonly AgreementState[] = ['expired', 'terminated', 'superseded'];

/** Orders that concern other services have no effect here. */
const effects: Partial<Readonly<Record<EnforcementAction, ConstraintEffect>>> = {
  'suspend-tenant': 'forbid',
  'flow-red': 'forbid',
  'flow-yellow': 'review',
  'stop-workloads': 'stop-workload',
};

/** The gravest first. */
const gravity: readonly ConstraintEffect[] = [
  'stop-workload',
  'forbid',
  'agreement-suspended',
  'agreement-ended',
  'country-not-agreed',
  'class-not-agreed',
  'review',
];

/** A person looks at what the court turned Yellow, within two days: as for the review that policies ask for. */
const review = { proofBy: 'reviewer', deadlineSeconds: 2 * 86_400 } as const;
const noReview = { proofBy: null, deadlineSeconds: null } as const;

const constraintOf = (source: Digest, effect: ConstraintEffect): CourtConstraint => ({
  ...{ source, effect, operations: null, classifications: null, destinations: null },
  ...(effect === 'review' ? review : noReview),
});

/** What an agreement, or an order behind which it stands, lays on an operation. */
export interface Finding {
  readonly agreement: Digest;
  readonly constraint: CourtConstraint;
}

interface Bound {
  readonly agreement: Digest;
  readonly record: AgreementRecord;
  readonly bindings: Bindings;
}

interface Order {
  readonly isSuspension: boolean;
  /** null: all of the tenant's. */
  readonly workload: string | null;
  readonly finding: Finding;
}

interface TenantRules {
  readonly inForce: Bound[];
  /** The last that ended first. */
  readonly ended: Bound[];
  readonly orders: Order[];
}

/** Whom the order is against: the respondent of the case, or who owes. */
const against = (view: ReadView, { cause }: Constraint): PublicKey | null =>
  cause.type === 'debt' ? cause.debtor : (readCase(view, cause.id)?.respondent ?? null);

interface Reach {
  readonly tenants: Bindings['tenants'];
  readonly workload: string | null;
}

function reachOf({ tenants, workloads }: Bindings, target: string, debtor: PublicKey | null): Reach {
  const named = tenants.filter(({ name, account }) => name === target || account === target);
  if (named.length > 0) return { tenants: named, workload: null };
  if (workloads.includes(target)) return { tenants, workload: target };
  const owed = tenants.filter(({ account }) => account === debtor);
  return { tenants: owed.length > 0 ? owed : tenants, workload: null };
}

/** One of each source and effect, the gravest first, as many as a log entry holds. */
function bounded(found: readonly CourtConstraint[]): readonly CourtConstraint[] {
  if (found.length < 2) return found;
  const once = new Map(found.map((constraint) => [`${constraint.source} ${constraint.effect}`, constraint]));
  const sorted = [...once.values()].sort((a, b) => gravity.indexOf(a.effect) - gravity.indexOf(b.effect));
  const [first] = sorted;
  if (first === undefined || sorted.length <= constraintsMax) return sorted;
  // Leaving out is right below a Red only: more reviews than an entry holds are a Red themselves.
  return first.effect === 'review' ? [constraintOf(first.source, 'forbid')] : sorted.slice(0, constraintsMax);
}

const concernsWorkload = (one: string | null, workload: string | null): boolean =>
  one === null || workload === null || one === workload;

/** null: one that no agreement names. */
const bindsWorkload = ({ bindings: { workloads } }: Bound, workload: string | null): boolean =>
  workloads.length === 0 || (workload !== null && workloads.includes(workload));

const binds = (bound: Bound, { workload }: Operation): boolean => workload === null || bindsWorkload(bound, workload);

/** Whether it bound something of the operation that none in force binds. */
function leavesOpen(ended: Bound, inForce: readonly Bound[], operation: Operation): boolean {
  if (!binds(ended, operation)) return false;
  const { workloads } = ended.bindings;
  const concerned = operation.workload === null && workloads.length > 0 ? workloads : [operation.workload];
  return concerned.some((workload) => !inForce.some((one) => bindsWorkload(one, workload)));
}

/** Of one agreement in force, what the operation does not keep. A country of the agreement may be a part of one. */
function broken({ record, bindings }: Bound, { country, classification }: Operation): readonly ConstraintEffect[] {
  const { countries, dataClasses } = bindings;
  const isIn = countries.length === 0 || countries.some((each) => each.slice(0, 2) === country);
  const isOf = dataClasses.length === 0 || dataClasses.some((each) => each === classification);
  return [
    ...(record.state === 'suspended' ? (['agreement-suspended'] as const) : []),
    ...(isIn ? [] : (['country-not-agreed'] as const)),
    ...(isOf ? [] : (['class-not-agreed'] as const)),
  ];
}

export class CourtRules {
  readonly #tenants = new Map<string, TenantRules>();
  /** Names of an account's tenants. */
  readonly #names = new Map<string, Set<string>>();

  /** `termsOf` an agreement never change; undefined: the state does not hold it, and it binds nobody. */
  constructor(
    view: ReadView,
    agreements: readonly (readonly [Digest, AgreementRecord])[],
    termsOf: (agreement: Digest) => AgreementTerms | undefined,
  ) {
    for (const [agreement, record] of agreements) {
      const bindings = termsOf(agreement)?.bindings;
      if (bindings === undefined) continue;
      for (const tenant of bindings.tenants) {
        if (isInForce(record)) this.#rulesOf(tenant).inForce.push({ agreement, record, bindings });
        else if (endedStates.includes(record.state)) this.#rulesOf(tenant).ended.push({ agreement, record, bindings });
      }
    }
    for (const constraint of readCausedConstraints(view)) {
      const { rule, agreement, cause } = constraint;
      const effect = effects[rule.action];
      const bindings = termsOf(agreement)?.bindings;
      if (effect === undefined || bindings === undefined) continue;
      const { tenants, workload } = reachOf(bindings, rule.target, against(view, constraint));
      const finding = { agreement, constraint: constraintOf(cause.type === 'case' ? cause.id : agreement, effect) };
      const isSuspension = rule.action === 'suspend-tenant';
      for (const tenant of tenants) this.#rulesOf(tenant).orders.push({ isSuspension, workload, finding });
    }
    for (const { ended } of this.#tenants.values())
      ended.sort((a, b) => b.record.endedAt - a.record.endedAt || compareText(a.agreement, b.agreement));
  }

  #rulesOf({ name, account }: Bindings['tenants'][number]): TenantRules {
    const names = this.#names.get(account) ?? new Set();
    this.#names.set(account, names.add(name));
    const own = this.#tenants.get(name) ?? { inForce: [], ended: [], orders: [] };
    this.#tenants.set(name, own);
    return own;
  }

  /** Rules of a tenant, told by its name; or of all tenants of an account. */
  #told(tenant: string): readonly TenantRules[] {
    const names = this.#names.get(tenant) ?? [tenant];
    return [...names].flatMap((name) => this.#tenants.get(name) ?? []);
  }

  /** Agreements in force that bind it. */
  bindingOf(operation: Operation): readonly Digest[] {
    return this.#told(operation.tenant).flatMap(({ inForce }) =>
      inForce.filter((one) => binds(one, operation)).map(({ agreement }) => agreement),
    );
  }

  findingsOf(operation: Operation): readonly Finding[] {
    const findings: Finding[] = [];
    const find = (agreement: Digest, effect: ConstraintEffect): void => {
      findings.push({ agreement, constraint: constraintOf(agreement, effect) });
    };
    for (const { inForce, ended, orders } of this.#told(operation.tenant)) {
      for (const one of inForce)
        if (binds(one, operation)) for (const effect of broken(one, operation)) find(one.agreement, effect);
      const last = ended.find((one) => leavesOpen(one, inForce, operation));
      if (last !== undefined) find(last.agreement, 'agreement-ended');
      for (const { workload, finding } of orders)
        if (concernsWorkload(workload, operation.workload)) findings.push(finding);
    }
    return findings;
  }

  /** What a decision is made with: at most `constraintsMax`, together no better than all. */
  constraintsOf(operation: Operation): readonly CourtConstraint[] {
    return bounded(this.findingsOf(operation).map(({ constraint }) => constraint));
  }

  isSuspended(tenant: string): boolean {
    return this.#told(tenant).some(({ orders }) => orders.some(({ isSuspension }) => isSuspension));
  }
}

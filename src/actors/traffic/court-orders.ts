/**
 * What the court's orders mean to data flows, as of a block. An order reaches tenants that its agreement binds, and nobody else:
 * whoever signs an agreement cannot have another's flows stopped by naming them. Source: court design, "Enforcement actions".
 *
 * Of what an order may name, a light knows tenants and workloads. An order on anything else (a cluster, a flow by its name, a
 * policy) concerns all flows of those whom it is against: what cannot be told apart is Red.
 */
import { type Constraint, readCausedConstraints } from '../../protocols/ledger/modules/court/constraints.ts';
import { readStored } from '../../protocols/ledger/modules/court/agreement-state.ts';
import type { AgreementTerms, EnforcementAction } from '../../protocols/ledger/modules/court/agreement-terms.ts';
import { readCase } from '../../protocols/ledger/modules/court/case-state.ts';
import type { ReadView } from '../../protocols/ledger/view.ts';
import type { Digest, PublicKey } from '../../protocols/shared/brands.ts';
import { type ConstraintEffect, constraintsMax, type CourtConstraint } from '../../protocols/traffic/constraints.ts';
import type { LightView } from '../../protocols/traffic/inputs.ts';

/** Actions without a line concern services other than the light. */
const effects: Partial<Readonly<Record<EnforcementAction, ConstraintEffect>>> = {
  'suspend-tenant': 'forbid',
  'flow-red': 'forbid',
  'flow-yellow': 'review',
  'stop-workloads': 'stop-workload',
};

/** The gravest first. */
const order: readonly ConstraintEffect[] = ['stop-workload', 'forbid', 'review'];

/** A person looks at a flow that the court turned Yellow, within two days: as for the review that policies ask for. */
const review = { proofBy: 'reviewer', deadlineSeconds: 2 * 86_400 } as const;
const noReview = { proofBy: null, deadlineSeconds: null } as const;

interface Order {
  readonly isSuspension: boolean;
  /** null: all of the tenant's. */
  readonly workload: string | null;
  readonly constraint: CourtConstraint;
}

const noConstraints: readonly CourtConstraint[] = [];

/** Whom the order is against: the respondent of the case, or who owes. */
const against = (view: ReadView, { cause }: Constraint): PublicKey | null =>
  cause.type === 'debt' ? cause.debtor : (readCase(view, cause.id)?.respondent ?? null);

interface Reach {
  /** Names and accounts. */
  readonly tenants: readonly string[];
  readonly workload: string | null;
}

function reachOf({ tenants, workloads }: AgreementTerms['bindings'], target: string, debtor: PublicKey | null): Reach {
  const known = (bound: AgreementTerms['bindings']['tenants']): readonly string[] =>
    bound.flatMap(({ name, account }) => [name, account]);
  const named = tenants.filter(({ name, account }) => name === target || account === target);
  if (named.length > 0) return { tenants: known(named), workload: null };
  if (workloads.includes(target)) return { tenants: known(tenants), workload: target };
  const owed = tenants.filter(({ account }) => account === debtor);
  return { tenants: known(owed.length > 0 ? owed : tenants), workload: null };
}

/** One of each source and effect, the gravest first, as many as a log entry holds. */
function bounded(found: readonly CourtConstraint[]): readonly CourtConstraint[] {
  if (found.length < 2) return found;
  const once = new Map(found.map((constraint) => [`${constraint.source} ${constraint.effect}`, constraint]));
  const sorted = [...once.values()].sort((a, b) => order.indexOf(a.effect) - order.indexOf(b.effect));
  const [first] = sorted;
  if (first === undefined || sorted.length <= constraintsMax) return sorted;
  // Leaving out is right below a Red only: more reviews than an entry holds are a Red themselves.
  return first.effect === 'review' ? [{ ...first, ...noReview, effect: 'forbid' }] : sorted.slice(0, constraintsMax);
}

/** By tenant. An agreement that the state does not hold binds nobody. */
function ordersOf(view: ReadView): ReadonlyMap<string, readonly Order[]> {
  const orders = new Map<string, Order[]>();
  for (const constraint of readCausedConstraints(view)) {
    const { rule, agreement, cause } = constraint;
    const effect = effects[rule.action];
    const stored = readStored(view, agreement);
    if (effect === undefined || stored === undefined) continue;
    const { tenants, workload } = reachOf(stored.terms.bindings, rule.target, against(view, constraint));
    const source: Digest = cause.type === 'case' ? cause.id : agreement;
    const made: Order = {
      isSuspension: rule.action === 'suspend-tenant',
      workload,
      constraint: {
        ...{ source, effect, operations: null, classifications: null, destinations: null },
        ...(effect === 'review' ? review : noReview),
      },
    };
    for (const tenant of new Set(tenants)) {
      const own = orders.get(tenant);
      if (own === undefined) orders.set(tenant, [made]);
      else own.push(made);
    }
  }
  return orders;
}

/** A flow's tenant is told by its name in the agreement or by its account. */
export function courtOrders(view: ReadView): Pick<LightView, 'constraintsOf' | 'isSuspended'> {
  const orders = ordersOf(view);
  return {
    constraintsOf: ({ tenant, workload }) => {
      const own = orders.get(tenant);
      if (own === undefined) return noConstraints;
      const concerned = own.filter((one) => one.workload === null || one.workload === workload);
      return bounded(concerned.map(({ constraint }) => constraint));
    },
    isSuspended: (tenant) => orders.get(tenant)?.some(({ isSuspension }) => isSuspension) ?? false,
  };
}

/**
 * What a final ruling does: the chain moves the penalty and writes the orders down; services obey what is written and
 * confirm it with receipts; what nobody confirms in time escalates. Source: court design, "Enforcement actions".
 */
import type { Digest } from '../../../shared/brands.ts';
import { digest32, list, nullable, struct, textMax } from '../../../shared/codec.ts';
import { jsonChoice, jsonDigest, jsonStruct, jsonUint } from '../../json-codec.ts';
import { kind, type Kind, ok, type Outcome, refuse, type TransactionContext } from '../../module.ts';
import type { Role } from '../../permissions.ts';
import { type ReadView, table, type View } from '../../view.ts';
import { expelService, readService } from '../registry.ts';
import { termsOf } from './agreement-state.ts';
import {
  type AgreementTerms,
  type EnforcementAction,
  type EnforcementRule,
  enforcementRuleCodec,
  jsonName,
} from './agreement-terms.ts';
import { caseEvent, type CaseRecord, readCase, type Ruling } from './case-state.ts';
import { addConstraint, liftConstraints, readCausedConstraints } from './constraints.ts';
import { payFromEscrow } from './escrow.ts';

/** `pending` until the ruling is final, `executed` once the chain says so, `confirmed` by the service's receipt. */
const actionStatuses = ['pending', 'executed', 'confirmed', 'escalated'] as const;

export interface OrderedAction {
  readonly order: EnforcementRule;
  readonly status: (typeof actionStatuses)[number];
  /** The service that confirmed it, or empty. */
  readonly service: string;
  readonly receipt: Digest | null;
}

const actionsTable = table(
  'court/actions/',
  list(
    struct<OrderedAction>({
      order: enforcementRuleCodec,
      status: jsonChoice(...actionStatuses),
      service: textMax(63),
      receipt: nullable(digest32),
    }),
    16,
  ),
);

export const readActions = (view: ReadView, id: Digest): readonly OrderedAction[] => view.get(actionsTable, id) ?? [];

/** Kind of the service that obeys an action; null: it is done once it is said. */
const executors: Readonly<Record<EnforcementAction, string | null>> = {
  'suspend-tenant': 'hosting',
  'resume-tenant': 'hosting',
  'stop-workloads': 'docklock',
  'flow-red': 'traffic',
  'flow-yellow': 'traffic',
  'require-policy': 'policy',
  'revoke-certificate': 'hosting',
  notify: null,
};

/** Writes down what a ruling orders; nothing of it is in force before the ruling is final. */
export function orderActions(view: View, id: Digest, record: CaseRecord, { actions }: Ruling): void {
  const { enforcementRules } = termsOf(view, record.agreement);
  const ordered = actions.flatMap((index): OrderedAction[] => {
    const order = enforcementRules[index];
    return order === undefined ? [] : [{ order, status: 'pending', service: '', receipt: null }];
  });
  if (ordered.length === 0) view.delete(actionsTable, id);
  else view.set(actionsTable, id, ordered);
}

/** A ruling that is appealed against orders nothing. */
export const withdrawOrders = (view: View, id: Digest): void => {
  view.delete(actionsTable, id);
};

function inForce(view: View, id: Digest, { agreement }: CaseRecord, order: EnforcementRule): void {
  if (order.action === 'notify') caseEvent(view, 'notice', id, { target: order.target });
  else if (order.action === 'resume-tenant') {
    liftConstraints(view, agreement, 'case/', { action: 'suspend-tenant', target: order.target });
  } else addConstraint(view, order, agreement, `case/${id}`);
}

/** A final ruling takes effect. Returns whether a service has something to confirm. */
export function execute(view: View, id: Digest, record: CaseRecord, ruling: Ruling): boolean {
  const { agreement, claimant, respondent } = record;
  if (ruling.penalty > 0n) {
    const payment = { from: respondent, to: claimant, amount: ruling.penalty };
    payFromEscrow(view, agreement, termsOf(view, agreement), payment);
  }
  const executed = readActions(view, id).map((action): OrderedAction => {
    inForce(view, id, record, action.order);
    return { ...action, status: executors[action.order.action] === null ? 'confirmed' : 'executed' };
  });
  if (executed.length > 0) view.set(actionsTable, id, executed);
  return executed.some(({ status }) => status === 'executed');
}

/** An order in force that services of a kind obey and have not confirmed yet. */
export interface AwaitedConfirmation {
  readonly case: Digest;
  /** Of the ruling's actions. */
  readonly index: number;
  readonly order: EnforcementRule;
}

/** What services of this kind have to confirm, by case. */
export function awaitedConfirmations(view: ReadView, serviceKind: string): readonly AwaitedConfirmation[] {
  const cases = new Set<Digest>();
  for (const { rule, cause } of readCausedConstraints(view))
    if (cause.type === 'case' && executors[rule.action] === serviceKind) cases.add(cause.id);
  return [...cases].flatMap((id) =>
    readCase(view, id)?.stage !== 'enforcement'
      ? []
      : readActions(view, id).flatMap(({ order, status }, index) =>
          status === 'executed' && executors[order.action] === serviceKind ? [{ case: id, index, order }] : [],
        ),
  );
}

/** Clusters that an order which nobody confirmed was for. */
function disobedient({ action, target }: EnforcementRule, { bindings }: AgreementTerms): readonly string[] {
  if (bindings.clusters.includes(target)) return [target];
  return action === 'stop-workloads' ? bindings.clusters : [];
}

/** The deadline has come: what was not confirmed turns the target's flows Red and takes its clusters off the registry. */
export function escalate(view: View, id: Digest, { agreement }: CaseRecord): boolean {
  const before = readActions(view, id);
  if (before.every(({ status }) => status !== 'executed')) return false;
  const actions = before.map((action): OrderedAction => {
    if (action.status !== 'executed') return action;
    const { order } = action;
    for (const cluster of disobedient(order, termsOf(view, agreement))) {
      if (readService(view, cluster) === undefined) continue;
      expelService(view, cluster);
      addConstraint(view, { action: 'flow-red', target: cluster }, agreement, `case/${id}`);
    }
    addConstraint(view, { action: 'flow-red', target: order.target }, agreement, `case/${id}`);
    caseEvent(view, 'escalated', id, { ...order });
    return { ...action, status: 'escalated' };
  });
  view.set(actionsTable, id, actions);
  return true;
}

const isAllConfirmed = (view: ReadView, id: Digest): boolean =>
  readActions(view, id).every(({ status }) => status === 'confirmed');

interface Confirmation {
  readonly case: Digest;
  /** Of the ruling's actions, from 0. */
  readonly index: number;
  /** Name of the service in the registry. */
  readonly service: string;
  readonly receipt: Digest;
}

/** A service says that it obeys. `finish` is told when nothing is left to confirm. */
function confirm(
  { case: id, index, service: name, receipt }: Confirmation,
  view: View,
  finish: (id: Digest, view: View, context: TransactionContext) => void,
  context: TransactionContext,
): Outcome {
  if (readCase(view, id)?.stage !== 'enforcement') return refuse('not-in-enforcement');
  const actions = readActions(view, id);
  const action = actions[index];
  if (action === undefined) return refuse('unknown-action');
  if (action.status === 'confirmed') return refuse('already-confirmed');
  if (readService(view, name)?.kind !== executors[action.order.action]) return refuse('wrong-service');
  const confirmed: OrderedAction = { ...action, status: 'confirmed', service: name, receipt };
  view.set(
    actionsTable,
    id,
    actions.map((each, at) => (at === index ? confirmed : each)),
  );
  caseEvent(view, 'confirmed', id, { ...action.order, service: name, receipt });
  if (isAllConfirmed(view, id)) finish(id, view, context);
  return ok;
}

const ownership = (
  { service: name }: Confirmation,
  view: ReadView,
  { sender }: TransactionContext,
): readonly Role[] => {
  const service = readService(view, name);
  return service !== undefined && (service.owner === sender || service.node === sender) ? ['service-owner'] : [];
};

export const confirmAction = (finish: (id: Digest, view: View, context: TransactionContext) => void): Kind<never> =>
  kind<Confirmation>({
    body: jsonStruct<Confirmation>({
      case: jsonDigest,
      index: jsonUint(15),
      service: jsonName,
      receipt: jsonDigest,
    }),
    relation: ownership,
    execute: (body, view, context) => confirm(body, view, finish, context),
  });

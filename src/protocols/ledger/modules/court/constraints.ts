/**
 * What the court forbids or demands of the services, as they read it from the state. Each holds while it has a cause: a
 * case, or a debt. Source: court design, "Enforcement actions".
 */
import type { Digest, PublicKey } from '../../../shared/brands.ts';
import { boolean } from '../../../shared/codec.ts';
import { type ReadView, table, type View } from '../../view.ts';
import type { EnforcementAction, EnforcementRule } from './agreement-terms.ts';

/** `<action>/<target>/<cause>`, and the other way round. A cause is `<agreement>/case/<case>` or `<agreement>/debt/<account>`. */
const byRule = table('court/constraint/', boolean);
const byCause = table('court/constrained/', boolean);

/** Below it stands everything in force. */
export const constraintsPrefix = byRule.prefix;

/** Why this is in force; empty where it is not. */
export function constraintCauses(view: ReadView, { action, target }: EnforcementRule): readonly string[] {
  const prefix = `${action}/${target}/`;
  return [...view.scan(byRule, prefix)].map(([key]) => key.slice(prefix.length));
}

const isConstrained = (view: ReadView, rule: EnforcementRule): boolean => constraintCauses(view, rule).length > 0;

/** A rule in force, once for each cause that it has. */
export interface Constraint {
  readonly rule: EnforcementRule;
  readonly agreement: Digest;
  /** The case that was ruled on, or the account that owes. */
  readonly cause:
    | { readonly type: 'case'; readonly id: Digest }
    | { readonly type: 'debt'; readonly debtor: PublicKey };
}

/** Everything in force with each of its causes, ascending by rule. */
export function readCausedConstraints(view: ReadView): readonly Constraint[] {
  return [...view.scan(byRule)].map(([key]): Constraint => {
    const [action, target, agreement, type, subject] = key.split('/') as [
      EnforcementAction,
      string,
      Digest,
      'case' | 'debt',
      string,
    ];
    const cause = type === 'case' ? { type, id: subject as Digest } : { type, debtor: subject as PublicKey };
    return { rule: { action, target }, agreement, cause };
  });
}

/** Everything in force, once each, ascending. */
export function readConstraints(view: ReadView): readonly EnforcementRule[] {
  const rules = readCausedConstraints(view).map(({ rule }) => rule);
  return [...new Map(rules.map((rule) => [`${rule.action}/${rule.target}`, rule])).values()];
}

/** `detail` is `case/<case>` or `debt/<account>`. */
export function addConstraint(view: View, rule: EnforcementRule, agreement: Digest, detail: string): void {
  const isNew = !isConstrained(view, rule);
  const cause = `${agreement}/${detail}`;
  view.set(byRule, `${rule.action}/${rule.target}/${cause}`, true);
  view.set(byCause, `${cause}/${rule.action}/${rule.target}`, true);
  if (isNew) view.emit({ module: 'court', kind: 'constrained', attributes: { ...rule, agreement } });
}

/** Ends what the causes that begin with `<agreement>/<detailPrefix>` caused, of one action and target or of all. */
export function liftConstraints(view: View, agreement: Digest, detailPrefix: string, only?: EnforcementRule): void {
  for (const [entry] of [...view.scan(byCause, `${agreement}/${detailPrefix}`)]) {
    const [, type, subject, action, target] = entry.split('/') as [string, string, string, EnforcementAction, string];
    if (only !== undefined && (only.action !== action || only.target !== target)) continue;
    view.delete(byCause, entry);
    view.delete(byRule, `${action}/${target}/${agreement}/${type}/${subject}`);
    if (isConstrained(view, { action, target })) continue;
    view.emit({ module: 'court', kind: 'lifted', attributes: { action, target, agreement } });
  }
}

/**
 * What the court forbids or demands of the services, as they read it from the state. Each holds while it has a cause: a
 * case, or a debt. Source: court design, "Enforcement actions".
 */
import type { Digest } from '../../../shared/brands.ts';
import { boolean } from '../../../shared/codec.ts';
import { type ReadView, table, type View } from '../../view.ts';
import type { EnforcementAction, EnforcementRule } from './agreement-terms.ts';

/** `<action>/<target>/<cause>`, and the other way round. A cause is `<agreement>/case/<case>` or `<agreement>/debt/<account>`. */
const byRule = table('court/constraint/', boolean);
const byCause = table('court/constrained/', boolean);

/** Why this is in force; empty where it is not. */
export function constraintCauses(view: ReadView, { action, target }: EnforcementRule): readonly string[] {
  const prefix = `${action}/${target}/`;
  return [...view.scan(byRule, prefix)].map(([key]) => key.slice(prefix.length));
}

const isConstrained = (view: ReadView, rule: EnforcementRule): boolean => constraintCauses(view, rule).length > 0;

/** Everything in force, once each, ascending. */
export function readConstraints(view: ReadView): readonly EnforcementRule[] {
  const found = new Map<string, EnforcementRule>();
  for (const [key] of view.scan(byRule)) {
    const [action, target] = key.split('/') as [EnforcementAction, string];
    found.set(`${action}/${target}`, { action, target });
  }
  return [...found.values()];
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

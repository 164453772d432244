/** Escrow of agreements, and what somebody owes beyond it. Value only moves; see accounts. */
import type { Digest, PublicKey } from '../../../shared/brands.ts';
import { uint64 } from '../../../shared/codec.ts';
import { type ReadView, table, type View } from '../../view.ts';
import { heldFor, hold, payFromHolding } from '../accounts.ts';
import { escrowOf } from './agreement-state.ts';
import type { AgreementTerms } from './agreement-terms.ts';
import { addConstraint, liftConstraints } from './constraints.ts';

/** Minor units by `<agreement>/<debtor>/<creditor>`. */
const debts = table('court/debt/', uint64);

interface Debt {
  readonly creditor: PublicKey;
  readonly amount: bigint;
}

/** What a party of an agreement owes, by creditor. */
export const debtsOf = (view: ReadView, agreement: Digest, debtor: PublicKey): readonly Debt[] =>
  [...view.scan(debts, `${agreement}/${debtor}/`)].map(([key, amount]) => ({
    creditor: key.slice(-64) as PublicKey,
    amount,
  }));

const moved = (view: View, kind: string, agreement: Digest, from: PublicKey, to: PublicKey, amount: bigint): void => {
  const attributes = { agreement, from, to, amount: amount.toString() };
  view.emit({ module: 'court', kind, attributes });
};

/**
 * Pays from the debtor's escrow as much as is there. The rest is a debt, which suspends the tenants of the debtor until
 * it is paid. Returns what was paid.
 */
export function payFromEscrow(
  view: View,
  agreement: Digest,
  terms: AgreementTerms,
  payment: { readonly from: PublicKey; readonly to: PublicKey; readonly amount: bigint },
): bigint {
  const { from, to, amount } = payment;
  const held = heldFor(view, escrowOf(agreement, from));
  const paid = amount < held ? amount : held;
  if (paid > 0n) {
    payFromHolding(view, escrowOf(agreement, from), to, paid);
    moved(view, 'penalty-paid', agreement, from, to, paid);
  }
  const owed = amount - paid;
  if (owed > 0n) {
    const key = `${agreement}/${from}/${to}`;
    view.set(debts, key, (view.get(debts, key) ?? 0n) + owed);
    moved(view, 'debt', agreement, from, to, owed);
    for (const { name, account } of terms.bindings.tenants) {
      if (account !== from) continue;
      addConstraint(view, { action: 'suspend-tenant', target: name }, agreement, `debt/${from}`);
    }
  }
  return paid;
}

/** Pays debts out of the debtor's account, which has so much; returns what is left of `amount`. */
export function payDebts(view: View, agreement: Digest, debtor: PublicKey, amount: bigint): bigint {
  let left = amount;
  for (const { creditor, amount: owed } of debtsOf(view, agreement, debtor)) {
    const paid = left < owed ? left : owed;
    if (paid === 0n) break;
    const purpose = escrowOf(agreement, debtor);
    hold(view, debtor, purpose, paid);
    payFromHolding(view, purpose, creditor, paid);
    moved(view, 'debt-paid', agreement, debtor, creditor, paid);
    const key = `${agreement}/${debtor}/${creditor}`;
    if (paid === owed) view.delete(debts, key);
    else view.set(debts, key, owed - paid);
    left -= paid;
  }
  if (debtsOf(view, agreement, debtor).length === 0) liftConstraints(view, agreement, `debt/${debtor}`);
  return left;
}

/** Gives every party what is left of its escrow. */
export function releaseEscrow(view: View, agreement: Digest, { parties }: AgreementTerms): void {
  for (const { account } of parties) {
    const purpose = escrowOf(agreement, account);
    const amount = heldFor(view, purpose);
    if (amount === 0n) continue;
    payFromHolding(view, purpose, account, amount);
    moved(view, 'escrow-returned', agreement, account, account, amount);
  }
}

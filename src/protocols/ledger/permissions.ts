/**
 * Who may do what: the only place where an authorization decision about a transaction is taken. A kind that has no row
 * is permitted to nobody.
 */

/**
 * - `member`: any account that exists.
 * - `validator`: a member of the set that decides the block.
 * - `governor`: named by genesis.
 * - `service-owner`: registered the service that the body names, or runs it.
 * - `agreement-party`: is a party of the agreement that the body names, or acts for one.
 * - `claimant`, `respondent`: acts for the creditor or the debtor that the case is between.
 * - `proof-bearer`: shows statements that prove the breach by the agreement's own rule, or is the court that the agreement
 *   names, where that rule calls silence a breach.
 * - `panelist`: was drawn for the panel of the case.
 * - `light`: registered as a traffic light.
 * - `light-reviewer`: has a role at the light that the body names.
 * - `policy-evaluator`: is named by the rule of attestations.
 * - `set-owner`: is the tenant whose own policy set the body is.
 * - `cluster-owner`: registered the execution cluster that the body names.
 */
export const roles = [
  'member',
  'validator',
  'governor',
  'service-owner',
  'agreement-party',
  'claimant',
  'respondent',
  'proof-bearer',
  'panelist',
  'light',
  'light-reviewer',
  'policy-evaluator',
  'set-owner',
  'cluster-owner',
] as const;
export type Role = (typeof roles)[number];

const table: Readonly<Record<string, readonly Role[]>> = {
  'accounts.bond': ['member'],
  'accounts.rotate-key': ['member'],
  'accounts.transfer': ['member'],
  'accounts.unbond': ['member'],
  'agreements.amend': ['agreement-party'],
  'agreements.discharge-obligation': ['agreement-party'],
  'agreements.draft': ['agreement-party'],
  'agreements.fund': ['agreement-party'],
  'agreements.lapse': ['agreement-party'],
  'agreements.offer': ['agreement-party'],
  'agreements.resume': ['agreement-party'],
  'agreements.sign': ['agreement-party'],
  'agreements.suspend': ['agreement-party'],
  'agreements.terminate': ['agreement-party'],
  'audit.anchor': ['member'],
  'court.accept': ['panelist'],
  'court.appeal': ['claimant', 'respondent'],
  'court.challenge-panelist': ['claimant', 'respondent'],
  'court.commit-vote': ['panelist'],
  'court.confirm-action': ['service-owner'],
  'court.file': ['claimant'],
  'court.notice-breach': ['claimant', 'proof-bearer'],
  'court.recuse': ['panelist'],
  'court.register-arbitrator': ['member'],
  'court.respond': ['respondent'],
  'court.reveal-vote': ['panelist'],
  'court.settle': ['claimant', 'respondent'],
  'court.submit-evidence': ['claimant', 'respondent'],
  'court.withdraw': ['claimant', 'respondent'],
  'enc.admit-workload': ['cluster-owner'],
  'enc.anchor-receipts': ['cluster-owner'],
  'enc.register-cluster': ['member'],
  'enc.release-workload': ['cluster-owner'],
  'enc.set-state': ['cluster-owner'],
  'enc.update-cluster': ['cluster-owner'],
  'governance.propose-parameter': ['governor'],
  'governance.vote': ['validator'],
  'policies.attest': ['governor', 'policy-evaluator'],
  'policies.publish': ['governor', 'set-owner'],
  'policies.publish-facts': ['governor'],
  'policies.retire': ['governor'],
  'policies.revoke-fact': ['governor'],
  'policies.set-rule': ['governor'],
  'registry.deregister': ['service-owner'],
  'registry.register': ['member'],
  'registry.update': ['service-owner'],
  'traffic.anchor': ['light'],
  'traffic.discharge': ['light-reviewer'],
  'traffic.fork-evidence': ['member'],
  'traffic.lease-counter': ['light'],
  'traffic.open-epoch': ['light'],
  'traffic.quarantine-reject': ['light-reviewer'],
  'traffic.quarantine-release': ['light-reviewer'],
  'traffic.register': ['member'],
  'traffic.set-roles': ['light'],
  'validators.evidence': ['member'],
  'validators.propose': ['validator', 'governor'],
  'validators.vote': ['validator'],
};

/** Kinds with a row, ascending. */
export const permittedKinds: readonly string[] = Object.keys(table).sort();

/** Whether one of the roles held suffices for transactions of this kind. */
export function isPermitted(kind: string, held: readonly Role[]): boolean {
  if (!Object.hasOwn(table, kind)) return false;
  const allowed = table[kind] ?? [];
  return held.some((role) => allowed.includes(role));
}

export interface PermissionRow {
  readonly kind: string;
  readonly allowed: Readonly<Record<Role, boolean>>;
}

/** The whole table: one row a kind, one column a role. */
export const permissionRows = (): readonly PermissionRow[] =>
  permittedKinds.map((kind) => ({
    kind,
    allowed: Object.fromEntries(roles.map((role) => [role, isPermitted(kind, [role])])) as Record<Role, boolean>,
  }));

/** The table as text, for `bpci permissions`. */
export function formatPermissions(): string {
  const width = Math.max(...permittedKinds.map((kind) => kind.length));
  const line = (kind: string, cells: readonly string[]): string =>
    [kind.padEnd(width), ...cells.map((cell, column) => cell.padEnd((roles[column] ?? '').length))]
      .join('  ')
      .trimEnd();
  return [
    line('kind', roles),
    ...permissionRows().map(({ kind, allowed }) =>
      line(
        kind,
        roles.map((role) => (allowed[role] ? 'yes' : '-')),
      ),
    ),
  ].join('\n');
}

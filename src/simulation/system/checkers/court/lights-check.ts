/**
 * What decisions rest on: the set that was in force at their height, which enough evaluators attested, with all that
 * tightened it; the orders of the court; and logs that are anchored as they were shown.
 */
import type { Genesis } from '../../../../protocols/ledger/genesis.ts';
import { readCausedConstraints } from '../../../../protocols/ledger/modules/court/constraints.ts';
import {
  type ActiveSet,
  readActiveSet,
  readTightening,
} from '../../../../protocols/ledger/modules/policies/policies.ts';
import type { PublicKey } from '../../../../protocols/shared/brands.ts';
import type { DecisionSeen } from '../told-decisions.ts';
import type { BlockCheck, CourtBlock } from './court-block.ts';

export class LightsCheck implements BlockCheck {
  readonly #needed: number;
  readonly #genesisSet: string | null;
  readonly #byHeight = new Map<number, DecisionSeen[]>();
  /** Evaluators by publication and what they got. */
  readonly #attested = new Map<string, Set<PublicKey>>();
  /** By log: size of the last anchor. */
  readonly #anchored = new Map<string, number>();

  constructor({ policies }: Genesis, decisions: readonly DecisionSeen[]) {
    this.#needed = policies?.rule?.attestationsMin ?? 1;
    this.#genesisSet = policies?.network?.compiled ?? null;
    for (const seen of decisions) {
      const { height } = seen.decision;
      this.#byHeight.set(height, [...(this.#byHeight.get(height) ?? []), seen]);
    }
  }

  onBlock(block: CourtBlock): string | null {
    for (const { kind, sender, body } of block.acts.values()) {
      if (kind === 'policies.attest') {
        const key = `${String(body['publication'])} ${String(body['compiled'])}`;
        this.#attested.set(key, (this.#attested.get(key) ?? new Set()).add(sender));
      }
      if (kind === 'traffic.anchor') {
        const [log, size] = [String(body['logId']), Number(body['size'])];
        if (size <= (this.#anchored.get(log) ?? 0)) return `log ${log} was anchored at ${size} after a larger size`;
        this.#anchored.set(log, size);
      }
    }
    const active = readActiveSet(block.view, null);
    const unattested = active === undefined ? null : this.#unattested(active);
    if (unattested !== null) return unattested;
    for (const seen of this.#byHeight.get(block.height) ?? []) {
      const problem = wrongBasis(seen, active, block);
      if (problem !== null) return `decision ${seen.decision.id} of node ${seen.node}: ${problem}`;
    }
    return null;
  }

  #unattested({ id, compiled }: ActiveSet): string | null {
    if (compiled === this.#genesisSet) return null;
    const count = this.#attested.get(`${id} ${String(compiled)}`)?.size ?? 0;
    return count >= this.#needed ? null : `${id} is in force as ${compiled}, which ${count} attested`;
  }
}

function wrongBasis(
  { tenant, decision: { state, policy } }: DecisionSeen,
  active: ActiveSet | undefined,
  { view }: CourtBlock,
): string | null {
  if (state === 'Red') return null;
  if (policy === null) return `${state} without a policy`;
  if (active === undefined) return `${state} while no set was in force`;
  if (policy.policySetHash !== active.policySet || policy.factSetHash !== active.factSet)
    return `it names set ${policy.policySetHash}, in force was ${active.policySet}`;
  const { retiredRules } = readTightening(view, active.publishedAt);
  const retired = policy.rules.find(({ id }) => retiredRules.includes(id));
  if (retired !== undefined) return `it rests on rule ${retired.id}, which was retired before`;
  const forbidding = ['suspend-tenant', 'flow-red', 'stop-workloads'];
  const order = readCausedConstraints(view).find(
    ({ rule }) => forbidding.includes(rule.action) && rule.target === tenant,
  );
  return order === undefined ? null : `${state} although the court has ordered ${order.rule.action} of ${tenant}`;
}

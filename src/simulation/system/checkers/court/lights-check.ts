/**
 * What decisions rest on: the set that was in force at their height, which enough evaluators attested, with all that
 * tightened it; the orders of the court; and logs that are anchored as they were shown.
 */
import { readCausedConstraints } from '../../../../protocols/ledger/modules/court/constraints.ts';
import {
  type ActiveSet,
  readActiveSet,
  readTenantSets,
  readTightening,
} from '../../../../protocols/ledger/modules/policies/policies.ts';
import type { PublicKey } from '../../../../protocols/shared/brands.ts';
import { evaluateInForce } from '../../../../protocols/policy/overlay.ts';
import { noTightening } from '../../../../protocols/policy/published.ts';
import { type Rule, stateRank, worse } from '../../../../protocols/policy/rules.ts';
import { utcDay } from '../../../../protocols/traffic/calendar.ts';
import type { CheckedRun } from '../checker.ts';
import type { Judged, KnownPolicies } from '../told-decisions.ts';
import type { BlockCheck, CourtBlock } from './court-block.ts';

export class LightsCheck implements BlockCheck {
  readonly #needed: number;
  readonly #genesisSet: string | null;
  readonly #policies: KnownPolicies | null;
  readonly #byHeight = new Map<number, Judged[]>();
  /** Evaluators by publication and what they got. */
  readonly #attested = new Map<string, Set<PublicKey>>();
  /** By log: size of the last anchor. */
  readonly #anchored = new Map<string, number>();

  constructor({ genesis, policies }: Pick<CheckedRun, 'genesis' | 'policies'>, judged: readonly Judged[]) {
    this.#needed = genesis.policies?.rule?.attestationsMin ?? 1;
    this.#genesisSet = genesis.policies?.network?.compiled ?? null;
    this.#policies = policies;
    for (const one of judged) {
      const known = this.#byHeight.get(one.height);
      if (known === undefined) this.#byHeight.set(one.height, [one]);
      else known.push(one);
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
    const all = [...(active === undefined ? [] : [active]), ...readTenantSets(block.view)];
    for (const set of all) {
      const problem = this.#wrongSet(set);
      if (problem !== null) return problem;
    }
    for (const one of this.#byHeight.get(block.height) ?? []) {
      const own = readActiveSet(block.view, one.flow.subject.tenant as PublicKey);
      const ownRules = own === undefined ? [] : (this.#policies?.rulesOf(own) ?? []);
      const problem =
        wrongBasis(one, active, ownRules, block) ??
        this.#onRevoked(one, active, ownRules, block) ??
        this.#tooGood(one, active, ownRules, block);
      if (problem !== null) return `${one.name}: ${problem}`;
    }
    return null;
  }

  #wrongSet(set: ActiveSet): string | null {
    const { id, compiled } = set;
    if (compiled === this.#genesisSet) return null;
    const count = this.#attested.get(`${id} ${String(compiled)}`)?.size ?? 0;
    if (count < this.#needed) return `${id} is in force as ${compiled}, which ${count} attested`;
    if (this.#policies === null) return null;
    if (!this.#policies.isSound(set)) return `${id} is in force, and is not what was published, or is not sound`;
    const own = this.#policies.inForce(set, noTightening).base.compiledHash;
    return own === compiled ? null : `${id} is in force as ${compiled}, and compiles to ${own}`;
  }

  /** Whether it rests on a fact that was revoked. */
  #onRevoked(
    { state, flow, policy }: Judged,
    active: ActiveSet | undefined,
    ownRules: readonly Rule[],
    { view }: CourtBlock,
  ): string | null {
    if (this.#policies === null || active === undefined || state === 'Red') return null;
    for (const fact of readTightening(view, active.publishedAt).revokedFacts) {
      const { rules, countries } = this.#policies.restingOn(fact);
      if (!countries.includes(flow.destination.country ?? '')) continue;
      const resting = policy?.rules.find(({ id }) => rules.includes(id) && !ownRules.some((own) => own.id === id));
      if (resting !== undefined) return `it rests on rule ${resting.id} and the fact ${fact}, which was revoked before`;
    }
    return null;
  }

  /** Whether it is better than the network's set, tightened, and the tenant's own versions of its rules say together. */
  #tooGood(
    { state, flow, time }: Judged,
    active: ActiveSet | undefined,
    ownRules: readonly Rule[],
    { view }: CourtBlock,
  ): string | null {
    if (this.#policies === null || active === undefined || state === 'Red') return null;
    const inForce = this.#policies.inForce(active, readTightening(view, active.publishedAt));
    const network = evaluateInForce(inForce, flow, { today: utcDay(time) });
    let worst = network.state;
    for (const { id, state: said } of ownRules)
      if (said !== null && network.rules.some((rule) => rule.id === id)) worst = worse(worst, said);
    if (stateRank[state] >= stateRank[worst]) return null;
    return `${state}, and ${ownRules.length === 0 ? 'the network’s set says' : 'network and tenant say'} ${worst}`;
  }
}

function wrongBasis(
  { flow, state, policy }: Judged,
  active: ActiveSet | undefined,
  ownRules: readonly Rule[],
  { view }: CourtBlock,
): string | null {
  if (state === 'Red') return null;
  if (policy === null) return `${state} without a policy`;
  if (active === undefined) return `${state} while no set was in force`;
  if (policy.policySetHash !== active.policySet || policy.factSetHash !== active.factSet)
    return `it names set ${policy.policySetHash}, in force was ${active.policySet}`;
  const { retiredRules } = readTightening(view, active.publishedAt);
  // A tenant's own rule may have the name of one of the network's.
  const isOwn = (id: string): boolean => ownRules.some((rule) => rule.id === id);
  const retired = policy.rules.find(({ id }) => retiredRules.includes(id) && !isOwn(id));
  if (retired !== undefined) return `it rests on rule ${retired.id}, which was retired before`;
  const forbidding = ['suspend-tenant', 'flow-red', 'stop-workloads'];
  const order = readCausedConstraints(view).find(
    ({ rule }) => forbidding.includes(rule.action) && rule.target === flow.subject.tenant,
  );
  return order === undefined
    ? null
    : `${state} although the court has ordered ${order.rule.action} of ${flow.subject.tenant}`;
}

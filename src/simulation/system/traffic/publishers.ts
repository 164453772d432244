/**
 * Policies that change under load: a governor publishes other versions, some of them unsound, retires rules and revokes
 * facts; tenants publish sets of their own; and beside the policy engines there is an evaluator that often attests something
 * else than it should have got.
 */
import { hasAttested, readActiveSet, readPending } from '../../../protocols/ledger/modules/policies/policies.ts';
import { View } from '../../../protocols/ledger/view.ts';
import type { ChainId, Digest } from '../../../protocols/shared/brands.ts';
import type { Clock } from '../../../runtime/ports/clock.ts';
import type { Signer } from '../../../runtime/ports/signer.ts';
import type { Draw } from '../../draw.ts';
import { isReachable } from '../client.ts';
import { AccountHolder } from '../court/account-holder.ts';
import type { ValidatorNode } from '../validator-node.ts';
import { askedRules, type PolicyShelf, type Published } from './policy-shelf.ts';

export interface PublishersOptions {
  readonly clock: Clock;
  readonly chainId: ChainId;
  readonly nodes: readonly ValidatorNode[];
  readonly draw: Draw;
  readonly shelf: PolicyShelf;
  readonly governor: Signer;
  readonly tenants: readonly Signer[];
  readonly falseEvaluator: Signer;
  readonly untilMs: number;
  readonly onAcknowledged: (hash: string, node: number) => void;
}

const everyMs = 500;
/** Of all ticks of the governor, and of a tenant. */
const chances = { publishes: 0.05, isUnsound: 0.3, retires: 0.02, revokes: 0.02, tenantPublishes: 0.03 } as const;
/** From then on the governor does anything: tenants come first. */
const governsFromMs = 25_000;
/** Facts on which flows rest that are asked about. */
const askedFacts = ['gdpr-adequate-nz', 'gdpr-adequate-us'] as const;

export class Publishers {
  readonly #options: PublishersOptions;
  readonly #governor: AccountHolder;
  readonly #tenants: readonly AccountHolder[];
  readonly #falseEvaluator: AccountHolder;
  readonly #published = new Map<Digest, Published>();
  #versions = 0;

  constructor(options: PublishersOptions) {
    this.#options = options;
    const { chainId, onAcknowledged, governor, tenants, falseEvaluator } = options;
    const holder = (signer: Signer): AccountHolder => new AccountHolder({ chainId, signer, onAcknowledged });
    this.#governor = holder(governor);
    this.#tenants = tenants.map(holder);
    this.#falseEvaluator = holder(falseEvaluator);
  }

  start(): void {
    const { clock, draw, nodes } = this.#options;
    const next = (): void => {
      const node = draw.pick(nodes);
      if (isReachable(node)) this.#work(node);
      clock.setTimer(everyMs, next);
    };
    clock.setTimer(everyMs, next);
  }

  #work(node: ValidatorNode): void {
    const { clock, untilMs } = this.#options;
    const { parts } = node;
    const nowMs = clock.monotonicMs();
    const everybody = [this.#governor, ...this.#tenants, this.#falseEvaluator];
    for (const holder of everybody) holder.carryOn(node, nowMs);
    if (parts === null || nowMs >= untilMs) return;
    const view = new View(parts.chain.state);
    if (!this.#governor.isBusy && nowMs >= governsFromMs) this.#govern(view);
    for (const tenant of this.#tenants) if (!tenant.isBusy) this.#publishOwn(tenant);
    if (!this.#falseEvaluator.isBusy) this.#attest(view);
    for (const holder of everybody) holder.carryOn(node, nowMs);
  }

  #govern(view: View): void {
    const { draw } = this.#options;
    const { publishes, retires, revokes } = chances;
    if (draw.chance(publishes)) this.#publish();
    else if (draw.chance(retires)) this.#retire(view);
    else if (draw.chance(revokes)) this.#governor.begin('policies.revoke-fact', { id: draw.pick(askedFacts) });
  }

  #publish(): void {
    const { shelf, draw } = this.#options;
    this.#versions += 1;
    const version = `simulated-${this.#versions}`;
    const made = draw.chance(chances.isUnsound) ? shelf.unsound(version, draw) : shelf.another(version, draw);
    this.#published.set(made.id, made);
    this.#governor.begin('policies.publish', made.publication);
  }

  #publishOwn(tenant: AccountHolder): void {
    const { shelf, draw } = this.#options;
    if (!draw.chance(chances.tenantPublishes)) return;
    this.#versions += 1;
    const made = shelf.ofTenant(`own-${this.#versions}`, tenant.account, draw);
    this.#published.set(made.id, made);
    tenant.begin('policies.publish', made.publication);
  }

  #attest(view: View): void {
    const { draw, shelf } = this.#options;
    const waiting = readPending(view).find(({ id }) => !hasAttested(view, id, this.#falseEvaluator.account));
    const made = waiting === undefined ? undefined : this.#published.get(waiting.id);
    if (waiting === undefined || made === undefined || !draw.chance(0.3)) return;
    const compiled = draw.chance(0.5) ? waiting.content : shelf.compiledHash(made);
    this.#falseEvaluator.begin('policies.attest', { publication: waiting.id, compiled });
  }

  /** A permit of the set in force, often one that flows rest on. */
  #retire(view: View): void {
    const { shelf, draw } = this.#options;
    const active = readActiveSet(view, null);
    const set = active === undefined ? undefined : (this.#published.get(active.id)?.set ?? shelf.first.set);
    const permits = (set?.rules ?? []).filter(({ state }) => state === 'Green' || state === 'Yellow');
    const asked = permits.filter(({ id }) => askedRules.includes(id));
    const [chosen] = draw.shuffle(draw.chance(0.5) ? asked : permits);
    if (chosen !== undefined) this.#governor.begin('policies.retire', { id: chosen.id });
  }
}

/**
 * Policies that change under load: a governor publishes other versions and retires rules; three evaluators compile what
 * was published and attest what they got, one of them often something else.
 */
import { readActiveSet, readPending, hasAttested } from '../../../protocols/ledger/modules/policies/policies.ts';
import { View } from '../../../protocols/ledger/view.ts';
import type { ChainId, Digest } from '../../../protocols/shared/brands.ts';
import type { Clock } from '../../../runtime/ports/clock.ts';
import type { Signer } from '../../../runtime/ports/signer.ts';
import type { Draw } from '../../draw.ts';
import { atWork } from '../at-work.ts';
import { AccountHolder } from '../court/account-holder.ts';
import type { ValidatorNode } from '../validator-node.ts';
import type { PolicyShelf, Published } from './policy-shelf.ts';

export interface PublishersOptions {
  readonly clock: Clock;
  readonly chainId: ChainId;
  readonly nodes: readonly ValidatorNode[];
  readonly draw: Draw;
  readonly shelf: PolicyShelf;
  readonly governor: Signer;
  readonly evaluators: readonly Signer[];
  readonly untilMs: number;
  readonly onAcknowledged: (hash: string, node: number) => void;
}

/** Of all ticks of the governor. */
const publishes = 0.05;
const retires = 0.02;

export class Publishers {
  readonly #options: PublishersOptions;
  readonly #governor: AccountHolder;
  readonly #evaluators: readonly AccountHolder[];
  readonly #published = new Map<Digest, Published>();
  #versions = 0;

  constructor(options: PublishersOptions) {
    this.#options = options;
    const { chainId, onAcknowledged, governor, evaluators } = options;
    const holder = (signer: Signer): AccountHolder => new AccountHolder({ chainId, signer, onAcknowledged });
    this.#governor = holder(governor);
    this.#evaluators = evaluators.map(holder);
  }

  start(): void {
    atWork(this.#options, (node) => this.#work(node));
  }

  #work(node: ValidatorNode): void {
    const { clock, untilMs, draw } = this.#options;
    const { parts } = node;
    const nowMs = clock.monotonicMs();
    for (const holder of [this.#governor, ...this.#evaluators]) holder.carryOn(node, nowMs);
    if (parts === null || nowMs >= untilMs) return;
    const view = new View(parts.chain.state);
    if (!this.#governor.isBusy) {
      if (draw.chance(publishes)) this.#publish();
      else if (draw.chance(retires)) this.#retire(view);
      this.#governor.carryOn(node, nowMs);
    }
    const [waiting] = readPending(view);
    const made = waiting === undefined ? undefined : this.#published.get(waiting.id);
    if (waiting === undefined || made === undefined) return;
    const compiled = this.#options.shelf.compiledHash(made);
    for (const [index, holder] of this.#evaluators.entries()) {
      if (holder.isBusy || hasAttested(view, waiting.id, holder.account) || !draw.chance(0.3)) continue;
      const isWrong = index === 0 && draw.chance(0.5);
      const said = isWrong ? waiting.content : compiled;
      holder.begin('policies.attest', { publication: waiting.id, compiled: said });
      holder.carryOn(node, nowMs);
    }
  }

  #publish(): void {
    const { shelf, draw } = this.#options;
    this.#versions += 1;
    const made = shelf.another(`simulated-${this.#versions}`, draw);
    this.#published.set(made.id, made);
    this.#governor.begin('policies.publish', made.publication);
  }

  /** A permit of the set in force. */
  #retire(view: View): void {
    const { shelf, draw } = this.#options;
    const active = readActiveSet(view, null);
    const set = active === undefined ? undefined : (this.#published.get(active.id)?.set ?? shelf.first.set);
    const permits = (set?.rules ?? []).filter(({ state }) => state === 'Green' || state === 'Yellow');
    if (permits.length > 0) this.#governor.begin('policies.retire', { id: draw.pick(permits).id });
  }
}

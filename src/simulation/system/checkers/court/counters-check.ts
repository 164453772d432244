/**
 * Counters: what a light lets pass of a tenant's persons is within what the chain has leased to it by then, a lease never
 * shrinks, and the sum that all lights go by is that of all leases.
 */
import { readCounters } from '../../../../protocols/ledger/modules/traffic/traffic.ts';
import { counterNames } from '../../../../protocols/policy/vocabulary.ts';
import type { PublicKey } from '../../../../protocols/shared/brands.ts';
import { counterSubject } from '../../../../protocols/traffic/counters.ts';
import type { DecisionSeen } from '../told-decisions.ts';
import type { BlockCheck, CourtBlock } from './court-block.ts';

const add = (sums: Map<string, number>, key: string, persons: number): void => {
  sums.set(key, (sums.get(key) ?? 0) + persons);
};

export class CountersCheck implements BlockCheck {
  readonly #byHeight = new Map<number, DecisionSeen[]>();
  readonly #lights = new Set<PublicKey>();
  /** Persons that were let pass, by light, subject and counter. */
  readonly #passed = new Map<string, number>();
  /** As the last block has it. */
  #granted: ReadonlyMap<string, number> = new Map();

  /** `counted`: each once. */
  constructor(counted: readonly DecisionSeen[]) {
    for (const seen of counted) {
      const { height, state, enforcementAction } = seen.decision;
      if (state === 'Red' || enforcementAction === 'hold') continue;
      this.#byHeight.set(height, [...(this.#byHeight.get(height) ?? []), seen]);
      this.#lights.add(seen.light);
    }
  }

  onBlock(block: CourtBlock): string | null {
    const problem = this.#follow(block);
    if (problem !== null) return problem;
    for (const { node, light, flow, decision } of this.#byHeight.get(block.height) ?? []) {
      for (const counter of counterNames) {
        if (flow.counters[counter] === 0) continue;
        const key = `${light} ${counterSubject(flow.subject.tenant)} ${counter}`;
        add(this.#passed, key, flow.counters[counter]);
        const [passed = 0, granted = 0] = [this.#passed.get(key), this.#granted.get(key)];
        if (passed > granted)
          return `with decision ${decision.id} node ${node} has let ${passed} of ${counter} pass, and leased ${granted}`;
      }
    }
    return null;
  }

  #follow({ view, acts }: CourtBlock): string | null {
    for (const { kind, sender } of acts.values()) if (kind === 'traffic.lease-counter') this.#lights.add(sender);
    const granted = new Map<string, number>();
    const summed = new Map<string, number>();
    const totals = new Map<string, number>();
    for (const light of this.#lights) {
      for (const { subject, counter, window, total, spent, lease } of readCounters(view, light)) {
        add(granted, `${light} ${subject} ${counter}`, spent + lease);
        add(summed, `${subject} ${counter} ${window}`, spent + lease);
        totals.set(`${subject} ${counter} ${window}`, total);
      }
    }
    for (const [key, before] of this.#granted) {
      const now = granted.get(key) ?? 0;
      if (now < before) return `a lease went from ${before} to ${now}: ${key}`;
    }
    for (const [key, total] of totals)
      if (total !== summed.get(key)) return `${total} are counted of ${key}, and ${summed.get(key)} are leased`;
    this.#granted = granted;
    return null;
  }
}

/** Seeded random schedules over the network model: a time of faults, then healing, then a decision in time. */
import type { ConsensusMessage } from '../../../src/protocols/ibft/messages.ts';
import type { ModelNode } from './model-types.ts';
import { NetworkModel } from './network-model.ts';
import { integerBelow } from './virtual-time.ts';

export interface Outcome {
  readonly model: NetworkModel;
  /** From healing to the next decision by every validator that is alive; null: not within the bound. */
  readonly recoveryMs: number | null;
  readonly boundMs: number;
}

function pick<T>(model: NetworkModel, items: readonly T[]): T {
  return items[integerBelow(model.random, items.length)]!;
}

/** One fault or repair at a random node or link. */
function disturb(model: NetworkModel): void {
  const { nodes, random } = model;
  const node = pick(model, nodes);
  const other = pick(model, nodes);
  switch (integerBelow(random, 9)) {
    case 0:
      if (node !== other) model.setLink(node, other, false);
      return;
    case 1:
      if (node !== other) model.setLink(node, other, true);
      return;
    case 2: {
      const groups: ModelNode[][] = [[], [], []];
      for (const member of nodes) pick(model, groups).push(member);
      model.partition(groups);
      return;
    }
    case 3:
      model.crash(node);
      return;
    case 4:
      node.effectsUntilCrash = integerBelow(random, 12);
      return;
    case 5:
      for (const dead of nodes) if (random() < 0.5) model.restart(dead);
      return;
    case 6:
      model.lossRate = random() < 0.5 ? 0 : random() * 0.6;
      return;
    case 7: {
      const kind: ConsensusMessage['type'] = pick(model, ['proposal', 'prepare', 'commit', 'round-change']);
      model.filter = (message, from) => (message.type === kind && (from === node || random() < 0.7) ? null : 0);
      return;
    }
    default:
      model.filter = () => (random() < 0.3 ? random() * 3000 : 0);
  }
}

/** Faults for a random time, then everything is linked and at most f validators stay dead. */
export function randomSchedule(
  count: number,
  seed: number,
  options: { readonly twins?: readonly number[] } = {},
): Outcome {
  const model = new NetworkModel({ count, seed, ...options });
  const { random } = model;
  for (const node of model.nodes) node.clockOffsetMs = integerBelow(random, 400) - 200;
  const disturbances = 1 + integerBelow(random, 40);
  for (let i = 0; i < disturbances && model.violations.length === 0; i++) {
    disturb(model);
    model.run(model.now + random() * 3000);
  }
  const faulty = Math.floor((count - 1) / 3) - (options.twins?.length ?? 0);
  const dead = new Set<ModelNode>();
  while (dead.size < faulty && random() < 0.8) dead.add(pick(model, model.correct));
  for (const node of model.nodes) {
    node.effectsUntilCrash = null;
    if (dead.has(node)) model.crash(node);
    else model.restart(node);
  }
  model.heal();
  const next = model.heightMax + 1;
  const alive = model.correct.filter((node) => node.isUp);
  const recoveryMs = model.runUntil(() => alive.every((node) => node.chain.length >= next), model.recoveryBoundMs);
  return { model, recoveryMs, boundMs: model.recoveryBoundMs };
}

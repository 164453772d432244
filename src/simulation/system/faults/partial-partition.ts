import { blockDirections, type FaultBase, type FaultKind, type FieldCheck, nodeNumbers } from './fault-kind.ts';

/** Nothing passes between the two of each pair; both reach all the others. */
export interface PartialPartitionFault extends FaultBase {
  readonly kind: 'partial-partition';
  readonly pairs: readonly (readonly [number, number])[];
}

const pairsOfNodes: FieldCheck = (value, fault, bounds) => {
  if (!Array.isArray(value)) return 'a list of pairs of validators';
  for (const pair of value as readonly unknown[]) {
    const problem = nodeNumbers(pair, fault, bounds);
    if (problem !== null) return problem;
    if ((pair as readonly number[]).length !== 2) return 'two validators a pair';
  }
  return null;
};

export const partialPartition: FaultKind<PartialPartitionFault> = {
  kind: 'partial-partition',
  fields: { pairs: pairsOfNodes },
  hits: ({ pairs }) => [...new Set(pairs.flat())],
  begin: ({ pairs }, targets) => blockDirections(targets, (from, to) => pairs.some((pair) => isPair(pair, from, to))),
  swarm: {
    among: 'all',
    draw: (draw, { nodes }) => {
      const all = nodes.flatMap((one, at) => nodes.slice(at + 1).map((other): [number, number] => [one, other]));
      return { pairs: draw.shuffle(all).slice(0, draw.between(1, all.length)) };
    },
  },
};

const isPair = ([one, other]: readonly [number, number], from: number, to: number): boolean =>
  (from === one && to === other) || (from === other && to === one);

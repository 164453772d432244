import { blockDirections, type FaultBase, type FaultKind, type FieldCheck, nodeNumbers } from './fault-kind.ts';

/** Nothing passes between different groups, nor to or from a node in none. Nodes of two groups reach both of them. */
export interface PartitionFault extends FaultBase {
  readonly kind: 'partition';
  readonly groups: readonly (readonly number[])[];
}

const groupsOfNodes: FieldCheck = (value, fault, bounds) => {
  if (!Array.isArray(value)) return 'a list of groups';
  const problems = value.map((group: unknown) => nodeNumbers(group, fault, bounds));
  return problems.find((problem) => problem !== null) ?? null;
};

export const partition: FaultKind<PartitionFault> = {
  kind: 'partition',
  fields: { groups: groupsOfNodes },
  hits: ({ groups }) => groups.flat(),
  begin: ({ groups }, targets) =>
    blockDirections(targets, (from, to) => !groups.some((group) => group.includes(from) && group.includes(to))),
  swarm: { among: 'all', draw: (_draw, { parts }) => ({ groups: parts }) },
};

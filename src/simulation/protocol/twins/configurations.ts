/** What a phase can be: every leader with every partition; and which of them differ in names only. */
import type { Cast } from '../schedule.ts';
import { instancesOf, memberOfInstance } from '../schedule.ts';
import type { Partition, Phase } from './phases.ts';

/** All ways to split so many instances into at most so many groups. */
export function partitionsOf(instances: number, groupsMax: number): readonly Partition[] {
  let found: number[][] = [[]];
  for (let instance = 0; instance < instances; instance++)
    found = found.flatMap((partial) => {
      const groups = Math.min(groupsMax, Math.max(-1, ...partial) + 2);
      return Array.from({ length: groups }, (_, group) => [...partial, group]);
    });
  return found;
}

export function phasesOf(cast: Cast, groupsMax: number): readonly Phase[] {
  const partitions = partitionsOf(instancesOf(cast), groupsMax);
  return Array.from({ length: cast.validators }, (_, leader) =>
    partitions.map((partition) => ({ leader, partition })),
  ).flat();
}

/** A phase that stands for `weight` phases, which are the same but for the names of validators. */
export interface WeightedPhase {
  readonly phase: Phase;
  readonly weight: number;
}

/**
 * One phase of each kind. Only right where validators have done nothing yet that tells them apart: in the first phase.
 * There they differ in whether they have a twin, and a twin does not differ from the instance it doubles. (Messages of one
 * moment arrive in the order of the senders' numbers, so what counts as one here may differ in that.)
 */
export function firstPhasesOf(cast: Cast, groupsMax: number): readonly WeightedPhase[] {
  const byKind = new Map<string, { phase: Phase; weight: number }>();
  for (const phase of phasesOf(cast, groupsMax)) {
    const kind = kindOf(cast, phase);
    const known = byKind.get(kind);
    if (known === undefined) byKind.set(kind, { phase, weight: 1 });
    else known.weight += 1;
  }
  return [...byKind.values()];
}

/** Of each group how many of which sort it holds: the leader, its twin, others with a twin by twos, the rest. */
function kindOf(cast: Cast, { leader, partition }: Phase): string {
  // Of three pairs in four groups, who sits with whom is more than the counts below tell.
  if (cast.twins.length > 2) return `${leader} ${partition.join()}`;
  const groups = new Map<number, string[]>();
  partition.forEach((group, instance) => {
    const sorts = groups.get(group) ?? [];
    sorts.push(sortOf(cast, leader, partition, instance));
    groups.set(group, sorts);
  });
  return [...groups.values()]
    .map((sorts) => sorts.sort().join(' '))
    .sort()
    .join(' | ');
}

function sortOf(cast: Cast, leader: number, partition: Partition, instance: number): string {
  const member = memberOfInstance(cast, instance);
  const place = cast.twins.indexOf(member);
  const role = member === leader ? 'leader' : 'follower';
  if (place < 0) return role;
  const other = instance === member ? cast.validators + place : member;
  return `${role} with a twin ${partition[other] === partition[instance] ? 'beside it' : 'elsewhere'}`;
}

/** The first validators have twins: which ones does not matter, as every one of them leads in turn. */
export function castOf(validators: number, twins: number): Cast {
  return { validators, twins: Array.from({ length: twins }, (_, member) => member), adversaries: [] };
}

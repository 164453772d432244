/** What an exploration covers: who runs, how far, which of them share a key, and which of them are interchangeable. */
import { faultyCountMax } from '../../../protocols/ledger/validator-set.ts';
import type { Rules } from '../setting.ts';

export interface ScopeOptions {
  /** 1 to 7. */
  readonly validators: number;
  /** Rounds 0 to rounds − 1; nobody's timer fires in the last one. */
  readonly rounds: number;
  /** Validators that run twice with one key. More than f is a negative control. */
  readonly twins: number;
  /** Crashes and restarts of correct validators, in all. */
  readonly crashes: number;
  readonly rules: Rules;
  /** Another quorum than that of the rules, for negative controls. */
  readonly quorum?: number;
}

/** One running machine. Twins are two instances of one member. */
interface Instance {
  readonly member: number;
  readonly isCorrect: boolean;
}

/** Where each instance, and each member, is sent by a renaming under which the protocol behaves alike. */
export interface Renaming {
  readonly instances: readonly number[];
  readonly members: readonly number[];
}

/** One choice of who is a twin. */
export interface ScopeCase {
  readonly twins: readonly number[];
  readonly instances: readonly Instance[];
  /** The first is the identity. */
  readonly renamings: readonly Renaming[];
}

export const proposerOf = (validators: number, round: number): number => round % validators;

function subsets(count: number, size: number): number[][] {
  if (size === 0) return [[]];
  const found: number[][] = [];
  for (const rest of subsets(count, size - 1))
    for (let next = (rest.at(-1) ?? -1) + 1; next < count; next++) found.push([...rest, next]);
  return found;
}

/**
 * Every choice of twins, but for the names of members that propose no round in scope: these differ in nothing, so of
 * the choices that take equally many of them one is enough.
 */
export function casesOf(options: Pick<ScopeOptions, 'validators' | 'rounds' | 'twins'>): readonly ScopeCase[] {
  const { validators, rounds, twins } = options;
  const seen = new Set<string>();
  const cases: ScopeCase[] = [];
  for (const chosen of subsets(validators, twins)) {
    const proposers = chosen.filter((member) => member < rounds);
    const kind = `${proposers.join(',')}+${chosen.length - proposers.length}`;
    if (seen.has(kind)) continue;
    seen.add(kind);
    cases.push(caseOf(validators, rounds, chosen));
  }
  return cases;
}

function caseOf(validators: number, rounds: number, twins: readonly number[]): ScopeCase {
  const instances: Instance[] = [];
  for (let member = 0; member < validators; member++) instances.push({ member, isCorrect: !twins.includes(member) });
  for (const member of twins) instances.push({ member, isCorrect: false });
  return { twins, instances, renamings: renamingsOf(validators, rounds, instances) };
}

function permutations(count: number): number[][] {
  if (count === 0) return [[]];
  return permutations(count - 1).flatMap((rest) =>
    Array.from({ length: count }, (_, at) => [...rest.slice(0, at), count - 1, ...rest.slice(at)]),
  );
}

/**
 * Permutations of the instances that keep who is correct, who shares a key, and who proposes which round. Every rule of
 * the protocol names validators by equality, by count or as the proposer of a round; nothing else tells them apart.
 */
function renamingsOf(validators: number, rounds: number, instances: readonly Instance[]): readonly Renaming[] {
  const found: Renaming[] = [];
  for (const candidate of permutations(instances.length)) {
    const members = new Array<number>(validators).fill(-1);
    const isPossible = candidate.every((target, at) => {
      const from = instances[at] as Instance;
      const to = instances[target] as Instance;
      const known = members[from.member] as number;
      members[from.member] = to.member;
      return (known === -1 || known === to.member) && from.isCorrect === to.isCorrect;
    });
    const keepsProposers = Array.from({ length: rounds }, (_, round) => proposerOf(validators, round)).every(
      (member) => members[member] === member,
    );
    if (isPossible && keepsProposers) found.push({ instances: candidate, members });
  }
  return found.sort((a, b) => a.instances.join().localeCompare(b.instances.join()));
}

export function checkScope(options: ScopeOptions): void {
  const { validators, rounds, twins, crashes } = options;
  const whole = (name: string, value: number, least: number, most: number): void => {
    if (!Number.isInteger(value) || value < least || value > most)
      throw new RangeError(`${name}: a whole number from ${least} to ${most} is expected, got ${value}`);
  };
  whole('validators', validators, 1, 7);
  whole('rounds', rounds, 1, 4);
  whole('twins', twins, 0, Math.min(validators, faultyCountMax(validators) + 2));
  whole('crashes', crashes, 0, 2);
}

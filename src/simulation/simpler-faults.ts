/**
 * Simpler versions of a fault, whatever its kind: shorter, weaker, fewer nodes hit, rounder times. They are proposals; who
 * asks finds out whether one is a fault at all, and whether it still shows what is looked for.
 */
import type { FaultBase } from './system/faults/fault-kind.ts';

type Values = Readonly<Record<string, unknown>>;

const shortestMs = 10;

const isNumbers = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((member) => typeof member === 'number');
const isGroups = (value: unknown): value is readonly (readonly number[])[] =>
  Array.isArray(value) && value.length > 1 && value.every(isNumbers);

/** Where and when, which is not more or less. */
const isPlace = (field: string): boolean => ['kind', 'node', 'atMs', 'forMs'].includes(field) || field.endsWith('AtMs');

/** The boldest first. None of them has the fault itself among its own simpler versions, so that shrinking ends. */
export function simplerFaults<F extends FaultBase>(fault: F): readonly F[] {
  const { atMs, forMs } = fault;
  const changes: Values[] = [];
  if (forMs > shortestMs) {
    const halfMs = Math.max(shortestMs, Math.floor(forMs / 2));
    changes.push({ forMs: shortestMs }, { forMs: halfMs }, { atMs: atMs + forMs - halfMs, forMs: halfMs });
  }
  for (const stepMs of [1000, 100, 10]) {
    for (const field of ['atMs', 'forMs'] as const) {
      const rounded = fault[field] - (fault[field] % stepMs);
      if (rounded !== fault[field] && rounded >= shortestMs) changes.push({ [field]: rounded });
    }
  }
  for (const [field, value] of Object.entries(fault)) {
    if (isPlace(field)) continue;
    for (const simpler of simplerValues(value)) changes.push({ [field]: simpler });
  }
  return changes.map((change) => ({ ...fault, ...change }));
}

function simplerValues(value: unknown): readonly unknown[] {
  if (typeof value === 'number') return simplerNumbers(value);
  if (isNumbers(value) && value.length > 1) return value.map((_, out) => value.filter((__, index) => index !== out));
  return isGroups(value) ? evenFewerApart(value) : [];
}

function simplerNumbers(value: number): readonly number[] {
  const half = Number.isInteger(value) ? Math.trunc(value / 2) : Math.trunc(value * 500) / 1000;
  return half === 0 || half === value ? [] : [half];
}

/** Groups with one node moved from the smallest to the largest: fewer are cut off. */
function evenFewerApart(groups: readonly (readonly number[])[]): readonly unknown[] {
  const sizes = groups.map(({ length }) => length);
  const from = sizes.indexOf(Math.min(...sizes));
  const to = sizes.lastIndexOf(Math.max(...sizes));
  const smallest = groups[from] ?? [];
  if (from === to || smallest.length < 2) return [];
  return smallest.map((moved) =>
    groups.map((group, index) => {
      if (index === from) return group.filter((node) => node !== moved);
      return index === to ? [...group, moved] : group;
    }),
  );
}

/** The fault in a smaller network: nodes that are not there any more are left out, or others take their place. */
export function faultAmong<F extends FaultBase>(fault: F, nodes: number): F {
  const fitting = Object.entries(fault).map(([field, value]) => {
    if (field === 'node' && typeof value === 'number') return [field, value % nodes] as const;
    if (isGroups(value)) return [field, value.map((group) => within(group, nodes))] as const;
    return [field, isNumbers(value) ? within(value, nodes) : (value as unknown)] as const;
  });
  return Object.fromEntries(fitting) as unknown as F;
}

const within = (list: readonly number[], nodes: number): readonly number[] => list.filter((node) => node < nodes);

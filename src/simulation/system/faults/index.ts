/** Every kind of fault that there is. A new one: a file here, and a line in this list. */
import { clock } from './clock.ts';
import { cheat } from './cheat.ts';
import { bandwidth } from './bandwidth.ts';
import { clockDrift } from './clock-drift.ts';
import { clockJumps } from './clock-jumps.ts';
import { crashAtEffect } from './crash-at-effect.ts';
import { diskFailure } from './disk-failure.ts';
import { duplicate } from './duplicate.ts';
import { flapping } from './flapping.ts';
import { fullDisk } from './full-disk.ts';
import { halfOpen } from './half-open.ts';
import { partialPartition } from './partial-partition.ts';
import { reorder } from './reorder.ts';
import { slowDisk } from './slow-disk.ts';
import { slowLink } from './slow-link.ts';
import { tornWrite } from './torn-write.ts';
import { crash } from './crash.ts';
import { delay } from './delay.ts';
import { emptyPromises } from './empty-promises.ts';
import { equivocate } from './equivocate.ts';
import { falseReports } from './false-reports.ts';
import { falseStarts } from './false-starts.ts';
import { forgeCertificates } from './forge-certificates.ts';
import { exchange } from './exchange.ts';
import { flood } from './flood.ts';
import { govern } from './govern.ts';
import { impersonate } from './impersonate.ts';
import { join } from './join.ts';
import { leave } from './leave.ts';
import { newcomer } from './newcomer.ts';
import { invalidBlocks } from './invalid-blocks.ts';
import { replay } from './replay.ts';
import { silence } from './silence.ts';
import { twins } from './twins.ts';
import { unbond } from './unbond.ts';
import { withhold } from './withhold.ts';
import type { FaultBase, FaultKind, FaultTime } from './fault-kind.ts';
import { loss } from './loss.ts';
import { oneWay } from './one-way.ts';
import { partition } from './partition.ts';
import { pause } from './pause.ts';
import { restore } from './restore.ts';
import { wipe } from './wipe.ts';

/** By the name of its constructor. */
const kinds = {
  crash,
  crashAtEffect,
  wipe,
  restore,
  pause,
  partition,
  partialPartition,
  oneWay,
  flapping,
  slowLink,
  bandwidth,
  loss,
  delay,
  duplicate,
  reorder,
  halfOpen,
  tornWrite,
  diskFailure,
  fullDisk,
  slowDisk,
  clock,
  clockDrift,
  clockJumps,
  equivocate,
  withhold,
  silence,
  replay,
  forgeCertificates,
  invalidBlocks,
  falseReports,
  falseStarts,
  twins,
  join,
  leave,
  exchange,
  newcomer,
  govern,
  flood,
  impersonate,
  cheat,
  unbond,
  emptyPromises,
};

type Kinds = typeof kinds;
type FaultOf<K> = K extends FaultKind<infer F> ? F : never;

export type Fault = FaultOf<Kinds[keyof Kinds]>;

/** In the order of the list. */
export const faultKinds: readonly FaultKind<FaultBase>[] = Object.values(kinds);

export const faultKind = (kind: string): FaultKind<FaultBase> | undefined =>
  faultKinds.find((known) => known.kind === kind);

type Fields<F> = F extends FaultTime ? Omit<F, 'kind'> : never;

/** Scenarios' words for faults: `faults.crash({ node: 2, atMs: 10_000, forMs: 500 })`. */
export const faults = Object.fromEntries(
  Object.entries(kinds).map(([name, { kind }]) => [name, (fields: object) => ({ kind, ...fields })]),
) as unknown as { readonly [K in keyof Kinds]: (fields: Fields<FaultOf<Kinds[K]>>) => FaultOf<Kinds[K]> };

/** Whom a fault is done to; empty where it is nobody in particular. */
export function nodesHitBy(fault: FaultBase & { readonly node?: number }): readonly number[] {
  const own = faultKind(fault.kind)?.hits?.(fault);
  return own ?? (fault.node === undefined ? [] : [fault.node]);
}

/** The nodes that lie in a run of these faults. */
export const liarsOf = (faults: readonly FaultBase[]): ReadonlySet<number> =>
  new Set(faults.filter(({ kind }) => faultKind(kind)?.lies === true).flatMap((fault) => nodesHitBy(fault)));

/** When the last of those has ended that liveness has to wait for. */
export const calmAtMs = (faults: readonly FaultBase[]): number =>
  Math.max(0, ...faults.map(({ kind, atMs, forMs }) => (faultKind(kind)?.mayLast === true ? 0 : atMs + forMs)));

/** The beacons that open draws wait for. Kept only while a draw needs them. Source: court design, "Draw". */
import { bytesExact, uint } from '../../../shared/codec.ts';
import { sortable } from '../../deadline-queue.ts';
import type { BlockContext } from '../../module.ts';
import { faultyCountMax } from '../../validator-set.ts';
import { type ReadView, table, type View } from '../../view.ts';
import { readNextSet } from '../validator-state.ts';

/** A beacon is forgotten after this many blocks; a draw that comes so late is opened again. */
const keptBlocks = 256;

const beacons = table('court/beacon/', bytesExact(64));
const wanted = table('court/beacons/', uint);

/** How many blocks' beacons a draw mixes: one more than may be withheld by the faulty. */
const mixedCount = (view: ReadView): number => faultyCountMax(readNextSet(view).validators.length) + 1;

/** From now on beacons are kept for a draw opened in this block. Returns the height of the last one. */
export function awaitBeacons(view: View, { height }: BlockContext): number {
  const last = height + mixedCount(view);
  view.set(wanted, 'until', Math.max(last, view.get(wanted, 'until') ?? 0));
  return last;
}

/** Outputs of the blocks after `openedAt` up to `last`; null where one is not kept any more. */
export function beaconsBetween(
  view: ReadView,
  openedAt: number,
  last: number,
  { height, beacon }: BlockContext,
): readonly Uint8Array[] | null {
  const found: Uint8Array[] = [];
  for (let at = openedAt + 1; at <= last; at++) {
    const output = at === height ? beacon : view.get(beacons, sortable(at));
    if (output === undefined) return null;
    found.push(output);
  }
  return found;
}

/** At the end of a block. */
export function keepBeacon(view: View, { height, beacon }: BlockContext): void {
  const until = view.get(wanted, 'until');
  if (until === undefined) return;
  if (height <= until) view.set(beacons, sortable(height), beacon);
  view.delete(beacons, sortable(height - keptBlocks));
  if (height > until + keptBlocks) view.delete(wanted, 'until');
}

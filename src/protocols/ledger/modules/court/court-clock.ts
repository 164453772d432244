/**
 * The court's time: header time less all outages, so that a gap in the chain moves every open deadline by its length
 * without touching one of them. Source: court design, "Dispute".
 */
import { uint } from '../../../shared/codec.ts';
import { cancelDeadline, type DeadlineId, scheduleDeadline } from '../../deadline-queue.ts';
import type { BlockContext } from '../../module.ts';
import { type ReadView, table, type View } from '../../view.ts';
import { readParameters } from '../parameters.ts';

/** A longer gap between headers is an outage, milliseconds. */
const outageMsMin = 60_000;

/** Sum of all outages so far, milliseconds. */
const outages = table('court/outage/', uint);

/**
 * The outage that this block ends, milliseconds; 0 where there was none.
 *
 * Deviation: where the chain's own parameters let blocks be more than half a minute apart, an outage is a gap of more
 * than twice that; otherwise the court's time would stand still on a chain that works as it should.
 */
function outageBefore(view: ReadView, { time, parentTime }: BlockContext): number {
  const gap = time - parentTime;
  if (gap <= outageMsMin) return 0;
  const { blockTimeMs, emptyBlockPeriodMs } = readParameters(view);
  return gap > 2 * Math.max(blockTimeMs, emptyBlockPeriodMs) ? gap : 0;
}

/** Sum of the outages that earlier blocks ended, milliseconds. */
export const outagesBefore = (view: ReadView): number => view.get(outages, 'sum') ?? 0;

/** Milliseconds since 1970, less all outages. In a block that ends one it is what it was before the outage. */
export const courtTime = (view: ReadView, context: BlockContext): number =>
  context.time - outagesBefore(view) - outageBefore(view, context);

/** Adds the outage that this block ends to the sum; the last thing that the court does in a block. */
export function recordOutage(view: View, context: BlockContext): void {
  const outage = outageBefore(view, context);
  if (outage === 0) return;
  view.set(outages, 'sum', outagesBefore(view) + outage);
  view.emit({ module: 'court', kind: 'outage', attributes: { ms: String(outage) } });
}

/** When something is due, and the entry of the queue that says so. */
export interface Due {
  /** A height for order `height`, header time for `time`, the court's time for `court`. */
  readonly at: number;
  readonly id: DeadlineId;
}

/** Whose deadline: an agreement's or a case's. */
export type Owner = 'agreements' | 'court';

/** Schedules the deadline of `subject`; the owner keeps what is returned and cancels it when it moves on. */
export const scheduleDue = (
  view: View,
  owner: Owner,
  order: DeadlineId['order'],
  at: number,
  subject: string,
): Due => ({ at, id: scheduleDeadline(view, order, at, { module: owner, action: 'deadline', subject }) });

export const cancelDue = (view: View, due: Due | null): void => {
  if (due !== null) cancelDeadline(view, due.id);
};

/** Whether the moment has passed, be the queue drained or not. */
export const isPast = (due: Due | null, now: number): boolean => due !== null && now > due.at;

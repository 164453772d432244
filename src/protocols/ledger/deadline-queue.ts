/**
 * One queue for everything that happens when its time has come (returned bonds, lapsed votes, leases), ordered by block
 * height or by header time, drained at the end of every block and bounded per block: what is left over is due next time.
 * A third order, `court`, counts header time without outages; the court drains it at its end of the block.
 */
import { type Codec, struct, textMax, uint } from '../shared/codec.ts';
import { table, type View } from './view.ts';

/** Deadlines of each order handled in one block at most. */
export const deadlinesPerBlockMax = 1000;

export type DeadlineOrder = 'height' | 'time' | 'court';

/** What is due: `module` is told `action` about `subject`. */
export interface Deadline {
  readonly module: string;
  readonly action: string;
  readonly subject: string;
}

/** Names a scheduled deadline, for its cancellation. */
export interface DeadlineId {
  readonly order: DeadlineOrder;
  readonly key: string;
}

const deadlineCodec: Codec<Deadline> = struct<Deadline>({
  module: textMax(32),
  action: textMax(64),
  subject: textMax(256),
});
const tables = {
  height: table('deadlines/height/', deadlineCodec),
  time: table('deadlines/time/', deadlineCodec),
  court: table('deadlines/court/', deadlineCodec),
};
const sequences = table('deadlines/sequence/', uint);

/** Fixed width, so that the text sorts as the number does. */
export const sortable = (value: number): string => value.toString(16).padStart(14, '0');

/** `due` is a height, or milliseconds since 1970 (of order `court`: less all outages). Deadlines of one moment are handled in the order of their scheduling. */
export function scheduleDeadline(view: View, order: DeadlineOrder, due: number, deadline: Deadline): DeadlineId {
  const sequence = view.get(sequences, 'next') ?? 0;
  view.set(sequences, 'next', sequence + 1);
  const key = `${sortable(due)}/${sortable(sequence)}`;
  view.set(tables[order], key, deadline);
  return { order, key };
}

/** Nothing happens where it was handled or cancelled before. */
export const cancelDeadline = (view: View, id: DeadlineId): void => {
  view.delete(tables[id.order], id.key);
};

/** Takes what is due out of the queue, in order. */
export function takeDueDeadlines(view: View, order: DeadlineOrder, now: number): readonly Deadline[] {
  const last = sortable(now);
  const due: (readonly [string, Deadline])[] = [];
  for (const entry of view.scan(tables[order])) {
    if (due.length === deadlinesPerBlockMax || entry[0].slice(0, last.length) > last) break;
    due.push(entry);
  }
  for (const [key] of due) view.delete(tables[order], key);
  return due.map(([, deadline]) => deadline);
}

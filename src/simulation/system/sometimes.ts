/**
 * What must have happened sometimes, in some run of a swarm: a checker that has never met a thing says nothing about it.
 * The counts of a swarm's run have each of these names, with 0 where it did not happen.
 */
import type { UnsignedPayload } from '../../protocols/ibft/messages.ts';
import { faultKinds } from './faults/index.ts';

const events = {
  lateRound: 'round 3 or later',
  reProposal: 'a prepared block proposed again',
  cutShort: 'a hopeless round cut short',
  crashAtEffect: 'crashed at an effect',
  ownStop: 'stopped itself for its disk',
} as const;

/** Lines of the log that tell of something rare, and the name that it is counted under. */
const loggedEvents: ReadonlyMap<string, string> = new Map([
  ['started from a snapshot', 'joined by a snapshot'],
  ['this looks like a copy restored from a backup: not signing for two heights', 'a restored copy abstained'],
  ['the disk is full: not voting until there is room', 'a full disk waited for'],
]);

/** As they are counted by the metrics of nodes. */
const metricEvents = [
  'bpci.consensus.rounds jump',
  'bpci.consensus.rounds proposal',
  'bpci.consensus.rounds time-out',
  'bpci.consensus.guard_refusals below-watermark',
];

export const sometimes: readonly string[] = [
  ...faultKinds.filter(({ swarm }) => swarm !== undefined).map(({ kind }) => `fault ${kind}`),
  ...Object.values(events),
  ...loggedEvents.values(),
  ...metricEvents,
];

/** What a line of a node's log is counted under; undefined where it is nothing rare. */
export const loggedEvent = (message: string): string | undefined => loggedEvents.get(message);

/** Counts of a run by name, in the order of the names; those of a swarm with the zeros. */
export function countsOf(counts: ReadonlyMap<string, number>, isSwarm: boolean): Readonly<Record<string, number>> {
  const zeros: readonly (readonly [string, number])[] = isSwarm ? sometimes.map((name) => [name, 0]) : [];
  return Object.fromEntries([...new Map([...zeros, ...counts])].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Rare turns of consensus. */
export class Milestones {
  readonly #count: (name: string) => void;
  /** Digests of blocks by height, with the first round in which each was proposed. Of the last heights. */
  readonly #proposed = new Map<number, Map<string, number>>();
  #lateAt = 0;

  constructor(count: (name: string) => void) {
    this.#count = count;
  }

  /** A validator left a round in which too few could still vote, before its time-out was over. */
  onCutShort(): void {
    this.#count(events.cutShort);
  }

  onSigned(payload: UnsignedPayload): void {
    const { height, round } = payload;
    if (round >= 3 && height > this.#lateAt) {
      this.#lateAt = height;
      this.#count(events.lateRound);
    }
    if (payload.kind !== 'proposal') return;
    const rounds = this.#proposed.get(height) ?? new Map<string, number>();
    this.#proposed.set(height, rounds);
    this.#proposed.delete(height - keptHeights);
    const first = rounds.get(payload.digest);
    if (first === undefined) rounds.set(payload.digest, round);
    else if (round > first) this.#count(events.reProposal);
  }
}

const keptHeights = 16;

/** Panels in state: who sits, what they committed to and revealed, and how they were drawn. Source: court design, "Draw". */
import type { Digest, PublicKey } from '../../../shared/brands.ts';
import { boolean, bytesExact, digest32, list, nullable, publicKey32, struct, uint } from '../../../shared/codec.ts';
import { invariant } from '../../../shared/errors.ts';
import { validatorsMax } from '../../block.ts';
import { sortable } from '../../deadline-queue.ts';
import { type ReadView, table, type View } from '../../view.ts';
import { countSeat } from './arbitrators.ts';
import type { CastVote, Vote } from './vote.ts';
import { voteCodec } from './vote.ts';

/** Seats of a panel at most: 7, then 15, then 31. */
export const seatsMax = 31;

export interface Seat {
  readonly arbitrator: PublicKey;
  readonly hasAccepted: boolean;
  readonly commitment: Digest | null;
  readonly vote: Vote | null;
}

export interface Panel {
  /** Those drawn, in their order. */
  readonly seats: readonly Seat[];
  /** Parties that refused an arbitrator, once for each that they refused. */
  readonly challengers: readonly PublicKey[];
}

/** How one draw came out; with the case's list and exclusions everything to do it again. */
export interface DrawRecord {
  readonly seed: Digest;
  /** In the order of their blocks, the first that of the block after the draw was opened. */
  readonly beacons: readonly Uint8Array[];
  /** So many of the case's exclusions had been made. */
  readonly excludedCount: number;
  readonly drawn: readonly PublicKey[];
}

const emptyPanel: Panel = { seats: [], challengers: [] };

const seatCodec = struct<Seat>({
  arbitrator: publicKey32,
  hasAccepted: boolean,
  commitment: nullable(digest32),
  vote: nullable(voteCodec),
});
const panels = table(
  'court/panel/',
  struct<Panel>({ seats: list(seatCodec, seatsMax), challengers: list(publicKey32, 16) }),
);
const draws = table(
  'court/draw/',
  struct<DrawRecord>({
    seed: digest32,
    beacons: list(bytesExact(64), validatorsMax),
    excludedCount: uint,
    drawn: list(publicKey32, seatsMax),
  }),
);

export const readPanel = (view: ReadView, id: Digest): Panel => view.get(panels, id) ?? emptyPanel;

export const writePanel = (view: View, id: Digest, panel: Panel): void => {
  view.set(panels, id, panel);
};

const drawKey = (id: Digest, round: number): string => `${id}/${sortable(round)}`;

export const readDraw = (view: ReadView, id: Digest, round: number): DrawRecord | undefined =>
  view.get(draws, drawKey(id, round));

export const recordDraw = (view: View, id: Digest, round: number, draw: DrawRecord): void => {
  view.set(draws, drawKey(id, round), draw);
};

export const isSeated = ({ seats }: Panel, account: PublicKey): boolean =>
  seats.some(({ arbitrator }) => arbitrator === account);

/** The panel with one seat changed; its holder sits on it. */
export function withSeat(panel: Panel, account: PublicKey, change: Partial<Seat>): Panel {
  invariant(isSeated(panel, account), `${account} has no seat`);
  const seats = panel.seats.map((seat) => (seat.arbitrator === account ? { ...seat, ...change } : seat));
  return { ...panel, seats };
}

/** Takes seats away; who had accepted one is free of it. */
export function leaveSeats(view: View, panel: Panel, leaves: (seat: Seat) => boolean): Panel {
  for (const seat of panel.seats) if (leaves(seat) && seat.hasAccepted) countSeat(view, seat.arbitrator, -1);
  return { ...panel, seats: panel.seats.filter((seat) => !leaves(seat)) };
}

/** Everybody leaves. */
export function dissolvePanel(view: View, id: Digest): void {
  leaveSeats(view, readPanel(view, id), () => true);
  view.delete(panels, id);
}

export const revealedVotes = ({ seats }: Panel): readonly CastVote[] =>
  seats.flatMap(({ arbitrator, vote }) => (vote === null ? [] : [{ arbitrator, vote }]));

export const seatedIn = ({ seats }: Panel): readonly PublicKey[] => seats.map(({ arbitrator }) => arbitrator);

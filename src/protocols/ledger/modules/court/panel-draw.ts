/** PanelDraw: opening a draw, drawing when its beacons are there, drawing again for seats that came free. Source: court design, "Draw". */
import type { Digest, PublicKey } from '../../../shared/brands.ts';
import { invariant } from '../../../shared/errors.ts';
import type { BlockContext } from '../../module.ts';
import type { ReadView, View } from '../../view.ts';
import { termsOf } from './agreement-state.ts';
import { isStillAvailable } from './arbitrators.ts';
import { awaitBeacons, beaconsBetween } from './beacons.ts';
import {
  caseEvent,
  type CaseRecord,
  enterDraw,
  enterStage,
  exclude,
  excludedFrom,
  frozenCandidates,
  rulesOf,
} from './case-state.ts';
import { type Candidate, drawPanel, drawSeed } from './draw.ts';
import { dissolvePanel, leaveSeats, type Panel, readPanel, recordDraw, seatsMax, writePanel } from './panel-state.ts';
import { dismiss } from './ruling.ts';

const largestOdd = (count: number): number => (count % 2 === 1 ? count : Math.max(0, count - 1));

/** Those on a case's list who have not gone. */
const remaining = (view: ReadView, id: Digest): readonly Candidate[] => {
  const gone = new Set<PublicKey>(excludedFrom(view, id));
  return frozenCandidates(view, id).filter(({ arbitrator }) => !gone.has(arbitrator));
};

/** Opens a draw for the seats that are free; who accepted one keeps it. */
function openDraw(view: View, context: BlockContext, id: Digest, record: CaseRecord): void {
  const opened = { ...record, round: record.round + 1, drawOpenedAt: context.height };
  enterDraw(view, id, opened, awaitBeacons(view, context));
}

/** Opens the draw of a whole new panel. */
export function openPanel(view: View, context: BlockContext, id: Digest, record: CaseRecord, size: number): void {
  dissolvePanel(view, id);
  openDraw(view, context, id, { ...record, panelSize: Math.min(size, seatsMax), redraws: 0 });
}

/** The beacons are there. */
export function onDrawDue(view: View, context: BlockContext, id: Digest, record: CaseRecord): void {
  invariant(record.due !== null, 'a draw has its moment');
  const beacons = beaconsBetween(view, record.drawOpenedAt, record.due.at, context);
  if (beacons === null) {
    openDraw(view, context, id, record);
    return;
  }
  const rules = rulesOf(view, id);
  const list = remaining(view, id);
  const unavailable = list.filter(({ arbitrator }) => !isStillAvailable(view, arbitrator, rules));
  exclude(
    view,
    id,
    unavailable.map(({ arbitrator }) => arbitrator),
  );
  const candidates = remaining(view, id);
  const panel = readPanel(view, id);
  const size = largestOdd(Math.min(record.panelSize, panel.seats.length + candidates.length));
  if (size === 0) {
    dissolvePanel(view, id);
    dismiss(view, context, id, record);
    return;
  }
  const kept = keepFirst(view, panel, size);
  const { round } = record;
  const seed = drawSeed({ chain: context.chainId, caseId: id, round, beacons });
  const drawn = drawPanel(candidates, size - kept.seats.length, seed);
  recordDraw(view, id, round, { seed, beacons, excludedCount: excludedFrom(view, id).length, drawn });
  exclude(view, id, drawn);
  const invited = drawn.map((arbitrator) => ({ arbitrator, hasAccepted: false, commitment: null, vote: null }));
  writePanel(view, id, { ...kept, seats: [...kept.seats, ...invited] });
  caseEvent(view, 'panel-drawn', id, { round: String(round), seed, size: String(size) });
  for (const arbitrator of drawn) caseEvent(view, 'invited', id, { arbitrator, round: String(round) });
  enterStage(view, context, id, { ...record, panelSize: size }, 'challenge');
}

/** The seats of a panel that has become too small for all who accepted go to the first of them. */
function keepFirst(view: View, panel: Panel, size: number): Panel {
  const kept = new Set(panel.seats.slice(0, size).map(({ arbitrator }) => arbitrator));
  return leaveSeats(view, panel, ({ arbitrator }) => !kept.has(arbitrator));
}

/** The time to accept and to challenge is over: voting begins, or free seats are drawn for. */
export function onChallengeDue(view: View, context: BlockContext, id: Digest, record: CaseRecord): void {
  const panel = leaveSeats(view, readPanel(view, id), ({ hasAccepted }) => !hasAccepted);
  writePanel(view, id, panel);
  if (panel.seats.length === record.panelSize) {
    enterStage(view, context, id, record, 'commit');
    return;
  }
  if (record.redraws < rulesOf(view, id).redrawsMax && remaining(view, id).length > 0) {
    openDraw(view, context, id, { ...record, redraws: record.redraws + 1 });
    return;
  }
  const size = largestOdd(panel.seats.length);
  if (size === 0) {
    dissolvePanel(view, id);
    dismiss(view, context, id, record);
    return;
  }
  writePanel(view, id, keepFirst(view, panel, size));
  enterStage(view, context, id, { ...record, panelSize: size }, 'commit');
}

/** Seats of the first panel: one below the arbitration threshold. */
export function firstPanelSize(view: ReadView, { agreement, claim }: CaseRecord): number {
  const { arbitrationThreshold, panelSize } = termsOf(view, agreement).dispute;
  return claim !== null && claim.amount >= arbitrationThreshold ? panelSize : 1;
}

/** Takes a case to the next level: twice as many and one, or a first panel where none has sat yet. */
export function openNextLevel(view: View, context: BlockContext, id: Digest, record: CaseRecord): void {
  const size = record.panelSize === 0 ? firstPanelSize(view, record) : 2 * record.panelSize + 1;
  openPanel(view, context, id, { ...record, level: record.level + 1, isSecondPanel: false }, size);
}

/** A timeline as lines of text, in the order of time: for terminals, for search, for comparing two runs. */
import type { Timeline, TimelineMessage } from './timeline.ts';

interface Line {
  readonly atMs: number;
  readonly text: string;
}

const short = (digest: string | null): string => (digest === null ? 'nothing' : digest.slice(0, 8));

export function timelineText(timeline: Timeline): string {
  const { scenario, seed, traceHash, again } = timeline;
  const lines: Line[] = [
    ...timeline.faults.flatMap(({ kind, fromMs, toMs, text }) => [
      { atMs: fromMs, text: `fault      ${kind} begins: ${text}` },
      { atMs: toMs, text: `fault      ${kind} ends` },
    ]),
    ...timeline.absences.flatMap(({ node, state, fromMs, toMs }) => [
      { atMs: fromMs, text: `node ${node}     ${state}` },
      { atMs: toMs, text: `node ${node}     ${toMs < timeline.endMs ? 'back' : 'absent to the end'}` },
    ]),
    ...timeline.signatures.map(({ atMs, node, kind, height, round, digest }) => ({
      ...{ atMs, text: `node ${node}     signs ${kind} ${short(digest)} at height ${height}, round ${round}` },
    })),
    ...timeline.finals.map(({ atMs, node, height, digest }) => ({
      ...{ atMs, text: `node ${node}     has ${short(digest)} final at height ${height}` },
    })),
    ...timeline.warnings.map(({ atMs, node, text }) => ({ atMs, text: `node ${node}     warns: ${text}` })),
    ...timeline.messages.map((message) => ({ atMs: message.sentMs, text: messageText(message) })),
    ...timeline.violations.map(({ atMs, checker, detail }) => ({ atMs, text: `VIOLATED   ${checker}: ${detail}` })),
  ];
  // Sorting keeps the order of what happens at one moment.
  const told = lines
    .sort((a, b) => a.atMs - b.atMs)
    .map(({ atMs, text }) => `${(atMs / 1000).toFixed(4).padStart(10)}  ${text}`);
  return [`# ${scenario}, seed ${seed}, trace ${traceHash}; again: ${again}`, ...told, ''].join('\n');
}

function messageText({ from, to, kind, height, round, arrivedMs, text }: TimelineMessage): string {
  const place = height === null ? '' : ` at height ${height}, round ${String(round)}`;
  const arrival = arrivedMs === null ? 'never arrives' : `arrives at ${(arrivedMs / 1000).toFixed(4)}`;
  return `${from} -> ${to}     ${kind}${place}, ${text}; ${arrival}`;
}

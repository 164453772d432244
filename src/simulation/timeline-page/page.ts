/** A timeline as one page of HTML that needs nothing else: no network, no other file. */
import { checkerMeanings } from '../checker-meanings.ts';
import type { Timeline, TimelineMessage } from '../timeline.ts';
import { interaction } from './interaction.ts';
import { picture } from './picture.ts';
import { style } from './style.ts';

/** More would make the page slow to open: those nearest to what matters are kept. */
const messagesMax = 40_000;
const hundredths = (milliseconds: number): number => Math.round(milliseconds * 100) / 100;

export function timelinePage(timeline: Timeline): string {
  const data = JSON.stringify(compact(timeline)).replaceAll('<', '\\u003c');
  const title = `${timeline.scenario}, seed ${timeline.seed}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(timeline.expects)}</p>
<p>trace <code>${escapeHtml(timeline.traceHash)}</code> · again: <code>${escapeHtml(timeline.again)}</code></p>
</header>
${verdict(timeline)}
<div class="bar" id="bar"></div>
<main>
<div class="stage"><canvas id="picture" tabindex="0" role="application" aria-label="Timeline of ${timeline.nodes} nodes. Left and right move, plus and minus zoom, up and down select events."></canvas></div>
<aside>
<section class="box" aria-labelledby="story-heading"><h2 id="story-heading">What happened</h2><ol id="story"></ol></section>
<section class="box" aria-labelledby="details-heading"><h2 id="details-heading">Selected</h2><div id="details" aria-live="polite">Click anything in the picture.</div></section>
</aside>
</main>
${legend}
<script type="application/json" id="data">${data}</script>
<script>${picture}${interaction}</script>
</body>
</html>
`;
}

function verdict({ violations, endMs }: Timeline): string {
  const [first] = violations;
  if (first === undefined) {
    return `<section class="verdict"><strong>Everything held</strong> for ${(endMs / 1000).toFixed(0)} simulated seconds.</section>`;
  }
  const at = `${(first.atMs / 1000).toFixed(3)} s`;
  const meaning = (checkerMeanings as Readonly<Record<string, string>>)[first.checker];
  const must = meaning === undefined ? '' : `<p>What must hold: ${escapeHtml(meaning)}</p>`;
  return `<section class="verdict violated"><strong>${escapeHtml(first.checker)} violated</strong> at ${at}: ${escapeHtml(first.detail)}${must}</section>`;
}

const legend = `<details>
<summary>How to read this</summary>
<ul>
<li>Every lane is a node; time goes to the right. The band in a lane says which height (h) and round (r) the node is in: pale is round 0, orange is a later round, which a node enters when its time runs out or others went on.</li>
<li>Lines between lanes are messages, from where and when they were sent to where and when they arrived. A dashed stub with a cross never arrived.</li>
<li>Small marks above a band are the node’s signatures, green diamonds on it are blocks that became final there.</li>
<li>Red shades are faults, on the nodes that they hit; hatched is a node that is down or paused.</li>
<li>The red line is the moment at which a checker saw what must not be. Circled marks are those that it speaks of, with the beginning of their block’s hash.</li>
<li>Drag or arrow keys move, the wheel or + and − zoom, ↑ and ↓ go from event to event, V shows the violation, 0 the whole run.</li>
</ul>
</details>`;

/** Messages as rows of their values, kinds by number: a run has tens of thousands. */
function compact(timeline: Timeline): unknown {
  const kept = nearest(timeline);
  const kinds = [...new Set(kept.map(({ kind }) => kind))];
  const places = new Map(kinds.map((kind, place) => [kind, place]));
  const spans = <S extends { readonly fromMs: number; readonly toMs: number }>(list: readonly S[]): readonly S[] =>
    list.map((span) => ({ ...span, fromMs: hundredths(span.fromMs), toMs: hundredths(span.toMs) }));
  return {
    ...timeline,
    ...{ kinds, absences: spans(timeline.absences), rounds: spans(timeline.rounds) },
    messagesLeftOut: timeline.messages.length - kept.length,
    messages: kept.map(({ from, to, sentMs, arrivedMs, kind, height, round, text }) => [
      ...[from, to, hundredths(sentMs), arrivedMs === null ? null : hundredths(arrivedMs)],
      ...[places.get(kind), height, round, text],
    ]),
  };
}

function nearest({ messages, violations, endMs }: Timeline): readonly TimelineMessage[] {
  if (messages.length <= messagesMax) return messages;
  const focusMs = violations[0]?.atMs ?? endMs;
  const distance = ({ sentMs }: TimelineMessage): number => Math.abs(focusMs - sentMs);
  return [...messages]
    .sort((a, b) => distance(a) - distance(b))
    .slice(0, messagesMax)
    .sort((a, b) => a.sentMs - b.sentMs);
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (character) => entities[character] ?? character);

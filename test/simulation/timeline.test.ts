/**
 * Goal: a watched run is the same run, and its picture tells what happened. Method: one run watched and not; its timeline, page
 * and text; a planted read of the real clock that has to be seen in each of them.
 */
import { Script } from 'node:vm';
import { expect } from 'chai';
import { type NodePorts, simulate, type SimulationResult } from '../../src/simulation.ts';
import { checkerMeanings } from '../../src/simulation/checker-meanings.ts';
import { type Timeline, TimelineRecorder } from '../../src/simulation/timeline.ts';
import { timelinePage } from '../../src/simulation/timeline-page/page.ts';
import { timelineText } from '../../src/simulation/timeline-text.ts';
import { brief } from './scenarios.ts';

const scenario = {
  ...brief,
  faults: [
    { kind: 'crash' as const, node: 1, atMs: 6_000, forMs: 1_000 },
    { kind: 'pause' as const, node: 2, atMs: 8_000, forMs: 500 },
  ],
};

async function watch(
  ports?: (given: NodePorts) => NodePorts,
): Promise<{ readonly result: SimulationResult; readonly timeline: Timeline }> {
  const recorder = new TimelineRecorder();
  const options = { seed: 7, keepLog: true, onEvent: recorder.onEvent };
  const result = await simulate(scenario, ports === undefined ? options : { ...options, ports });
  for (const line of result.log) recorder.onLog(line);
  const timeline = recorder.timeline({
    ...{ scenario: 'a </script> & "name"', expects: 'x', seed: '7', again: 'again', nodes: 4 },
    ...{ traceHash: result.traceHash, endMs: result.simulatedMs },
  });
  return { result, timeline };
}

describe('a watched run', function () {
  this.timeout(60_000);
  let watched: { readonly result: SimulationResult; readonly timeline: Timeline };
  before(async () => {
    watched = await watch();
  });

  it('is the run that nobody watches', async () => {
    const { traceHash } = await simulate(scenario, { seed: 7 });
    expect(watched.result.traceHash).to.equal(traceHash);
  });

  it('tells who was away, and every fault', () => {
    const { absences, faults } = watched.timeline;
    expect(absences).to.deep.equal([
      { node: 1, state: 'down', fromMs: 6_000, toMs: 7_000 },
      { node: 2, state: 'paused', fromMs: 8_000, toMs: 8_500 },
    ]);
    expect(faults.map(({ kind, nodes, fromMs, toMs }) => [kind, nodes, fromMs, toMs])).to.deep.equal([
      ['crash', [1], 6_000, 7_000],
      ['pause', [2], 8_000, 8_500],
    ]);
  });

  it('tells the signatures and the final block of every height, and in which order nodes came to them', () => {
    const { finals, signatures, rounds } = watched.timeline;
    const { heights } = watched.result;
    for (let height = 1; height <= heights; height++) {
      expect(new Set(finals.filter((final) => final.height === height).map(({ digest }) => digest)).size).to.equal(1);
      const commits = signatures.filter((signed) => signed.kind === 'commit' && signed.height === height);
      expect(new Set(commits.map(({ node }) => node)).size).to.be.within(3, 4);
    }
    for (const { fromMs, toMs } of rounds) expect(toMs).to.be.at.least(fromMs);
  });

  it('tells of each consensus message when it was sent and when it arrived', () => {
    const proposals = watched.timeline.messages.filter(({ kind, round }) => kind === 'proposal' && round === 0);
    const arrived = proposals.filter(({ arrivedMs }) => arrivedMs !== null);
    expect(arrived.length).to.be.greaterThan(3 * (watched.result.heights - 3));
    for (const { sentMs, arrivedMs, from, to } of arrived) {
      expect(from).not.to.equal(to);
      // The shortest time of flight of a scenario that names none.
      expect((arrivedMs ?? 0) - sentMs).to.be.at.least(5);
    }
  });

  it('is a page that needs nothing else, whose script the engine can read', () => {
    const page = timelinePage(watched.timeline);
    expect(page).not.to.match(/\b(?:src|href)=|https?:|@import|url\(/);
    expect(page).to.include('a &lt;/script&gt; &amp; &quot;name&quot;');
    const bodies = [...page.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map(([, body]) => body ?? '');
    expect(bodies).to.have.length(2);
    const shown = JSON.parse(bodies[0] ?? '') as { readonly scenario: string; readonly messages: readonly unknown[] };
    expect(shown.scenario).to.equal(watched.timeline.scenario);
    expect(shown.messages).to.have.length(watched.timeline.messages.length);
    expect(() => new Script(bodies[1] ?? 'missing(')).not.to.throw();
    expect(page).to.include('Everything held');
  });

  it('is text in the order of time', () => {
    const [heading, ...lines] = timelineText(watched.timeline).trimEnd().split('\n');
    expect(heading).to.include(watched.result.traceHash);
    const times = lines.map((line) => Number(line.slice(0, 10)));
    expect(times).to.deep.equal([...times].sort((a, b) => a - b));
    expect(lines.filter((line) => line.includes('crash begins'))).to.have.length(1);
  });

  it('shows what was violated, and what that means', async () => {
    const { timeline } = await watch((given) => ({ ...given, clock: { ...given.clock, now: () => Date.now() } }));
    expect(timeline.violations).to.have.length(1);
    const page = timelinePage(timeline);
    expect(page).to.include('sealed-off violated').and.include(checkerMeanings['sealed-off']);
    expect(timelineText(timeline)).to.match(/VIOLATED {3}sealed-off: .*Date/);
  });
});

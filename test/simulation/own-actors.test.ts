/**
 * Goal: actors that are not ours run under the same faults, on the same disks and with the same traces as validators do.
 * Method: a counter a node, kept on its disk, that crashes, checkers that must see what it tells, and wrong scenarios.
 */
import { expect } from 'chai';
import { defineActor } from '../../src/runtime/actor-system.ts';
import { type ActorScenario, checkers, faults, scenario, ScenarioError, simulate } from '../../src/simulation.ts';

interface Counted {
  readonly life: 'first' | 'later';
  readonly count: number;
}

const key = Uint8Array.of(1);

/** Counts every 100 ms; what it tells is durable, so that it must go on from there after a crash. */
const counters = (change: Partial<ActorScenario<Counted>> = {}): ActorScenario<Counted> =>
  scenario<Counted>({
    name: 'counters',
    expects: 'Nobody tells a count twice.',
    nodes: 2,
    durationMs: 10_000,
    calmMs: 2_000,
    faults: [faults.crash({ node: 1, atMs: 3_000, forMs: 1_000 })],
    start: ({ system, open, emit }) => {
      const store = open('counts');
      const stored = store.get('counts', key)?.[0];
      const counter = defineActor<number, 'count'>({
        name: 'counter',
        initial: (context) => {
          context.timer('next', 100, 'count');
          return stored ?? 0;
        },
        receive: async (count, _message, context) => {
          store.commit([{ table: 'counts', key, value: Uint8Array.of(count + 1) }]);
          await store.durable();
          emit({ life: stored === undefined ? 'first' : 'later', count: count + 1 });
          context.timer('next', 100, 'count');
          return count + 1;
        },
      });
      system.spawn(counter);
    },
    checkers: [checkers.eventually('counts again', ({ node }) => node === 1)],
    ...change,
  });

const violationsOf = async (given: ActorScenario<Counted>): Promise<readonly string[]> => {
  const { verdicts } = await simulate(given, { seed: 1 });
  return verdicts.flatMap(({ checker, violations }) => violations.map(({ detail }) => `${checker}: ${detail}`));
};

describe('actors of one’s own', () => {
  it('come back from a crash with what was durable, event for event the same under the same seed', async () => {
    const first = await simulate(counters(), { seed: 1 });
    expect(first.ok, JSON.stringify(first.verdicts)).to.equal(true);
    const counts = first.events.filter(({ node }) => node === 1).map(({ event }) => event.count);
    expect(new Set(counts).size).to.equal(counts.length);
    expect(first.events.some(({ node, event }) => node === 1 && event.life === 'later')).to.equal(true);
    expect(first.events.every(({ node, event }) => node === 1 || event.life === 'first')).to.equal(true);
    expect(first.counts['fault crash']).to.equal(1);
    expect(await simulate(counters(), { seed: 1 })).to.deep.equal(first);
    expect((await simulate(counters(), { seed: 2 })).traceHash).not.to.equal(first.traceHash);
  });

  it('are seen by the checkers of their scenario', async () => {
    const [contradicted] = await violationsOf(
      counters({
        checkers: [checkers.agreement('one counter', { key: ({ count }) => count, value: (_event, node) => node })],
      }),
    );
    expect(contradicted).to.match(/^one counter: 1: node [01] says [01], node [01] says [01]$/);
    const [forbidden] = await violationsOf(
      counters({
        checkers: [checkers.never('below five', ({ event }) => (event.count < 5 ? null : `it is ${event.count}`))],
      }),
    );
    expect(forbidden).to.equal('below five: it is 5');
    const [missed] = await violationsOf(
      counters({ checkers: [checkers.eventually('counts far', ({ event }) => event.count > 200)] }),
    );
    expect(missed).to.equal('counts far: nothing of it from 4000 ms, the end of the faults, to 10000 ms');
  });

  const wrong: readonly [change: Partial<ActorScenario<Counted>>, message: string][] = [
    [{ nodes: 0 }, 'nodes: a whole number from 1 to 100'],
    [{ calmMs: 20_000 }, 'calmMs: a whole number of milliseconds, at most durationMs'],
    [{ checkers: [checkers.never('liveness', () => null)] }, 'checkers[0].name: there is another "liveness"'],
    [{ faults: [faults.crash({ node: 2, atMs: 0, forMs: 1 })] }, 'faults[0].node: '],
    [
      { faults: [faults.crash({ node: 1, atMs: 7_000, forMs: 1_001 })] },
      'faults[0].forMs: ends 8001 ms after the start',
    ],
    [{ faults: [faults.equivocate({ node: 1, atMs: 0, forMs: 1 })], nodes: 4 }, 'faults[0].kind: "equivocate" is for'],
  ];
  for (const [change, message] of wrong) {
    it(`are refused with the place of what is wrong: ${message}`, async () => {
      const refusal = await simulate(counters(change), { seed: 1 }).catch((error: unknown) => error);
      expect(refusal).to.be.instanceOf(ScenarioError);
      expect((refusal as ScenarioError).message).to.include(message);
    });
  }
});

/**
 * Goal: a validator may die at any durable write and any frame that it sends, before and after it takes hold. Method: a
 * short run in which rounds fail, with a crash at effects spread over it; and the same with a planted defect.
 */
import { expect } from 'chai';
import type { Store } from '../../src/runtime/ports/store.ts';
import { crashAtEveryEffect, type EveryEffectOptions, faults, type Scenario } from '../../src/simulation.ts';

const short: Scenario = {
  name: 'short',
  expects: 'Two heights, one of them with a round that no side of a partition can finish.',
  validators: 4,
  durationMs: 53_500,
  transfersPerSecond: 3,
  faults: [
    faults.partition({
      groups: [
        [0, 1],
        [2, 3],
      ],
      atMs: 10_200,
      forMs: 2_000,
    }),
  ],
};

/** One validator reaches nobody: what it has said is on its disk, or nowhere. */
const alone: Scenario = {
  ...short,
  name: 'alone',
  faults: [faults.oneWay({ from: [0], to: [1, 2, 3], atMs: 10_200, forMs: 3_000 })],
};

/** Says that everything is durable, and is not. */
const careless = (store: Store): Store => ({
  get: (table, key) => store.get(table, key),
  range: (table, options) => store.range(table, options),
  snapshot: () => store.snapshot(),
  sizeBytes: () => store.sizeBytes(),
  close: () => store.close(),
  commit: (writes) => store.commit(writes),
  durable: () => Promise.resolve(),
});

describe('crashes at every effect', function () {
  this.timeout(120_000);

  it('are survived, each of those asked for has happened, and they are told as they are done', async () => {
    const told: string[] = [];
    const options: EveryEffectOptions = {
      ...{ seed: 1, stride: 240 },
      onProgress: ({ done, total, crash: { effect, when } }) => told.push(`${done}/${total} ${effect} ${when}`),
    };
    const result = await crashAtEveryEffect(short, options);
    const { effects, planned, runs, violations, missed, ok } = result;
    expect({ violations, missed, ok }).to.deep.equal({ violations: [], missed: [], ok: true });
    expect(effects.map(({ node }) => node)).to.deep.equal([0, 1, 2, 3]);
    for (const { writes, sends } of effects) expect(Math.min(writes, sends)).to.be.greaterThan(2);
    expect(runs).to.equal(planned);
    expect(told).to.have.length(planned);
    for (const phase of ['write before', 'write after', 'send before', 'send after']) {
      expect(
        told.some((line) => line.endsWith(phase)),
        phase,
      ).to.equal(true);
    }
  });

  it('show a validator that takes for durable what is not: what it had called final is gone', async () => {
    const seen: string[] = [];
    await crashAtEveryEffect(alone, {
      ...{ seed: 1, stride: 9 },
      ports: (given, node) => (node === 0 ? { ...given, store: careless(given.store) } : given),
      isOver: () => seen.length > 0,
      onProgress: ({ result: { verdicts } }) => {
        for (const { checker, outcome } of verdicts) if (outcome === 'violated') seen.push(checker);
      },
    });
    expect(seen).to.deep.equal(['finality']);
  });

  it('come in a network that is well from the start on, as they do in the run that counts them', async () => {
    const { default: scenario } = await import('../../simulations/crash-anywhere.ts');
    // A validator that withholds is nothing to recover from; a crash is, so what is looked at after it differs.
    const withholding = {
      ...scenario,
      faults: [faults.withhold({ node: 1, messages: ['commit'], atMs: 2_500, forMs: 3_000 })],
    };
    const { missed, violations, planned } = await crashAtEveryEffect(withholding, { seed: '38', stride: 30 });
    expect(planned).to.be.greaterThan(4);
    expect(missed).to.deep.equal([]);
    expect(violations).to.deep.equal([]);
  });

  it('are not made where the scenario does not hold without them', async () => {
    const halved: Scenario = { ...short, violates: ['agreement'] };
    const refusal = await crashAtEveryEffect(halved, { seed: 1 }).then(
      () => null,
      (error: unknown) => (error as Error).message,
    );
    expect(refusal).to.equal('scenario short: seed 1: does not hold even without a crash');
  });
});

/**
 * Goal: a run is a function of code, scenario and seed alone, and the trace hash tells every run apart from every other.
 * Method: the same and other seeds, both ways of stepping, and planted reads of the real world.
 */
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { createStepper } from '../../src/runtime/adapters/microtask-stepper.ts';
import { readNactSource } from '../../src/runtime/adapters/nact-source.ts';
import type { Random } from '../../src/runtime/ports/random.ts';
import type { NactGlobals } from '../../src/runtime/ports/nact-globals.ts';
import { faults, type NodePorts, type Scenario, simulate } from '../../src/simulation.ts';
import { runScenario } from '../../src/simulation/system/simulate.ts';
import type { ValidatorNode } from '../../src/simulation/system/validator-node.ts';
import { brief } from './scenarios.ts';

/** A node that draws its identifiers from outside: from what was there before the run, which nothing can see. */
function unseeded(): Random {
  const outside = randomBytes(1 << 16);
  let at = 0;
  return { bytes: (count) => new Uint8Array(outside.subarray(at, (at += count))), fraction: () => 0.5 };
}

const policies = (): Promise<never> => Promise.reject(new Error('no lights in these scenarios'));

describe('a simulation', function () {
  this.timeout(60_000);

  it('is the same for the same seed, and another for another', async () => {
    const first = await simulate(brief, { seed: 7 });
    const again = await simulate(brief, { seed: 7 });
    const other = await simulate(brief, { seed: 8 });
    expect(first.ok).to.equal(true);
    expect(again).to.deep.equal(first);
    expect(other.traceHash).not.to.equal(first.traceHash);
  });

  it('is the same however the host drains its promises', async () => {
    const source = readNactSource();
    const loadNact: Parameters<typeof runScenario>[0]['loadNact'] = (globals) => source.load(globals);
    const slow = await runScenario({ stepper: createStepper({ slow: true }), loadNact, policies }, brief, { seed: 7 });
    const fast = await runScenario({ stepper: createStepper(), loadNact, policies }, brief, { seed: 7 });
    expect(slow.traceHash).to.equal(fast.traceHash);
  });

  it('has another trace each time where a node is not deterministic', async () => {
    const run = () => {
      const random = unseeded();
      const ports = (given: NodePorts, node: number): NodePorts => (node === 2 ? { ...given, random } : given);
      return simulate(brief, { seed: 7, ports });
    };
    const first = await run();
    const again = await run();
    expect(first.ok && again.ok).to.equal(true);
    expect(again.traceHash).not.to.equal(first.traceHash);
  });

  it('that may end when everything is well ends early, with a crashed node back and everything checked', async () => {
    const crash = faults.crash({ node: 1, atMs: 12_000, forMs: 25_000 });
    const scenario: Scenario = {
      ...brief,
      blockTimeMs: 1_000,
      durationMs: 120_000,
      endsWhenWell: true,
      faults: [crash],
    };
    let tips: readonly (() => number)[] = [];
    const source = readNactSource();
    const host = { stepper: createStepper(), loadNact: (globals: NactGlobals) => source.load(globals), policies };
    const result = await runScenario(host, scenario, {
      seed: 7,
      onNodes: (nodes) => (tips = nodes.map((node) => () => (node as ValidatorNode).parts?.chain.tip.height ?? 0)),
    });
    expect(result.simulatedMs).to.be.greaterThan(40_000).and.lessThan(60_000);
    expect(result.verdicts.every(({ outcome }) => outcome === 'holds')).to.equal(true);
    expect(Math.min(...tips.map((tip) => tip()))).to.be.at.least(result.heights - 1);
  });

  it('fails where a node reads the real clock, and names the place', async () => {
    const ports = (given: NodePorts): NodePorts => ({ ...given, clock: { ...given.clock, now: () => Date.now() } });
    const result = await simulate(brief, { seed: 7, ports });
    const verdict = result.verdicts.find(({ checker }) => checker === 'sealed-off');
    expect(verdict?.outcome).to.equal('violated');
    expect(result.verdicts.find(({ checker }) => checker === 'recovery')?.outcome).to.equal('not-reached');
    expect(verdict?.violations[0]?.detail).to.match(
      /^Date\.now was used: at \S*now \(\S*determinism\.test\.ts:[0-9]+:[0-9]+\)/,
    );
    expect(Date.now()).to.be.a('number');
  });
});

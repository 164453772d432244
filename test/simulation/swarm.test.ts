/**
 * Goal: swarms show every kind of fault, keep to what a network is to bear, and say what they have never shown. Method:
 * the faults of many seeds, drawn and checked but not run; what validators sign, told by hand.
 */
import { expect } from 'chai';
import type { UnsignedPayload } from '../../src/protocols/ibft/messages.ts';
import { digest, height, round } from '../../src/protocols/shared/brands.ts';
import { SeededRandom } from '../../src/runtime/simulated/seeded-random.ts';
import { Draw } from '../../src/simulation/draw.ts';
import { type Fault, faultKinds, nodesHitBy } from '../../src/simulation/system/faults/index.ts';
import {
  checkFaults,
  checkScenario,
  drawNetwork,
  ScenarioError,
  type SettledScenario,
} from '../../src/simulation/system/scenario.ts';
import { countsOf, Milestones, sometimes } from '../../src/simulation/system/sometimes.ts';
import { swarmFaults } from '../../src/simulation/system/swarm.ts';

const scenario: SettledScenario = {
  name: 'many',
  expects: '',
  validators: 7,
  standbys: 2,
  durationMs: 120_000,
  faults: 'swarm',
};
const period = { validators: 7, standbys: 2, fromMs: 10_000, untilMs: 80_000 };
const drawn = (seed: number): readonly Fault[] => swarmFaults(new Draw(new SeededRandom(`${seed}/faults`)), period);

describe('a swarm', () => {
  const all = Array.from({ length: 300 }, (_, seed) => drawn(seed));

  it('draws only what may be run, and every kind that it may', () => {
    for (const faults of all) checkFaults(scenario, faults, scenario.durationMs);
    const seen = new Set(all.flat().map(({ kind }) => kind as string));
    const wanted = faultKinds.filter(({ swarm }) => swarm !== undefined).map(({ kind }) => kind);
    expect([...seen]).to.have.members(wanted);
  });

  it('takes memory from, or makes liars of, at most f validators of a run', () => {
    const few = new Set(faultKinds.filter(({ swarm }) => swarm?.among === 'few').map(({ kind }) => kind));
    for (const faults of all) {
      const hit = new Set(faults.filter(({ kind }) => few.has(kind)).flatMap((fault) => nodesHitBy(fault)));
      expect(hit.size).to.be.at.most(2);
    }
  });

  it('votes in only nodes that are never set up anew, and sets up anew only nodes that are never voted in', () => {
    const standbys = (faults: readonly Fault[]): readonly string[] =>
      faults.flatMap((fault) => {
        if (fault.kind === 'exchange') return [`exchange ${fault.by}`];
        return fault.kind === 'join' || fault.kind === 'newcomer' ? [`${fault.kind} ${fault.node}`] : [];
      });
    const seen = [...new Set(all.flatMap(standbys))].sort();
    expect(seen).to.deep.equal(['exchange 8', 'join 8', 'newcomer 7']);
    const none = Array.from({ length: 50 }, (_, seed) =>
      swarmFaults(new Draw(new SeededRandom(`${seed}/faults`)), { ...period, standbys: 0 }),
    );
    expect(none.flatMap(standbys)).to.deep.equal([]);
  });

  it('draws the same for the same seed, and the mixes differ', () => {
    expect(drawn(5)).to.deep.equal(all[5]);
    const mixes = new Set(all.map((faults) => [...new Set(faults.map(({ kind }) => kind))].sort().join()));
    expect(mixes.size).to.be.greaterThan(200);
  });
});

describe('the network of a seed', () => {
  const several = { ...scenario, validators: [4, 5, 7], transfersPerSecond: [0, 5] };
  const networkOf = (seed: number) => drawNetwork(several, (label) => new Draw(new SeededRandom(`${seed}/${label}`)));
  const all = Array.from({ length: 60 }, (_, seed) => networkOf(seed));

  it('is one of those that the scenario lists, each for some seed', () => {
    expect([...new Set(all.map(({ validators }) => validators))]).to.have.members([4, 5, 7]);
    expect([...new Set(all.map(({ transfersPerSecond }) => transfersPerSecond))]).to.have.members([0, 5]);
    expect([...new Set(all.map(({ blockTimeMs }) => blockTimeMs))]).to.deep.equal([2000]);
    expect(all.map((_, seed) => networkOf(seed))).to.deep.equal(all);
  });

  it('is refused where one of the list cannot be', () => {
    expect(() => checkScenario({ ...several, validators: [4, 3] })).to.throw(ScenarioError, 'or a list of these');
    expect(() => checkScenario({ ...several, transfersPerSecond: [] })).to.throw(ScenarioError, 'transfersPerSecond');
  });
});

describe('what must have happened sometimes', () => {
  const one = digest('11'.repeat(32));
  const proposal = (at: number, in_: number, content = one): UnsignedPayload => ({
    ...{ kind: 'proposal' as const, height: height(at), round: round(in_), digest: content },
  });

  it('is counted from what validators sign', () => {
    const counted: string[] = [];
    const milestones = new Milestones((name) => counted.push(name));
    milestones.onSigned(proposal(5, 0));
    milestones.onSigned(proposal(5, 0));
    milestones.onSigned(proposal(5, 1, digest('22'.repeat(32))));
    expect(counted).to.deep.equal([]);
    milestones.onSigned(proposal(5, 2));
    expect(counted).to.deep.equal(['a prepared block proposed again']);
    milestones.onSigned(proposal(6, 3));
    milestones.onSigned(proposal(6, 4, digest('33'.repeat(32))));
    expect(counted.slice(1)).to.deep.equal(['round 3 or later']);
  });

  it('is told with zeros for a swarm, and as it is otherwise', () => {
    const counts = new Map([['round 3 or later', 2]]);
    expect(countsOf(counts, false)).to.deep.equal({ 'round 3 or later': 2 });
    const told = countsOf(counts, true);
    expect(Object.keys(told)).to.have.members([...sometimes]);
    expect(told['round 3 or later']).to.equal(2);
    expect(told['fault crash']).to.equal(0);
  });
});

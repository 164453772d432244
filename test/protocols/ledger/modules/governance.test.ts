/** Goal: parameters change by proposal and quorum, together or not at all, and only for blocks that nobody has begun. */
import { expect } from 'chai';
import { LedgerError } from '../../../../src/protocols/ledger/executor.ts';
import { parametersAt, protocolVersionAt } from '../../../../src/protocols/ledger/queries.ts';
import { genesisOf, keyOf, testParameters, validatorKey, World } from '../ledger-world.ts';

const governor = keyOf('governor');
type Change = Readonly<Record<string, number>>;

const propose = (world: World, change: Change, activationHeight = 0, from = governor) =>
  world.transaction({
    from,
    kind: 'governance.propose-parameter',
    body: { changes: Object.entries(change).map(([name, value]) => ({ name, value })), activationHeight },
  });

function pass(world: World, change: Change, activationHeight = 0): void {
  const proposal = propose(world, change, activationHeight);
  const votes = [0, 1, 2].map((index) =>
    world.transaction({
      from: validatorKey(index),
      kind: 'governance.vote',
      body: { proposal: proposal.hash, approve: true },
    }),
  );
  const { results } = world.commit([proposal, ...votes]);
  expect(results.map(({ code }) => code)).to.deep.equal(['ok', 'ok', 'ok', 'ok']);
}

describe('governance module', () => {
  it('puts a change passed in block H in force from H + 2 on', () => {
    const world = new World();
    pass(world, { blockTimeMs: 3000 });
    expect(parametersAt(world.state).blockTimeMs, 'of H + 1').to.equal(1000);
    world.commit();
    expect(parametersAt(world.state).blockTimeMs, 'of H + 2').to.equal(3000);
    expect(world.build([], world.parent.time + 3000).executed.block.header.time).to.equal(world.parent.time + 3000);
  });

  it('waits for the activation height', () => {
    const world = new World();
    pass(world, { blockTimeMs: 3000 }, 8);
    world.advanceTo(6);
    expect(parametersAt(world.state).blockTimeMs).to.equal(1000);
    world.advanceTo(7);
    expect(parametersAt(world.state).blockTimeMs).to.equal(3000);
  });

  it('makes the set of the next block with a finality threshold that changes', () => {
    const world = new World(genesisOf({ validators: 7, accounts: [] }));
    expect(world.deciding.quorum).to.equal(5);
    const proposal = propose(world, { finalityThreshold: 50 });
    const votes = [0, 1, 2, 3, 4].map((index) =>
      world.transaction({
        from: validatorKey(index),
        kind: 'governance.vote',
        body: { proposal: proposal.hash, approve: true },
      }),
    );
    world.commit([proposal, ...votes]);
    world.commit();
    expect(world.deciding.quorum, 'never below ⌈2n/3⌉').to.equal(5);
    const refused = world.commit([propose(world, { finalityThreshold: 80 })]);
    expect(refused.results[0]?.code).to.equal('parameter-out-of-range');
  });

  it('activates a protocol version once a quorum has voted for it, and a program without it halts before that height', () => {
    const world = new World();
    pass(world, { protocolVersion: 2 }, 6);
    world.advanceTo(5);
    expect(protocolVersionAt(world.state)).to.equal(2);
    expect(world.blocks.at(-1)?.nextProtocolVersion).to.equal(2);
    expect(() => world.build([])).to.throw(LedgerError, 'protocol version 2');
  });

  const { unbondingBlocks } = testParameters;
  const cases: readonly (readonly [string, Change, code: string])[] = [
    ['several at once', { unbondingBlocks: 50, evidenceAgeBlocks: 40, trustPeriodBlocks: 30 }, 'ok'],
    ['evidence that outlives the bond', { evidenceAgeBlocks: unbondingBlocks + 1 }, 'parameter-out-of-range'],
    ['a trust period that outlives evidence', { trustPeriodBlocks: 21 }, 'parameter-out-of-range'],
    ['a threshold of zero', { finalityThreshold: 0 }, 'parameter-out-of-range'],
    ['a threshold that cannot be met', { finalityThreshold: 100 }, 'parameter-out-of-range'],
    ['an unknown name', { gasPrice: 1 }, 'unknown-parameter'],
    ['the present version', { protocolVersion: 1 }, 'version-not-newer'],
  ];
  for (const [name, change, code] of cases) {
    it(`a proposal of ${name}: ${code}`, () => {
      const world = new World();
      expect(world.commit([propose(world, change)]).results[0]?.code).to.equal(code);
    });
  }

  it('leaves out a scheduled change that another has made impossible meanwhile', () => {
    const world = new World();
    pass(world, { evidenceAgeBlocks: 15 }, 10);
    pass(world, { trustPeriodBlocks: 18 }, 8);
    world.advanceTo(9);
    expect(parametersAt(world.state)).to.include({ evidenceAgeBlocks: 20, trustPeriodBlocks: 18 });
    expect(world.blocks.at(-1)?.events.map(({ kind }) => kind)).to.deep.equal(['parameters-refused']);
  });

  it('lapses what finds no quorum', () => {
    const world = new World();
    const proposal = propose(world, { blockTimeMs: 3000 });
    world.commit([proposal]);
    world.advanceTo(1 + testParameters.voteLapseBlocks);
    const vote = { from: validatorKey(0), kind: 'governance.vote', body: { proposal: proposal.hash, approve: true } };
    expect(world.run(vote)).to.equal('unknown-proposal');
  });
});

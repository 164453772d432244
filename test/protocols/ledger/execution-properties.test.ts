/**
 * Goal: whatever is sent, value is conserved, failed transactions leave no trace but a nonce, replay from genesis gives
 * the same state, and nothing depends on the order in which state is read or stored. Method: random chains of random
 * transactions of every kind, valid and not.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { application } from '../../../src/protocols/ledger/application.ts';
import type { SignedTransaction } from '../../../src/protocols/ledger/admission.ts';
import { checkBlock } from '../../../src/protocols/ledger/executor.ts';
import { payloadSigningBytes } from '../../../src/protocols/ibft/messages.ts';
import { totalSupply } from '../../../src/protocols/ledger/modules/accounts.ts';
import { isQuorumReachable } from '../../../src/protocols/ledger/validator-set.ts';
import { type PublicKey, digest, height, round } from '../../../src/protocols/shared/brands.ts';
import { candidateOf, genesisOf, keyOf, MemoryState, signWith, validatorKey, World } from './ledger-world.ts';

const people = [
  'alice',
  'bob',
  'carol',
  'governor',
  'validator 0',
  'validator 1',
  'validator 2',
  'validator 3',
  'validator 4',
];
const person = fc.constantFrom(...people).map(keyOf);
const amount = fc.oneof(fc.bigInt(0n, 40n), fc.constantFrom(5_000n, 20_000n, 2n ** 64n - 1n));

/** What to send; proposals are named by how many proposals ago they were made. */
type Action =
  | { readonly type: 'plain'; readonly from: PublicKey; readonly kind: string; readonly body: unknown }
  | {
      readonly type: 'vote';
      readonly from: PublicKey;
      readonly module: string;
      readonly back: number;
      readonly approve: boolean;
    }
  | { readonly type: 'evidence'; readonly from: PublicKey; readonly offender: PublicKey; readonly at: number };

const plain = (
  kind: string,
  body: fc.Arbitrary<unknown>,
  from: fc.Arbitrary<PublicKey> = person,
): fc.Arbitrary<Action> => fc.record({ type: fc.constant('plain' as const), from, kind: fc.constant(kind), body });
const description = { endpoints: ['http://127.0.0.1:1'], region: 'EU' };
const lease = fc.integer({ min: 1000, max: 9000 });
const serviceId = fc.constantFrom('s1', 's2', 's3');
const candidate = fc.constantFrom('alice', 'bob', 'validator 0').map((name) => candidateOf(name, 5n));
const change = fc.oneof(
  fc.record({ type: fc.constant('add'), candidate }),
  fc.record({ type: fc.constant('remove'), publicKey: person }),
  fc.record({ type: fc.constant('replace'), publicKey: person, candidate }),
);
const parameterChange = fc.record({
  changes: fc.constantFrom(
    [{ name: 'voteLapseBlocks', value: 3 }],
    [{ name: 'unbondingBlocks', value: 25 }],
    [{ name: 'finalityThreshold', value: 60 }],
  ),
  activationHeight: fc.integer({ min: 0, max: 12 }),
});
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 4,
    arbitrary: plain('accounts.transfer', fc.record({ to: fc.oneof(person, fc.constant(keyOf('new'))), amount })),
  },
  { weight: 2, arbitrary: plain('accounts.bond', fc.record({ amount })) },
  { weight: 2, arbitrary: plain('accounts.unbond', fc.record({ amount })) },
  plain(
    'registry.register',
    fc
      .record({ id: serviceId, kind: fc.constant('court'), node: person, leaseMs: lease })
      .map((r) => ({ ...r, ...description })),
  ),
  plain(
    'registry.update',
    fc.record({ id: serviceId, leaseMs: lease }).map((r) => ({ ...r, ...description })),
  ),
  plain('registry.deregister', fc.record({ id: serviceId })),
  plain('validators.propose', change, fc.constantFrom(keyOf('governor'), validatorKey(0))),
  plain('governance.propose-parameter', parameterChange, fc.constant(keyOf('governor'))),
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('vote' as const),
      from: fc.integer({ min: 0, max: 4 }).map(validatorKey),
      module: fc.constantFrom('validators', 'governance'),
      back: fc.integer({ min: 0, max: 2 }),
      approve: fc.integer({ min: 0, max: 5 }).map((n) => n > 0),
    }),
  },
  fc.record({
    type: fc.constant('evidence' as const),
    from: person,
    offender: fc.integer({ min: 0, max: 4 }).map(validatorKey),
    at: fc.integer({ min: 1, max: 6 }),
  }),
);
const chain = fc.array(
  fc.record({ actions: fc.array(action, { maxLength: 12 }), gapMs: fc.integer({ min: 1000, max: 7000 }) }),
  {
    minLength: 1,
    maxLength: 14,
  },
);

function evidenceBody(world: World, offender: PublicKey, at: number): unknown {
  const payload = (value: string): unknown => {
    const content = { height: height(at), round: round(0), digest: digest(value.repeat(32)) };
    const signature = signWith(offender, payloadSigningBytes(world.chainId, { kind: 'commit', ...content }));
    return { type: 'commit', ...content, signature };
  };
  return { offender, first: payload('aa'), second: payload('bb') };
}

class Sender {
  readonly #world: World;
  readonly #proposals: Record<string, SignedTransaction[]> = { validators: [], governance: [] };

  constructor(world: World) {
    this.#world = world;
  }

  transaction(of: Action): SignedTransaction | undefined {
    if (of.type === 'evidence') {
      const body = evidenceBody(this.#world, of.offender, of.at);
      return this.#world.transaction({ from: of.from, kind: 'validators.evidence', body });
    }
    if (of.type === 'vote') {
      const proposal = this.#proposals[of.module]?.at(-1 - of.back);
      if (proposal === undefined) return undefined;
      const body = { proposal: proposal.hash, approve: of.approve };
      return this.#world.transaction({ from: of.from, kind: `${of.module}.vote`, body });
    }
    const sent = this.#world.transaction(of);
    if (of.kind.includes('propose')) this.#proposals[of.kind.split('.')[0]!]?.push(sent);
    return sent;
  }
}

const fresh = (): World =>
  new World(
    genesisOf({
      validators: 5,
      accounts: people,
      parameters: { unbondingBlocks: 4, evidenceAgeBlocks: 4, trustPeriodBlocks: 2 },
    }),
  );

describe('execution, for all chains', () => {
  it('conserves value, keeps sets able to decide, replays to the same state, and is checked as it was built', () => {
    const codes = new Set<string>();
    fc.assert(
      fc.property(chain, (blocks) => {
        const world = fresh();
        const replay = fresh();
        const sender = new Sender(world);
        const supply = totalSupply(world.view);
        for (const { actions, gapMs } of blocks) {
          const transactions = actions.map((each) => sender.transaction(each)).filter((each) => each !== undefined);
          const executed = world.commit(transactions, world.parent.time + gapMs);
          for (const { code } of executed.results) codes.add(code);
          expect(totalSupply(world.view)).to.equal(supply);
          const count = world.deciding.validators.length;
          expect(count >= 4 && isQuorumReachable(count, 67), `a set of ${count}`).to.equal(true);
          const verdict = checkBlock(replay.ledger(), executed.block, transactions);
          expect(verdict.kind, JSON.stringify(verdict.kind === 'invalid' ? verdict : '')).to.equal('valid');
          if (verdict.kind === 'valid') replay.adopt(verdict.executed);
        }
        expect(replay.state.entries).to.deep.equal(world.state.entries);
        expect(replay.state.rootRef).to.equal(world.state.rootRef);
      }),
      { numRuns: 70 },
    );
    // The chains must reach what they are meant to test.
    expect([...codes]).to.include.members([
      'ok',
      'insufficient-balance',
      'bond-locked',
      'already-voted',
      'not-permitted',
    ]);
  });

  it('does not depend on how the state is stored or on what was read before', () => {
    fc.assert(
      fc.property(chain, fc.integer({ min: 1, max: 1000 }), (blocks, seed) => {
        const world = fresh();
        const sender = new Sender(world);
        for (const { actions, gapMs } of blocks) {
          const transactions = actions.map((each) => sender.transaction(each)).filter((each) => each !== undefined);
          world.commit(transactions, world.parent.time + gapMs);
        }
        const first = world.build([]).executed;
        const shuffled = new MemoryState();
        const entries = [...world.state.entries];
        for (let i = 0; i < entries.length; i++) {
          const [key, value] = entries[(i * 7919 + seed) % entries.length]!;
          shuffled.entries.set(key, value.slice());
        }
        for (const [key, value] of entries) if (!shuffled.entries.has(key)) shuffled.entries.set(key, value);
        for (const module of application.modules) module.roles?.(keyOf('alice'), world.view);
        const verdict = checkBlock(world.ledger({ reader: shuffled }), first.block, []);
        expect(verdict).to.deep.equal({ kind: 'valid', executed: first });
      }),
      { numRuns: 30 },
    );
  });
});

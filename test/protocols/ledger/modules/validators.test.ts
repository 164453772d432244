/**
 * Goal: the set changes as consensus.md, "Validator set", says, and never into one that could not decide. Method: votes
 * and evidence on a chain in memory, the set observed height by height.
 */
import { expect } from 'chai';
import type { Evidence, EvidencePayload } from '../../../../src/protocols/ledger/evidence.ts';
import { type UnsignedPayload, payloadSigningBytes } from '../../../../src/protocols/ibft/messages.ts';
import { readAccount, totalSupply, treasuryBalance } from '../../../../src/protocols/ledger/modules/accounts.ts';
import { readMember, wasMember } from '../../../../src/protocols/ledger/modules/validator-state.ts';
import { validatorSetHash } from '../../../../src/protocols/ledger/validator-set.ts';
import { digest, height, round, type PublicKey } from '../../../../src/protocols/shared/brands.ts';
import {
  candidateOf,
  genesisOf,
  inadmissibleKey,
  keyOf,
  signWith,
  testParameters,
  validatorKey,
  World,
} from '../ledger-world.ts';

const keysOf = (world: World): readonly string[] => world.deciding.validators.map(({ publicKey }) => publicKey);

/** A world of n validators where `newcomer` has an account with a bond. */
function worldOf(validators: number): World {
  const world = new World(genesisOf({ validators, accounts: ['newcomer', 'second', 'alice'] }));
  for (const name of ['newcomer', 'second']) {
    world.run({ from: keyOf(name), kind: 'accounts.bond', body: { amount: 500n } });
  }
  return world;
}

const add = (name = 'newcomer', bond = 500n): unknown => ({ type: 'add', candidate: candidateOf(name, bond) });
const remove = (key: PublicKey): unknown => ({ type: 'remove', publicKey: key });

const propose = (world: World, from: PublicKey, body: unknown) =>
  world.transaction({ from, kind: 'validators.propose', body });

/** Proposed by validator 0 and voted by others, all in one block, whose height is returned. */
function pass(world: World, change: unknown, votes = world.deciding.quorum): number {
  const proposal = propose(world, validatorKey(0), change);
  const ballots = Array.from({ length: votes - 1 }, (_, index) =>
    world.transaction({
      from: validatorKey(index + 1),
      kind: 'validators.vote',
      body: { proposal: proposal.hash, approve: true },
    }),
  );
  const { results } = world.commit([proposal, ...ballots]);
  expect(results.map(({ code }) => code)).to.deep.equal(results.map(() => 'ok'));
  return world.height;
}

describe('validators module', () => {
  describe('a change voted in block H', () => {
    it('first acts at H + 2: that block is decided by the new set, and the header before it names it', () => {
      const world = worldOf(4);
      const before = keysOf(world);
      const passed = pass(world, add());
      expect(keysOf(world), 'decides H + 1').to.deep.equal(before);
      const next = world.commit();
      expect(world.height).to.equal(passed + 1);
      expect(keysOf(world), 'decides H + 2').to.deep.equal([...before, keyOf('newcomer')].sort());
      expect(next.block.header.nextValidatorsHash).to.equal(validatorSetHash(world.deciding));
      const first = world.commit();
      expect(first.block.header.validatorsHash).to.equal(next.block.header.nextValidatorsHash);
      expect(first.validators.quorum).to.equal(4);
      expect(first.block.lastCommit?.seals).to.have.length(4);
      world.commit();
      expect(world.blocks.at(-1)?.block.lastCommit?.seals).to.have.length(5);
    });

    it('needs a quorum of the set that decides the block', () => {
      const world = worldOf(4);
      pass(world, add(), 2);
      world.advanceTo(world.height + 3);
      expect(keysOf(world)).to.have.length(4);
    });

    it('locks the newcomer’s bond, and unlocks it when it leaves', () => {
      const world = worldOf(4);
      pass(world, add());
      expect(readAccount(world.view, keyOf('newcomer'))?.locked).to.equal(500n);
      world.advanceTo(world.height + 2);
      pass(world, remove(keyOf('newcomer')), 4);
      expect(readAccount(world.view, keyOf('newcomer'))?.locked).to.equal(500n);
      world.commit();
      expect(readAccount(world.view, keyOf('newcomer'))).to.include({ locked: 0n, bonded: 500n });
      expect(keysOf(world)).to.have.length(4);
    });

    it('replaces one validator by another at once', () => {
      const world = worldOf(4);
      pass(world, { type: 'replace', publicKey: validatorKey(3), candidate: candidateOf('newcomer', 500n) });
      world.commit();
      expect(keysOf(world)).to.include(keyOf('newcomer')).and.not.include(validatorKey(3));
      const view = world.view;
      expect([1, world.height, world.height + 1].map((at) => wasMember(view, validatorKey(3), at))).to.deep.equal([
        true,
        true,
        false,
      ]);
    });
  });

  it('lapses a proposal that finds no quorum in time', () => {
    const world = worldOf(4);
    const proposal = propose(world, validatorKey(0), add());
    world.commit([proposal]);
    world.advanceTo(world.height + testParameters.voteLapseBlocks);
    expect(world.blocks.at(-1)?.events.map(({ kind }) => kind)).to.deep.equal(['change-closed']);
    const vote = { from: validatorKey(1), kind: 'validators.vote', body: { proposal: proposal.hash, approve: true } };
    expect(world.run(vote)).to.equal('unknown-proposal');
  });

  it('closes a proposal that cannot find a quorum any more; a vote cannot be changed', () => {
    const world = worldOf(4);
    const proposal = propose(world, validatorKey(0), add());
    world.commit([proposal]);
    const vote = (index: number): string =>
      world.run({
        from: validatorKey(index),
        kind: 'validators.vote',
        body: { proposal: proposal.hash, approve: false },
      });
    expect(vote(0), 'has approved by proposing').to.equal('already-voted');
    expect([vote(1), vote(1), vote(2), vote(3)]).to.deep.equal(['ok', 'already-voted', 'ok', 'unknown-proposal']);
  });

  describe('refuses a proposal', () => {
    const forged = { ...candidateOf('newcomer', 500n), possession: new Uint8Array(64) };
    const vrfTaken = { ...candidateOf('newcomer', 500n), vrfPublicKey: candidateOf('validator 0', 0n).vrfPublicKey };
    const cases: readonly (readonly [string, validators: number, change: unknown, code: string])[] = [
      ['of a key that is in the set', 4, add('validator 1', 0n), 'duplicate-key'],
      ['of a VRF key that is in the set', 4, { type: 'add', candidate: vrfTaken }, 'duplicate-key'],
      ['without possession proof', 4, { type: 'add', candidate: forged }, 'bad-possession'],
      [
        'of an inadmissible key',
        4,
        { type: 'add', candidate: { ...forged, vrfPublicKey: inadmissibleKey } },
        'inadmissible-key',
      ],
      ['of a key without account', 4, add('nobody', 0n), 'candidate-without-account'],
      ['of more bond than there is', 4, add('newcomer', 501n), 'insufficient-bond'],
      ['to remove a stranger', 5, remove(keyOf('alice')), 'not-a-validator'],
      ['that leaves fewer than four', 4, remove(validatorKey(1)), 'too-few-validators'],
    ];
    for (const [name, validators, change, code] of cases) {
      it(`${name}: ${code}`, () => {
        const world = worldOf(validators);
        expect(world.commit([propose(world, validatorKey(0), change)]).results[0]?.code).to.equal(code);
      });
    }

    it('that makes a quorum that cannot be met with f validators down', () => {
      // 72 % of 7 is 6, above 7 − 2; of 6 it is 5, which can be met.
      const world = new World(
        genesisOf({ validators: 6, accounts: ['newcomer'], parameters: { finalityThreshold: 72 } }),
      );
      world.run({ from: keyOf('newcomer'), kind: 'accounts.bond', body: { amount: 500n } });
      expect(world.commit([propose(world, validatorKey(0), add())]).results[0]?.code).to.equal('quorum-unreachable');
    });

    it('that a change already scheduled makes impossible', () => {
      const world = worldOf(5);
      const first = pass(world, remove(validatorKey(4)));
      expect(world.height).to.equal(first);
      expect(world.commit([propose(world, validatorKey(0), remove(validatorKey(3)))]).results[0]?.code).to.equal(
        'too-few-validators',
      );
    });

    it('beyond the bound of open proposals', () => {
      const world = worldOf(4);
      const many = Array.from({ length: 5 }, () => propose(world, validatorKey(0), add()));
      expect(world.commit(many).results.map(({ code }) => code)).to.deep.equal([
        'ok',
        'ok',
        'ok',
        'ok',
        'too-many-proposals',
      ]);
    });
  });

  describe('evidence', () => {
    const offender = validatorKey(2);
    const some = digest('aa'.repeat(32));
    const other = digest('bb'.repeat(32));
    const sign = (world: World, payload: UnsignedPayload, key: PublicKey): Uint8Array =>
      signWith(key, payloadSigningBytes(world.chainId, payload));
    const voted = (
      world: World,
      type: 'proposal' | 'prepare' | 'commit',
      at: number,
      r: number,
      value = some,
    ): EvidencePayload => {
      const content = { height: height(at), round: round(r), digest: value };
      return { type, ...content, signature: sign(world, { kind: type, ...content }, offender) };
    };
    const change = (world: World, at: number, r: number, prepared: number | null): EvidencePayload => {
      const content = {
        height: height(at),
        round: round(r),
        preparedRound: prepared === null ? null : round(prepared),
        preparedDigest: prepared === null ? null : some,
      };
      return {
        type: 'round-change',
        ...content,
        signature: sign(world, { kind: 'round-change', ...content }, offender),
      };
    };
    const submit = (world: World, first: EvidencePayload, second: EvidencePayload, of = offender): string => {
      const body: Evidence = { offender: of, first, second };
      return world.run({ from: keyOf('alice'), kind: 'validators.evidence', body });
    };

    const offences: readonly (readonly [
      string,
      (world: World) => readonly [EvidencePayload, EvidencePayload],
      code: string,
    ])[] = [
      ['two proposals of one round', (w) => [voted(w, 'proposal', 1, 0), voted(w, 'proposal', 1, 0, other)], 'ok'],
      ['two prepares of one round', (w) => [voted(w, 'prepare', 1, 0), voted(w, 'prepare', 1, 0, other)], 'ok'],
      ['two commits of one round', (w) => [voted(w, 'commit', 1, 3), voted(w, 'commit', 1, 3, other)], 'ok'],
      ['two round changes of one round', (w) => [change(w, 1, 3, 1), change(w, 1, 3, null)], 'ok'],
      ['a commit and a round change that forgot it', (w) => [voted(w, 'commit', 1, 2), change(w, 1, 3, null)], 'ok'],
      ['the same, the other way round', (w) => [change(w, 1, 3, 1), voted(w, 'commit', 1, 2)], 'ok'],
      [
        'a commit and a round change that remembers it',
        (w) => [voted(w, 'commit', 1, 2), change(w, 1, 3, 2)],
        'not-evidence',
      ],
      [
        'a commit and an earlier round change',
        (w) => [voted(w, 'commit', 1, 2), change(w, 1, 2, null)],
        'not-evidence',
      ],
      ['one payload twice', (w) => [voted(w, 'commit', 1, 2), voted(w, 'commit', 1, 2)], 'not-evidence'],
      ['votes of different rounds', (w) => [voted(w, 'commit', 1, 2), voted(w, 'commit', 1, 3, other)], 'not-evidence'],
      [
        'votes of different heights',
        (w) => [voted(w, 'commit', 1, 2), voted(w, 'commit', 2, 2, other)],
        'not-evidence',
      ],
      ['votes of different kinds', (w) => [voted(w, 'commit', 1, 2), voted(w, 'prepare', 1, 2, other)], 'not-evidence'],
      [
        'payloads of a height to come',
        (w) => [voted(w, 'commit', 9, 2), voted(w, 'commit', 9, 2, other)],
        'evidence-from-future',
      ],
      [
        'a forged payload',
        (w) => [voted(w, 'commit', 1, 2), { ...voted(w, 'commit', 1, 2, other), signature: new Uint8Array(64) }],
        'bad-signature',
      ],
    ];
    for (const [name, make, code] of offences) {
      it(`of ${name}: ${code}`, () => {
        const world = worldOf(5);
        expect(submit(world, ...make(world))).to.equal(code);
      });
    }

    it('takes the bond at once, also what is on its way back, into the treasury; the offender leaves at H + 2', () => {
      const world = new World(genesisOf({ validators: 5, accounts: ['validator 2', 'alice'], balance: 70n }));
      const supply = totalSupply(world.view);
      world.run({ from: offender, kind: 'accounts.bond', body: { amount: 70n } });
      world.run({ from: offender, kind: 'accounts.unbond', body: { amount: 30n } });
      expect(submit(world, voted(world, 'commit', 1, 0), voted(world, 'commit', 1, 0, other))).to.equal('ok');
      expect(treasuryBalance(world.view)).to.equal(1070n);
      expect(readAccount(world.view, offender)).to.include({ balance: 0n, bonded: 0n, locked: 0n });
      expect(keysOf(world), 'decides H + 1').to.include(offender);
      world.commit();
      expect(keysOf(world), 'decides H + 2').not.to.include(offender);
      world.advanceTo(40);
      expect(readAccount(world.view, offender)?.balance, 'the forfeited bond does not come back').to.equal(0n);
      expect(totalSupply(world.view)).to.equal(supply);
    });

    it('counts once for one offender and height', () => {
      const world = worldOf(5);
      expect(submit(world, voted(world, 'commit', 1, 0), voted(world, 'commit', 1, 0, other))).to.equal('ok');
      expect(submit(world, voted(world, 'commit', 1, 0), change(world, 1, 3, null))).to.equal('already-punished');
    });

    it('leaves the offender in a set of four until it is replaced', () => {
      const world = worldOf(4);
      submit(world, voted(world, 'commit', 1, 0), voted(world, 'commit', 1, 0, other));
      world.advanceTo(world.height + 3);
      expect(keysOf(world)).to.include(offender);
      expect(readMember(world.view, offender)?.leaving).to.be.a('number');
      pass(world, add());
      world.commit();
      expect(keysOf(world), 'joined and left in one change').to.have.length(4).and.not.include(offender);
    });

    it('holds against a former member for its time there, and is too old after the evidence age', () => {
      const world = worldOf(5);
      const spoken = [voted(world, 'commit', 3, 0), voted(world, 'commit', 3, 0, other)] as const;
      pass(world, remove(offender), 4);
      world.advanceTo(testParameters.evidenceAgeBlocks);
      expect(submit(world, voted(world, 'commit', 9, 0), voted(world, 'commit', 9, 0, other))).to.equal(
        'not-a-validator',
      );
      const age = new World(genesisOf({ validators: 5, accounts: ['alice'] }));
      age.advanceTo(3 + testParameters.evidenceAgeBlocks);
      expect(submit(age, voted(age, 'commit', 3, 0), voted(age, 'commit', 3, 0, other))).to.equal('evidence-too-old');
      expect(submit(world, ...spoken)).to.equal('ok');
      world.advanceTo(60);
      expect(wasMember(world.view, offender, 3), 'terms are forgotten with the evidence age').to.equal(false);
    });

    it('against a stranger is none', () => {
      const world = worldOf(5);
      const body = [voted(world, 'commit', 1, 0), voted(world, 'commit', 1, 0, other)] as const;
      expect(submit(world, ...body, keyOf('alice'))).to.equal('not-a-validator');
    });
  });
});

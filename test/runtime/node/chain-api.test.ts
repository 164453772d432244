/**
 * Goal: the interface of a node answers what its chain holds. Method: the production API over a chain in memory with
 * real keys and time that the test moves.
 */
import { expect } from 'chai';
import { Finality } from '../../../src/actors/node/finality.ts';
import { createChainApi } from '../../../src/runtime/node/chain-api.ts';
import type { ChainApi, ConsensusView } from '../../../src/runtime/ports/chain-api.ts';
import { MemoryChain, signerOf } from '../../support/memory-chain.ts';

const alice = signerOf(1);

interface World {
  readonly chain: MemoryChain;
  readonly finality: Finality;
  readonly api: ChainApi;
}

function startWorld(): World {
  const chain = new MemoryChain({ validators: 5, accounts: [alice.publicKey] });
  const finality = new Finality();
  const api = createChainApi({
    chain: chain.chain,
    reader: chain.reader,
    finality,
    pool: {
      submit: () => Promise.resolve([]),
      pending: () => undefined,
      nextNonce: () => 0,
      size: () => ({ count: 0, bytes: 0 }),
    },
    consensus: (): ConsensusView => {
      throw new Error('nobody asks for it here');
    },
    checkpoint: () => null,
    transactionProof: () => null,
    stateProof: () => null,
    health: () => ({ ok: true, checks: [] }),
    readiness: () => ({ ok: true, checks: [] }),
    validatorAddresses: new Map(),
  });
  return { chain, finality, api };
}

describe('the validators of a height', () => {
  const { chain, api } = startWorld();
  const { validators } = chain;
  const keysAt = (height?: number): readonly string[] | undefined =>
    api.validators(height)?.map(({ publicKey }) => publicKey);
  const all = validators.map(({ publicKey }) => publicKey);
  chain.growTo(2);
  const changedAt = chain.removeValidator(all[1]!);
  chain.growTo(changedAt + 2);
  const tip = chain.chain.tip.height;

  it('are those that decided it, through a change of the set, up to the next one', () => {
    const after = all.filter((key) => key !== all[1]);
    for (let height = 1; height <= tip + 1; height++) {
      expect(keysAt(height), `height ${height}`).to.deep.equal(height <= changedAt ? all : after);
    }
    expect(keysAt()).to.deep.equal(after);
  });

  it('have names, bonds and standing in the set of now only', () => {
    const [next] = api.validators() ?? [];
    expect(next).to.deep.include({ name: 'validator-1', bond: '1000000', jailed: false });
    expect(api.validators(tip + 1)).to.deep.equal(api.validators());
    for (const height of [1, changedAt, tip]) {
      const [first] = api.validators(height) ?? [];
      expect(first).to.deep.equal({
        publicKey: all[0],
        vrfPublicKey: chain.genesis.validators[0]?.vrfPublicKey,
        name: null,
        bond: null,
        jailed: null,
      });
    }
  });

  it('are not known of genesis and of heights that are to come', () => {
    expect([0, tip + 2].map((height) => api.validators(height))).to.deep.equal([null, null]);
  });
});

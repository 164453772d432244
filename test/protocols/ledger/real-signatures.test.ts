/** Goal: the ledger's signature rule is met by the real one. Method: genesis, a key rotation and evidence under ed25519. */
import { expect } from 'chai';
import { payloadSigningBytes } from '../../../src/protocols/ibft/messages.ts';
import { application, encodeBody } from '../../../src/protocols/ledger/application.ts';
import { buildBlock, genesisParent } from '../../../src/protocols/ledger/executor.ts';
import type { EvidencePayload } from '../../../src/protocols/ledger/evidence.ts';
import { chainIdOf } from '../../../src/protocols/ledger/genesis.ts';
import { genesisProblems, genesisState } from '../../../src/protocols/ledger/genesis-state.ts';
import { rotationSigningBytes } from '../../../src/protocols/ledger/modules/accounts.ts';
import { possessionSigningBytes } from '../../../src/protocols/ledger/possession.ts';
import { transactionCodec, transactionHash } from '../../../src/protocols/ledger/transaction.ts';
import { digest, height, round } from '../../../src/protocols/shared/brands.ts';
import { encode } from '../../../src/protocols/shared/codec.ts';
import { createSigner, createVerifier } from '../../../src/runtime/adapters/ed25519.ts';
import type { Signer } from '../../../src/runtime/ports/signer.ts';
import { genesisOf, MemoryState } from './ledger-world.ts';

const signerOf = (seed: number): Signer => createSigner(new Uint8Array(32).fill(seed));
const byKey = (a: Signer, b: Signer): number => (a.publicKey < b.publicKey ? -1 : 1);

describe('the ledger under ed25519', () => {
  const verifier = createVerifier();
  const validators = [1, 2, 3, 4, 5].map(signerOf).sort(byKey);
  const genesis = {
    ...genesisOf({ accounts: [] }),
    governors: [],
    validators: validators.map((signer, index) => {
      const vrfPublicKey = signerOf(100 + index).publicKey;
      const possession = signer.sign(possessionSigningBytes('test-chain', signer.publicKey, vrfPublicKey));
      return { publicKey: signer.publicKey, vrfPublicKey, name: `v${index}`, possession, bond: 10n };
    }),
  };

  it('accepts a genesis with real proofs of possession, and no other', () => {
    expect(genesisProblems(genesis, verifier, { devnet: false })).to.be.empty;
    expect(genesisProblems({ ...genesis, chainName: 'other-chain' }, verifier, { devnet: false })).to.have.length(5);
  });

  it('executes evidence and a key rotation whose inner signatures are real, and refuses forged ones', () => {
    const chainId = chainIdOf(genesis);
    const state = new MemoryState();
    const first = genesisState(application, genesis);
    state.apply(first.stateWrites, first.tree);
    const [sender, offender] = validators as [Signer, Signer];
    const commit = (byte: string, by: Signer): EvidencePayload => {
      const content = { height: height(1), round: round(0), digest: digest(byte.repeat(32)) };
      const signature = by.sign(payloadSigningBytes(chainId, { kind: 'commit', ...content }));
      return { type: 'commit', ...content, signature };
    };
    const rotation = (by: Signer): unknown => ({
      newKey: signerOf(50).publicKey,
      possession: by.sign(rotationSigningBytes(chainId, sender.publicKey, signerOf(50).publicKey)),
    });
    const bodies: readonly (readonly [kind: string, body: unknown])[] = [
      [
        'validators.evidence',
        { offender: offender.publicKey, first: commit('aa', offender), second: commit('bb', sender) },
      ],
      [
        'validators.evidence',
        { offender: offender.publicKey, first: commit('aa', offender), second: commit('bb', offender) },
      ],
      ['accounts.rotate-key', rotation(signerOf(51))],
      ['accounts.rotate-key', rotation(signerOf(50))],
    ];
    const transactions = bodies.map(([kind, body], nonce) => {
      const unsigned = { chainId, sender: sender.publicKey, nonce, expiryHeight: height(9), kind };
      const value = { ...unsigned, body: encodeBody(kind, body), signature: new Uint8Array(64) };
      const bytes = encode(transactionCodec, value);
      return { bytes, hash: transactionHash(bytes), value, signer: sender.publicKey };
    });
    const ledger = {
      application,
      chainId,
      parent: genesisParent(chainId, genesis),
      reader: state,
      tree: state,
      rootRef: state.rootRef,
      logEdge: first.logEdge,
      signatures: verifier,
    };
    const beacon = { output: new Uint8Array(64), proof: new Uint8Array(80) };
    const choice = { time: genesis.time + 1000, proposer: sender.publicKey, beacon, lastCommit: null };
    const { executed } = buildBlock(ledger, choice, transactions);
    expect(executed.results.map(({ code }) => code)).to.deep.equal(['bad-signature', 'ok', 'bad-possession', 'ok']);
  });
});

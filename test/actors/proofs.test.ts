/**
 * Goal: proofs lead to the header that their reader trusts, and hold. Method: a chain in memory with real keys whose set
 * changes on the way; every height in the place of the trusted one.
 */
import { expect } from 'chai';
import { proveState, proveTransaction } from '../../src/actors/chain/proofs.ts';
import { setDeciding } from '../../src/actors/chain/validator-sets.ts';
import type { CheckpointSource } from '../../src/actors/chain/proofs.ts';
import { blockDigest } from '../../src/protocols/ledger/block.ts';
import { checkpointOf, encodeCheckpoint, validatorNoteKey } from '../../src/protocols/ledger/checkpoint.ts';
import type { ProofBundle } from '../../src/protocols/ledger/proof-bundle.ts';
import { cosignatureBytes, encodeSignedNote, noteCosignature } from '../../src/protocols/ledger/signed-note.ts';
import { validatorSetHash } from '../../src/protocols/ledger/validator-set.ts';
import { type BundleVerification, verifyBundle } from '../../src/protocols/ledger/verify-bundle.ts';
import { stateKey } from '../../src/protocols/ledger/view.ts';
import { toUtf8 } from '../../src/protocols/shared/bytes.ts';
import { createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import { MemoryChain, signerOf } from '../support/memory-chain.ts';

const verifier = createVerifier();
const alice = signerOf(1);
const bob = signerOf(3);
const trustPeriodBlocks = 6;

const world = new MemoryChain({ validators: 6, accounts: [alice.publicKey], trustPeriodBlocks });
const { chain, reader, genesis, validators } = world;
world.growTo(2);
const firstChange = world.removeValidator(validators[0]!.publicKey);
const transfer = world.transaction(alice, 0, 'accounts.transfer', { to: bob.publicKey, amount: 5n });
const placedAt = world.block(transfer);
world.growTo(placedAt + 2);
const secondChange = world.removeValidator(validators[3]!.publicKey);
world.growTo(secondChange + 3);
const tip = chain.tip.height;
const heights = Array.from({ length: tip }, (_, i) => i + 1);

const digestAt = (at: number) => blockDigest(reader.block(at)!.header);
const verified = (bundle: ProofBundle | null, trustedHeight: number): BundleVerification =>
  verifyBundle(bundle!, genesis, {
    verifySignature: verifier.verify,
    trusted: { height: trustedHeight, digest: digestAt(trustedHeight) },
  });
const failures = ({ checks }: BundleVerification): readonly string[] =>
  checks.filter(({ ok }) => !ok).map(({ check }) => check);
/** The age of the chain of sets apart. */
const faults = (verification: BundleVerification): readonly string[] =>
  failures(verification).filter((check) => check !== 'anchor');

/** A checkpoint of the log at a height, cosigned by the whole set of then. */
function checkpointAt(height: number): CheckpointSource {
  const { logSize, logRoot } = reader.block(height)!.header;
  const text = encodeCheckpoint(checkpointOf(chain.chainId, logSize, logRoot));
  const members = setDeciding(chain.store, genesis, height).validators;
  const signatures = members.map(({ publicKey }) => {
    const signer = validators.find((candidate) => candidate.publicKey === publicKey)!;
    return noteCosignature(
      validatorNoteKey(publicKey),
      1_700_000_000,
      signer.sign(cosignatureBytes(text, 1_700_000_000)),
    );
  });
  return { height, size: logSize, note: toUtf8(encodeSignedNote({ text, signatures })) };
}

describe('proofs through a trusted header', () => {
  it('of a transaction exist for every height, under the header of its block or the trusted one where that is later', () => {
    for (const through of heights) {
      const bundle = proveTransaction(chain, reader, null, transfer.hash, { through });
      expect(bundle?.header.height, `through ${through}`).to.equal(Math.max(placedAt, through));
      expect(faults(verified(bundle, through)), `through ${through}`).to.deep.equal([]);
    }
  });

  it('rest on a checkpoint only where that is not below the trusted header', () => {
    const at = placedAt + 2;
    for (const through of heights) {
      const bundle = proveTransaction(chain, reader, checkpointAt(at), transfer.hash, { through });
      expect(bundle?.header.height, `through ${through}`).to.equal(Math.max(at, through));
      expect(bundle?.tlogProof !== null, `through ${through}`).to.equal(through <= at);
      expect(faults(verified(bundle, through)), `through ${through}`).to.deep.equal([]);
    }
  });

  it('of the state exist for every height up to that of the state, and none above', () => {
    const at = tip - 1;
    for (const through of heights) {
      const bundle = proveState(chain, reader, at, stateKey(`accounts/account/${bob.publicKey}`), { through });
      if (through <= at) expect(faults(verified(bundle, through)), `through ${through}`).to.deep.equal([]);
      else expect(bundle).to.equal(null);
    }
  });

  it('exist for no header that is not there', () => {
    expect(proveTransaction(chain, reader, null, transfer.hash, { through: tip + 1 })).to.equal(null);
  });

  it('are what makes a proof of an old chain of sets valid: without the option it does not pass there', () => {
    const bundle = proveTransaction(chain, reader, checkpointAt(tip), transfer.hash);
    const unanchored = verifyBundle(bundle!, genesis, { verifySignature: verifier.verify });
    expect([unanchored.verdict, failures(unanchored)]).to.deep.equal(['unanchored', ['anchor']]);
    const trusted = tip - trustPeriodBlocks;
    expect(failures(verified(bundle, trusted))).to.deep.equal(['trusted-header']);
    const through = proveTransaction(chain, reader, checkpointAt(tip), transfer.hash, { through: trusted });
    expect(verified(through, trusted).verdict).to.equal('valid');
  });
});

describe('the set that decides a height', () => {
  it('is the one that the header of that height names, through every change', () => {
    for (const at of heights) {
      const { validatorsHash, nextValidatorsHash } = reader.block(at)!.header;
      expect(validatorSetHash(setDeciding(chain.store, genesis, at)), `height ${at}`).to.equal(validatorsHash);
      expect(validatorSetHash(setDeciding(chain.store, genesis, at + 1)), `after ${at}`).to.equal(nextValidatorsHash);
    }
    const sizes = [firstChange, firstChange + 1, secondChange, secondChange + 1].map(
      (at) => setDeciding(chain.store, genesis, at).validators.length,
    );
    expect(sizes).to.deep.equal([6, 5, 5, 4]);
  });
});

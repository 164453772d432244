/**
 * Goal: a bundle proves what it says, and the report names what is wrong with one that does not. Method: bundles of a
 * small chain with real signatures, and for each check a bundle that an attacker could make which fails it and says so.
 * (test/conformance/proof-bundle.test.ts changes every field.)
 */
import { expect } from 'chai';
import { type BlockHeader, blockDigest } from '../../../src/protocols/ledger/block.ts';
import {
  type ProofBundle,
  proofBundleCodec,
  type TransactionSubject,
} from '../../../src/protocols/ledger/proof-bundle.ts';
import { readJson } from '../../../src/protocols/ledger/json-codec.ts';
import { transactionHash } from '../../../src/protocols/ledger/transaction.ts';
import {
  type BundleCheckName,
  type BundleVerification,
  verifyBundle,
  type VerifyBundleOptions,
} from '../../../src/protocols/ledger/verify-bundle.ts';
import { digest, height } from '../../../src/protocols/shared/brands.ts';
import { toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import { BundleWorld, genesis, sealHeader, setAt, verifySignature } from './bundle-world.ts';

const world = new BundleWorld();
const bundle = world.transactionBundle(13, 10);
const subject = bundle.subject as TransactionSubject;

const run = (candidate: ProofBundle, options: Partial<VerifyBundleOptions> = {}): BundleVerification =>
  verifyBundle(candidate, genesis, { verifySignature, ...options });

const failures = ({ checks }: BundleVerification): BundleCheckName[] =>
  checks.filter(({ ok }) => !ok).map(({ check }) => check);

describe('proof bundles', () => {
  it('prove a transaction under the header of its block and under every later one', () => {
    for (let at = 5; at <= 10; at++) {
      const verification = run(world.transactionBundle(13, at));
      expect(verification, `header ${at}`).to.deep.include({
        verdict: 'valid',
        headerDigest: blockDigest(world.header(at)),
        transactionHash: transactionHash(subject.transaction),
      });
    }
  });

  it('prove a transaction of a rotated key, and say what vouches for the rotation', () => {
    const verification = run(world.transactionBundle(20, 10));
    expect(verification.verdict).to.equal('valid');
    const detail = (name: BundleCheckName, { checks }: BundleVerification): string | undefined =>
      checks.find(({ check }) => check === name)?.detail;
    expect(detail('transaction', verification))
      .to.include(`of ${BundleWorld.senderKey}`)
      .and.include(`signed under ${BundleWorld.rotatedKey}`)
      .and.include("rests on the block's seals");
    expect(detail('transaction', run(bundle))).to.not.include('seals');
  });

  it('say of every check what was found, in order', () => {
    const { checks } = run(bundle);
    expect(checks.map(({ check }) => check)).to.deep.equal([
      'chain',
      'set-chain',
      'set-change-seals',
      'header-validators',
      'header-seals',
      'transaction',
      'log-inclusion',
      'checkpoint',
      'anchor',
    ]);
    for (const { detail } of checks) expect(detail).to.not.equal('');
  });

  it('prove a state key present or absent', () => {
    for (const key of [BundleWorld.presentKey, BundleWorld.absentKey]) {
      for (const at of [1, 4, 10]) {
        const verification = run(world.stateBundle(key, at));
        expect(verification.verdict).to.equal('valid');
        expect(verification.transactionHash).to.equal(null);
      }
    }
    const present = world.stateBundle(BundleWorld.presentKey, 10).subject;
    const absent = world.stateBundle(BundleWorld.absentKey, 10).subject;
    expect([present, absent].map((s) => (s.type === 'state' ? s.value : undefined))).to.deep.equal([
      toUtf8('balance 4'),
      null,
    ]);
  });

  it('do without a checkpoint, and without set changes where there were none', () => {
    expect(run({ ...bundle, tlogProof: null }).verdict).to.equal('valid');
    const early = world.transactionBundle(0, 2);
    expect(early.setChanges).to.deep.equal([]);
    expect(run(early).verdict).to.equal('valid');
  });

  it('are read back from JSON as they were', () => {
    for (const one of [bundle, world.stateBundle(BundleWorld.absentKey, 10)]) {
      const json: unknown = JSON.parse(JSON.stringify(proofBundleCodec.toJson(one)));
      expect(readJson(proofBundleCodec, json)).to.deep.equal({ value: one });
    }
  });
});

describe('proof bundles that prove nothing', () => {
  const resealed = (header: BlockHeader): ProofBundle => ({ ...bundle, header, commit: sealHeader(header) });

  it('of another chain', () => {
    const other = { ...genesis, time: genesis.time + 1 };
    expect(failures(verifyBundle(bundle, other, { verifySignature }))).to.deep.equal(['chain']);
  });

  it('with a header that a quorum sealed for another chain id', () => {
    const header = { ...bundle.header, chainId: digest('ee'.repeat(32)) as unknown as BlockHeader['chainId'] };
    expect(failures(run(resealed(header)))).to.include('chain');
  });

  it('with seals of validators that were replaced', () => {
    const header = { ...bundle.header, logRoot: digest('ab'.repeat(32)) };
    const forged = { ...bundle, header, commit: sealHeader(header, 0, BundleWorld.firstMembers) };
    expect(failures(run(forged))).to.include('header-seals');
  });

  it('with too few seals, or the seals of two rounds together', () => {
    const { commit } = bundle;
    const few = { ...bundle, commit: { ...commit, seals: commit.seals.slice(1) } };
    expect(failures(run(few))).to.deep.equal(['header-seals']);
    const other = sealHeader(bundle.header, 1).seals;
    const mixed = { ...bundle, commit: { ...commit, seals: [other[0]!, ...commit.seals.slice(1)] } };
    expect(failures(run(mixed))).to.deep.equal(['header-seals']);
  });

  it('with a step of the set chain left out, swapped or sealed by the wrong set', () => {
    const [first, second] = bundle.setChanges;
    expect(failures(run({ ...bundle, setChanges: [second!] }))).to.include('set-chain');
    expect(failures(run({ ...bundle, setChanges: [first!] }))).to.include('header-validators');
    expect(failures(run({ ...bundle, setChanges: [second!, first!] }))).to.include('set-chain');
    const wrong = { ...second!, commit: { ...second!.commit, seals: sealHeader(world.header(6)).seals } };
    expect(failures(run({ ...bundle, setChanges: [first!, wrong] }))).to.deep.equal(['set-change-seals']);
    const foreign = { ...second!, nextValidators: setAt(1) };
    expect(failures(run({ ...bundle, setChanges: [first!, foreign] }))).to.include('set-chain');
  });

  it('with set changes at or above the header', () => {
    const early = world.transactionBundle(0, 3);
    expect(failures(run({ ...early, setChanges: [world.setChange(3)] }))).to.include('set-chain');
  });

  it('of a transaction that its sender did not sign, or for another chain', () => {
    const bytes = subject.transaction.slice();
    bytes[bytes.length - 1]! ^= 1;
    const changed = { ...bundle, subject: { ...subject, transaction: bytes } };
    expect(failures(run(changed))).to.deep.equal(['transaction', 'log-inclusion']);
    const garbage = { ...bundle, subject: { ...subject, transaction: toUtf8('no transaction') } };
    expect(failures(run(garbage))).to.include('transaction');
  });

  it('under another key than the transaction is signed with: the old one, the new one, any', () => {
    for (const [logIndex, signer] of [
      [13, BundleWorld.rotatedKey],
      [20, BundleWorld.senderKey],
      [20, BundleWorld.firstMembers[0]!.publicKey],
    ] as const) {
      const honest = world.transactionBundle(logIndex, 10);
      const forged = { ...honest, subject: { ...(honest.subject as TransactionSubject), signer } };
      expect(failures(run(forged))).to.deep.equal(['transaction']);
    }
  });

  it('of a leaf that is elsewhere in the log, or claims a later block', () => {
    const moved = { ...bundle, subject: { ...subject, logIndex: subject.logIndex + 1 } };
    expect(failures(run({ ...moved, tlogProof: null }))).to.deep.equal(['log-inclusion']);
    const later = { ...bundle, subject: { ...subject, height: 11 }, tlogProof: null };
    expect(failures(run(later))).to.deep.equal(['log-inclusion']);
  });

  it('of a state key with another value, another key, or no proof', () => {
    const state = world.stateBundle(BundleWorld.presentKey, 10);
    const claim = state.subject;
    if (claim.type !== 'state') throw new Error('a state bundle has a state subject');
    const wrong = [
      { ...claim, value: toUtf8('balance 5') },
      { ...claim, value: null },
      { ...claim, key: BundleWorld.absentKey },
      { ...claim, proof: null },
      { ...claim, proof: toUtf8('no proof') },
    ];
    for (const candidate of wrong) {
      expect(failures(run({ ...state, subject: candidate }))).to.deep.equal(['state-proof']);
    }
  });

  it('with a checkpoint of another log state, of another entry, without a quorum, or beside a state proof', () => {
    const proofs = [
      world.tlogProof(world.transactionSubject(13, 9), 9),
      world.tlogProof(world.transactionSubject(12, 10), 10),
      world.tlogProof(subject, 10, BundleWorld.firstMembers),
      bundle.tlogProof!.split('\n').slice(0, -2).join('\n') + '\n',
      bundle.tlogProof!.replace('\nindex', '\nextra aGk=\nindex'),
      'no proof file',
    ];
    for (const tlogProof of proofs) expect(failures(run({ ...bundle, tlogProof }))).to.deep.equal(['checkpoint']);
    const state = { ...world.stateBundle(BundleWorld.presentKey, 10), tlogProof: bundle.tlogProof };
    expect(failures(run(state))).to.deep.equal(['checkpoint']);
  });
});

describe('the anchor of a proof bundle', () => {
  const { trustPeriodBlocks } = genesis.parameters;

  it('is genesis while the chain is no older than the trust period', () => {
    expect(run(bundle, { currentHeight: trustPeriodBlocks }).verdict).to.equal('valid');
    const old = run(bundle, { currentHeight: trustPeriodBlocks + 1 });
    expect(old.verdict).to.equal('unanchored');
    expect(failures(old)).to.deep.equal(['anchor']);
  });

  it('is missing for a header above the trust period, whatever the reader believes', () => {
    const header = { ...bundle.header, height: height(trustPeriodBlocks + 1) };
    const far = { ...bundle, header, commit: sealHeader(header) };
    expect(run(far).verdict).to.equal('unanchored');
  });

  it('is a trusted header that the chain passes through', () => {
    const currentHeight = trustPeriodBlocks + 4;
    const trusted = { height: 5, digest: blockDigest(world.header(5)) };
    const through = world.transactionBundle(13, 10, [5]);
    expect(run(through, { trusted, currentHeight }).verdict).to.equal('valid');
    expect(run(through, { trusted, currentHeight: trustPeriodBlocks + 6 }).verdict).to.equal('unanchored');
    expect(failures(run(bundle, { trusted, currentHeight }))).to.deep.equal(['trusted-header']);
    const own = { height: 10, digest: blockDigest(world.header(10)) };
    expect(run(bundle, { trusted: own, currentHeight: 10 * trustPeriodBlocks }).verdict).to.equal('valid');
  });

  it('refuses a chain that passes through another header at the trusted height', () => {
    const trusted = { height: 5, digest: digest('99'.repeat(32)) };
    const verification = run(world.transactionBundle(13, 10, [5]), { trusted });
    expect(verification.verdict).to.equal('invalid');
    expect(failures(verification)).to.deep.equal(['trusted-header']);
  });

  it('is what stops removed validators: their forged chain is unanchored, and invalid under a trusted header', () => {
    // The first set never hands over: it seals a later header of its own.
    const header = {
      ...world.header(2),
      height: height(trustPeriodBlocks + 10),
      logSize: bundle.header.logSize,
      logRoot: bundle.header.logRoot,
    };
    const forged: ProofBundle = {
      ...bundle,
      header,
      commit: sealHeader(header, 0, BundleWorld.firstMembers),
      setChanges: [],
      tlogProof: null,
    };
    expect(run(forged).verdict).to.equal('unanchored');
    const trusted = { height: 9, digest: blockDigest(world.header(9)) };
    expect(run(forged, { trusted }).verdict).to.equal('invalid');
  });
});

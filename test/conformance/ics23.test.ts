/**
 * Goal: our ICS-23 verifier accepts what other implementations prove, and other implementations accept what our tree
 * proves. Method: the six SMT vectors of cosmos/ics23 in our verifier, and with every byte of them changed; proofs of
 * random trees in the verifier of another author.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ics23 as foreign, verifyMembership as verifyForeign } from '@confio/ics23';
import { expect } from 'chai';
import {
  decodeCommitmentProof,
  encodeCommitmentProof,
  Ics23Error,
  verifyMembership,
  verifyNonMembership,
} from '../../src/protocols/ledger/ics23.ts';
import { proveKey } from '../../src/protocols/ledger/state-proof.ts';
import { fromHex, toHex, toUtf8 } from '../../src/protocols/shared/bytes.ts';
import { TreeStore } from '../protocols/ledger/tree-store.ts';
import { filesUnder, vectorFolder } from './vectors.ts';

interface Vector {
  readonly key: string;
  readonly value: string;
  readonly root: string;
  readonly proof: string;
}

function holds(vector: Vector, proofBytes: Uint8Array): boolean {
  const proof = decodeCommitmentProof(proofBytes);
  const [root, key] = [fromHex(vector.root), fromHex(vector.key)];
  const verdict =
    vector.value === ''
      ? verifyNonMembership(root, proof, key)
      : verifyMembership(root, proof, key, fromHex(vector.value));
  return verdict.kind === 'accepted';
}

describe('ICS-23 vectors of a sparse Merkle tree', () => {
  let vectors: Vector[] = [];

  before(function () {
    const folder = vectorFolder(this, 'ics23/smt');
    vectors = filesUnder(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Vector);
    expect(vectors).to.have.length(6);
  });

  it('all hold, and are written again byte for byte', () => {
    for (const vector of vectors) {
      const bytes = fromHex(vector.proof);
      expect(holds(vector, bytes)).to.equal(true);
      expect(toHex(encodeCommitmentProof(decodeCommitmentProof(bytes)))).to.equal(vector.proof);
    }
  });

  it('do not hold for another root, key or value, nor as the other kind of proof', () => {
    const flip = (hex: string): string => `${hex.slice(0, -1)}${hex.endsWith('0') ? '1' : '0'}`;
    for (const vector of vectors) {
      const bytes = fromHex(vector.proof);
      expect(holds({ ...vector, root: flip(vector.root) }, bytes)).to.equal(false);
      if (vector.value !== '') {
        expect(holds({ ...vector, key: flip(vector.key) }, bytes)).to.equal(false);
        expect(holds({ ...vector, value: flip(vector.value) }, bytes)).to.equal(false);
      }
      expect(holds({ ...vector, value: vector.value === '' ? '00' : '' }, bytes)).to.equal(false);
    }
  });

  it('do not hold with any byte changed, except the key of an absence, which is not part of the proof', () => {
    for (const vector of vectors) {
      const bytes = fromHex(vector.proof);
      for (let at = 0; at < bytes.length; at++) {
        const changed = bytes.slice();
        changed[at] = (changed[at] as number) ^ 1;
        let accepted: boolean;
        try {
          accepted = holds(vector, changed);
        } catch (error) {
          expect(error).to.be.instanceOf(Ics23Error);
          accepted = false;
        }
        // CommitmentProof.nonexist.key: tag and length of the proof (3 bytes), tag and length of the key (2 bytes).
        const isUnprovenKey = vector.value === '' && at >= 5 && at < 37;
        expect(accepted, `byte ${at}`).to.equal(isUnprovenKey);
      }
    }
  });
});

const foreignSpec: foreign.IProofSpec = {
  leafSpec: {
    hash: foreign.HashOp.SHA256,
    prehashKey: foreign.HashOp.SHA256,
    prehashValue: foreign.HashOp.SHA256,
    length: foreign.LengthOp.NO_PREFIX,
    prefix: Uint8Array.of(0),
  },
  innerSpec: {
    childOrder: [0, 1],
    childSize: 32,
    minPrefixLength: 1,
    maxPrefixLength: 1,
    emptyChild: new Uint8Array(32),
    hash: foreign.HashOp.SHA256,
  },
  maxDepth: 256,
};

describe('ICS-23 proofs of our state tree', () => {
  it('are accepted by another implementation, neighbours of absent keys included', () => {
    for (const size of [1, 2, 3, 20, 300]) {
      const store = new TreeStore();
      const keys = Array.from({ length: size }, (_, n) => toUtf8(`key-${n}`));
      const { root, rootRef } = store.apply(
        null,
        1,
        keys.map((key) => ({ key, value: toUtf8(`value of ${toHex(key)}`) })),
      );
      const existing: { key: Uint8Array; value: Uint8Array; bytes: Uint8Array }[] = [];
      for (const key of [...keys.slice(0, 40), ...keys.map((_, n) => toUtf8(`absent-${n}`)).slice(0, 40)]) {
        const proof = proveKey(store, rootRef, key)!;
        if (proof.type === 'exist') {
          existing.push({ ...proof.proof, bytes: encodeCommitmentProof(proof) });
          continue;
        }
        const { exist, nonexist } = foreign.CommitmentProof.decode(encodeCommitmentProof(proof));
        expect(exist).to.not.be.ok;
        for (const neighbour of [nonexist?.left, nonexist?.right]) {
          if (!neighbour) continue;
          const bytes = foreign.CommitmentProof.encode({ exist: neighbour }).finish();
          existing.push({ key: neighbour.key!, value: neighbour.value!, bytes });
        }
      }
      expect(existing.length).to.be.greaterThan(Math.min(size, 40));
      for (const { key, value, bytes } of existing) {
        const proof = foreign.CommitmentProof.decode(bytes);
        expect(verifyForeign(proof, foreignSpec, fromHex(root), key, value)).to.equal(true);
        expect(verifyForeign(proof, foreignSpec, fromHex(root), key, toUtf8('other'))).to.equal(false);
      }
    }
  });
});

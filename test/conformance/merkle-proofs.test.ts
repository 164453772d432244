/**
 * Goal: our verifiers of inclusion and consistency give the verdicts of transparency-dev/merkle on all its vectors, those
 * that must be refused included.
 */
import { join } from 'node:path';
import { expect } from 'chai';
import { verifyConsistency, verifyInclusion } from '../../src/protocols/ledger/merkle-log.ts';
import { filesUnder, readJsonFile, vectorFolder } from './vectors.ts';

interface InclusionVector {
  readonly leafIdx: number;
  readonly treeSize: number;
  readonly root: string;
  readonly leafHash: string;
  readonly proof: readonly string[] | null;
  readonly desc: string;
  readonly wantErr: boolean;
}

interface ConsistencyVector {
  readonly size1: number;
  readonly size2: number;
  readonly root1: string;
  readonly root2: string;
  readonly proof: readonly string[] | null;
  readonly desc: string;
  readonly wantErr: boolean;
}

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64'));

describe('RFC 6962 proof vectors', () => {
  let seen = 0;

  it('of inclusion have the verdicts that are wanted', function () {
    const folder = vectorFolder(this, 'merkle/inclusion');
    for (const name of filesUnder(folder)) {
      const vector = readJsonFile(join(folder, name)) as InclusionVector;
      const proof = (vector.proof ?? []).map(bytes);
      const holds = verifyInclusion(vector.leafIdx, vector.treeSize, bytes(vector.leafHash), proof, bytes(vector.root));
      expect(holds, `${name}: ${vector.desc}`).to.equal(!vector.wantErr);
      seen += 1;
    }
  });

  it('of consistency have the verdicts that are wanted', function () {
    const folder = vectorFolder(this, 'merkle/consistency');
    for (const name of filesUnder(folder)) {
      const vector = readJsonFile(join(folder, name)) as ConsistencyVector;
      const proof = (vector.proof ?? []).map(bytes);
      const holds = verifyConsistency(vector.size1, vector.size2, bytes(vector.root1), bytes(vector.root2), proof);
      expect(holds, `${name}: ${vector.desc}`).to.equal(!vector.wantErr);
      seen += 1;
    }
  });

  it('were all there: 196', function () {
    vectorFolder(this, 'merkle');
    expect(seen).to.equal(196);
  });
});

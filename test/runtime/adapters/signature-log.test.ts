/** Goal: the audit aid keeps every signature of every lifetime, one line each. Method: a file in a temporary folder. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { UnsignedPayload } from '../../../src/protocols/ibft/messages.ts';
import { digest, height, publicKey, round } from '../../../src/protocols/shared/brands.ts';
import { openSignatureLog } from '../../../src/runtime/adapters/signature-log.ts';

const author = publicKey('ab'.repeat(32));
const vote: UnsignedPayload = { kind: 'prepare', height: height(3), round: round(1), digest: digest('cd'.repeat(32)) };
const change: UnsignedPayload = {
  ...{ kind: 'round-change', height: height(3), round: round(2) },
  ...{ preparedRound: round(1), preparedDigest: digest('cd'.repeat(32)) },
};

describe('the signature log', () => {
  let directory: string;
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'bpci-signatures-'))));
  afterEach(() => rmSync(directory, { recursive: true }));

  it('has what was signed in all lifetimes, in order', () => {
    const file = join(directory, 'below', 'signed.jsonl');
    const signature = new Uint8Array(64).fill(9);
    for (const payload of [vote, change]) {
      const log = openSignatureLog(file, author);
      log.append(payload, signature);
      log.close();
    }
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    const hex = '09'.repeat(64);
    expect(lines.map((line) => JSON.parse(line) as unknown)).deep.equal([
      { ...vote, author, signature: hex },
      { ...change, author, signature: hex },
    ]);
  });

  it('throws where it cannot write, so that the signature does not leave', () => {
    const log = openSignatureLog(join(directory, 'signed.jsonl'), author);
    log.close();
    expect(() => log.append(vote, new Uint8Array(64))).throw(/EBADF/);
  });
});

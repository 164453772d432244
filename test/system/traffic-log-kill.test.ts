/** A process that appends to a decision log is killed with SIGKILL, again and again: all that it told is there, as it told it. */
import { expect } from 'chai';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DecisionLog } from '../../src/actors/traffic/decision-log.ts';
import { merkleRoot } from '../../src/protocols/ledger/merkle-log.ts';
import { openLmdbStore } from '../../src/runtime/adapters/lmdb-store.ts';
import { lightSigner, storeSchema, testChain } from '../support/traffic-world.ts';

/** Kills it once it has told so many lines; every whole line that it told. */
function killAfter(child: ChildProcess, linesMin: number): Promise<readonly string[]> {
  return new Promise((resolveLines, reject) => {
    let text = '';
    let errors = '';
    child.stderr?.on('data', (chunk: Buffer) => (errors += String(chunk)));
    child.stdout?.on('data', (chunk: Buffer) => {
      text += String(chunk);
      if (text.split('\n').length > linesMin) child.kill('SIGKILL');
    });
    child.on('close', (_code, signal) => {
      if (signal === 'SIGKILL') resolveLines(text.split('\n').slice(0, -1));
      else reject(new Error(`ended by itself: ${errors}`));
    });
  });
}

describe('a decision log whose process is killed', () => {
  let directory = '';
  before(() => (directory = mkdtempSync(join(tmpdir(), 'bpci-traffic-log-'))));
  after(() => rmSync(directory, { recursive: true, force: true }));

  it('has every entry that was told of, and goes on in the same epoch', async function () {
    this.timeout(120_000);
    let told = 0;
    for (const linesMin of [1, 40]) {
      const arguments_ = ['--import', 'tsx', resolve('test/support/traffic-log-child.ts'), directory];
      const lines = await killAfter(
        spawn(process.execPath, arguments_, { stdio: ['ignore', 'pipe', 'pipe'] }),
        linesMin,
      );
      const store = openLmdbStore({ directory, schema: storeSchema });
      try {
        const log = await DecisionLog.open({ store, chainId: testChain, signer: lightSigner, anchor: null });
        expect(log.head.epoch).equal(1);
        for (const line of lines) {
          const [index = '', size = '', root = ''] = line.split(' ');
          expect(log.rootAt(Number(size))).equal(root);
          expect(log.entry(Number(index))).not.equal(null);
          told = Math.max(told, Number(size));
        }
        const leaves = [...log.newestFirst()].map(({ bytes }) => bytes).reverse();
        expect(merkleRoot(leaves)).equal(log.head.root);
        expect(log.head.size).at.least(told);
      } finally {
        await store.close();
      }
    }
    expect(told).greaterThan(100);
  });
});

/**
 * Goal: a trace depends on nothing of the process that makes it: not on its addresses, its warmth, its environment, nor on
 * the line of Node. Method: the same seeds in this process, in a fresh one, and in one of each other Node there is.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { simulate } from '../../src/simulation.ts';
import { brief } from './scenarios.ts';

const root = resolve(import.meta.dirname, '../..');
const seeds = ['7', '8'];

/** Hashes, with what kind of Node said so. */
async function tracesIn(node: string, environment: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const program = join(import.meta.dirname, 'trace-of.ts');
  const { stdout } = await promisify(execFile)(node, ['--import', 'tsx', program, ...seeds], {
    cwd: root,
    env: { ...process.env, ...environment },
  });
  return stdout.trimEnd().split('\n');
}

/** The `node` packages carry a Node each; TEST_OTHER_NODE names one elsewhere. */
const otherNode = [
  process.env['TEST_OTHER_NODE'] ?? '',
  join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node'),
].find((path) => path !== '' && existsSync(path));

describe('the trace of a seed', function () {
  this.timeout(120_000);
  const here: string[] = [];
  before(async () => {
    for (const seed of seeds) here.push((await simulate(brief, { seed })).traceHash);
  });

  it('is the same in another process', async () => {
    const environment = { TZ: 'Pacific/Kiritimati', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' };
    expect(await tracesIn(process.execPath, environment)).to.deep.equal(here);
  });

  it('is the same on another line of Node', async function () {
    if (otherNode === undefined) return this.skip();
    expect(await tracesIn(otherNode, {})).to.deep.equal(here);
  });
});

/**
 * Every program of examples/ as its reader runs it: a process of its own, on the built package. Each must end by itself:
 * what it started leaves no handle behind.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { buildPackage } from './support/built-package.ts';
import { freePortRange } from './support/free-ports.ts';

const root = resolve(import.meta.dirname, '..');

interface Run {
  readonly code: number | string | null;
  readonly lines: readonly string[];
  readonly errors: string;
}

/** Killed after a minute, which is then its code. */
function run(commandArguments: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Run> {
  return new Promise((settle) => {
    const options = {
      cwd: root,
      timeout: 60_000,
      killSignal: 'SIGKILL',
      env: { ...process.env, ...environment },
    } as const;
    execFile(process.execPath, commandArguments, options, (error, out, errors) => {
      const code = error === null ? 0 : (error.signal ?? error.code ?? null);
      settle({ code, lines: out.trimEnd().split('\n'), errors });
    });
  });
}

const runExample = (
  name: string,
  programArguments: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<Run> => run(['--import', 'tsx', join('examples', `${name}.ts`), ...programArguments], environment);

/** Lines that must be there, in this order; a text is the whole line. */
function expectLines({ code, lines, errors }: Run, expected: readonly (string | RegExp)[]): void {
  expect({ code, errors }, lines.join('\n')).to.deep.equal({ code: 0, errors: '' });
  let from = 0;
  for (const wanted of expected) {
    const at = lines.findIndex(
      (line, index) => index >= from && (typeof wanted === 'string' ? line === wanted : wanted.test(line)),
    );
    expect(at, `${wanted} in:\n${lines.join('\n')}`).to.be.at.least(from);
    from = at + 1;
  }
}

const tested = new Set<string>();
function example(name: string, title: string, body: () => Promise<void>): void {
  tested.add(`${name}.ts`);
  it(`${name} ${title}`, body);
}

describe('examples', function () {
  this.timeout(120_000);
  let directory: string;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'bpci-examples-'));
    await buildPackage();
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  example(
    'devnet',
    'finalises a transfer and leaves a proof that verify-proof accepts, and refuses when changed',
    async () => {
      const port = String(await freePortRange(4));
      expectLines(await runExample('devnet', [directory], { BPCI_NODES_VALIDATOR_PORTS_LINK: port }), [
        '4 validators are ready on chain embedded-devnet',
        'the transfer is accepted',
        /^validator-2 has it in block [0-9]+, with the result ok$/,
        'alice has 2500000',
        'the proof is valid',
        'stopped',
      ]);
      const proof = join(directory, 'proof.json');
      const genesis = join(directory, 'genesis.json');
      expectLines(await runExample('verify-proof', [proof, genesis]), [
        /^holds {2}header-seals: [34] seals of round [0-9]+$/,
        /^holds {2}log-inclusion: leaf 0 /,
        'valid',
      ]);

      const forged = JSON.parse(readFileSync(proof, 'utf8')) as { header: { time: number } };
      forged.header.time += 1;
      writeFileSync(proof, JSON.stringify(forged));
      const refused = await runExample('verify-proof', [proof, genesis]);
      expect(refused.code).to.equal(1);
      expect(refused.lines.at(-1)).to.equal('invalid');
      expect(refused.lines.some((line) => line.startsWith('FAILS  header-seals'))).to.equal(true);
    },
  );
  tested.add('verify-proof.ts');

  example('follower', 'reacts to each payment once, in order', async () => {
    const port = await freePortRange(2);
    const environment = {
      BPCI_NODES_VALIDATOR_PORTS_LINK: String(port),
      BPCI_NODES_FOLLOWER_PORTS_LINK: String(port + 1),
    };
    expectLines(await runExample('follower', [], environment), [
      'submitted: accepted, accepted, accepted',
      'payment 1: 100',
      'payment 2: 250',
      'payment 3: 75',
      'the shop has 425',
    ]);
  });

  example('validator-in-your-system', 'goes without taking the system along', async () => {
    expectLines(await runExample('validator-in-your-system'), [
      'block 1 is final',
      'block 2 is final',
      'block 3 is final',
      'the validator has stopped; 1 actor is left',
    ]);
  });

  example('actors', 'restart, keep their mailboxes, and are watched', async () => {
    expectLines(await runExample('actors'), [
      'it counts 5',
      /^dead letter at .*counter-1: crashed$/,
      'the counter starts again: RangeError: cannot add 0.5',
      'it counts 7',
      'the counter is closed: stopped',
      'asking it fails: target-stopped',
    ]);
  });

  example('remote-actors', 'are told, asked and watched across a link', async () => {
    expectLines(await runExample('remote-actors'), [
      'linked',
      '2 titles begin with E',
      'the library has ended: stopped',
    ]);
  });

  example('ibft-by-hand', 'decides in round 1 without the first proposer', async () => {
    expectLines(await runExample('ibft-by-hand'), [
      'validator 1 would propose first, and is down',
      'validator 2 enters round 1: time-out',
      'validator 2 signs proposal of round 1',
      'validator 2 decides e704b12b, 3 seals',
      /^decided in round 1, [0-9]+ ms after the genesis$/,
    ]);
  });

  example('simulate-your-actors', 'finds the seed that breaks a lease, and none once it is mended', async () => {
    expectLines(await runExample('simulate-your-actors'), [
      'mistaken, calm: 10 seeds hold',
      /^mistaken, cut off at times: seed [0-9]+ breaks "one holder" at [0-9]+ ms$/,
      /^ {2}node [0-2] holds it, and node [0-2] for [0-9]+ ms more$/,
      '  run again, its trace is the same',
      'right, cut off at times: 100 seeds hold',
    ]);
  });

  it('are all run here, and are what docs/embedding.md shows', () => {
    const files = readdirSync(join(root, 'examples')).filter((file) => file.endsWith('.ts'));
    expect([...tested].sort()).to.deep.equal(files.sort());
    const page = readFileSync(join(root, 'docs', 'embedding.md'), 'utf8');
    for (const file of files) expect(page, file).to.include(`examples/${file}`);
  });
});

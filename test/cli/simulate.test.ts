/** `mainnet simulate` as a person runs it: the built package, on this Node. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { checkers } from '../../src/simulation.ts';
import { buildPackage } from '../support/built-package.ts';

const root = resolve(import.meta.dirname, '../..');
const regression = join(root, 'simulations/regressions/running-copy-two-proposals.json');

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const run = (...given: readonly string[]): Promise<Outcome> =>
  runNode(join(root, 'bin', 'mainnet.js'), 'simulate', ...given);

function runNode(...nodeArguments: readonly string[]): Promise<Outcome> {
  return new Promise((settle) => {
    execFile(process.execPath, nodeArguments, { env: { ...process.env, NO_COLOR: '1' } }, (error, out, err) =>
      settle({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err }),
    );
  });
}

const outcomesOf = (out: string): readonly string[] => out.match(/holds|violated|not-reached/g) ?? [];

describe('mainnet simulate', function () {
  this.timeout(180_000);
  let directory: string;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'bpci-simulate-'));
    await buildPackage();
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  const scenarioFile = (faults: string): string => {
    const file = join(directory, `scenario-${faults.length}.mjs`);
    writeFileSync(
      file,
      `export default { name: 'own', validators: 4, durationMs: 60000, blockTimeMs: 5000, transfersPerSecond: 1, faults: ${faults} };\n`,
    );
    return file;
  };

  /** A saved schedule with one thing in it changed. */
  const damaged = (from: string, to: string): string => {
    const text = readFileSync(regression, 'utf8');
    expect(text).to.include(from);
    const file = join(directory, `damaged-${to.replace(/[^a-z0-9]/g, '')}.json`);
    writeFileSync(file, text.replace(from, to));
    return file;
  };

  it('prints the trace hash, the verdicts and both times, the same for the same seed', async () => {
    const file = scenarioFile("[{ kind: 'crash', node: 0, atMs: 10000, forMs: 500 }]");
    const [once, twice] = await Promise.all([run(file, '--seed', '42'), run(file, '--seed', '42', '--twice')]);
    expect(once.code, once.err).to.equal(0);
    expect(twice.code, twice.err).to.equal(0);
    const hash = /trace +([0-9a-f]{16})/.exec(once.out)?.[1];
    expect(hash).to.be.a('string');
    expect(twice.out).to.include(hash);
    expect(once.out).to.match(/60 s simulated in/);
    expect(outcomesOf(once.out)).to.deep.equal(checkers.ofValidators.map(() => 'holds'));
  });

  it('says what is wrong with a seed, a scenario and a fault', async () => {
    const wrong: readonly (readonly [given: readonly string[], message: string])[] = [
      [['steady', '--seed', 'abc'], "option '--seed <number>' argument 'abc' is invalid. A whole number."],
      [['nowhere'], 'there is no scenario "nowhere"'],
      [[scenarioFile("[{ kind: 'earthquake', atMs: 1, forMs: 1 }]")], 'faults[0].kind: "earthquake" is no fault'],
      [[], 'which scenario?'],
      [['steady', '--runs', '0'], 'A whole number from 1'],
      [['--replay', join(directory, 'missing.json')], 'missing.json cannot be read: ENOENT'],
      [['--replay', damaged('"version": 1', '"version": 9')], '.json:3: version: 9 is another version of the format'],
      [
        ['--replay', damaged('"kind":"restore"', '"kind":"earthquake"')],
        '.json:16: faults[0].kind: "earthquake" is no',
      ],
      [['partition-heal', '--until', '60s'], 'recovery needs the run to last 82 s'],
    ];
    const outcomes = await Promise.all(wrong.map(([given]) => run(...given)));
    outcomes.forEach(({ code, err }, index) => {
      expect(err).to.include(wrong[index]?.[1]);
      expect(code).to.equal(2);
    });
  });

  it('names the line of a scenario file that has the mistake', async () => {
    const file = join(directory, 'typed.ts');
    const fault = "{ kind: 'earthquake', node: 0, atMs: 1, forMs: 1 }";
    writeFileSync(
      file,
      `export default {\n  name: 'x', validators: 4, durationMs: 60000,\n  faults: [${fault}],\n};\n`,
    );
    const { err, code } = await run(file);
    expect(err).to.include(`${file}:3: scenario x: faults[0].kind: "earthquake" is no fault`);
    expect(code).to.equal(2);
  });

  it('runs seeds in several processes, and tells the same in the same order as one process', async () => {
    const file = scenarioFile('[]');
    const asked = [file, '--runs', '3', '--seed', '5', '--until', '50s'];
    const [alone, together] = await Promise.all([run(...asked), run(...asked, '--parallel', '2')]);
    expect(together.code, together.err).to.equal(0);
    const traces = (out: string): readonly string[] => out.match(/seed \d+ {2}ok {2}trace [0-9a-f]{16}/g) ?? [];
    expect(traces(together.out)).to.have.length(3);
    expect(traces(together.out)).to.deep.equal(traces(alone.out));
    expect(together.out).to.include('3 runs, 0 failed');
  });

  it('shrinks and saves nothing where nothing fails, and draws a run', async () => {
    const page = join(directory, 'run.html');
    const { code, err } = await run('--replay', regression, '--save', join(directory, 'no.json'), '--timeline', page);
    expect(code, err).to.equal(0);
    expect(err).to.include('nothing was violated: there is nothing to shrink or to save');
    expect(readFileSync(page, 'utf8')).to.include('<canvas');
  });

  it('reads scenarios in TypeScript on every Node', async () => {
    const file = join(directory, 'own.ts');
    const own =
      "const validators: number = 4;\nexport default { name: 'own', validators, durationMs: 50000, faults: [] };\n";
    writeFileSync(file, own);
    const outcomes = await Promise.all(
      [file, join(root, 'simulations', 'steady.ts')].map((given) => run(given, '--until', '50s')),
    );
    for (const { code, out, err } of outcomes) {
      expect(code, err).to.equal(0);
      expect(out).to.match(/trace +[0-9a-f]{16}/);
    }
  });
});

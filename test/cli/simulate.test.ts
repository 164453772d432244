/** `mainnet simulate` as a person runs it. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';

const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const entry = resolve(import.meta.dirname, '../../src/cli/mainnet.ts');

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function run(...commandArguments: readonly string[]): Promise<Outcome> {
  return new Promise((settle) => {
    execFile(
      process.execPath,
      ['--import', loader, entry, 'simulate', ...commandArguments],
      { env: { ...process.env, NO_COLOR: '1' } },
      (error, out, err) =>
        settle({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err }),
    );
  });
}

const outcomesOf = (out: string): readonly string[] => out.match(/holds|violated|not-reached/g) ?? [];

describe('mainnet simulate', function () {
  this.timeout(120_000);
  let directory: string;
  before(() => (directory = mkdtempSync(join(tmpdir(), 'bpci-simulate-'))));
  after(() => rmSync(directory, { recursive: true, force: true }));

  const scenarioFile = (faults: string): string => {
    const file = join(directory, `scenario-${faults.length}.mjs`);
    writeFileSync(file, `export default { name: 'own', validators: 4, durationMs: 60000, faults: ${faults} };\n`);
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
    expect(outcomesOf(once.out)).to.deep.equal(Array.from({ length: 8 }, () => 'holds'));
  });

  it('says what is wrong with a seed, a scenario and a fault', async () => {
    const wrong: readonly (readonly [given: readonly string[], message: string])[] = [
      [['steady', '--seed', 'abc'], "option '--seed <number>' argument 'abc' is invalid. A whole number."],
      [['nowhere'], 'there is no scenario "nowhere"'],
      [[scenarioFile("[{ kind: 'flood', atMs: 1, forMs: 1 }]")], 'faults[0].kind: "flood" is no fault'],
      [['partition-heal', '--until', '60s'], 'recovery needs the run to last 82 s'],
    ];
    const outcomes = await Promise.all(wrong.map(([given]) => run(...given)));
    outcomes.forEach(({ code, err }, index) => {
      expect(err).to.include(wrong[index]?.[1]);
      expect(code).to.equal(2);
    });
  });
});

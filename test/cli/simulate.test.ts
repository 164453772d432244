/**
 * Goal: `mainnet simulate` does what its help says. Method: the command in this process; what only the built package has
 * (its own processes, TypeScript that is read on every Node) as a person runs it.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { checkers, crashAtEveryEffect, type EveryEffectResult, type Scenario, simulate } from '../../src/simulation.ts';
import { buildPackage } from '../support/built-package.ts';
import { type CommandOutcome, simulateCommand } from '../support/simulate-command.ts';

const root = resolve(import.meta.dirname, '../..');
const regression = join(root, 'simulations/regressions/running-copy-two-proposals.json');

/** From the build, as a process of its own. */
function runBuilt(...given: readonly string[]): Promise<CommandOutcome> {
  const program = [join(root, 'bin', 'mainnet.js'), 'simulate', ...given];
  return new Promise((settle) => {
    execFile(process.execPath, program, { env: { ...process.env, NO_COLOR: '1' } }, (error, out, err) =>
      settle({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err }),
    );
  });
}

const outcomesOf = (out: string): readonly string[] => out.match(/holds|violated|not-reached/g) ?? [];
const crash = { kind: 'crash', node: 0, atMs: 9_000, forMs: 500 } as const;
const own = { name: 'own', expects: '', validators: 4, durationMs: 50_000, blockTimeMs: 5_000, transfersPerSecond: 1 };

describe('mainnet simulate', function () {
  this.timeout(180_000);
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpci-simulate-'));
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  const scenarioFile = (faults: readonly unknown[]): string => {
    const text = JSON.stringify({ ...own, faults });
    const file = join(directory, `scenario-${text.length}.mjs`);
    writeFileSync(file, `export default ${text};\n`);
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

  it('prints the trace hash, the verdicts and both times, and runs twice where it is told to', async () => {
    const { code, out, err } = await simulateCommand(scenarioFile([crash]), '--seed', '42', '--twice');
    expect(code, err).to.equal(0);
    const { traceHash, verdicts } = await simulate({ ...own, faults: [crash] }, { seed: 42 });
    expect(/trace +([0-9a-f]{16})/.exec(out)?.[1]).to.equal(traceHash);
    expect(out).to.match(/50 s simulated in/);
    expect(verdicts.length).to.be.within(10, checkers.ofValidators.length);
    expect(outcomesOf(out)).to.deep.equal(verdicts.map(() => 'holds'));
  });

  it('says what is wrong with a seed, a scenario and a fault', async () => {
    const wrong: readonly (readonly [given: readonly string[], message: string])[] = [
      [['steady', '--seed', 'abc'], "option '--seed <number>' argument 'abc' is invalid. A whole number."],
      [['nowhere'], 'there is no scenario "nowhere"'],
      [[scenarioFile([{ kind: 'earthquake', atMs: 1, forMs: 1 }])], 'faults[0].kind: "earthquake" is no fault'],
      [[], 'which scenario?'],
      [['steady', '--runs', '0'], 'A whole number from 1'],
      [['--replay', join(directory, 'missing.json')], 'missing.json cannot be read: ENOENT'],
      [['--replay', damaged('"version": 1', '"version": 9')], '.json:3: version: 9 is another version of the format'],
      [
        ['--replay', damaged('"kind": "restore"', '"kind": "earthquake"')],
        '.json:15: faults[0].kind: "earthquake" is no',
      ],
      [['partition-heal', '--until', '60s'], 'recovery needs the run to last 82 s'],
      [['twins', '--groups', '5'], 'A whole number from 1 to 4.'],
    ];
    for (const [given, message] of wrong) {
      const { code, err } = await simulateCommand(...given);
      expect(err).to.include(message);
      expect(code, message).to.equal(2);
    }
  });

  it('shrinks and saves nothing where nothing fails, and draws a run', async () => {
    const page = join(directory, 'run.html');
    const given = ['--replay', regression, '--save', join(directory, 'no.json'), '--timeline', page];
    const { code, err } = await simulateCommand(...given);
    expect(code, err).to.equal(0);
    expect(err).to.include('nothing was violated: there is nothing to shrink or to save');
    expect(readFileSync(page, 'utf8')).to.include('<canvas');
  });

  it('explores more groups of a partition where twins are asked for them', async () => {
    const few = await simulateCommand('twins', '--validators', '4', '--rounds', '1', '--json');
    const many = await simulateCommand('twins', '--validators', '4', '--rounds', '1', '--groups', '3', '--json');
    // Of five instances in at most two groups, and in at most three; four leaders.
    expect(JSON.parse(few.out)).to.include({ scenariosInAll: 4 * 16, scenarios: 4 * 16, finding: null });
    expect(JSON.parse(many.out)).to.include({ scenariosInAll: 4 * 41, scenarios: 4 * 41, finding: null });
  });

  it('saves what twins and explorations find as schedules that show it again', async () => {
    const file = join(directory, 'found.json');
    for (const given of [
      ['twins', '--rounds', '1', '--twins', '2'],
      ['explore', '--rounds', '1', '--quorum', '2'],
    ]) {
      const found = await simulateCommand(...given, '--save', file);
      expect(found.code, found.err).to.equal(1);
      expect(found.out).to.include('violated');
      expect(found.out).to.not.include('not confirmed');
      const again = await simulateCommand('--replay', file);
      expect(again.out, given[0]).to.match(/^agreement violated: height 1 has two blocks/m);
      expect(again.code).to.equal(1);
    }
  });
});

describe('mainnet simulate, built', function () {
  this.timeout(180_000);
  let directory: string;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'bpci-simulate-built-'));
    await buildPackage();
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  it('runs seeds in several processes, and tells the same in the same order as one process', async () => {
    const file = join(directory, 'own.mjs');
    writeFileSync(file, `export default ${JSON.stringify({ ...own, faults: [] })};\n`);
    const { code, out, err } = await runBuilt(file, '--runs', '3', '--seed', '5', '--parallel', '2');
    expect(code, err).to.equal(0);
    const here: string[] = [];
    for (const seed of [5, 6, 7]) {
      const { traceHash } = await simulate({ ...own, faults: [] }, { seed });
      here.push(`seed ${seed}  ok  trace ${traceHash}`);
    }
    expect(out.match(/seed \d+ {2}ok {2}trace [0-9a-f]{16}/g)).to.deep.equal(here);
    expect(out).to.include('3 runs, 0 failed');
  });

  it('crashes at effects of several seeds in several processes, and adds up what each has done', async () => {
    const quick: Scenario = { ...own, name: 'quick', blockTimeMs: 500, effectsMs: [3_000, 3_030], faults: [] };
    const file = join(directory, 'quick.mjs');
    writeFileSync(file, `export default ${JSON.stringify(quick)};\n`);
    const several = await runBuilt('every-effect', file, '--json', '--stride', '4', '--runs', '2', '--parallel', '2');
    expect(several.code, several.err).to.equal(0);
    const plain = JSON.parse(several.out) as readonly EveryEffectResult[];
    expect(plain.map(({ seed, ok }) => ({ seed, ok }))).to.deep.equal([
      { seed: '1', ok: true },
      { seed: '2', ok: true },
    ]);
    for (const { seed, effects, planned, runs, missed } of plain) {
      const alone = await crashAtEveryEffect(quick, { seed, stride: 4 });
      expect(planned).to.be.greaterThan(0);
      expect({ effects, runs, missed }).to.deep.equal({ effects: alone.effects, runs: planned, missed: [] });
    }
    const { out } = await runBuilt('every-effect', file, '--stride', '4', '--runs', '2');
    expect(out).to.match(/seed 2 {2}ok {2}(\d+) of \1 runs in /);
    expect(out).to.match(/2 of 2 seeds, 0 failed; \d+ durable writes and \d+ frames, \d+ runs with a crash at one/);
  });

  it('reads scenarios in TypeScript on every Node, and names the line that has the mistake', async () => {
    const file = join(directory, 'typed.ts');
    const fault = "{ kind: 'earthquake', node: 0, atMs: 1, forMs: 1 }";
    const lines = [
      'const validators: number = 4;',
      'export default {',
      "  name: 'x', validators, durationMs: 60000,",
      `  faults: [${fault}],`,
      '};\n',
    ];
    writeFileSync(file, lines.join('\n'));
    const [typed, steady] = await Promise.all([
      runBuilt(file),
      runBuilt(join(root, 'simulations', 'steady.ts'), '--until', '50s'),
    ]);
    expect(typed.err).to.include(`${file}:4: scenario x: faults[0].kind: "earthquake" is no fault`);
    expect(typed.code).to.equal(2);
    expect(steady.code, steady.err).to.equal(0);
    expect(steady.out).to.match(/trace +[0-9a-f]{16}/);
  });
});

/**
 * Goal: defects are made where they are said to be made, checkers find them, and nothing is found where there is none.
 * Method: a small fixed part of all mutants, each in a process of its own; the whole is `mainnet simulate mutants`.
 */
import { expect } from 'chai';
import { type Mutant, MutantError, mutate } from '../../src/simulation-mutants/mutant.ts';
import { changesOf } from '../../src/simulation-mutants/operators.ts';
import { allMutants, type MutantResult, runMutants, runUnmutated } from '../../src/simulation-mutants/run-mutants.ts';
import { mutantsDocument, scoreOf } from '../../src/simulation-mutants/score.ts';
import { loadCompiler, readSource } from '../../src/simulation-mutants/sources.ts';

const byHand: Mutant = {
  ...{ name: 'by-hand', file: 'a.ts', original: 'a < b', replacement: 'a <= b', breaks: 'the order' },
  ...{ origin: 'written', trials: [] },
};

/** Killed at once by different checkers: by machines alone, by whole validators, one of them drawn. */
const chosen: readonly [name: string, checker: string][] = [
  ['quorum-minus-one', 'certificates'],
  ['commits-below-quorum', 'integrity'],
  ['certificate-not-carried', 'innocence'],
  ['lock-dropped-on-restart', 'guard'],
  ['lock-not-persisted', 'no-failures'],
];

describe('mutants', function () {
  this.timeout(120_000);
  let mutants: readonly Mutant[];
  before(async () => {
    mutants = await allMutants();
  });

  it('all fit the code as it is, each under a name of its own; at least thirty, half of them drawn', () => {
    for (const mutant of mutants) expect(mutate(readSource(mutant.file), mutant)).not.to.equal(readSource(mutant.file));
    expect(new Set(mutants.map(({ name }) => name)).size).to.equal(mutants.length);
    expect(mutants.filter(({ origin }) => origin === 'written').length).to.be.at.least(30);
    expect(mutants.filter(({ origin }) => origin === 'drawn').length).to.be.at.least(25);
  });

  it('one that no longer fits says so, and where', () => {
    for (const source of ['a > b', 'a < b || a < b']) {
      expect(() => mutate(source, byHand))
        .to.throw(MutantError)
        .with.property('message')
        .that.includes('by-hand no longer fits')
        .and.includes('src/a.ts');
    }
    expect(mutate('if (a < b) return;', byHand)).to.equal('if (a <= b) return;');
  });

  it('are killed by checkers, and the product as it is passes the same trials', async () => {
    const names = chosen.map(([name]) => name);
    const results = await runMutants({ mutants: mutants.filter(({ name }) => names.includes(name)), jobs: 2 });
    const killers = results.map(({ mutant, kill }) => [mutant.name, kill?.checker]);
    expect(killers).to.have.deep.members(chosen);
    const seeds = Math.max(...results.map((result) => result.seeds));
    const attempts = [
      { trial: 'machines, four', seeds },
      { trial: 'halves of four', seeds: 1 },
    ];
    expect(await runUnmutated(attempts)).to.equal(null);
  });

  it('a simulator that fails kills nothing', async () => {
    const broken: Mutant = {
      ...{ name: 'no-hash', file: 'protocols/shared/hash.ts', breaks: 'everything', origin: 'written' },
      ...{ original: 'export const taggedHash', replacement: 'const taggedHash', trials: ['machines, four'] },
    };
    const source = readSource(broken.file);
    const original = /export (?:const|function) taggedHash/.exec(source)?.[0] ?? '';
    const mutant = { ...broken, original, replacement: original.replace('export ', '') };
    const [result] = await runMutants({ mutants: [mutant] });
    expect(result?.outcome).to.equal('broken');
  });
});

describe('operators of mutants', () => {
  it('offer what changes a decision, and leave loops, invariants and words for people alone', async () => {
    const source = `
      function decide(a: number, b: number): boolean {
        invariant(a > 0, 'a is there');
        for (let i = 0; i < a; i++) total += i;
        log.warn('done', a < b);
        if (a < b && enough(a, b)) first(a - 1);
        return compareNumbers(a, b) === 0;
      }
      function enough(least: number, most: number): boolean { return most > least; }`;
    const offered = changesOf(await loadCompiler(), 'a.ts', source).map(({ operator, start, end, text }) => {
      return `${operator}: ${source.slice(start, end)} -> ${text}`;
    });
    expect(offered).to.have.members([
      'dropped: total += i; -> ;',
      'negation: a < b && enough(a, b) -> !(a < b && enough(a, b))',
      'connective: && -> ||',
      'comparison: < -> <=',
      'swapped: a, b -> b, a',
      'dropped: first(a - 1); -> ;',
      'off-by-one: 1 -> 0',
      'comparison: === -> !==',
      'swapped: a, b -> b, a',
      'comparison: > -> >=',
    ]);
  });
});

describe('the score of mutants', () => {
  const result = (outcome: MutantResult['outcome'], seeds: number): MutantResult => ({
    ...{ mutant: byHand, outcome, seeds, problem: null, wallMs: 0 },
    kill: outcome === 'killed' ? { checker: 'agreement', detail: '', trial: 'halves', seed: seeds } : null,
  });

  it('counts all but the equivalent ones', () => {
    const results = [result('killed', 3), result('killed', 1), result('survived', 9), result('equivalent', 0)];
    expect(scoreOf(results)).to.deep.equal({ killed: 2, counted: 3, percent: 66.6, medianSeeds: 3 });
    expect(scoreOf([])).to.deep.equal({ killed: 0, counted: 0, percent: 0, medianSeeds: null });
    const text = mutantsDocument(results, 'a command');
    expect(text).to.include('2 of 3 killed: 66.6 %').and.include('`a command`').and.include('**survived**');
  });
});

/**
 * Goal: a bad pack is refused, with the file and line of what is wrong. Method: copies of the default pack, each with one
 * change.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { compilePolicySet } from '../../src/protocols/policy/compile.ts';
import {
  placePolicyError,
  PackError,
  type PackProblem,
  readPolicyPack,
} from '../../src/runtime/adapters/policy-pack.ts';
import { packDirectory } from './default-pack.ts';

describe('policy/bad packs', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpci-pack-'));
    cpSync(packDirectory, directory, { recursive: true });
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  function problemsAfter(file: string, from: string, to: string): { problems: readonly PackProblem[]; line: number } {
    const path = join(directory, file);
    const text = readFileSync(path, 'utf8');
    const at = text.indexOf(from);
    expect(at, `${from} in ${file}`).to.be.at.least(0);
    writeFileSync(path, text.replace(from, to));
    try {
      const pack = readPolicyPack(directory);
      try {
        compilePolicySet(pack.set, pack.facts, pack.asOf);
      } catch (error) {
        throw placePolicyError(error, pack);
      }
    } catch (error) {
      if (error instanceof PackError) return { problems: error.problems, line: text.slice(0, at).split('\n').length };
      throw error;
    }
    throw new Error('the pack was accepted');
  }

  const inPolicy: readonly [string, string, string, string, string][] = [
    [
      'a syntax error',
      'india.cedar',
      'permit (principal, action, resource)',
      'permt (principal, action, resource)',
      'permt',
    ],
    [
      'an attribute that the schema does not know',
      'india.cedar',
      'context.destinationGroups',
      'context.destinationGroup',
      'destinationGroup',
    ],
    [
      'a comparison of unlike types',
      'china.cedar',
      'context.counters.piplPersons < 100000',
      'context.counters.piplPersons < "x"',
      'unexpected type',
    ],
  ];
  for (const [what, file, from, to, message] of inPolicy) {
    it(`refuses ${what}`, () => {
      const { problems, line } = problemsAfter(join('policies', file), from, to);
      expect(problems[0]).to.include({ file: join(directory, 'policies', file), line });
      expect(problems[0]?.message).to.include(message);
    });
  }

  /** These are about a policy as a whole: the line is that of its first annotation. */
  const ofRules: readonly [string, string, string, string, string][] = [
    [
      'a word that does not exist',
      '"safeguards" never',
      'context.safeguards.contains("cac-assessment")',
      'context.safeguards.contains("cac-asessment")',
      'never holds "cac-asessment"',
    ],
    ['a red permit', '', '@state("yellow")', '@state("red")', 'red is forbid'],
    ['an unknown obligation', '', '@obligation("notice,', '@obligation("notise,', 'unknown obligation notise'],
    ['an unknown annotation', '', '@citation(', '@zitation(', 'unknown annotation @zitation'],
    [
      'a rule without citation',
      '',
      '@citation("PIPL Art. 39, 55; CAC provisions of 22 March 2024")',
      '',
      '@citation("…") is missing',
    ],
    ['two rules with one id', '', '@id("13")', '@id("12")', 'two policies have this @id'],
    ['an integer that JSON cannot hold', '', '< 100000', '< 9007199254740993', 'below 2^53'],
  ];
  for (const [what, , from, to, message] of ofRules) {
    it(`refuses ${what}, with the place of the rule`, () => {
      const { problems } = problemsAfter(join('policies', 'china.cedar'), from, to);
      expect(problems[0]?.message).to.include(message);
      const { file, line } = problems[0]!;
      expect(readFileSync(file, 'utf8').split('\n')[line - 1]).to.match(/^@id\("1[234](-|")/);
    });
  }

  const inJson: readonly [string, string, string, string, string][] = [
    [
      'a country that is not listed',
      'facts.json',
      '"countries": ["CH"], "grants": true',
      '"countries": ["QQ"], "grants": true',
      '"QQ" is not a listed country',
    ],
    ['a day that is none', 'facts.json', '2000-07-26', '2000-13-26', 'a day as YYYY-MM-DD'],
    [
      'a fact that ends before it begins',
      'facts.json',
      '"until": "2031-12-27"',
      '"until": "2011-12-27"',
      'earlier than from',
    ],
    [
      'two facts with one id',
      'facts.json',
      '"id": "region-us-ca"',
      '"id": "region-us"',
      'two facts with the id region-us',
    ],
    ['broken JSON', 'facts.json', '{"id": "region-us",', '{"id": "region-us"', ''],
    [
      'an obligation without deadline',
      'obligations.json',
      '"deadlineSeconds": 3600',
      '"deadlineSeconds": 0',
      'whole number of seconds',
    ],
    ['a pack without a day', 'pack.json', '2026-02-01', 'soon', 'a day as YYYY-MM-DD'],
  ];
  for (const [what, file, from, to, message] of inJson) {
    it(`refuses ${what}`, () => {
      const { problems, line } = problemsAfter(file, from, to);
      expect(problems[0]).to.include({ file: join(directory, file), line });
      expect(problems[0]?.message).to.include(message);
    });
  }

  it('refuses a schema that is none, and a pack without files', () => {
    expect(problemsAfter('schema.cedarschema', 'entity Flow;', 'entty Flow;').problems[0]).to.include({
      file: join(directory, 'schema.cedarschema'),
      line: 3,
    });
    expect(() => readPolicyPack(join(directory, 'goldens'))).to.throw(PackError, 'pack.json');
  });
});

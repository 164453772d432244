/** `biso-policy check`: everything that can be known of a pack before it is published. */
import { type Command, Option } from 'commander';
import { type Analysis, analyse, type Finding } from '../../protocols/policy/analysis.ts';
import type { CompiledSet } from '../../protocols/policy/compile.ts';
import { prepareCedarRules } from '../../runtime/adapters/cedar.ts';
import { checkEquality, type EqualityReport } from '../../runtime/adapters/cedar-equality.ts';
import { checkGoldens, type GoldenReport } from '../../runtime/adapters/policy-goldens.ts';
import { CommandError, exitCodes, formatTable, type Terminal } from '../terminal.ts';
import { cellText, loadPack, type PolicyCommandContext, withoutBigInts } from './command-context.ts';

interface CheckFlags {
  readonly asOf?: string;
  readonly random: number;
  readonly seed: number;
  readonly json?: true;
}

interface Report {
  readonly compiled: CompiledSet;
  readonly analysis: Analysis;
  readonly goldens: GoldenReport;
  readonly equality: EqualityReport;
  readonly problems: readonly string[];
}

function problemsOf({ analysis, goldens, equality }: Omit<Report, 'problems'>): readonly string[] {
  return [
    ...goldens.failures.map(({ file, line, message }) => `${file}:${line}: ${message}`),
    ...goldens.withoutGoldens.map((rule) => `rule ${rule} has no goldens`),
    ...analysis.dead.map((rule) => `rule ${rule} never matches`),
    ...analysis.idle.map((rule) => `rule ${rule} matches and never decides`),
    ...equality.mismatches.map(
      ({ compiled, cedar }) => `compiled says ${compiled.join(' ')}, Cedar says ${cedar.join(' ')}`,
    ),
  ];
}

function checkPack(directory: string, { asOf, random, seed }: CheckFlags): Report {
  const { pack, compiled } = loadPack(directory, asOf);
  const cedar = prepareCedarRules(pack.set);
  try {
    const found = {
      compiled,
      analysis: analyse(compiled),
      goldens: checkGoldens(directory, compiled),
      equality: checkEquality(compiled, cedar, { random, seed }),
    };
    return { ...found, problems: problemsOf(found) };
  } finally {
    cedar.close();
  }
}

function printFindings(terminal: Terminal, title: string, findings: readonly Finding[]): void {
  if (findings.length === 0) return;
  terminal.out(title);
  const rows = findings.map(({ regime, cells, example }) => [`  ${regime}`, `${cells} cells`, cellText(example)]);
  for (const line of formatTable(rows)) terminal.out(line);
}

function print(report: Report, terminal: Terminal): void {
  const { compiled, analysis, goldens, equality, problems } = report;
  const { set, regimes, rows, outside, validUntil, facts } = compiled;
  terminal.out(`${terminal.paint('bold', `${set.name} ${set.version}`)}, facts as of ${facts.asOf}`);
  for (const line of formatTable([
    ['  policy set', set.hash],
    ['  fact set', compiled.factSetHash],
    ['  compiled', compiled.compiledHash],
    ['  valid until', validUntil ?? 'no fact ends'],
    ['  rules', `${set.rules.length} in ${regimes.length} regimes, ${rows.length} rows`],
    [
      '  evaluated by',
      outside.length === 0 ? 'bitmaps alone' : `bitmaps, and Cedar for ${analysis.outside.join(', ')}`,
    ],
    ['  goldens', `${goldens.cases - goldens.failures.length} of ${goldens.cases} hold`],
    [
      '  equal with Cedar on',
      `${equality.matchSets} match sets, ${equality.boundaries} boundaries, ${equality.countries} countries, ${equality.random} random inputs`,
    ],
  ])) {
    terminal.out(line);
  }
  printFindings(terminal, 'Gaps: the regime applies, no rule matches, Red', analysis.gaps);
  printFindings(terminal, 'Conflicts: a permit and a prohibition match, Red wins', analysis.conflicts);
  for (const problem of problems) terminal.err(`${terminal.paint('red', 'problem')}: ${problem}`);
  if (problems.length === 0) terminal.out(terminal.paint('green', 'no problem found'));
}

const wholeNumber = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new CommandError('usage', `${text} is not a whole number`);
  return value;
};

export function registerCheck(program: Command, { terminal, wantsJson }: PolicyCommandContext): void {
  program
    .command('check <pack>')
    .description('validate, compile, analyse, run the goldens, compare with Cedar')
    .option('--as-of <day>', "facts as of this day instead of the pack's")
    .addOption(new Option('--random <count>', 'random inputs to compare').default(10_000).argParser(wholeNumber))
    .addOption(new Option('--seed <number>', 'of the random inputs').default(1).argParser(wholeNumber))
    .option('--json', 'print JSON')
    .action((directory: string, flags: CheckFlags) => {
      const report = checkPack(directory, flags);
      if (wantsJson() || flags.json === true) {
        const { compiled, ...rest } = report;
        const { set, compiledHash, factSetHash, validUntil, facts } = compiled;
        const head = { policySetHash: set.hash, factSetHash, compiledHash, asOf: facts.asOf, validUntil };
        terminal.json(withoutBigInts({ ...head, rules: set.rules.length, ...rest }));
      } else print(report, terminal);
      process.exitCode = report.problems.length === 0 ? exitCodes.done : exitCodes.failed;
    });
}

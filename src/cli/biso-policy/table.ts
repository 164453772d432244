/** `biso-policy table`: a pack's rules and facts as a document, from the compiled set. */
import type { Command } from 'commander';
import type { CompiledSet } from '../../protocols/policy/compile.ts';
import { type Fact, type FactSet, holdsOn } from '../../protocols/policy/facts.ts';
import { defaultPack, loadPack, type PolicyCommandContext } from './command-context.ts';

const rowText = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => (cell === '' ? '–' : cell)).join(' | ')} |`;

/** 2 before 10, 19 before 19a. */
function compareIds(a: string, b: string): number {
  const parts = (id: string): readonly string[] => id.match(/\d+|\D+/g) ?? [];
  const [first, second] = [parts(a), parts(b)];
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    const [x, y] = [first[i] ?? '', second[i] ?? ''];
    if (x === y) continue;
    const [m, n] = [Number(x), Number(y)];
    return Number.isNaN(m) || Number.isNaN(n) || x === '' || y === '' ? (x < y ? -1 : 1) : m - n;
  }
  return 0;
}

const factRow = (fact: Fact, asOf: string): readonly string[] => [
  fact.id,
  fact.kind === 'group' ? fact.group : `${fact.scheme}: ${fact.recipient}`,
  fact.kind === 'group'
    ? fact.countries.length > 40
      ? `${fact.countries.length} countries`
      : fact.countries.join(' ')
    : '',
  fact.from ?? '',
  fact.until ?? '',
  `${fact.citation}${holdsOn(fact, asOf) ? '' : ' (does not hold)'}`,
  fact.recheck ?? '',
];

/** Markdown, one line an element. */
export function tableOf(
  { set, regimes, facts: view, factSetHash, compiledHash, validUntil, outside }: CompiledSet,
  facts: FactSet,
): readonly string[] {
  const deciding = set.rules.filter(({ state }) => state !== null).sort((a, b) => compareIds(a.id, b.id));
  const outsideIds = new Set(outside.map((index) => set.rules[index]?.id));
  return [
    `# Policy pack \`${set.name}\` ${set.version}`,
    '',
    `Printed by \`biso-policy table\` from the compiled set. Facts as of ${view.asOf}; valid until ${validUntil ?? 'further notice'}.`,
    'The product supplies controls and evidence; it gives no legal advice and claims no certification.',
    '',
    `- policy set \`${set.hash}\``,
    `- fact set \`${factSetHash}\``,
    `- compiled \`${compiledHash}\``,
    '',
    '## Rules',
    '',
    `${deciding.length} rules in the regimes ${regimes.join(', ')}, and controls, which forbid within every regime. The state is the worst`,
    'over the regimes that apply; within one, Red over Yellow over Green, and Red where nothing is permitted.',
    '',
    rowText(['#', 'regime', 'class / contents', 'from', 'to', 'context', 'state', 'obligations', 'citation']),
    rowText(Array.from({ length: 9 }, () => '---')),
    ...deciding.map(({ id, regime, columns, state, obligations, citation }) =>
      rowText([
        outsideIds.has(id) ? `${id} (Cedar)` : id,
        regime,
        ...columns,
        state ?? '',
        obligations.join(', '),
        citation,
      ]),
    ),
    '',
    '## Obligations',
    '',
    rowText(['kind', 'when', 'deadline', 'proof by']),
    rowText(Array.from({ length: 4 }, () => '---')),
    ...set.obligations.map(({ kind, phase, deadlineSeconds, proofBy }) =>
      rowText([
        kind,
        phase,
        deadlineSeconds === null ? '' : `${deadlineSeconds / 3600} h`,
        proofBy ?? 'enforcement point',
      ]),
    ),
    '',
    '## Facts',
    '',
    rowText(['id', 'says', 'of', 'from', 'until', 'citation', 're-check']),
    rowText(Array.from({ length: 7 }, () => '---')),
    ...facts.facts.map((fact) => rowText(factRow(fact, view.asOf))),
  ];
}

export function registerTable(program: Command, { terminal }: PolicyCommandContext): void {
  program
    .command('table [pack]')
    .description('rules, obligations and facts as Markdown')
    .option('--as-of <day>', "facts as of this day instead of the pack's")
    .action((directory: string | undefined, flags: { readonly asOf?: string }) => {
      const { pack, compiled } = loadPack(directory ?? defaultPack, flags.asOf);
      for (const line of tableOf(compiled, pack.facts)) terminal.out(line);
    });
}

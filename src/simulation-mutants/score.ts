/** What a run of mutants comes to: the score, and the table of `docs/simulation-mutants.md`. */
import type { MutantResult } from './run-mutants.ts';

export interface Score {
  readonly killed: number;
  /** Of how many: all but those that are equivalent. */
  readonly counted: number;
  /** Of those counted, rounded down to a tenth. */
  readonly percent: number;
  /** Runs until the kill, of those killed; null where none is. */
  readonly medianSeeds: number | null;
}

export function scoreOf(results: readonly MutantResult[]): Score {
  const counted = results.filter(({ outcome }) => outcome !== 'equivalent');
  const seeds = counted.flatMap(({ outcome, seeds: tried }) => (outcome === 'killed' ? [tried] : []));
  seeds.sort((a, b) => a - b);
  return {
    killed: seeds.length,
    counted: counted.length,
    percent: counted.length === 0 ? 0 : Math.floor((1000 * seeds.length) / counted.length) / 10,
    medianSeeds: seeds[seeds.length >> 1] ?? null,
  };
}

/** `command` makes this text again. */
export function mutantsDocument(results: readonly MutantResult[], command: string): string {
  const { killed, counted, percent, medianSeeds } = scoreOf(results);
  const equivalent = results.filter(({ outcome }) => outcome === 'equivalent');
  return [
    '# Mutants',
    '',
    'Defects made in the product, one at a time, and what of the simulator finds them. Some are written by hand,',
    'others are drawn by a seed from what a handful of operators offer on the syntax tree. A mutant counts as killed only',
    'where a checker of a simulated trace says so; a simulator that fails itself kills nothing.',
    '',
    `Made by \`${command}\`; do not edit.`,
    '',
    `**${killed} of ${counted} killed: ${percent} %.** Median of runs until the kill: ${medianSeeds ?? '-'}.`,
    '',
    '| mutant | what it breaks | killed by | in | runs |',
    '|---|---|---|---|---|',
    ...results.filter(({ outcome }) => outcome !== 'equivalent').map(row),
    '',
    ...(equivalent.length === 0 ? [] : ['## Equivalent', '', 'Not run, because nothing can be found:', '']),
    ...equivalent.map(({ mutant }) => `- **${mutant.name}** (${escaped(mutant.breaks)}): ${mutant.equivalent ?? ''}`),
    '',
  ].join('\n');
}

const escaped = (text: string): string => text.replaceAll('|', '\\|');

function row({ mutant, outcome, kill, seeds }: MutantResult): string {
  const cells = [
    mutant.name,
    escaped(mutant.breaks),
    kill?.checker ?? `**${outcome}**`,
    kill?.trial ?? '-',
    String(seeds),
  ];
  return `| ${cells.join(' | ')} |`;
}

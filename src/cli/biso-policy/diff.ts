/** `biso-policy diff A B`: where two packs differ, exactly, regime by regime. */
import type { Command } from 'commander';
import { type Difference, differencesOf } from '../../protocols/policy/analysis.ts';
import { formatTable } from '../terminal.ts';
import { cellText, loadPack, type PolicyCommandContext, withoutBigInts } from './command-context.ts';

interface DiffFlags {
  readonly asOf?: string;
  readonly asOfB?: string;
  readonly json?: true;
}

export function registerDiff(program: Command, { terminal, wantsJson }: PolicyCommandContext): void {
  program
    .command('diff <a> <b>')
    .description('where two packs differ, exactly')
    .option('--as-of <day>', 'facts of both as of this day')
    .option('--as-of-b <day>', 'facts of the second as of this day')
    .option('--json', 'print JSON')
    .action((a: string, b: string, flags: DiffFlags) => {
      const [before, after] = [loadPack(a, flags.asOf), loadPack(b, flags.asOfB ?? flags.asOf)];
      const differences = differencesOf(before.compiled, after.compiled);
      const outside = [before, after].flatMap(({ compiled }) =>
        compiled.outside.map((index) => compiled.set.rules[index]?.id),
      );
      if (wantsJson() || flags.json === true) {
        const [from, to] = [before.pack.set.hash, after.pack.set.hash];
        terminal.json(withoutBigInts({ from, to, differences, notCompared: outside }));
        return;
      }
      if (outside.length > 0) terminal.out(`not compared, evaluated by Cedar: ${outside.join(', ')}`);
      if (differences.length === 0) terminal.out('no difference');
      const rowOf = ({ regime, from, to, cells, example }: Difference): readonly string[] => [
        ...[regime, `${from} → ${to}`, `${cells} cells`, cellText(example)],
      ];
      const heading = ['regime', 'change', 'where', 'for example'];
      if (differences.length > 0)
        for (const line of formatTable([heading, ...differences.map(rowOf)])) terminal.out(line);
    });
}

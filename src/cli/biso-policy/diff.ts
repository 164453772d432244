/** `biso-policy diff A B`: where two packs, or two published sets, differ, exactly, regime by regime. */
import type { Command } from 'commander';
import { PolicyClient } from '../../client/policy-client.ts';
import { type Difference, differencesOf } from '../../protocols/policy/analysis.ts';
import { isHex64 } from '../../protocols/shared/brands.ts';
import { formatTable, type Terminal } from '../terminal.ts';
import { cellText, loadPack, type PolicyCommandContext, withoutBigInts } from './command-context.ts';

interface DiffFlags {
  readonly asOf?: string;
  readonly asOfB?: string;
  readonly bisoEndpoint: string;
  readonly json?: true;
}

/** Cell counts beyond 2^53 come as texts from a policy engine. */
type Shown = Omit<Difference, 'cells'> & { readonly cells: bigint | string };

interface Compared {
  readonly from: string;
  readonly to: string;
  readonly differences: readonly Shown[];
  /** Rules that Cedar evaluates. */
  readonly notCompared: readonly string[];
}

function comparePacks(a: string, b: string, flags: DiffFlags): Compared {
  const [before, after] = [loadPack(a, flags.asOf), loadPack(b, flags.asOfB ?? flags.asOf)];
  return {
    from: before.pack.set.hash,
    to: after.pack.set.hash,
    differences: differencesOf(before.compiled, after.compiled),
    notCompared: [before, after].flatMap(({ compiled }) =>
      compiled.outside.flatMap((index) => compiled.set.rules[index]?.id ?? []),
    ),
  };
}

async function comparePublished(a: string, b: string, { bisoEndpoint, asOf }: DiffFlags): Promise<Compared> {
  const client = new PolicyClient({ endpoint: bisoEndpoint });
  const { before, after, differences, outside } = (await client.diff(a, b, asOf)) as {
    readonly before: { readonly policySet: string };
    readonly after: { readonly policySet: string };
    readonly differences: readonly Shown[];
    readonly outside: readonly string[];
  };
  return { from: before.policySet, to: after.policySet, differences, notCompared: outside };
}

function print({ differences, notCompared }: Compared, terminal: Terminal): void {
  if (notCompared.length > 0) terminal.out(`not compared, evaluated by Cedar: ${notCompared.join(', ')}`);
  if (differences.length === 0) terminal.out('no difference');
  const rowOf = ({ regime, from, to, cells, example }: Shown): readonly string[] => [
    ...[regime, `${from} → ${to}`, `${cells} cells`, cellText(example)],
  ];
  const heading = ['regime', 'change', 'where', 'for example'];
  if (differences.length > 0) for (const line of formatTable([heading, ...differences.map(rowOf)])) terminal.out(line);
}

export function registerDiff(program: Command, { terminal, wantsJson }: PolicyCommandContext): void {
  program
    .command('diff <a> <b>')
    .description('where two packs (directories) or two published sets (hashes) differ, exactly')
    .option('--as-of <day>', 'facts of both as of this day')
    .option('--as-of-b <day>', 'facts of the second as of this day; of packs')
    .option('--biso-endpoint <url>', 'policy engine that has published sets', 'http://127.0.0.1:21003')
    .option('--json', 'print JSON')
    .action(async (a: string, b: string, flags: DiffFlags) => {
      const found = isHex64(a) && isHex64(b) ? await comparePublished(a, b, flags) : comparePacks(a, b, flags);
      if (wantsJson() || flags.json === true) terminal.json(withoutBigInts(found));
      else print(found, terminal);
    });
}

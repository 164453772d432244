/**
 * Mutants drawn mechanically by a seed: the operators offer thousands of changes, the seed chooses a few of each module.
 * The choice goes by a hash of each change's own text, so that work elsewhere in the code does not shift it.
 */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type typescript from 'typescript';
import { equivalents } from './equivalents.ts';
import type { Mutant } from './mutant.ts';
import { type Change, changesOf } from './operators.ts';
import { readSource } from './sources.ts';

interface Area {
  readonly folder: string;
  readonly files: readonly string[];
  /** Changes drawn of each file. */
  readonly each: number;
  readonly trials: readonly string[];
}

const areas: readonly Area[] = [
  {
    folder: 'protocols/ibft',
    files: [
      'justification',
      'machine',
      'proposing',
      'rounds',
      'upon-message',
      'upon-proposal',
      'upon-round-change',
      'voting',
    ],
    each: 2,
    trials: ['machines, four', 'every message once, four', 'machines, large blocks', 'machines, seven'],
  },
  {
    folder: 'actors/validator',
    files: ['host', 'outbox', 'sign-guard', 'start-permit'],
    each: 1,
    trials: ['slow disks, many crashes', 'all at once', 'copies of a running validator'],
  },
  {
    folder: 'protocols/ledger',
    files: ['execution', 'executor', 'nonces', 'state-tree', 'mempool', 'modules/accounts'],
    each: 1,
    trials: ['many transfers', 'cheating clients', 'crowds', 'a bond on its way back'],
  },
  {
    folder: 'actors',
    files: ['chain/chain', 'block-sync', 'mempool/intake', 'mempool/store'],
    each: 1,
    trials: ['one is down', 'cut off, then crashed'],
  },
];

/** The same for the same seed and code. Throws MutantError `no-sources`. */
export function drawnMutants(compiler: typeof typescript, seed: number): readonly Mutant[] {
  return areas.flatMap(({ folder, files, each, trials }) =>
    files.flatMap((name) => {
      const file = `${folder}/${name}.ts`;
      const source = readSource(file);
      return choose(changesOf(compiler, file, source), each, `${seed}/${file}`).map(({ change, hash }) =>
        toMutant(file, source, change, hash, trials),
      );
    }),
  );
}

interface Chosen {
  readonly change: Change;
  readonly hash: string;
}

/** Those with the lowest hashes, at most one of a function. */
function choose(changes: readonly Change[], count: number, salt: string): readonly Chosen[] {
  const seen = new Map<string, number>();
  const hashed = changes.map((change) => {
    const text = [salt, change.within, change.context, change.operator, change.text].join('\n');
    // The same change of the same text may be offered twice.
    const times = (seen.get(text) ?? 0) + 1;
    seen.set(text, times);
    return { change, hash: createHash('sha256').update(`${text}\n${times}`).digest('hex') };
  });
  hashed.sort((a, b) => (a.hash < b.hash ? -1 : 1));
  const chosen = new Map<string, Chosen>();
  for (const candidate of hashed) {
    if (chosen.size === count) break;
    if (!chosen.has(candidate.change.within)) chosen.set(candidate.change.within, candidate);
  }
  return [...chosen.values()];
}

function toMutant(file: string, source: string, change: Change, hash: string, trials: readonly string[]): Mutant {
  const { operator, start, end, text, within, context } = change;
  const name = `${basename(file, '.ts')}-${within.replace(/^#/, '')}-${operator}-${hash.slice(0, 4)}`;
  const { from, to } = uniqueAround(source, start, end);
  const equivalent = equivalents[name];
  return {
    ...{ name, file, origin: 'drawn', trials },
    original: source.slice(from, to),
    replacement: source.slice(from, start) + text + source.slice(end, to),
    breaks: describe(operator, source.slice(start, end), text, context),
    ...(equivalent === undefined ? {} : { equivalent }),
  };
}

/** The shortest run of whole lines around a place that occurs in the source once. */
function uniqueAround(source: string, start: number, end: number): { readonly from: number; readonly to: number } {
  let from = source.lastIndexOf('\n', start - 1) + 1;
  let to = endOfLine(source, end);
  while (source.split(source.slice(from, to)).length !== 2) {
    from = source.lastIndexOf('\n', from - 2) + 1;
    to = endOfLine(source, to + 1);
  }
  return { from, to };
}

const endOfLine = (source: string, at: number): number => {
  const found = source.indexOf('\n', at);
  return found === -1 ? source.length : found;
};

const contextMax = 90;

function describe(operator: Change['operator'], before: string, after: string, context: string): string {
  const short = context.length > contextMax ? `${context.slice(0, contextMax)}…` : context;
  switch (operator) {
    case 'dropped':
      return `left out: ${short}`;
    case 'negation':
      return `negated: ${short}`;
    case 'swapped':
      return `arguments swapped: ${short}`;
    default:
      return `${before} became ${after}: ${short}`;
  }
}

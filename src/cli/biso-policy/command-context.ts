/** What the commands of `biso-policy` share. */
import { type CompiledSet, compilePolicySet } from '../../protocols/policy/compile.ts';
import { isDay } from '../../protocols/policy/facts.ts';
import { placePolicyError, type PolicyPack, readPolicyPack } from '../../runtime/adapters/policy-pack.ts';
import { defaultPackDirectory } from '../../runtime/shipped-pack.ts';
import { CommandError, type Terminal } from '../terminal.ts';

export interface PolicyCommandContext {
  readonly terminal: Terminal;
  /** Whether `--json` stands before or after the command's name. */
  readonly wantsJson: () => boolean;
}

export const defaultPack = defaultPackDirectory;

/** Reads and compiles. Problems name file and line. */
export function loadPack(directory: string, asOf?: string): { pack: PolicyPack; compiled: CompiledSet } {
  const text: unknown = asOf;
  if (text !== undefined && !isDay(text)) throw new CommandError('usage', `${String(asOf)} is not a day: YYYY-MM-DD`);
  const pack = readPolicyPack(directory);
  try {
    return { pack, compiled: compilePolicySet(pack.set, pack.facts, asOf ?? pack.asOf) };
  } catch (error) {
    throw placePolicyError(error, pack);
  }
}

/** JSON of values that hold big integers: as texts. */
export const withoutBigInts = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item)));

export const cellText = (cell: Readonly<Record<string, string>>): string =>
  Object.entries(cell)
    .map(([dimension, value]) => (value === 'yes' ? dimension : `${dimension}=${value}`))
    .join(' ');

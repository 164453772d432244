/**
 * A mutant: the product with one defect in it. Nothing of the product is copied: the defect is a replacement in one
 * module's source text, made while that module is loaded (`run-one.ts`).
 */
import { CodedError } from '../protocols/shared/errors.ts';

export interface Mutant {
  readonly name: string;
  /** Below `src/`. */
  readonly file: string;
  /** Occurs in the file exactly once. */
  readonly original: string;
  readonly replacement: string;
  /** What is wrong now, in a few words. */
  readonly breaks: string;
  readonly origin: 'written' | 'drawn';
  /** Names of the trials that may kill it, the likeliest first (`trials.ts`). */
  readonly trials: readonly string[];
  /** Why no run can tell it from the product. Such a mutant is not run and not counted. */
  readonly equivalent?: string;
}

/** By hand: the list that it stands in says so. */
export type WrittenMutant = Omit<Mutant, 'origin'>;

type MutantErrorCode =
  /** The code has changed: the fragment is not there, or not once. */
  | 'no-longer-fits'
  /** No TypeScript sources beside the program, or no compiler. */
  | 'no-sources'
  | 'unknown-mutant'
  | 'unknown-trial';

export class MutantError extends CodedError<MutantErrorCode> {
  override readonly name = 'MutantError';
}

/** The source with the defect. Throws MutantError `no-longer-fits` where the fragment does not occur exactly once. */
export function mutate(source: string, { name, file, original, replacement }: Mutant): string {
  const pieces = source.split(original);
  if (pieces.length === 2) return pieces.join(replacement);
  const count = pieces.length - 1;
  throw new MutantError(
    'no-longer-fits',
    `mutant ${name} no longer fits: its fragment occurs ${count} times in src/${file}:\n${original}`,
  );
}

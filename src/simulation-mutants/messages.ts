/** What the process that runs a mutant is given, and what it says. */
import type { ReplacedModule } from './replaced-module.ts';

export interface Attempt {
  /** Name of a trial. */
  readonly trial: string;
  /** 1 unless told otherwise. */
  readonly firstSeed?: number;
  /** The last one, at most. */
  readonly seeds: number;
}

export interface Order {
  /** null: the product as it is. */
  readonly replaced: ReplacedModule | null;
  readonly attempts: readonly Attempt[];
}

/** What a checker said of one run. */
export interface Finding {
  readonly checker: string;
  readonly detail: string;
}

export type Report =
  /** A run is over, and nothing was found. */
  | { readonly type: 'passed'; readonly trial: string; readonly seed: number }
  | ({ readonly type: 'found'; readonly trial: string; readonly seed: number } & Finding)
  /** The simulator itself failed: that is no finding, whatever caused it. */
  | { readonly type: 'broke'; readonly trial: string; readonly seed: number; readonly detail: string }
  | { readonly type: 'done' };

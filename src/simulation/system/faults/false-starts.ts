import { falseStarts as lie } from '../byzantine/false-starts.ts';
import { plainLie } from './lie.ts';

/** Validators that start again are told that they are old copies of themselves. */
export const falseStarts = plainLie('false-starts', lie);

import { falseStarts as lie } from '../byzantine/false-starts.ts';
import { plainLie } from './lie.ts';

/**
 * Validators that start again are told that they are old copies of themselves. Not drawn by swarms: f who say so and keep
 * silent otherwise can stop a network most of which starts at once (docs/simulation.md).
 */
export const falseStarts = plainLie('false-starts', lie, { isDrawn: false });

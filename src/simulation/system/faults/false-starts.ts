import { falseStarts as lie } from '../byzantine/false-starts.ts';
import { plainLie } from './lie.ts';

/**
 * Validators that start again are told that they are old copies of themselves. Swarms do not draw it: while a quorum needs
 * those who were told so, and they wait for two blocks to be decided, nothing is.
 */
export const falseStarts = plainLie('false-starts', lie, { isDrawn: false });

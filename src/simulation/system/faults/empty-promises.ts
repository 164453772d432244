import { emptyPromises as lie } from '../byzantine/empty-promises.ts';
import { plainLie } from './lie.ts';

/** It claims heights that are not there, and has no blocks for who asks. */
export const emptyPromises = plainLie('empty-promises', lie);

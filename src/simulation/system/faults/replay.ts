import { replaying } from '../byzantine/replaying.ts';
import { plainLie } from './lie.ts';

/** Old messages, its own and others', come again. */
export const replay = plainLie('replay', replaying);

import { equivocation } from '../byzantine/equivocation.ts';
import { plainLie } from './lie.ts';

/** Two proposals of one round and different votes for different peers; liars of one run agree on whom they show what. */
export const equivocate = plainLie('equivocate', equivocation);

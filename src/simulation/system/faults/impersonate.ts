import { impersonation } from '../byzantine/impersonation.ts';
import type { FaultKind } from './fault-kind.ts';
import { plainLie, type PlainLieFault } from './lie.ts';

const { swarm: _, ...kind } = plainLie('impersonate', impersonation);

/** Votes and certificates under others' names, and blocks that have lost their bodies. No swarm draws it: scenarios name it. */
export const impersonate: FaultKind<PlainLieFault<'impersonate'>> = kind;

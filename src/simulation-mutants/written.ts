/** Mutants written by hand: defects that a person makes, or that a published protocol had. */
import type { Mutant } from './mutant.ts';
import { courtMutants } from './written-court.ts';
import { consensusMutants } from './written-consensus.ts';
import { encMutants } from './written-enc.ts';
import { ledgerMutants } from './written-ledger.ts';
import { nodeMutants } from './written-node.ts';
import { trafficMutants } from './written-traffic.ts';

export const writtenMutants: readonly Mutant[] = [
  ...consensusMutants,
  ...nodeMutants,
  ...ledgerMutants,
  ...courtMutants,
  ...trafficMutants,
  ...encMutants,
].map((mutant) => ({ ...mutant, origin: 'written' }));

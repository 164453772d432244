import type { FaultBase, FaultKind } from './fault-kind.ts';
import { validatorTargets } from './validator-fault.ts';

/** Governors propose changes of parameters, sound ones and others, and validators vote on them. */
export interface GovernFault extends FaultBase {
  readonly kind: 'govern';
}

export const govern: FaultKind<GovernFault> = {
  kind: 'govern',
  ofValidators: true,
  fields: {},
  begin: (fault, targets) => validatorTargets(targets).govern(targets.draw(fault)),
  swarm: { among: 'all', draw: () => ({}) },
};

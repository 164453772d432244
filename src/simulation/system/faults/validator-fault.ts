/** What kinds of faults have in common that only validators can have. */
import { invariant } from '../../../protocols/shared/errors.ts';
import type { FaultBase, FaultTargets, ValidatorTargets } from './fault-kind.ts';

export interface OneNodeFault extends FaultBase {
  readonly node: number;
}

export function validatorTargets({ validators }: FaultTargets): ValidatorTargets {
  invariant(validators !== null, 'this fault is for networks of validators');
  return validators;
}

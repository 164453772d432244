/** What kinds of faults that make a validator lie have in common. */
import { invariant } from '../../../protocols/shared/errors.ts';
import type { MakeLie } from '../byzantine/liar.ts';
import { type FaultBase, type FaultKind, type FaultTargets, nodeNumber, type ValidatorTargets } from './fault-kind.ts';

/** A lie by one validator. */
export interface LieFault extends FaultBase {
  readonly node: number;
}

export function validatorTargets({ validators }: FaultTargets): ValidatorTargets {
  invariant(validators !== null, 'this fault is for networks of validators');
  return validators;
}

export interface PlainLieFault<K extends string> extends LieFault {
  readonly kind: K;
}

/** A kind without fields of its own. */
export const plainLie = <K extends string>(kind: K, lie: MakeLie): FaultKind<PlainLieFault<K>> => ({
  kind,
  ofValidators: true,
  lies: true,
  mayLast: true,
  fields: { node: nodeNumber },
  begin: ({ node }, targets) => validatorTargets(targets).tell(node, lie),
  swarm: { among: 'few', draw: (_draw, { node }) => ({ node }) },
});

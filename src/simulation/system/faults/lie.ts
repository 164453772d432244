/** Kinds of faults that make a validator lie and have no fields of their own. */
import type { MakeLie } from '../byzantine/liar.ts';
import { type FaultKind, nodeNumber } from './fault-kind.ts';
import { type OneNodeFault, validatorTargets } from './validator-fault.ts';

/** Exported because declarations of the kinds name it. */
export interface PlainLieFault<K extends string> extends OneNodeFault {
  readonly kind: K;
}

export const plainLie = <K extends string>(kind: K, lie: MakeLie): FaultKind<PlainLieFault<K>> => ({
  kind,
  ofValidators: true,
  lies: true,
  mayLast: true,
  fields: { node: nodeNumber },
  begin: ({ node }, targets) => validatorTargets(targets).tell(node, lie),
  swarm: { among: 'few', draw: (_draw, { node }) => ({ node }) },
});

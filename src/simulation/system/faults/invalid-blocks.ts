import { invalidBlocks as lie, type SpoilName, spoilNames } from '../byzantine/invalid-blocks.ts';
import { type FaultKind, nodeNumber, oneOf } from './fault-kind.ts';
import { type OneNodeFault, validatorTargets } from './validator-fault.ts';

/** It proposes blocks that are wrong, each in one way. */
export interface InvalidBlocksFault extends OneNodeFault {
  readonly kind: 'invalid-blocks';
  /** In which way; null: in any, each block in its own. */
  readonly wrong: SpoilName | null;
}

export const invalidBlocks: FaultKind<InvalidBlocksFault> = {
  kind: 'invalid-blocks',
  ofValidators: true,
  lies: true,
  mayLast: true,
  fields: { node: nodeNumber, wrong: oneOf(null, ...spoilNames) },
  begin: ({ node, wrong }, targets) => validatorTargets(targets).tell(node, lie(wrong)),
  swarm: { among: 'few', draw: (_draw, { node }) => ({ node, wrong: null }) },
};

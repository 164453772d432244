import type { PayloadKind } from '../../../protocols/ibft/messages.ts';
import { withholding } from '../byzantine/withholding.ts';
import { type FaultKind, type FieldCheck, nodeNumber } from './fault-kind.ts';
import { type OneNodeFault, validatorTargets } from './validator-fault.ts';

/** It does not send messages of these kinds. */
export interface WithholdFault extends OneNodeFault {
  readonly kind: 'withhold';
  readonly messages: readonly PayloadKind[];
}

const kinds: readonly PayloadKind[] = ['proposal', 'prepare', 'commit', 'round-change'];

const someKinds: FieldCheck = (value) =>
  Array.isArray(value) && value.length > 0 && value.every((kind: unknown) => kinds.some((known) => known === kind))
    ? null
    : `a list of: ${kinds.join(', ')}`;

export const withhold: FaultKind<WithholdFault> = {
  kind: 'withhold',
  ofValidators: true,
  lies: true,
  mayLast: true,
  fields: { node: nodeNumber, messages: someKinds },
  begin: ({ node, messages }, targets) => validatorTargets(targets).tell(node, () => withholding(messages)),
  swarm: {
    among: 'few',
    draw: (draw, { node }) => ({ node, messages: draw.shuffle(kinds).slice(0, draw.between(1, kinds.length)) }),
  },
};

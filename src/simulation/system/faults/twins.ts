import { type FaultKind, nodeNumber, whole } from './fault-kind.ts';
import { type OneNodeFault, validatorTargets } from './validator-fault.ts';

/** Two instances of the node share its key. Every peer is linked to one of them, by chance, anew every `everyMs`. */
export interface TwinsFault extends OneNodeFault {
  readonly kind: 'twins';
  readonly everyMs: number;
}

export const twins: FaultKind<TwinsFault> = {
  kind: 'twins',
  ofValidators: true,
  lies: true,
  mayLast: true,
  fields: { node: nodeNumber, everyMs: whole(100, 1e9) },
  begin: (fault, targets) => {
    const { clock, network } = targets;
    const { node, everyMs } = fault;
    return validatorTargets(targets).double(node, { clock, network, draw: targets.draw(fault), everyMs });
  },
  swarm: { among: 'few', draw: (draw, { node }) => ({ node, everyMs: draw.pick([1_500, 5_000, 20_000]) }) },
};

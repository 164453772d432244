import { type FaultBase, type FaultKind, probability } from './fault-kind.ts';

/**
 * Every frame may overtake those sent before it on its connection, with this probability. No TCP connection does that:
 * links must refuse it or survive it.
 */
export interface ReorderFault extends FaultBase {
  readonly kind: 'reorder';
  readonly probability: number;
}

export const reorder: FaultKind<ReorderFault> = {
  kind: 'reorder',
  fields: { probability },
  begin: (fault, { networkFaults }) => {
    networkFaults.overtakingProbability += fault.probability;
    return () => (networkFaults.overtakingProbability -= fault.probability);
  },
  swarm: { among: 'all', draw: (draw) => ({ probability: draw.pick([0.005, 0.02, 0.1]) }) },
};

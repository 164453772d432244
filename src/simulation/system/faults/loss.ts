import { type FaultBase, type FaultKind, probability } from './fault-kind.ts';

/** Every frame is lost together with its connection, with this probability. */
export interface LossFault extends FaultBase {
  readonly kind: 'loss';
  readonly probability: number;
}

export const loss: FaultKind<LossFault> = {
  kind: 'loss',
  fields: { probability },
  begin: (fault, { networkFaults }) => {
    networkFaults.lossProbability += fault.probability;
    return () => (networkFaults.lossProbability -= fault.probability);
  },
  swarm: { among: 'all', draw: (draw) => ({ probability: draw.pick([0.001, 0.01, 0.05]) }) },
};

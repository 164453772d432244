import { type FaultBase, type FaultKind, probability } from './fault-kind.ts';

/** Every frame arrives twice, with this probability. No TCP connection does that: links must refuse it or survive it. */
export interface DuplicateFault extends FaultBase {
  readonly kind: 'duplicate';
  readonly probability: number;
}

export const duplicate: FaultKind<DuplicateFault> = {
  kind: 'duplicate',
  fields: { probability },
  begin: (fault, { networkFaults }) => {
    networkFaults.duplicateProbability += fault.probability;
    return () => (networkFaults.duplicateProbability -= fault.probability);
  },
  swarm: { among: 'all', draw: (draw) => ({ probability: draw.pick([0.0005, 0.002, 0.01]) }) },
};

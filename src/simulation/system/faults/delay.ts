import { type FaultBase, type FaultKind, whole } from './fault-kind.ts';

/** Every frame takes up to so much longer. */
export interface DelayFault extends FaultBase {
  readonly kind: 'delay';
  readonly upToMs: number;
}

export const delay: FaultKind<DelayFault> = {
  kind: 'delay',
  fields: { upToMs: whole(0, 60_000, 'at most 60000') },
  begin: ({ upToMs }, { networkFaults }) => {
    networkFaults.extraDelayMs += upToMs;
    return () => (networkFaults.extraDelayMs -= upToMs);
  },
  swarm: { among: 'all', draw: (draw) => ({ upToMs: draw.pick([100, 500, 2_000]) }) },
};

import { type FaultKind, nodeNumber, whole } from './fault-kind.ts';
import { type OneNodeFault, validatorTargets } from './validator-fault.ts';

/** Clients send the node transactions in bursts, most of them unsound: forged, expired, oversized, far ahead, malformed. */
export interface FloodFault extends OneNodeFault {
  readonly kind: 'flood';
  readonly perSecond: number;
}

export const flood: FaultKind<FloodFault> = {
  kind: 'flood',
  ofValidators: true,
  fields: { node: nodeNumber, perSecond: whole(1, 10_000) },
  begin: (fault, targets) => validatorTargets(targets).flood(fault.node, fault.perSecond, targets.draw(fault)),
  swarm: { among: 'all', draw: (draw, { node }) => ({ node, perSecond: draw.pick([50, 200, 500]) }) },
};

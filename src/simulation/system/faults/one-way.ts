import { blockDirections, type FaultBase, type FaultKind, nodeNumbers } from './fault-kind.ts';

/** Nothing passes from these nodes to those; the other way everything does. */
export interface OneWayFault extends FaultBase {
  readonly kind: 'one-way';
  readonly from: readonly number[];
  readonly to: readonly number[];
}

export const oneWay: FaultKind<OneWayFault> = {
  kind: 'one-way',
  fields: { from: nodeNumbers, to: nodeNumbers },
  hits: ({ from, to }) => [...from, ...to],
  begin: (fault, targets) => blockDirections(targets, (from, to) => fault.from.includes(from) && fault.to.includes(to)),
  swarm: { among: 'all', draw: (_draw, { parts: [from, to] }) => ({ from, to }) },
};

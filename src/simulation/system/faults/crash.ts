import { type FaultBase, type FaultKind, nodeAt, nodeNumber } from './fault-kind.ts';

/** The process dies, commits not yet synced are lost in part, and it starts again after `forMs`. */
export interface CrashFault extends FaultBase {
  readonly kind: 'crash';
  readonly node: number;
}

export const crash: FaultKind<CrashFault> = {
  kind: 'crash',
  fields: { node: nodeNumber },
  begin: ({ node }, targets) => targets.outages.crash(nodeAt(targets, node)),
  swarm: { among: 'all', draw: (_draw, { node }) => ({ node }) },
};

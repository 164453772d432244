import { silence as silent } from '../byzantine/withholding.ts';
import { type FaultKind, nodeAt, nodeNumber, nodeNumbers } from './fault-kind.ts';
import { type OneNodeFault, validatorTargets } from './validator-fault.ts';

/** Nothing but heartbeats comes from it to these nodes: their links to it look alive. */
export interface SilenceFault extends OneNodeFault {
  readonly kind: 'silence';
  readonly towards: readonly number[];
}

export const silence: FaultKind<SilenceFault> = {
  kind: 'silence',
  ofValidators: true,
  lies: true,
  mayLast: true,
  fields: { node: nodeNumber, towards: nodeNumbers },
  hits: ({ node }) => [node],
  begin: ({ node, towards }, targets) => {
    const keys = new Set(towards.map((index) => nodeAt(targets, index).key));
    return validatorTargets(targets).tell(node, () => silent(keys));
  },
  swarm: { among: 'few', draw: (_draw, { node, parts }) => ({ node, towards: parts[0] }) },
};

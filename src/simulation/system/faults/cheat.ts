import { type FaultBase, type FaultKind, whole } from './fault-kind.ts';
import { validatorTargets } from './validator-fault.ts';

/** Clients send transactions through all nodes that break rules of the ledger: replays, used nonces, money they lack. */
export interface CheatFault extends FaultBase {
  readonly kind: 'cheat';
  readonly perSecond: number;
}

export const cheat: FaultKind<CheatFault> = {
  kind: 'cheat',
  ofValidators: true,
  fields: { perSecond: whole(1, 1_000) },
  begin: (fault, targets) => validatorTargets(targets).cheat(fault.perSecond, targets.draw(fault)),
  swarm: { among: 'all', draw: (draw) => ({ perSecond: draw.pick([2, 8, 25]) }) },
};

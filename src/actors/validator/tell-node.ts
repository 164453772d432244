/** Effects of the consensus machine that only tell other parts of the node something. */
import type { Effect } from '../../protocols/ibft/machine-types.ts';
import type { ValidatorDependencies } from './dependencies.ts';

type Told = Extract<Effect, { type: 'fetch-block' | 'evidence' | 'report' | 'round-entered' | 'peer-behind' }>;

export function tellNode(
  effect: Told,
  { onPeerAhead, onEvidence, report, onRound, announce }: ValidatorDependencies,
): void {
  switch (effect.type) {
    case 'fetch-block':
      // Seals prove that it is final: block sync brings it, with its seals.
      for (const source of effect.sources) onPeerAhead(source, effect.height);
      break;
    case 'evidence':
      onEvidence(effect);
      break;
    case 'report':
      report(effect.peer, effect.reason);
      break;
    case 'round-entered':
      onRound(effect);
      break;
    case 'peer-behind':
      announce(effect.peer);
  }
}

/** What a node holds because of others stays within the bounds that are documented. Source: consensus design, "Bounds". */
import { futureRoundsMax, pastCommitsMax, shareBytes } from '../../../protocols/ibft/bounds.ts';
import { defaultMempoolLimits } from '../../../protocols/ledger/mempool.ts';
import type { Checker, Holdings } from './checker.ts';

/** The largest that any actor of a node is given. */
const mailboxCapacityMax = 50_000;

export class Memory implements Checker {
  readonly name = 'memory' as const;

  onHoldings({ node, poolCount, poolBytes, mailboxDepth, keptBytes, roundsHeld }: Holdings): string | null {
    const { countMax, bytesMax } = defaultMempoolLimits;
    const shareMax = shareBytes(Math.max(1, keptBytes.length));
    const roundsMax = 1 + keptBytes.length * (futureRoundsMax + pastCommitsMax);
    const bounds: readonly (readonly [what: string, held: number, most: number])[] = [
      ['transactions', poolCount, countMax],
      ['bytes of transactions', poolBytes, bytesMax],
      ['messages in one mailbox', mailboxDepth, mailboxCapacityMax],
      ['bytes of consensus messages of one validator', Math.max(0, ...keptBytes), shareMax],
      ['rounds with votes', roundsHeld, roundsMax],
    ];
    const broken = bounds.find(([, held, most]) => held > most);
    return broken === undefined ? null : `validator ${node} holds ${broken[1]} ${broken[0]}, at most ${broken[2]}`;
  }
}

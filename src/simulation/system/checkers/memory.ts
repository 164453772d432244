/** What a node holds because of others stays within the bounds that are documented. Source: consensus design, "Bounds". */
import { futureRoundsMax, pastCommitsMax, shareBytes } from '../../../protocols/ibft/bounds.ts';
import { defaultMempoolLimits } from '../../../protocols/ledger/mempool.ts';
import { digest } from '../../../protocols/shared/brands.ts';
import { toHex } from '../../../protocols/shared/bytes.ts';
import { defaultLinkLimits, heldBytesMax } from '../../../runtime/links/limits.ts';
import type { Checker, Holdings, RunEnd } from './checker.ts';

/** The largest that any actor of a node is given. */
const mailboxCapacityMax = 50_000;

/** Blocks after which what is in them has left the disk of every mempool; a crash may bring back some of it. */
const forgottenAfter = 10;
const broughtBackMax = 20;

export class Memory implements Checker {
  readonly name = 'memory' as const;

  /** The records of acknowledged transactions leave the disk when these are final. */
  onEnd({ nodes }: Pick<RunEnd, 'nodes'>): string | null {
    for (const { node, chain, reader } of nodes) {
      let final = 0;
      for (const [hash] of chain.store.range('mempool')) {
        const height = reader.place(digest(toHex(hash)))?.height;
        if (height !== undefined && height < chain.tip.height - forgottenAfter) final += 1;
      }
      if (final > broughtBackMax) return `validator ${node} still stores ${final} transactions that are final`;
    }
    return null;
  }

  onHoldings({ node, poolCount, poolBytes, mailboxDepth, keptBytes, linkBytes, roundsHeld }: Holdings): string | null {
    const { countMax, bytesMax } = defaultMempoolLimits;
    const shareMax = shareBytes(Math.max(1, keptBytes.length));
    const roundsMax = 1 + keptBytes.length * (futureRoundsMax + pastCommitsMax);
    const bounds: readonly (readonly [what: string, held: number, most: number])[] = [
      ['transactions', poolCount, countMax],
      ['bytes of transactions', poolBytes, bytesMax],
      ['messages in one mailbox', mailboxDepth, mailboxCapacityMax],
      ['bytes of consensus messages of one validator', Math.max(0, ...keptBytes), shareMax],
      ['bytes of messages for one peer', linkBytes, heldBytesMax(defaultLinkLimits)],
      ['rounds with votes', roundsHeld, roundsMax],
    ];
    const broken = bounds.find(([, held, most]) => held > most);
    return broken === undefined ? null : `validator ${node} holds ${broken[1]} ${broken[0]}, at most ${broken[2]}`;
  }
}

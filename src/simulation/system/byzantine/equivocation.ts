/** Two proposals of one round for two camps, and votes to match; other votes for other peers; both to some. */
import type { ConsensusMessage } from '../../../protocols/ibft/messages.ts';
import { blockDigest } from '../../../protocols/ledger/block.ts';
import { digest, type PublicKey } from '../../../protocols/shared/brands.ts';
import { type Proposal, proposal, soundAlternative, vote } from './forging.ts';
import type { Liar, Lie } from './liar.ts';

/** Of messages of which one peer gets both forms: it is then a witness. */
const witnessShare = 0.03;
/** Of votes that are doubled where there is but one block. */
const inventedShare = 0.1;

export function equivocation(liar: Liar): Lie {
  return {
    consensus: (message, peer) => {
      const { height, round, author } = message.payload;
      if (author !== liar.self) return [message];
      const isOther = liar.conspiracy.campOf(height, peer) === 'other';
      switch (message.type) {
        case 'proposal':
          return isOther ? otherwise(liar, message, otherProposal(liar, message)) : [message];
        case 'prepare':
        case 'commit': {
          const plan = liar.conspiracy.otherBlock(height, round);
          if (plan !== undefined) {
            if (!isOther) return [message];
            // Its own actors may never come to a commit for a block that they have not seen.
            const votes = (['prepare', 'commit'] as const).flatMap((kind) =>
              vote(liar, kind, message.payload, plan.digest),
            );
            return otherwise(liar, message, votes);
          }
          if (!isOther || !liar.draw.chance(inventedShare)) return [message];
          return otherwise(liar, message, vote(liar, message.type, message.payload, inventedDigest(liar, peer)));
        }
        case 'round-change':
          return [message];
      }
    },
  };
}

const otherwise = (
  liar: Liar,
  honest: ConsensusMessage,
  other: readonly ConsensusMessage[],
): readonly ConsensusMessage[] => {
  if (other.length === 0) return [honest];
  return liar.draw.chance(witnessShare) ? [honest, ...other] : other;
};

/** The same for everybody in the other camp; a re-proposal leaves no choice of the block. */
function otherProposal(liar: Liar, message: Proposal): readonly Proposal[] {
  const { height, round } = message.payload;
  if (message.prepares.length > 0) return [];
  let plan = liar.conspiracy.otherBlock(height, round);
  if (plan === undefined) {
    const block = soundAlternative(liar, message.block);
    if (block === null) return [];
    plan = { block, digest: blockDigest(block.value.header) };
    liar.conspiracy.agree(height, round, block, plan.digest);
  }
  return proposal(liar, message, { block: plan.block });
}

/** Of no block. */
const inventedDigest = (liar: Liar, peer: PublicKey): ReturnType<typeof digest> =>
  digest(`${liar.draw.between(0x10000000, 0xffffffff).toString(16)}${peer.slice(8)}`);

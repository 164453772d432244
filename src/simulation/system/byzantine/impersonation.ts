/**
 * Messages under names that their teller has no key for: votes of other validators, certificates of prepares that nobody
 * signed, and blocks with another body than their header's. Whoever does not verify them takes them for what they say.
 */
import type { ConsensusMessage, EncodedBlock, PreparePayload } from '../../../protocols/ibft/messages.ts';
import { blockCodec } from '../../../protocols/ledger/block.ts';
import { encode } from '../../../protocols/shared/codec.ts';
import { proposal, type RoundChange, roundChange } from './forging.ts';
import type { Liar, Lie } from './liar.ts';

/** Of votes, that others' votes for the same go with them. */
const votesShare = 0.3;

export function impersonation(liar: Liar): Lie {
  const { draw } = liar;
  return {
    consensus: (message, peer) => {
      if (message.payload.author !== liar.self) return [message];
      switch (message.type) {
        case 'prepare':
        case 'commit':
          return draw.chance(votesShare) ? [message, ...votesOfOthers(liar, message)] : [message];
        case 'proposal':
          // The same to a peer every time: contradictions are another lie.
          return draw.fork(`${message.payload.height}/${message.payload.round}/${peer}`).chance(0.5)
            ? proposal(liar, message, { block: withoutBody(message.block) })
            : [message];
        case 'round-change':
          return draw.chance(0.5) ? inventedCertificate(liar, message) : disembodied(liar, message);
      }
    },
  };
}

const othersOf = (liar: Liar): readonly RoundChange['payload']['author'][] =>
  (liar.chain()?.tip.set.validators ?? []).map(({ publicKey }) => publicKey).filter((key) => key !== liar.self);

/** With the teller's signature under each. */
const votesOfOthers = (
  liar: Liar,
  message: Extract<ConsensusMessage, { type: 'prepare' | 'commit' }>,
): readonly ConsensusMessage[] =>
  othersOf(liar).map((author) => ({ ...message, payload: { ...message.payload, author } }));

/** Says to have prepared a block that it heard of, on prepares that it made up. */
function inventedCertificate(liar: Liar, honest: RoundChange): readonly ConsensusMessage[] {
  const { height, round, signature, author: self } = honest.payload;
  const proposals = liar.heard.filter(({ type, payload }) => type === 'proposal' && payload.height === height);
  const heard = proposals.find((message) => message.type === 'proposal' && message.payload.round < round);
  if (heard?.type !== 'proposal') return [honest];
  const at = { height, round: heard.payload.round, digest: heard.payload.digest };
  const prepares: readonly PreparePayload[] = [self, ...othersOf(liar)].map((author) => ({ ...at, author, signature }));
  const claim = { height, round, preparedRound: at.round, preparedDigest: at.digest };
  return roundChange(liar, claim, { block: heard.block, prepares });
}

/** A true certificate beside a block that has lost its transactions. */
function disembodied(liar: Liar, honest: RoundChange): readonly ConsensusMessage[] {
  const { payload, block, prepares } = honest;
  return block === null ? [honest] : roundChange(liar, payload, { block: withoutBody(block), prepares });
}

/** The header is as it was, and so is the digest. */
function withoutBody({ value }: EncodedBlock): EncodedBlock {
  const torn = { ...value, transactions: value.transactions.slice(1) };
  return { value: torn, bytes: encode(blockCodec, torn) };
}

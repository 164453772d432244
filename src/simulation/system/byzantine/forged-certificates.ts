/**
 * Round changes and justifications that do not say what their author knows: prepared certificates forgotten, too small,
 * padded, of other rounds, claimed for a higher round than theirs; proposals that leave out the certificate which binds
 * them, or carry too few round changes; and rounds that nobody is at.
 */
import type { ConsensusMessage, PreparePayload } from '../../../protocols/ibft/messages.ts';
import { quorumOf } from '../../../protocols/ledger/validator-set.ts';
import { type Proposal, proposal, type RoundChange, roundChange, soundAlternative } from './forging.ts';
import type { Liar, Lie } from './liar.ts';

const strayShare = 0.05;
/** How far ahead of its round a liar claims to be. */
const leaps = [1, 2, 5, 40, 2_000, 1_000_000];

export function forgedCertificates(liar: Liar): Lie {
  return {
    consensus: (message) => {
      if (message.payload.author !== liar.self) return [message];
      switch (message.type) {
        case 'round-change':
          return orHonest(message, forgedRoundChange(liar, message));
        case 'proposal':
          return message.payload.round === 0 ? [message] : orHonest(message, forgedProposal(liar, message));
        case 'prepare':
        case 'commit':
          return [message, ...strayRoundChange(liar, message)];
      }
    },
  };
}

const orHonest = (honest: ConsensusMessage, forged: readonly ConsensusMessage[]): readonly ConsensusMessage[] =>
  forged.length === 0 ? [honest] : forged;

function forgedRoundChange(liar: Liar, honest: RoundChange): readonly ConsensusMessage[] {
  const { height, round, preparedRound, preparedDigest } = honest.payload;
  const { block, prepares } = honest;
  const claim = { height, round, preparedRound, preparedDigest };
  const nothing = { ...claim, preparedRound: null, preparedDigest: null };
  switch (liar.draw.between(0, 7)) {
    case 0:
      return roundChange(liar, nothing, { block: null, prepares: [] });
    case 1:
      return roundChange(liar, claim, { block, prepares: prepares.slice(1) });
    case 2:
      return roundChange(liar, claim, { block, prepares: prepares.map(() => prepares[0]).filter(isPrepare) });
    case 3:
      return roundChange(liar, { ...claim, preparedRound: round - 1 }, { block, prepares });
    case 4:
      return roundChange(liar, nothing, { block, prepares });
    case 5:
      return roundChange(liar, { ...claim, preparedDigest: null }, { block, prepares });
    case 6:
      return pieced(liar, honest);
    default:
      return roundChange(liar, { ...claim, round: round + liar.draw.pick(leaps) }, { block, prepares });
  }
}

const isPrepare = (prepare: PreparePayload | undefined): prepare is PreparePayload => prepare !== undefined;

/** A certificate for a proposal that it heard, of whatever prepares it heard. */
function pieced(liar: Liar, { payload: { height, round } }: RoundChange): readonly ConsensusMessage[] {
  const proposals = liar.heard.filter((heard) => heard.type === 'proposal');
  const prepares = liar.heard.flatMap((heard) => (heard.type === 'prepare' ? [heard.payload] : []));
  if (proposals.length === 0) return [];
  const { payload, block } = liar.draw.pick(proposals);
  const claim = { height, round, preparedRound: Math.min(payload.round, round - 1), preparedDigest: payload.digest };
  const members = liar.chain()?.tip.set.validators.length ?? 0;
  return roundChange(liar, claim, { block, prepares: liar.draw.shuffle(prepares).slice(0, quorumOf(members, 67)) });
}

function forgedProposal(liar: Liar, honest: Proposal): readonly ConsensusMessage[] {
  const { roundChanges, prepares } = honest;
  const fresh = soundAlternative(liar, honest.block);
  switch (liar.draw.between(0, 5)) {
    case 0:
      return proposal(liar, honest, { roundChanges: roundChanges.slice(1) });
    case 1:
      return proposal(liar, honest, { roundChanges: [...roundChanges.slice(1), ...roundChanges.slice(-1)] });
    case 2:
      return fresh === null ? [] : proposal(liar, honest, { block: fresh, prepares: [] });
    case 3: {
      if (fresh === null) return [];
      const unprepared = roundChanges.filter(({ preparedRound }) => preparedRound === null);
      return proposal(liar, honest, { block: fresh, prepares: [], roundChanges: unprepared });
    }
    case 4:
      return fresh === null ? [] : proposal(liar, honest, { block: fresh });
    default:
      return proposal(liar, honest, { prepares: prepares.slice(1) });
  }
}

/** For a round that nobody has reached, beside an honest vote: whoever believes it may be led away. */
function strayRoundChange(
  liar: Liar,
  { payload: { height, round } }: Extract<ConsensusMessage, { type: 'prepare' | 'commit' }>,
): readonly ConsensusMessage[] {
  if (!liar.draw.chance(strayShare)) return [];
  const claim = { height, round: round + liar.draw.pick(leaps), preparedRound: null, preparedDigest: null };
  return roundChange(liar, claim, { block: null, prepares: [] });
}

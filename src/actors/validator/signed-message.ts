/** Consensus messages of this validator, from what the machine asked to sign. */
import type { Beside, Verified } from '../../protocols/ibft/machine-types.ts';
import type {
  ConsensusMessage,
  PreparePayload,
  ProposalPayload,
  RoundChangePayload,
  UnsignedPayload,
} from '../../protocols/ibft/messages.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { InvariantError } from '../../protocols/shared/errors.ts';

/** The signed message of a payload with what travels beside it. What one signed oneself counts as verified. */
export function signedMessage(
  payload: UnsignedPayload,
  author: PublicKey,
  signature: Uint8Array,
  beside: Beside,
): Verified<ConsensusMessage> {
  const { kind, ...content } = payload;
  const signed = { ...content, author, signature };
  const { block, roundChanges, prepares } = beside;
  switch (kind) {
    case 'proposal':
      if (block === null) throw new InvariantError('a proposal carries its block');
      return verified({ type: 'proposal', payload: signed as ProposalPayload, block, roundChanges, prepares });
    case 'prepare':
    case 'commit':
      return verified({ type: kind, payload: signed as PreparePayload });
    case 'round-change':
      return verified({ type: 'round-change', payload: signed as RoundChangePayload, block, prepares });
  }
}

const verified = (message: ConsensusMessage): Verified<ConsensusMessage> => message as Verified<ConsensusMessage>;

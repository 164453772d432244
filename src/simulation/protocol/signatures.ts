/**
 * Signatures that nobody forges, by construction: 64 bytes that name the signer and what was signed. Hosts sign with
 * their own key only, the adversary with the keys of faulty validators; what anyone else puts together names another
 * signer or other content, and `isAuthentic` sees it.
 */
import type {
  CommitPayload,
  ConsensusMessage,
  PreparePayload,
  ProposalPayload,
  RoundChangePayload,
  UnsignedPayload,
} from '../../protocols/ibft/messages.ts';
import { round as toRound } from '../../protocols/shared/brands.ts';
import { equalBytes } from '../../protocols/shared/bytes.ts';
import { type DecidedBlock, memberOf } from './setting.ts';

const kindCodes = { proposal: 1, prepare: 2, commit: 3, 'round-change': 4 } as const;
const digestOffset = 20;

const hexValue = (code: number): number => (code < 58 ? code - 48 : code - 87);

/** The signature of a validator under a payload. */
export function signatureOf(member: number, payload: UnsignedPayload): Uint8Array {
  const bytes = new Uint8Array(64);
  const put = (offset: number, value: number): void => {
    bytes[offset] = value >>> 24;
    bytes[offset + 1] = value >>> 16;
    bytes[offset + 2] = value >>> 8;
    bytes[offset + 3] = value;
  };
  put(0, member + 1);
  put(4, kindCodes[payload.kind]);
  put(8, payload.height);
  put(12, payload.round);
  const digest = payload.kind === 'round-change' ? payload.preparedDigest : payload.digest;
  if (payload.kind === 'round-change') put(16, (payload.preparedRound ?? -1) + 1);
  if (digest !== null)
    for (let at = 0; at < 32; at++)
      bytes[digestOffset + at] = (hexValue(digest.charCodeAt(2 * at)) << 4) | hexValue(digest.charCodeAt(2 * at + 1));
  return bytes;
}

type Voted = ProposalPayload | PreparePayload | CommitPayload;

const isSigned = (kind: 'proposal' | 'prepare' | 'commit', { author, height, round, digest, signature }: Voted) =>
  equalBytes(signature, signatureOf(memberOf(author), { kind, height, round, digest }));

function isRoundChangeSigned(payload: RoundChangePayload): boolean {
  const { author, height, round, preparedRound, preparedDigest, signature } = payload;
  const content = { kind: 'round-change', height, round, preparedRound, preparedDigest } as const;
  return equalBytes(signature, signatureOf(memberOf(author), content));
}

/** Whether every signature in a message holds: its own and those of the payloads beside it. */
export function isAuthentic(message: ConsensusMessage): boolean {
  switch (message.type) {
    case 'proposal':
      return (
        isSigned('proposal', message.payload) &&
        message.roundChanges.every(isRoundChangeSigned) &&
        message.prepares.every((payload) => isSigned('prepare', payload))
      );
    case 'prepare':
    case 'commit':
      return isSigned(message.type, message.payload);
    case 'round-change':
      return isRoundChangeSigned(message.payload) && message.prepares.every((payload) => isSigned('prepare', payload));
  }
}

/** Whether every seal under a decided block holds. */
export const areSealsAuthentic = ({ height, digest, commit }: DecidedBlock): boolean =>
  commit.seals.every(({ validator, signature }) =>
    equalBytes(
      signature,
      signatureOf(memberOf(validator), { kind: 'commit', height, round: toRound(commit.round), digest }),
    ),
  );

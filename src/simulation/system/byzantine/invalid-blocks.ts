/** Proposals of blocks that no correct validator may accept, each wrong in one way, and signed as they should be. */
import type { EncodedBlock } from '../../../protocols/ibft/messages.ts';
import type { BlockHeader } from '../../../protocols/ledger/block.ts';
import { digest, type PublicKey } from '../../../protocols/shared/brands.ts';
import { changedBlock, expiredWithin, proposal } from './forging.ts';
import type { Liar, Lie } from './liar.ts';

const noDigest = digest('00'.repeat(32));

type Spoil = (liar: Liar, block: EncodedBlock) => EncodedBlock | null;

const header =
  (change: (header: BlockHeader) => Partial<BlockHeader>): Spoil =>
  (_liar, block) =>
    changedBlock(block, change(block.value.header));

/** By what is wrong with the block. */
const spoils = {
  'state-root': header(() => ({ stateRoot: noDigest })),
  'events-root': header(() => ({ eventsRoot: noDigest })),
  'log-root': header(() => ({ logRoot: noDigest })),
  'log-size': header(({ logSize }) => ({ logSize: logSize + 1 })),
  'next-validators': header(() => ({ nextValidatorsHash: noDigest })),
  validators: header(() => ({ validatorsHash: noDigest })),
  parent: header(() => ({ parent: noDigest })),
  'protocol-version': header(({ protocolVersion }) => ({ protocolVersion: protocolVersion + 1 })),
  'time-too-early': header(({ time }) => ({ time: time - 60_000 })),
  'time-far-ahead': header(({ time }) => ({ time: time + 3_600_000 })),
  beacon: header(({ beacon }) => ({ beacon: { ...beacon, output: beacon.output.map((byte) => byte ^ 1) } })),
  proposer: (liar, block) => {
    const members = liar.chain()?.tip.set.validators ?? [];
    const other = members.find(({ publicKey }) => publicKey !== liar.self)?.publicKey;
    return other === undefined ? null : changedBlock(block, { proposer: other });
  },
  'double-spend': (_liar, block) => {
    const { transactions } = block.value;
    const [first] = transactions;
    return first === undefined ? null : changedBlock(block, {}, { transactions: [...transactions, first] });
  },
  'spent-before': (liar, block) => {
    const chain = liar.chain();
    const past = chain?.transactionsOf(chain.tip.height)[0];
    if (past === undefined) return null;
    return changedBlock(block, {}, { transactions: [...block.value.transactions, past.bytes] });
  },
  'expired-transaction': (liar, block) => expiredWithin(liar, block),
  'forged-transaction': (_liar, block) => {
    const { transactions } = block.value;
    const [first] = transactions;
    if (first === undefined) return null;
    // The last bytes are the signature's.
    const forged = first.slice();
    forged[forged.length - 1] = (forged[forged.length - 1] ?? 0) ^ 1;
    return changedBlock(block, {}, { transactions: [forged, ...transactions.slice(1)] });
  },
  'seals-missing': (_liar, block) => {
    const { lastCommit } = block.value;
    if (lastCommit === null) return null;
    return changedBlock(block, {}, { lastCommit: { ...lastCommit, seals: lastCommit.seals.slice(0, 1) } });
  },
  'seals-of-another-round': (_liar, block) => {
    const { lastCommit } = block.value;
    if (lastCommit === null) return null;
    const round = (lastCommit.round + 1) as typeof lastCommit.round;
    return changedBlock(block, {}, { lastCommit: { ...lastCommit, round } });
  },
} as const satisfies Readonly<Record<string, Spoil>>;

export type SpoilName = keyof typeof spoils;
export const spoilNames = Object.keys(spoils) as readonly SpoilName[];

/** Of proposals, that all peers get the same wrong block of: what it takes to become final is there, but for their refusal. */
const sameShare = 0.5;

/** `only`: the one way in which blocks are wrong; without it every proposal is wrong in its own, or to every peer in another. */
export const invalidBlocks =
  (only: SpoilName | null) =>
  (liar: Liar): Lie => ({
    consensus: (message, peer: PublicKey) => {
      if (message.type !== 'proposal' || message.payload.author !== liar.self || message.prepares.length > 0) {
        return [message];
      }
      const { height, round } = message.payload;
      // The same to a peer every time: contradictions are another lie.
      const name = only ?? choice(liar, `${height}/${round}`, peer);
      const spoiled = spoils[name](liar, message.block);
      return spoiled === null ? [message] : proposal(liar, message, { block: spoiled });
    },
  });

function choice({ draw }: Liar, place: string, peer: PublicKey): SpoilName {
  const common = draw.fork(place);
  return (common.chance(sameShare) ? common : draw.fork(`${place}/${peer}`)).pick(spoilNames);
}

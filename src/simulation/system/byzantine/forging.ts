/** What a liar can make with its own key: messages, and blocks that nobody asked it for. */
import {
  type ConsensusMessage,
  type EncodedBlock,
  payloadSigningBytes,
  type PreparePayload,
  type RoundChangePayload,
} from '../../../protocols/ibft/messages.ts';
import {
  type Block,
  blockCodec,
  blockDigest,
  type BlockHeader,
  lastCommitHash,
} from '../../../protocols/ledger/block.ts';
import { decodeTransaction } from '../../../protocols/ledger/admission.ts';
import { accountAt } from '../../../protocols/ledger/queries.ts';
import { merkleRoot } from '../../../protocols/ledger/merkle-log.ts';
import { type ChainId, type Digest, height as toHeight, round as toRound } from '../../../protocols/shared/brands.ts';
import { encode } from '../../../protocols/shared/codec.ts';
import { lastingHeight, signedTransaction } from '../client.ts';
import type { Liar } from './liar.ts';

export type Proposal = Extract<ConsensusMessage, { type: 'proposal' }>;
export type RoundChange = Extract<ConsensusMessage, { type: 'round-change' }>;

const chainIdOfLiar = (liar: Liar): ChainId | null => liar.chain()?.chainId ?? null;

/** The same vote with the liar's signature under another digest. */
export function vote(
  liar: Liar,
  kind: 'prepare' | 'commit',
  at: { readonly height: number; readonly round: number },
  digest: Digest,
): readonly ConsensusMessage[] {
  const chain = chainIdOfLiar(liar);
  if (chain === null) return [];
  const content = { height: toHeight(at.height), round: toRound(at.round), digest };
  const signature = liar.signer.sign(payloadSigningBytes(chain, { kind, ...content }));
  return [{ type: kind, payload: { ...content, author: liar.self, signature } }];
}

export function proposal(
  liar: Liar,
  of: Proposal,
  change: Partial<Pick<Proposal, 'block' | 'roundChanges' | 'prepares'>>,
): readonly Proposal[] {
  const chain = chainIdOfLiar(liar);
  if (chain === null) return [];
  const block = change.block ?? of.block;
  const { height, round } = of.payload;
  const content = { height, round, digest: blockDigest(block.value.header) };
  const signature = liar.signer.sign(payloadSigningBytes(chain, { kind: 'proposal', ...content }));
  return [{ ...of, ...change, payload: { ...content, author: liar.self, signature } }];
}

export interface Claim {
  readonly height: number;
  readonly round: number;
  readonly preparedRound: number | null;
  readonly preparedDigest: Digest | null;
}

export function roundChange(
  liar: Liar,
  { height, round, preparedRound, preparedDigest }: Claim,
  beside: { readonly block: EncodedBlock | null; readonly prepares: readonly PreparePayload[] },
): readonly RoundChange[] {
  const payload = roundChangePayload(liar, {
    ...{ height: toHeight(height), round: toRound(round), preparedDigest },
    preparedRound: preparedRound === null ? null : toRound(preparedRound),
  });
  return payload === null ? [] : [{ type: 'round-change', payload, ...beside }];
}

function roundChangePayload(
  liar: Liar,
  content: Omit<RoundChangePayload, 'author' | 'signature'>,
): RoundChangePayload | null {
  const chain = chainIdOfLiar(liar);
  if (chain === null) return null;
  const signature = liar.signer.sign(payloadSigningBytes(chain, { kind: 'round-change', ...content }));
  return { ...content, author: liar.self, signature };
}

/** With other content; the header names the body that it has, so that only execution can tell. */
export function changedBlock(
  of: EncodedBlock,
  header: Partial<BlockHeader>,
  body: Partial<Pick<Block, 'transactions' | 'lastCommit'>> = {},
): EncodedBlock {
  const { transactions, lastCommit } = { ...of.value, ...body };
  const roots = { transactionsRoot: merkleRoot(transactions), lastCommitHash: lastCommitHash(lastCommit) };
  const value: Block = { header: { ...of.value.header, ...roots, ...header }, transactions, lastCommit };
  return { value, bytes: encode(blockCodec, value) };
}

/** A sound block in the place of another one of the liar's: empty, and a millisecond later. Null: not at the tip any more. */
export function soundAlternative(liar: Liar, of: EncodedBlock): EncodedBlock | null {
  const chain = liar.chain();
  const { header, lastCommit } = of.value;
  if (chain === null || header.parent !== chain.tip.digest) return null;
  const choice = { time: header.time + 1, proposer: header.proposer, beacon: header.beacon, lastCommit };
  const { executed } = chain.build(choice, []);
  return { value: executed.block, bytes: executed.bytes };
}

/**
 * The block with one more transaction, of the liar itself, that expired a block ago. Null: not at the tip any more.
 * All else in it is as it should be, its roots too: nothing but the expiry is a reason to refuse it.
 */
export function expiredWithin(liar: Liar, of: EncodedBlock): EncodedBlock | null {
  const chain = liar.chain();
  const { header, transactions, lastCommit } = of.value;
  if (chain === null || header.parent !== chain.tip.digest) return null;
  const sender = liar.self;
  const nonce = accountAt(chain.state, sender)?.nonceBase ?? 0;
  const body = { to: sender, amount: 1n };
  const kind = 'accounts.transfer';
  const { chainId, tip } = chain;
  const bytes = signedTransaction({ chainId, sender, nonce, kind, body, expiryHeight: tip.height }, liar.signer);
  const decoded = [...transactions, bytes].map(decodeTransaction).filter((transaction) => transaction !== undefined);
  const signers = chain.signersOf(decoded);
  const candidates = decoded.map((transaction, index) => ({
    ...transaction,
    // To its own ledger it lasts: that would not build a block with it.
    value: { ...transaction.value, expiryHeight: lastingHeight },
    signer: signers[index] ?? sender,
  }));
  const { time, proposer, beacon } = header;
  const { executed } = chain.build({ time, proposer, beacon, lastCommit }, candidates);
  return { value: executed.block, bytes: executed.bytes };
}

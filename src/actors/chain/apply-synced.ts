/**
 * Applies final blocks that came from a peer: link to the parent, a quorum of valid seals of one round, and the same
 * execution as everybody's. Signatures of transactions and the beacon's proof are not checked again: a quorum of
 * validators did before it sealed.
 */
import { decodeTransaction, type SignedTransaction } from '../../protocols/ledger/admission.ts';
import { type Block, blockCodec, blockDigest, type Commit } from '../../protocols/ledger/block.ts';
import { commitRefusal, sealsToVerify } from '../../protocols/ledger/block-limits.ts';
import { tryDecode } from '../../protocols/shared/codec.ts';
import type { SealedBlock } from '../../protocols/sync/messages.ts';
import type { Verifier } from '../../runtime/ports/signer.ts';
import type { Chain } from './chain.ts';

export interface SyncRefusal {
  readonly height: number;
  readonly reason: string;
}

/** Appends what it can, in order. Returns why it stopped, or null where every block is stored. */
export function applySynced(
  chain: Chain,
  verifier: Pick<Verifier, 'verify'>,
  blocks: readonly SealedBlock[],
  storedAt: number,
): SyncRefusal | null {
  for (const { bytes, commit } of blocks) {
    const height = chain.tip.height + 1;
    const decoded = tryDecode(blockCodec, bytes);
    if ('error' in decoded) return { height, reason: `malformed: ${decoded.error.message}` };
    const block = decoded.value;
    if (block.header.height <= chain.tip.height) continue;
    if (block.header.height !== height) return { height, reason: `height ${block.header.height} came` };
    const reason = sealRefusal(chain, verifier, block, commit) ?? appendChecked(chain, block, commit, storedAt);
    if (reason !== null) return { height, reason };
  }
  return null;
}

/** Why these seals do not make the block final on this chain's tip, or null. */
function sealRefusal(
  chain: Pick<Chain, 'chainId' | 'tip'>,
  verifier: Pick<Verifier, 'verify'>,
  block: Block,
  commit: Commit,
): string | null {
  const { header } = block;
  const refusal = commitRefusal(commit, header.height, chain.tip.set);
  if (refusal !== null) return refusal;
  const seals = sealsToVerify(chain.chainId, header.height, blockDigest(header), commit);
  const isValid = seals.every(({ key, message, signature }) => verifier.verify(key, message, signature));
  return isValid ? null : 'bad-seal';
}

function appendChecked(chain: Chain, block: Block, commit: Commit, storedAt: number): string | null {
  const decoded = block.transactions.map(decodeTransaction);
  if (!decoded.every((transaction) => transaction !== undefined)) return 'transaction-malformed';
  const signers = chain.signersOf(decoded);
  const transactions: SignedTransaction[] = [];
  for (const [index, transaction] of decoded.entries()) {
    const signer = signers[index];
    if (signer === undefined) return 'transaction-unknown-account';
    transactions.push({ ...transaction, signer });
  }
  const verdict = chain.check(block, transactions);
  if (verdict.kind === 'invalid') return `${verdict.reason}: ${verdict.detail}`;
  chain.append(verdict.executed, commit, storedAt);
  return null;
}

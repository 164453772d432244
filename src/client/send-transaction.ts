/** One transaction of an account, signed, submitted and waited for. */
import { transactionHash } from '../protocols/ledger/transaction.ts';
import type { Signer } from '../runtime/ports/signer.ts';
import type { ChainClient } from './chain-client.ts';
import { ClientError } from './client-error.ts';
import { signTransaction } from './transactions.ts';

const finalWaitMs = 30_000;
/** How long a transaction may wait for its block. */
export const expiryBlocks = 100;

/** Resolves when it is final, with `ok` or why it changed nothing. Rejects with ClientError or TransactionError. */
export async function sendTransaction(
  client: ChainClient,
  signer: Signer,
  order: { readonly chainId: string; readonly height: number; readonly kind: string; readonly body: unknown },
): Promise<{ readonly hash: string; readonly code: string }> {
  const { chainId, height, kind, body } = order;
  const { nextNonce } = await client.account(signer.publicKey);
  const signed = signTransaction(signer, {
    chainId,
    nonce: nextNonce,
    expiryHeight: height + expiryBlocks,
    kind,
    body,
  });
  return finalOf(client, signed.bytes);
}

/** Submits signed bytes; resolves when they are final, with `ok` or why they changed nothing. Rejects with ClientError. */
export async function finalOf(
  client: ChainClient,
  transaction: Uint8Array,
): Promise<{ readonly hash: string; readonly code: string }> {
  const hash = transactionHash(transaction);
  const answer = await client.submit(transaction, { waitMs: finalWaitMs });
  if (!('result' in answer) || answer.result === null)
    throw new ClientError('timeout', `the transaction ${hash} was not final in ${finalWaitMs} ms`);
  return { hash, code: answer.result.code };
}

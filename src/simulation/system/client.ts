/** How those outside a node send it transactions: through its mempool, as its API does. */
import type { MempoolMessage } from '../../actors/mempool.ts';
import { encodeBody } from '../../protocols/ledger/application.ts';
import { transactionCodec, transactionSigningBytes } from '../../protocols/ledger/transaction.ts';
import { type ChainId, height, type PublicKey } from '../../protocols/shared/brands.ts';
import { encode } from '../../protocols/shared/codec.ts';
import type { SubmitOutcome } from '../../runtime/ports/chain-api.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import type { ValidatorNode } from './validator-node.ts';

/** Beyond any run: nothing expires. */
export const lastingHeight = height(1_000_000_000);
const answerTimeoutMs = 10_000;

export interface TransactionContent {
  readonly chainId: ChainId;
  readonly sender: PublicKey;
  readonly nonce: number;
  readonly kind: string;
  /** Of the kind's body type. */
  readonly body: unknown;
  readonly expiryHeight?: number;
}

export function signedTransaction(content: TransactionContent, signer: Signer): Uint8Array {
  const { chainId, sender, nonce, kind, body, expiryHeight = lastingHeight } = content;
  const unsigned = { chainId, sender, nonce, kind, expiryHeight: height(expiryHeight), body: encodeBody(kind, body) };
  return encode(transactionCodec, { ...unsigned, signature: signer.sign(transactionSigningBytes(unsigned)) });
}

/** `onAnswer` gets the outcomes in the transactions' order, or null where no answer came in time. */
export function submit(
  node: ValidatorNode,
  transactions: readonly Uint8Array[],
  onAnswer: (outcomes: readonly SubmitOutcome[] | null) => void,
): void {
  const { parts } = node;
  if (parts === null) return;
  parts.system
    .ask<MempoolMessage, readonly SubmitOutcome[]>(
      parts.wiring.mempool,
      (replyTo) => ({ type: 'submit', transactions, replyTo }),
      { timeoutMs: answerTimeoutMs },
    )
    .then(
      (outcomes) => onAnswer(outcomes),
      () => onAnswer(null),
    );
}

export const isReachable = (node: ValidatorNode): boolean => !node.isDown && !node.isPaused && node.parts !== null;

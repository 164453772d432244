/**
 * A publication: the caller's signed transaction is relayed, and the bytes that it names are kept for whoever follows the chain. The
 * service signs nothing, and keeps nothing that the chain has not taken.
 */
import { bodyCodec } from '../../protocols/ledger/application.ts';
import { type Publication, publicationId } from '../../protocols/ledger/modules/policies/publication.ts';
import { transactionCodec } from '../../protocols/ledger/transaction.ts';
import type { ContentNames } from '../../protocols/policy/content.ts';
import type { ChainId, Digest } from '../../protocols/shared/brands.ts';
import { fromHex } from '../../protocols/shared/bytes.ts';
import { tryDecode } from '../../protocols/shared/codec.ts';
import { PolicyServiceError } from '../../runtime/ports/policy-api.ts';

export interface PublishOptions {
  readonly chainId: ChainId;
  readonly content: Uint8Array;
  /** Canonical bytes of the signed transaction, lower-case hex. */
  readonly transaction: string;
  /** Resolves when it is final, with `ok` or why it changed nothing. Rejects with PolicyServiceError. */
  readonly relay: (transaction: Uint8Array) => Promise<{ readonly hash: string; readonly code: string }>;
  /** Resolves once the bytes are on stable storage. */
  readonly keep: (content: Uint8Array) => Promise<void>;
}

export interface Published extends ContentNames {
  /** null: facts were published for the set that is active. */
  readonly publication: Digest | null;
  readonly transaction: string;
  /** `ok`, or `already-published`. */
  readonly code: string;
}

const kinds: readonly string[] = ['policies.publish', 'policies.publish-facts'];

interface Order {
  readonly bytes: Uint8Array;
  readonly kind: string;
  readonly body: Partial<Publication>;
}

function orderOf(transaction: string, chainId: ChainId): Order {
  const refuse = (problem: string): never => {
    throw new PolicyServiceError('invalid-request', `transaction: ${problem}`, 'transaction');
  };
  if (!/^([0-9a-f]{2})+$/.test(transaction)) return refuse('lower-case hex is needed');
  const bytes = fromHex(transaction);
  const decoded = tryDecode(transactionCodec, bytes);
  if (!('value' in decoded)) return refuse('these are no bytes of a signed transaction');
  const { kind, body, chainId: of } = decoded.value;
  if (of !== chainId) return refuse('it is of another chain');
  const codec = bodyCodec(kind);
  if (!kinds.includes(kind) || codec === undefined)
    return refuse(`a transaction of the kinds ${kinds.join(', ')} is needed`);
  const read = tryDecode(codec, body);
  if (!('value' in read)) return refuse('its body is malformed');
  return { bytes, kind, body: read.value as Partial<Publication> };
}

/** Rejects with {@link PolicyServiceError}. */
export async function publishContent(options: PublishOptions, names: ContentNames): Promise<Published> {
  const { bytes, kind, body } = orderOf(options.transaction, options.chainId);
  const named = ['content', 'factSet', 'asOf', ...(kind === 'policies.publish' ? ['policySet'] : [])] as const;
  const other = named.find((name) => body[name as keyof ContentNames] !== names[name as keyof ContentNames]);
  if (other !== undefined)
    throw new PolicyServiceError(
      'not-published',
      `the transaction names another ${other} than the content has`,
      'content',
    );
  const { hash, code } = await options.relay(bytes);
  if (code !== 'ok' && code !== 'already-published')
    throw new PolicyServiceError('refused', `the chain refuses it: ${code}`, 'transaction');
  await options.keep(options.content);
  const { policySet, factSet, asOf, content } = names;
  const publication = kind === 'policies.publish' ? publicationId(body as Publication) : null;
  return { ...{ policySet, factSet, asOf, content, publication }, transaction: hash, code };
}

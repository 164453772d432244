/**
 * Signature checks of consensus messages, in front of the state machine: it is given verified messages only. Checks of
 * payloads are remembered, because the same payload comes back inside certificates and justifications.
 */
import {
  type CommitPayload,
  type ConsensusMessage,
  type PayloadKind,
  type PreparePayload,
  payloadSigningBytes,
  type RoundChangePayload,
  type UnsignedPayload,
} from '../../protocols/ibft/messages.ts';
import type { ChainId } from '../../protocols/shared/brands.ts';
import { equalBytes, toName } from '../../protocols/shared/bytes.ts';
import type { SignedItem, Verifier } from '../../runtime/ports/signer.ts';

type AnyPayload = PreparePayload | CommitPayload | RoundChangePayload;

const rememberedMax = 8192;

export class PayloadVerifier {
  readonly #verifier: Pick<Verifier, 'verify'>;
  readonly #chainId: ChainId;
  /** By signature. Insertion-ordered: the oldest leave first. */
  readonly #valid = new Map<string, SignedItem>();

  constructor(verifier: Pick<Verifier, 'verify'>, chainId: ChainId) {
    this.#verifier = verifier;
    this.#chainId = chainId;
  }

  /** Whether every signature in the message holds. */
  verifyMessage(message: ConsensusMessage): boolean {
    if (!this.verifyPayload(message.type, message.payload)) return false;
    switch (message.type) {
      case 'prepare':
      case 'commit':
        return true;
      case 'proposal':
        return (
          message.roundChanges.every((payload) => this.verifyPayload('round-change', payload)) &&
          message.prepares.every((payload) => this.verifyPayload('prepare', payload))
        );
      case 'round-change':
        return message.prepares.every((payload) => this.verifyPayload('prepare', payload));
    }
  }

  verifyPayload(kind: PayloadKind, payload: AnyPayload): boolean {
    const bytes = payloadSigningBytes(this.#chainId, unsigned(kind, payload));
    const item = { key: payload.author, message: bytes, signature: payload.signature };
    if (this.isKnown(item)) return true;
    if (!this.#verifier.verify(item.key, item.message, item.signature)) return false;
    this.#remember(item);
    return true;
  }

  /** A message that this node signed itself comes back in others' certificates and blocks. */
  trust({ type, payload }: ConsensusMessage): void {
    const { author: key, signature } = payload;
    this.#remember({ key, message: payloadSigningBytes(this.#chainId, unsigned(type, payload)), signature });
  }

  /** Whether this very signature was found good before: the seals of a block are commit messages. */
  isKnown(item: SignedItem): boolean {
    const known = this.#valid.get(toName(item.signature));
    return known?.key === item.key && equalBytes(known.message, item.message);
  }

  #remember(item: SignedItem): void {
    this.#valid.set(toName(item.signature), item);
    if (this.#valid.size <= rememberedMax) return;
    const oldest = this.#valid.keys().next();
    if (oldest.done !== true) this.#valid.delete(oldest.value);
  }
}

function unsigned(kind: PayloadKind, payload: AnyPayload): UnsignedPayload {
  return { kind, ...payload } as UnsignedPayload;
}

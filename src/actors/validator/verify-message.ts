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
import { toHex } from '../../protocols/shared/bytes.ts';
import type { Verifier } from '../../runtime/ports/signer.ts';

type AnyPayload = PreparePayload | CommitPayload | RoundChangePayload;

const rememberedMax = 8192;

export class PayloadVerifier {
  readonly #verifier: Pick<Verifier, 'verify'>;
  readonly #chainId: ChainId;
  /** Insertion-ordered: the oldest leave first. */
  readonly #valid = new Set<string>();

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
    const key = `${payload.author}${toHex(payload.signature)}${toHex(bytes)}`;
    if (this.#valid.has(key)) return true;
    if (!this.#verifier.verify(payload.author, bytes, payload.signature)) return false;
    this.#valid.add(key);
    if (this.#valid.size > rememberedMax) {
      for (const oldest of this.#valid) {
        this.#valid.delete(oldest);
        break;
      }
    }
    return true;
  }
}

function unsigned(kind: PayloadKind, payload: AnyPayload): UnsignedPayload {
  return { kind, ...payload } as UnsignedPayload;
}

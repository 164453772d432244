/** What this node keeps of its peers' starts and signatures, for when one of them asks (start-permit.ts). */
import type {
  CommitPayload,
  ConsensusMessage,
  PayloadKind,
  RoundChangePayload,
} from '../../protocols/ibft/messages.ts';
import { type EvidencePayload, evidencePayload, evidencePayloadCodec } from '../../protocols/ledger/evidence.ts';
import type { ChainId, PublicKey } from '../../protocols/shared/brands.ts';
import { concatBytes, fromHex } from '../../protocols/shared/bytes.ts';
import { type Codec, encode, nullable, struct, tryDecode } from '../../protocols/shared/codec.ts';
import type { Store, Write } from '../../runtime/ports/store.ts';
import { comparePositions, nothingSigned, positionOf, type SignedPosition } from './signed-position.ts';
import { isSameStart, type SignedStart, signedStartCodec } from './start-proofs.ts';

const startTable = 'guard-peers';
const payloadTable = 'guard-peer-positions';

interface SeenStart {
  readonly last: SignedStart;
  /** The one with the highest number that came before it. */
  readonly before: SignedStart | null;
}

const seenCodec = struct<SeenStart>({ last: signedStartCodec, before: nullable(signedStartCodec) });

export class PeerStarts {
  readonly #store: Store;
  readonly #prefix: Uint8Array;
  readonly #payloads = new Map<PublicKey, EvidencePayload | null>();

  constructor(store: Store, chainId: ChainId) {
    this.#store = store;
    this.#prefix = fromHex(chainId);
  }

  #key(peer: PublicKey): Uint8Array {
    return concatBytes(this.#prefix, fromHex(peer));
  }

  /** A record of another layout is one of which nothing is known. */
  #read<T>(table: string, peer: PublicKey, codec: Codec<T>): T | null {
    const stored = this.#store.get(table, this.#key(peer));
    const decoded = stored === undefined ? null : tryDecode(codec, stored);
    return decoded !== null && 'value' in decoded ? decoded.value : null;
  }

  /**
   * The peer's start with the highest number before this one, whose signature was verified, and what must be durable
   * before the answer leaves.
   */
  answer(
    peer: PublicKey,
    start: SignedStart,
  ): { readonly before: SignedStart | null; readonly writes: readonly Write[] } {
    const seen = this.#read(startTable, peer, seenCodec);
    if (seen !== null && start.counter <= seen.last.counter) {
      return { before: isSameStart(start, seen.last) ? seen.before : seen.last, writes: [] };
    }
    const next: SeenStart = { last: start, before: seen?.last ?? null };
    return {
      before: next.before,
      writes: [{ table: startTable, key: this.#key(peer), value: encode(seenCodec, next) }],
    };
  }

  /** The furthest payload of a peer that came here, as it signed it. */
  furthestOf(peer: PublicKey): EvidencePayload | null {
    const known = this.#payloads.get(peer);
    if (known !== undefined) return known;
    const stored = this.#read(payloadTable, peer, evidencePayloadCodec);
    this.#payloads.set(peer, stored);
    return stored;
  }

  #positionOf(peer: PublicKey): SignedPosition {
    const furthest = this.furthestOf(peer);
    return furthest === null ? nothingSigned : positionOf(furthest.type, furthest);
  }

  /**
   * Remembers every signature in a verified message, those of `members` only. The writes may become durable with
   * whatever is next: a peer that dies at once forgets, the others do not.
   */
  observe(message: ConsensusMessage, members: ReadonlySet<PublicKey>): readonly Write[] {
    const writes: Write[] = [];
    const note = (kind: PayloadKind, payload: CommitPayload | RoundChangePayload): void => {
      const { author } = payload;
      if (!members.has(author) || comparePositions(positionOf(kind, payload), this.#positionOf(author)) <= 0) return;
      const furthest = evidencePayload(kind, payload);
      this.#payloads.set(author, furthest);
      writes.push({ table: payloadTable, key: this.#key(author), value: encode(evidencePayloadCodec, furthest) });
    };
    note(message.type, message.payload);
    if (message.type === 'proposal') for (const payload of message.roundChanges) note('round-change', payload);
    if (message.type === 'proposal' || message.type === 'round-change') {
      for (const payload of message.prepares) note('prepare', payload);
    }
    return writes;
  }
}

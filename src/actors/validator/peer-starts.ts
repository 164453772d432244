/** What this node remembers of its peers' starts and signatures, for when one of them asks (start-permit.ts). */
import type { ConsensusMessage, PayloadKind } from '../../protocols/ibft/messages.ts';
import type { ChainId, PublicKey } from '../../protocols/shared/brands.ts';
import { concatBytes, equalBytes, fromHex } from '../../protocols/shared/bytes.ts';
import { bytesExact, decode, encode, struct, uint } from '../../protocols/shared/codec.ts';
import type { Store, Write } from '../../runtime/ports/store.ts';
import {
  comparePositions,
  nothingSigned,
  positionOf,
  type SignedPosition,
  signedPositionCodec,
} from './signed-position.ts';
import type { Start } from './start-permit.ts';

const startTable = 'guard-peers';
const positionTable = 'guard-peer-positions';

interface SeenStart extends Start {
  /** Highest number seen before this one. */
  readonly before: number;
}

const seenCodec = struct<SeenStart>({ counter: uint, token: bytesExact(16), before: uint });

export class PeerStarts {
  readonly #store: Store;
  readonly #prefix: Uint8Array;
  readonly #positions = new Map<PublicKey, SignedPosition>();

  constructor(store: Store, chainId: ChainId) {
    this.#store = store;
    this.#prefix = fromHex(chainId);
  }

  #key(peer: PublicKey): Uint8Array {
    return concatBytes(this.#prefix, fromHex(peer));
  }

  /** The highest start number before this one, and what must be durable before the answer leaves. */
  answer(peer: PublicKey, start: Start): { readonly before: number; readonly writes: readonly Write[] } {
    const key = this.#key(peer);
    const stored = this.#store.get(startTable, key);
    const seen = stored === undefined ? undefined : decode(seenCodec, stored);
    if (seen !== undefined && start.counter <= seen.counter) {
      const isSame = start.counter === seen.counter && equalBytes(start.token, seen.token);
      return { before: isSame ? seen.before : seen.counter, writes: [] };
    }
    const next: SeenStart = { ...start, before: seen?.counter ?? 0 };
    return { before: next.before, writes: [{ table: startTable, key, value: encode(seenCodec, next) }] };
  }

  /** The furthest signature of a peer that came here. */
  positionOf(peer: PublicKey): SignedPosition {
    const known = this.#positions.get(peer);
    if (known !== undefined) return known;
    const stored = this.#store.get(positionTable, this.#key(peer));
    const position = stored === undefined ? nothingSigned : decode(signedPositionCodec, stored);
    this.#positions.set(peer, position);
    return position;
  }

  /**
   * Remembers every signature in a verified message, those of `members` only. The writes may become durable with
   * whatever is next: a peer that dies at once forgets, the others do not.
   */
  observe(message: ConsensusMessage, members: ReadonlySet<PublicKey>): readonly Write[] {
    const writes: Write[] = [];
    const note = (
      kind: PayloadKind,
      payload: { readonly author: PublicKey; readonly height: number; readonly round: number },
    ): void => {
      const position = positionOf(kind, payload);
      if (!members.has(payload.author) || comparePositions(position, this.positionOf(payload.author)) <= 0) return;
      this.#positions.set(payload.author, position);
      const value = encode(signedPositionCodec, position);
      writes.push({ table: positionTable, key: this.#key(payload.author), value });
    };
    note(message.type, message.payload);
    if (message.type === 'proposal') for (const payload of message.roundChanges) note('round-change', payload);
    if (message.type === 'proposal' || message.type === 'round-change') {
      for (const payload of message.prepares) note('prepare', payload);
    }
    return writes;
  }
}

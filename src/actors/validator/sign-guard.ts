/**
 * The sign-guard: the last gate before a consensus signature. It lives in a store of its own that a wipe of the chain's
 * data leaves alone, and makes sure that a validator never contradicts what it once signed, across crashes, restarts
 * and bugs of the state machine above it. Source: consensus design, "Crash safety".
 */
import type { PayloadKind, UnsignedPayload } from '../../protocols/ibft/messages.ts';
import { payloadSigningBytes } from '../../protocols/ibft/messages.ts';
import type { ChainId, PublicKey } from '../../protocols/shared/brands.ts';
import { concatBytes, equalBytes, fromHex, toName } from '../../protocols/shared/bytes.ts';
import {
  bytesExact,
  bytesMax,
  decode,
  encode,
  nullable,
  struct,
  tryDecode,
  uint,
} from '../../protocols/shared/codec.ts';
import { comparePositions, nothingSigned, positionOf, type SignedPosition } from './signed-position.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import type { Store, StoreReader, Write } from '../../runtime/ports/store.ts';

const table = 'guard-signed';
const metaTable = 'guard-meta';

/** Heights whose records are kept, so that a message can be sent again with its first signature. */
const heightsKept = 16;

const kindCodes: Readonly<Record<PayloadKind, number>> = { proposal: 0, prepare: 1, commit: 2, 'round-change': 3 };

const recordCodec = struct<{ content: Uint8Array; signature: Uint8Array }>({
  content: bytesMax(1024),
  signature: bytesExact(64),
});

/** The furthest that anything was signed. */
interface Watermark extends SignedPosition {
  /** Highest round at this height in which a commit was signed. */
  readonly commitRound: number | null;
}

const watermarkCodec = struct<Watermark>({ height: uint, round: uint, rank: uint, commitRound: nullable(uint) });

export type GuardRefusal =
  /** Signed something at a higher height or round. */
  | 'below-watermark'
  /** Signed other content for the same (height, round, kind). */
  | 'conflicting'
  /** A round change that forgets a round in which a commit was signed. */
  | 'forgets-commit';

export type GuardedSignature =
  | { readonly kind: 'signed'; readonly signature: Uint8Array; readonly writes: readonly Write[] }
  | { readonly kind: 'refused'; readonly reason: GuardRefusal };

/**
 * Signs payloads of one validator on one chain. `sign` returns the store writes that must be durable before the
 * signature leaves the process; it accounts for them at once, so that several signatures may share one fsync.
 */
export class SignGuard {
  readonly #store: Store;
  readonly #signer: Signer;
  readonly #chainId: ChainId;
  readonly #prefix: Uint8Array;
  #watermark: Watermark;
  /** Written in this process, not necessarily readable from the store yet. */
  readonly #recent = new Map<string, { content: Uint8Array; signature: Uint8Array }>();

  constructor(options: { store: Store; signer: Signer; chainId: ChainId }) {
    this.#store = options.store;
    this.#signer = options.signer;
    this.#chainId = options.chainId;
    this.#prefix = concatBytes(fromHex(options.chainId), fromHex(options.signer.publicKey));
    const stored = this.#store.get(metaTable, this.#metaKey('watermark'));
    this.#watermark = stored === undefined ? { ...nothingSigned, commitRound: null } : decode(watermarkCodec, stored);
  }

  get publicKey(): PublicKey {
    return this.#signer.publicKey;
  }

  get watermark(): Watermark {
    return this.#watermark;
  }

  sign(payload: UnsignedPayload): GuardedSignature {
    const content = payloadSigningBytes(this.#chainId, payload);
    const key = this.#recordKey(payload);
    const existing = this.#lookUp(key);
    if (existing !== undefined) {
      if (!equalBytes(existing.content, content)) return { kind: 'refused', reason: 'conflicting' };
      return { kind: 'signed', signature: existing.signature, writes: [] };
    }
    const refusal = this.#refusal(payload);
    if (refusal !== null) return { kind: 'refused', reason: refusal };

    const record = { content, signature: this.#signer.sign(content) };
    this.#remember(key, record);
    this.#watermark = advance(this.#watermark, payload);
    return {
      kind: 'signed',
      signature: record.signature,
      writes: [
        { table, key, value: encode(recordCodec, record) },
        { table: metaTable, key: this.#metaKey('watermark'), value: encode(watermarkCodec, this.#watermark) },
      ],
    };
  }

  /** Deletes of records too old to be sent again. The watermark goes on refusing them. */
  prune(height: number): readonly Write[] {
    if (height <= heightsKept) return [];
    const limit = concatBytes(this.#prefix, numberKey(height - heightsKept, 8));
    const writes: Write[] = [];
    for (const [key] of this.#store.range(table, { from: this.#prefix, to: limit, limit: 1000 })) {
      writes.push({ table, key, value: null });
    }
    return writes;
  }

  /** Number of the last start; 0 before the first. Incremented at every start (start-permit.ts). */
  get startCounter(): number {
    const stored = this.#store.get(metaTable, this.#metaKey('start-counter'));
    return stored === undefined ? 0 : decode(uint, stored);
  }

  writeStartCounter(counter: number): Write {
    return { table: metaTable, key: this.#metaKey('start-counter'), value: encode(uint, counter) };
  }

  #refusal(payload: UnsignedPayload): GuardRefusal | null {
    const mark = this.#watermark;
    if (payload.height < mark.height) return 'below-watermark';
    if (payload.height > mark.height) return null;
    if (payload.round < mark.round) return 'below-watermark';
    // Of its commits the mark knows the last: one before it might be forgotten by a first round change to the very round of that.
    if (payload.kind === 'round-change' && mark.commitRound !== null && payload.round >= mark.commitRound) {
      if (payload.preparedRound === null || payload.preparedRound < mark.commitRound) return 'forgets-commit';
    }
    return null;
  }

  #lookUp(key: Uint8Array): { content: Uint8Array; signature: Uint8Array } | undefined {
    const recent = this.#recent.get(toName(key));
    if (recent !== undefined) return recent;
    const stored = this.#store.get(table, key);
    return stored === undefined ? undefined : decode(recordCodec, stored);
  }

  #remember(key: Uint8Array, record: { content: Uint8Array; signature: Uint8Array }): void {
    this.#recent.set(toName(key), record);
    // Older ones have long been committed to the store.
    for (const oldest of this.#recent.keys()) {
      if (this.#recent.size <= 64) break;
      this.#recent.delete(oldest);
    }
  }

  #recordKey(payload: UnsignedPayload): Uint8Array {
    return concatBytes(
      this.#prefix,
      numberKey(payload.height, 8),
      numberKey(payload.round, 4),
      Uint8Array.of(kindCodes[payload.kind]),
    );
  }

  #metaKey(name: string): Uint8Array {
    return concatBytes(this.#prefix, new TextEncoder().encode(name));
  }
}

/** The signatures that a guard's store keeps: what was signed, and the signature. */
export function* signedRecords(
  store: StoreReader,
): Generator<{ readonly content: Uint8Array; readonly signature: Uint8Array } | { readonly problem: string }> {
  for (const [, value] of store.range(table)) {
    const read = tryDecode(recordCodec, value);
    yield 'value' in read ? read.value : { problem: `a signature cannot be read: ${read.error.message}` };
  }
}

function advance(mark: Watermark, payload: UnsignedPayload): Watermark {
  const sameHeight = payload.height === mark.height;
  const commitRound = payload.kind === 'commit' ? payload.round : sameHeight ? mark.commitRound : null;
  const position = positionOf(payload.kind, payload);
  // Below it only kinds of the same round are signed later; the guard refused everything else.
  const furthest = comparePositions(position, mark) > 0 ? position : mark;
  return { height: furthest.height, round: furthest.round, rank: furthest.rank, commitRound };
}

/** Big-endian fixed-width key: sorts as the number. */
function numberKey(value: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let rest = value;
  for (let i = size - 1; i >= 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return bytes;
}

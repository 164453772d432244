/**
 * No correct validator ever signs two different things of one kind for one height and round, nor forgets a round it
 * committed in; and what it signs for one place holds in no other.
 */
import type { UnsignedPayload } from '../../../protocols/ibft/messages.ts';
import { payloadSigningBytes } from '../../../protocols/ibft/messages.ts';
import type { ChainId } from '../../../protocols/shared/brands.ts';
import { equalBytes, toHex } from '../../../protocols/shared/bytes.ts';
import type { Checker } from './checker.ts';

export class Signatures implements Checker {
  readonly name = 'signatures' as const;
  readonly #chainId: ChainId;
  readonly #contents = new Map<string, Uint8Array>();
  /** What was signed, to the place that it was first signed for. */
  readonly #places = new Map<string, string>();
  /** Rounds of commits by validator and height. */
  readonly #commits = new Map<string, number>();

  constructor(chain: ChainId) {
    this.#chainId = chain;
  }

  onSigned(node: number, payload: UnsignedPayload): string | null {
    const { kind, height, round } = payload;
    const content = payloadSigningBytes(this.#chainId, payload);
    const place = `${height}/${round}/${kind}`;
    const key = `${node}/${place}`;
    const known = this.#contents.get(key);
    if (known !== undefined && !equalBytes(known, content)) {
      return `validator ${node} signed two different ${kind}s at height ${height}, round ${round}`;
    }
    this.#contents.set(key, content);
    const bytes = toHex(content);
    const first = this.#places.get(bytes) ?? place;
    if (first !== place) return `what validator ${node} signed for ${place} holds for ${first} too`;
    this.#places.set(bytes, place);
    const committed = this.#commits.get(`${node}/${height}`);
    if (kind === 'commit') this.#commits.set(`${node}/${height}`, Math.max(round, committed ?? 0));
    if (kind !== 'round-change' || committed === undefined || round <= committed) return null;
    if (payload.preparedRound !== null && payload.preparedRound >= committed) return null;
    return `validator ${node} committed at height ${height}, round ${committed}, and forgot it in its round change to ${round}`;
  }
}

/** No correct validator ever signs two different things of one kind for one height and round, nor forgets a round it committed in. */
import type { UnsignedPayload } from '../../../protocols/ibft/messages.ts';
import { payloadSigningBytes } from '../../../protocols/ibft/messages.ts';
import type { ChainId } from '../../../protocols/shared/brands.ts';
import { equalBytes } from '../../../protocols/shared/bytes.ts';
import type { Checker } from './checker.ts';

export class Signatures implements Checker {
  readonly name = 'signatures' as const;
  readonly #chainId: ChainId;
  readonly #contents = new Map<string, Uint8Array>();
  /** Rounds of commits by validator and height. */
  readonly #commits = new Map<string, number>();

  constructor(chain: ChainId) {
    this.#chainId = chain;
  }

  onSigned(node: number, payload: UnsignedPayload): string | null {
    const { kind, height, round } = payload;
    const content = payloadSigningBytes(this.#chainId, payload);
    const key = `${node}/${height}/${round}/${kind}`;
    const known = this.#contents.get(key);
    if (known !== undefined && !equalBytes(known, content)) {
      return `validator ${node} signed two different ${kind}s at height ${height}, round ${round}`;
    }
    this.#contents.set(key, content);
    const committed = this.#commits.get(`${node}/${height}`);
    if (kind === 'commit') this.#commits.set(`${node}/${height}`, Math.max(round, committed ?? 0));
    if (kind !== 'round-change' || committed === undefined || round <= committed) return null;
    if (payload.preparedRound !== null && payload.preparedRound >= committed) return null;
    return `validator ${node} committed at height ${height}, round ${committed}, and forgot it in its round change to ${round}`;
  }
}

/** What a validator said that it has stored gets into the chain, unless that validator lost its disk. */
import type { ChainReader } from '../../../actors/chain/chain-reader.ts';
import type { Digest } from '../../../protocols/shared/brands.ts';
import type { Checker, RunEnd } from './checker.ts';

export class Acknowledgements implements Checker {
  readonly name = 'transactions' as const;
  readonly #hashes = new Map<string, number>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  onAcknowledged(hash: string, node: number): void {
    this.#hashes.set(hash, node);
    this.#count += 1;
  }

  /** Its disk is gone, or older than what it has acknowledged: that is not promised any more. */
  onDiskLost(node: number): void {
    for (const [hash, by] of this.#hashes) if (by === node) this.#hashes.delete(hash);
  }

  onEnd({ whole }: Pick<RunEnd, 'whole'>): string | null {
    return whole === null ? null : this.#lostFrom(whole.reader);
  }

  isOutstanding({ whole }: Pick<RunEnd, 'whole'>): boolean {
    return whole === null || this.#lostFrom(whole.reader) !== null;
  }

  #lostFrom(reader: Pick<ChainReader, 'place'>): string | null {
    for (const [hash, node] of this.#hashes) {
      if (reader.place(hash as Digest) === undefined) {
        return `transaction ${hash}, stored by validator ${node}, is lost`;
      }
    }
    return null;
  }
}

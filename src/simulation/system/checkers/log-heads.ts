/** The log only grows: of all heads of it that correct nodes ever signed or served, each continues the one before it. */
import { tileReaderOf } from '../../../actors/chain/tables.ts';
import { verifyConsistency } from '../../../protocols/ledger/merkle-log.ts';
import { consistencyProof, rootAt, type TileReader } from '../../../protocols/ledger/transparency-log.ts';
import { fromHex } from '../../../protocols/shared/bytes.ts';
import type { Checker, RunEnd, ShownHead } from './checker.ts';

export class LogHeads implements Checker {
  readonly name = 'log-heads' as const;
  readonly #heads: ShownHead[] = [];
  readonly #seen = new Set<string>();

  get count(): number {
    return this.#heads.length;
  }

  onHead(head: ShownHead): void {
    const name = `${head.size}/${head.root}`;
    if (this.#seen.has(name)) return;
    this.#seen.add(name);
    this.#heads.push(head);
  }

  onEnd({ whole }: Pick<RunEnd, 'whole'>): string | null {
    return whole === null ? null : this.contradiction(tileReaderOf(whole.chain.store), whole.chain.logEdge.size);
  }

  /** Consistency is transitive: proofs from each to the next of them prove it for all pairs. */
  contradiction(tiles: TileReader, size: number): string | null {
    const grown = [...this.#heads].sort((a, b) => a.size - b.size);
    const ahead = grown.find((head) => head.size > size);
    if (ahead !== undefined) return `validator ${ahead.node} showed a log of ${ahead.size} leaves, there are ${size}`;
    for (const [index, head] of grown.entries()) {
      const next = grown[index + 1] ?? { ...head, size, root: rootAt(tiles, size) };
      if (head.size === 0) continue;
      const proof = consistencyProof(tiles, head.size, next.size);
      if (!verifyConsistency(head.size, next.size, fromHex(head.root), fromHex(next.root), proof)) {
        return `the log of ${head.size} leaves that validator ${head.node} showed is no beginning of that of ${next.size} that ${next.node} did`;
      }
    }
    return null;
  }
}

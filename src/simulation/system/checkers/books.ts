/** Oracles of the ledger that share no code with it: its accounts by bookkeeping, its blocks by counting seals. */
import { setDeciding } from '../../../actors/chain/validator-sets.ts';
import { accountAt } from '../../../protocols/ledger/queries.ts';
import { AccountBook } from './account-book.ts';
import type { CheckedRun, Checker, FinalNode, RunEnd } from './checker.ts';
import { SealedChain } from './sealed-chain.ts';

type Run = Pick<CheckedRun, 'chainId' | 'genesis' | 'verifier'>;

export class Books implements Checker {
  readonly name = 'books' as const;
  readonly #run: Run;

  constructor(run: Run) {
    this.#run = run;
  }

  onEnd({ whole, nodes }: Pick<RunEnd, 'whole' | 'nodes'>): string | null {
    if (whole === null) return null;
    const { chainId, genesis, verifier } = this.#run;
    const book = new AccountBook(chainId, genesis, verifier);
    const setOf = (height: number) => setDeciding(whole.chain.store, genesis, height);
    const sealed = new SealedChain({ chainId, genesis, verifier, setOf });
    for (let height = 1; height <= whole.chain.tip.height; height++) {
      const block = whole.reader.block(height);
      const commit = whole.reader.commit(height);
      if (block === undefined || commit === undefined) return `block ${height} is missing`;
      const problem =
        sealed.add(block, commit) ??
        unsealed(sealed, nodes, height) ??
        book.write(block.transactions) ??
        disagreement(book, nodes);
      if (problem !== null) return problem;
    }
    return null;
  }
}

/** On any of the nodes that store the block of this height, which is the last one of the chain. */
function unsealed(sealed: SealedChain, nodes: readonly FinalNode[], height: number): string | null {
  for (const { node, reader } of nodes) {
    const commit = reader.commit(height);
    const problem = commit === undefined ? null : sealed.otherSeals(commit);
    if (problem !== null) return `validator ${node} stores with block ${height}: ${problem}`;
  }
  return null;
}

/** With any of the nodes that are at the height of the book. */
function disagreement(book: AccountBook, nodes: readonly FinalNode[]): string | null {
  for (const { node, chain } of nodes) {
    if (chain.tip.height !== book.height) continue;
    const problem = book.compare((key) => accountAt(chain.state, key));
    if (problem !== null) return `validator ${node}: ${problem}`;
  }
  return null;
}

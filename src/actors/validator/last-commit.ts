/** The commit of the last block with the seals that came late: what the next block carries. */
import type { Effect } from '../../protocols/ibft/machine-types.ts';
import type { Commit } from '../../protocols/ledger/block.ts';
import { compareText } from '../../protocols/shared/bytes.ts';
import type { ChainTip } from '../chain/chain.ts';

export class LastCommit {
  #commit: Commit | null;

  constructor(commit: Commit | null) {
    this.#commit = commit;
  }

  get commit(): Commit | null {
    return this.#commit;
  }

  decided(commit: Commit | null): void {
    this.#commit = commit;
  }

  addLateSeal(tip: Pick<ChainTip, 'height' | 'digest'>, effect: Extract<Effect, { type: 'late-seal' }>): void {
    const commit = this.#commit;
    if (commit === null || effect.height !== tip.height || effect.digest !== tip.digest) return;
    if (effect.round !== commit.round) return;
    if (commit.seals.some(({ validator }) => validator === effect.seal.validator)) return;
    const seals = [...commit.seals, effect.seal].sort((a, b) => compareText(a.validator, b.validator));
    this.#commit = { round: commit.round, seals };
  }
}

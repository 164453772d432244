/** What the metrics tell of every final block. */
import type { ChainTip } from '../chain/chain.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { Counter, Histogram, Telemetry } from '../../runtime/ports/telemetry.ts';

export class BlockMetrics {
  readonly #interval: Histogram;
  readonly #finality: Histogram;
  readonly #laterRounds: Counter;
  readonly #missingSeals: Counter;
  #last: { readonly height: number; readonly time: number } | null = null;

  constructor(telemetry: Telemetry) {
    this.#interval = telemetry.histogram('bpci.consensus.block_interval', 'Time between blocks, by their headers', 's');
    this.#finality = telemetry.histogram(
      'bpci.consensus.time_to_final',
      "From a block's time to its being final and durable here",
      's',
    );
    this.#laterRounds = telemetry.counter('bpci.consensus.later_round_decisions', 'Blocks decided after round 0');
    this.#missingSeals = telemetry.counter('bpci.consensus.missing_seals', 'Blocks without the seal of a validator');
  }

  /** Looks at the tip once for each new one; of several blocks at once (sync) only the last counts. */
  observe(tip: ChainTip, members: readonly PublicKey[], now: number): void {
    if (tip.commit === null || tip.height === this.#last?.height) return;
    this.#finality.record(Math.max(0, now - tip.time) / 1000);
    if (this.#last?.height === tip.height - 1) this.#interval.record((tip.time - this.#last.time) / 1000);
    if (tip.commit.round > 0) this.#laterRounds.add(1);
    const sealed = new Set(tip.commit.seals.map(({ validator }) => validator));
    for (const member of members)
      if (!sealed.has(member)) this.#missingSeals.add(1, { validator: member.slice(0, 16) });
    this.#last = { height: tip.height, time: tip.time };
  }
}

/**
 * Replays a chain for the checkers of the court: block by block what was asked, how it ended, what the chain told, and the
 * state after it. Also the court's time, kept a second time from the headers alone.
 */
import { applySynced } from '../../../../actors/chain/apply-synced.ts';
import { Chain } from '../../../../actors/chain/chain.ts';
import { bodyCodec } from '../../../../protocols/ledger/application.ts';
import { checkBlock, type ExecutedBlock } from '../../../../protocols/ledger/executor.ts';
import type { Genesis } from '../../../../protocols/ledger/genesis.ts';
import type { StateReader } from '../../../../protocols/ledger/view.ts';
import { View } from '../../../../protocols/ledger/view.ts';
import type { PublicKey } from '../../../../protocols/shared/brands.ts';
import { decode } from '../../../../protocols/shared/codec.ts';
import { MemoryDisk } from '../../../../runtime/simulated/memory-store.ts';
import type { CheckedRun, RunEnd } from '../checker.ts';

/** A transaction that changed the state. */
export interface Act {
  readonly sender: PublicKey;
  readonly kind: string;
  /** Of the kind's body type. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Told {
  readonly module: string;
  readonly kind: string;
  /** Index of the transaction in the block; null: the end of the block. */
  readonly transaction: number | null;
  readonly of: Readonly<Record<string, string>>;
}

export interface CourtBlock {
  readonly height: number;
  /** Header time, ms since 1970. */
  readonly time: number;
  /** The same less all outages, ms since 1970. */
  readonly courtTime: number;
  readonly beacon: Uint8Array;
  /** By their index in the block; refused ones are missing. */
  readonly acts: ReadonlyMap<number, Act>;
  readonly events: readonly Told[];
  /** After the block. */
  readonly view: View;
  readonly state: StateReader;
}

/** Looks at one block after the other. Says what is wrong, or null. */
export interface BlockCheck {
  onBlock(block: CourtBlock): string | null;
}

type Run = Pick<CheckedRun, 'chainId' | 'genesis' | 'verifier'>;

const outageMsMin = 60_000;

/** Sum of the gaps between headers that are outages, once with and once without that which a block ends. */
class CourtClock {
  readonly #shortestMs: number;
  #outagesMs = 0;
  #timeBefore: number;

  constructor({ time, parameters }: Genesis) {
    this.#timeBefore = time;
    this.#shortestMs = Math.max(outageMsMin, 2 * Math.max(parameters.blockTimeMs, parameters.emptyBlockPeriodMs));
  }

  next(time: number): number {
    const gap = time - this.#timeBefore;
    this.#timeBefore = time;
    if (gap > this.#shortestMs) this.#outagesMs += gap;
    return time - this.#outagesMs;
  }
}

/** The first thing that any of the checks finds, with the check's name; null where there is none. */
export function replayCourt<Name extends string>(
  { chainId, genesis, verifier }: Run,
  { whole, nowMs }: Pick<RunEnd, 'whole' | 'nowMs'>,
  checks: ReadonlyMap<Name, BlockCheck>,
): { readonly name: Name; readonly problem: string } | null {
  if (whole === null) return null;
  const executed: ExecutedBlock[] = [];
  const clock = new CourtClock(genesis);
  const chain = new Chain({
    ...{ genesis, signatures: verifier, historyBlocks: 1 },
    store: new MemoryDisk().open({ kind: 'chain', version: 1, chainId }),
    checkBlock: (...inputs) => {
      const verdict = checkBlock(...inputs);
      if (verdict.kind === 'valid') executed.push(verdict.executed);
      return verdict;
    },
  });
  for (let height = 1; height <= whole.chain.tip.height; height++) {
    const sealed = whole.reader.sealedBlock(height);
    const refusal = sealed === undefined ? null : applySynced(chain, verifier, [sealed], nowMs);
    const made = executed.pop();
    // That every block is there and replays is the business of another checker.
    if (refusal !== null || made === undefined) return null;
    const block = courtBlock(made, chain.state, clock);
    for (const [name, check] of checks) {
      const problem = check.onBlock(block);
      if (problem !== null) return { name, problem: `block ${height}: ${problem}` };
    }
  }
  return null;
}

function courtBlock(executed: ExecutedBlock, state: StateReader, clock: CourtClock): CourtBlock {
  const { block, transactions, results, events } = executed;
  const { height, time, beacon } = block.header;
  const acts = new Map<number, Act>();
  for (const [index, { value }] of transactions.entries()) {
    const codec = bodyCodec(value.kind);
    if (results[index]?.code !== 'ok' || codec === undefined) continue;
    const body = decode(codec, value.body) as Act['body'];
    acts.set(index, { sender: value.sender, kind: value.kind, body });
  }
  const told = events.map(({ attributes, ...event }) => ({
    ...event,
    of: Object.fromEntries(attributes.map(({ name, value }) => [name, value])),
  }));
  const view = new View(state);
  return { height, time, courtTime: clock.next(time), beacon: beacon.output, acts, events: told, view, state };
}

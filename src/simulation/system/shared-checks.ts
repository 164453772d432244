/**
 * One execution of a block for all nodes of a run that come to it with the same inputs.
 *
 * The check of a block is a function of the block and of what it reads of the state. What one node's check read is kept
 * beside its verdict; another node reads all of it from its own store again, and is given the same verdict only where
 * every byte is the same. A node whose store holds anything else executes for itself, as does whoever is first.
 */
import { type BlockVerdict, checkBlock, type LedgerState } from '../../protocols/ledger/executor.ts';
import type { Block } from '../../protocols/ledger/block.ts';
import type { SignedTransaction } from '../../protocols/ledger/admission.ts';
import type { TreeReader } from '../../protocols/ledger/state-tree.ts';
import type { StateReader } from '../../protocols/ledger/view.ts';
import { equalBytes } from '../../protocols/shared/bytes.ts';

type CheckBlock = typeof checkBlock;
type Value = Uint8Array | undefined;
type StateEntry = readonly [key: Uint8Array, value: Uint8Array];

interface ReadRange {
  readonly prefix: Uint8Array;
  /** As far as they were taken. */
  readonly entries: StateEntry[];
  /** Nothing came after them. */
  isWhole: boolean;
}

interface Reads {
  readonly values: (readonly [key: Uint8Array, value: Value])[];
  readonly nodes: (readonly [key: Uint8Array, record: Value])[];
  readonly ranges: ReadRange[];
}

interface Check {
  readonly state: LedgerState;
  readonly block: Block;
  readonly transactions: readonly SignedTransaction[];
  readonly reads: Reads;
  readonly verdict: BlockVerdict;
}

/** Heights whose checks are kept: of those further behind, a node executes for itself. */
const heightsKept = 512;

export class SharedChecks {
  readonly #check: CheckBlock;
  readonly #byHeight = new Map<number, Check[]>();

  /** `check` is what is shared. Default: the ledger's. */
  constructor(check: CheckBlock = checkBlock) {
    this.#check = check;
  }

  /** As `checkBlock` of the ledger. What it gives may be another node's too, and must not be changed. */
  readonly check: CheckBlock = (state, block, transactions) => {
    const { height } = block.header;
    const known = this.#byHeight.get(height)?.find((check) => isSameCheck(check, state, block, transactions));
    if (known !== undefined) return known.verdict;
    const reads: Reads = { values: [], nodes: [], ranges: [] };
    const watched = { ...state, reader: watchedState(state.reader, reads), tree: watchedTree(state.tree, reads) };
    const verdict = this.#check(watched, block, transactions);
    this.#keep(height, { state, block, transactions, reads, verdict });
    return verdict;
  };

  #keep(height: number, check: Check): void {
    const sameHeight = this.#byHeight.get(height);
    if (sameHeight === undefined) this.#byHeight.set(height, [check]);
    else sameHeight.push(check);
    for (const oldest of this.#byHeight.keys()) {
      if (this.#byHeight.size <= heightsKept) break;
      this.#byHeight.delete(oldest);
    }
  }
}

function watchedState(reader: StateReader, { values, ranges }: Reads): StateReader {
  return {
    get: (key) => {
      const value = reader.get(key);
      values.push([key, value]);
      return value;
    },
    range: function* (prefix) {
      const range: ReadRange = { prefix, entries: [], isWhole: false };
      ranges.push(range);
      for (const entry of reader.range(prefix)) {
        range.entries.push(entry);
        yield entry;
      }
      range.isWhole = true;
    },
  };
}

const watchedTree = (tree: TreeReader, { nodes }: Reads): TreeReader => ({
  node: (key) => {
    const record = tree.node(key);
    nodes.push([key, record]);
    return record;
  },
});

function isSameCheck(
  known: Check,
  state: LedgerState,
  block: Block,
  transactions: readonly SignedTransaction[],
): boolean {
  return (
    known.state.application === state.application &&
    known.state.signatures === state.signatures &&
    known.state.chainId === state.chainId &&
    known.state.rootRef === state.rootRef &&
    isSame(known.block, block) &&
    isSame(known.state.parent, state.parent) &&
    isSame(known.state.logEdge, state.logEdge) &&
    // The rest of a decoded transaction follows from its bytes.
    isSame(known.transactions.map(signedBytes), transactions.map(signedBytes)) &&
    readsSame(known.reads, state)
  );
}

const signedBytes = ({ bytes, signer }: SignedTransaction) => [bytes, signer] as const;

function readsSame({ values, nodes, ranges }: Reads, { reader, tree }: LedgerState): boolean {
  return (
    values.every(([key, value]) => isSameValue(reader.get(key), value)) &&
    nodes.every(([key, record]) => isSameValue(tree.node(key), record)) &&
    ranges.every((range) => isSameRange(range, reader))
  );
}

const isSameValue = (a: Value, b: Value): boolean => (a === undefined || b === undefined ? a === b : equalBytes(a, b));

function isSameRange({ prefix, entries, isWhole }: ReadRange, reader: StateReader): boolean {
  let taken = 0;
  for (const [key, value] of reader.range(prefix)) {
    const entry = entries[taken];
    if (entry === undefined) return !isWhole;
    if (!equalBytes(entry[0], key) || !equalBytes(entry[1], value)) return false;
    taken += 1;
    if (taken === entries.length && !isWhole) return true;
  }
  return taken === entries.length;
}

/** Of plain data: texts, numbers, bytes, lists and objects of those. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Uint8Array) return b instanceof Uint8Array && equalBytes(a, b);
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) =>
    isSame((a as Readonly<Record<string, unknown>>)[name], (b as Readonly<Record<string, unknown>>)[name]),
  );
}

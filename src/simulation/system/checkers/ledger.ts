/**
 * The ledger: the chain replayed from genesis must execute again to the same roots, under transactions and seals whose
 * signatures hold, and to the root of a tree that was never updated; after every block the value is what the genesis gave; and every correct node's state, log and tip are
 * those of the replay at its height.
 */
import { applySynced } from '../../../actors/chain/apply-synced.ts';
import { Chain } from '../../../actors/chain/chain.ts';
import { tables, tileReaderOf } from '../../../actors/chain/tables.ts';
import { decodeTransaction } from '../../../protocols/ledger/admission.ts';
import { type Genesis } from '../../../protocols/ledger/genesis.ts';
import { totalSupply } from '../../../protocols/ledger/modules/accounts.ts';
import { updateTree } from '../../../protocols/ledger/state-tree.ts';
import { transactionSigningBytes } from '../../../protocols/ledger/transaction.ts';
import { rootAt } from '../../../protocols/ledger/transparency-log.ts';
import { View } from '../../../protocols/ledger/view.ts';
import { equalBytes, toHex } from '../../../protocols/shared/bytes.ts';
import type { SealedBlock } from '../../../protocols/sync/messages.ts';
import type { Verifier } from '../../../runtime/ports/signer.ts';
import type { StoreReader } from '../../../runtime/ports/store.ts';
import { MemoryDisk } from '../../../runtime/simulated/memory-store.ts';
import { blockCodec } from '../../../protocols/ledger/block.ts';
import { decode } from '../../../protocols/shared/codec.ts';
import type { CheckedRun, Checker, FinalNode, RunEnd } from './checker.ts';

export class Ledger implements Checker {
  readonly name = 'value' as const;
  readonly #run: Pick<CheckedRun, 'chainId' | 'genesis' | 'verifier'>;

  constructor(run: Pick<CheckedRun, 'chainId' | 'genesis' | 'verifier'>) {
    this.#run = run;
  }

  onEnd({ whole, nodes, nowMs }: Pick<RunEnd, 'whole' | 'nodes' | 'nowMs'>): string | null {
    if (whole === null) return null;
    const { genesis, verifier, chainId } = this.#run;
    const store = new MemoryDisk().open({ kind: 'chain', version: 1, chainId });
    const { historyBlocks } = whole.chain;
    const replayed = new Chain({ store, genesis, signatures: verifier, historyBlocks });
    const supply = supplyOf(genesis);
    for (let height = 1; height <= whole.chain.tip.height; height++) {
      const block = whole.reader.sealedBlock(height);
      if (block === undefined) return `block ${height} is missing`;
      const refusal =
        badSignature(replayed, verifier, block) ?? applySynced(replayed, verifier, [block], nowMs)?.reason;
      if (refusal !== undefined) return `block ${height} does not replay: ${refusal}`;
      const held = totalSupply(new View(replayed.state));
      if (held !== supply) return `after block ${height} there are ${held}, the genesis gave ${supply}`;
      for (const node of nodes) {
        const difference = node.chain.tip.height === height ? differenceOf(node, replayed) : null;
        if (difference !== null) return `validator ${node.node} at height ${height}: ${difference}`;
      }
    }
    return isRootOfState(whole)
      ? null
      : 'the state root is not that of the same keys and values in a tree made at once';
  }
}

const supplyOf = ({ accounts, validators, court }: Genesis): bigint =>
  accounts.reduce((sum, { balance }) => sum + balance, 0n) +
  [...validators, ...(court?.arbitrators ?? [])].reduce((sum, { bond }) => sum + bond, 0n);

/** Transactions whose signatures do not hold under their accounts' keys. */
function badSignature(chain: Chain, verifier: Verifier, { bytes }: SealedBlock): string | undefined {
  const decoded = decode(blockCodec, bytes).transactions.map(decodeTransaction);
  const known = decoded.filter((transaction) => transaction !== undefined);
  const signers = chain.signersOf(known);
  const index = known.findIndex(({ value }, at) => {
    const signer = signers[at];
    return signer === undefined || !verifier.verify(signer, transactionSigningBytes(value), value.signature);
  });
  return index < 0 ? undefined : `the signature of transaction ${known[index]?.hash ?? index} does not hold`;
}

/** The root depends on the keys and values alone, not on the order in which they came. */
function isRootOfState({ chain, reader }: FinalNode): boolean {
  const changes = [...chain.store.range(tables.state)].map(([key, value]) => ({
    key: key.slice(),
    value: value.slice(),
  }));
  const { root } = updateTree({ node: () => undefined }, null, 0, changes);
  return root === reader.block(chain.tip.height)?.header.stateRoot;
}

function differenceOf({ chain, reader }: FinalNode, replayed: Chain): string | null {
  if (chain.tip.digest !== replayed.tip.digest) return `its tip is ${chain.tip.digest}`;
  const state = differenceOfTables(chain.store, replayed.store, tables.state, 'both');
  if (state !== null) return `its state differs at ${state}`;
  const entry = differenceOfTables(chain.store, replayed.store, tables.entries, 'own');
  if (entry !== null) return `its log differs at ${entry}`;
  const header = reader.block(chain.tip.height)?.header;
  if (header === undefined) return 'its last block is missing';
  return rootAt(tileReaderOf(chain.store), header.logSize) === header.logRoot ? null : 'its log has another head';
}

/** The first key whose value differs. `own`: the node may lack what it never had, having begun with a snapshot. */
function differenceOfTables(own: StoreReader, all: StoreReader, table: string, what: 'own' | 'both'): string | null {
  const pairs = [...own.range(table)];
  for (const [key, value] of pairs) {
    const right = all.get(table, key);
    if (right === undefined || !equalBytes(value, right)) return toHex(key);
  }
  if (what === 'own') return null;
  for (const [key] of all.range(table)) if (own.get(table, key) === undefined) return toHex(key);
  return null;
}

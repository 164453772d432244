/** One value of the state, with its ICS-23 proof. */
import type { Chain } from '../../actors/chain/chain.ts';
import type { ChainReader } from '../../actors/chain/chain-reader.ts';
import { treeReaderOf } from '../../actors/chain/tables.ts';
import { encodeCommitmentProof } from '../../protocols/ledger/ics23.ts';
import { accountCodec } from '../../protocols/ledger/modules/accounts.ts';
import { proveKey } from '../../protocols/ledger/state-proof.ts';
import { stateKey } from '../../protocols/ledger/view.ts';
import { toHex } from '../../protocols/shared/bytes.ts';
import { InvariantError } from '../../protocols/shared/errors.ts';
import { decode } from '../../protocols/shared/codec.ts';
import type { ProofOptions, StateOptions, StatePage, StateView } from '../ports/chain-api.ts';

export interface StateQuery extends StateOptions {
  readonly module: string;
  readonly key: string;
}

/** null: there is no such key name, or the state of that height is not kept (or not reached yet). */
export function stateView(
  chain: Chain,
  reader: ChainReader,
  stateProof: (height: number, key: Uint8Array, options: ProofOptions) => unknown,
  query: StateQuery,
): StateView | null {
  const height = query.height ?? chain.tip.height;
  const key = keyOf(query);
  const facts = height === 0 ? undefined : reader.facts(height);
  if (key === null || facts?.hasState !== true || height > chain.tip.height) return null;
  const tree = treeReaderOf(chain.store);
  try {
    const value = height === chain.tip.height ? chain.state.get(key) : reader.stateAt(height, key)?.value;
    const commitment = query.proof ? proveKey(tree, facts.rootRef, key) : null;
    return {
      module: query.module,
      key: query.key,
      height,
      value: value === undefined ? null : toHex(value),
      decoded: value === undefined ? null : decodedValue(query, value),
      proof:
        commitment === null
          ? null
          : {
              commitment: toHex(encodeCommitmentProof(commitment)),
              root: reader.block(height)?.header.stateRoot ?? '',
              bundle: stateProof(height, key, query),
            },
    };
  } catch (error) {
    // Nodes of the tree that a pruned height needs are gone.
    if (error instanceof InvariantError && height < chain.tip.height) return null;
    throw error;
  }
}

function keyOf({ module, key }: StateQuery): Uint8Array | null {
  try {
    return stateKey(`${module}/${key}`);
  } catch (error) {
    if (error instanceof InvariantError) return null;
    throw error;
  }
}

function decodedValue({ module, key }: StateQuery, value: Uint8Array): unknown {
  if (module !== 'accounts' || !key.startsWith('account/')) return null;
  const { balance, bonded, signingKey, nonceBase, nonceUsed } = decode(accountCodec, value);
  return { balance: String(balance), bonded: String(bonded), signingKey, nonceBase, nonceUsed: String(nonceUsed) };
}

const keyText = new TextDecoder('latin1');

/** null: there is no such module. */
export function stateEntries(chain: Chain, module: string, after: string | null, limit: number): StatePage | null {
  if (!/^[a-z][a-z0-9-]*$/.test(module)) return null;
  const prefix = `${module}/`;
  const entries: { key: string; value: string }[] = [];
  let more = false;
  for (const [bytes, value] of chain.state.range(stateKey(prefix))) {
    const key = keyText.decode(bytes).slice(prefix.length);
    if (after !== null && key <= after) continue;
    if (entries.length === limit) {
      more = true;
      break;
    }
    entries.push({ key, value: toHex(value) });
  }
  return { height: chain.tip.height, time: chain.tip.time, entries, more };
}

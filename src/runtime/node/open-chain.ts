/** Opens what a node keeps on disk: the genesis document, the chain's store, and the guard's. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Chain } from '../../actors/chain/chain.ts';
import { importingKey, tables } from '../../actors/chain/tables.ts';
import type { Genesis } from '../../protocols/ledger/genesis.ts';
import { genesisFromJson } from '../../protocols/ledger/genesis-json.ts';
import { genesisProblems } from '../../protocols/ledger/genesis-state.ts';
import { chainIdOf } from '../../protocols/ledger/genesis.ts';
import type { ChainId } from '../../protocols/shared/brands.ts';
import { CodedError } from '../../protocols/shared/errors.ts';
import { openLmdbStore } from '../adapters/lmdb-store.ts';
import type { NodeConfig } from '../node-config.ts';
import type { Verifier } from '../ports/signer.ts';
import type { Store } from '../ports/store.ts';

/** Raised when the layout of a store changes. */
const chainLayout = 1;
const guardLayout = 1;

export type NodeErrorCode = 'genesis-missing' | 'invalid-genesis' | 'missing-key' | 'wrong-key';

export class NodeError extends CodedError<NodeErrorCode> {
  override readonly name = 'NodeError';
}

export interface OpenedChain {
  readonly chain: Chain;
  readonly chainStore: Store;
  /** Guard, consensus journal and start counters, apart from the chain's data so that a wipe of those leaves it alone. */
  readonly records: Store;
}

function readGenesisFile(file: string): Genesis {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new NodeError('genesis-missing', `cannot read the genesis document ${file}`, { cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new NodeError('invalid-genesis', `${file} is not JSON`, { cause });
  }
  const read = genesisFromJson(json);
  if ('value' in read) return read.value;
  const lines = read.problems.map(({ path, message }) => `  ${path}: ${message}`);
  throw new NodeError('invalid-genesis', `${file} is no genesis document:\n${lines.join('\n')}`);
}

export async function openChain(config: NodeConfig, verifier: Verifier): Promise<OpenedChain> {
  const genesis = readGenesisFile(config.genesisFile);
  const problems = genesisProblems(genesis, verifier, { devnet: true });
  if (problems.length > 0) {
    const lines = problems.map(({ path, message }) => `  ${path}: ${message}`);
    throw new NodeError('invalid-genesis', `${config.genesisFile} is not acceptable:\n${lines.join('\n')}`);
  }
  const chainId = chainIdOf(genesis);
  const records = openLmdbStore({
    directory: join(config.dataDir, 'guard'),
    schema: { kind: 'guard', version: guardLayout },
  });
  let chainStore: Store | undefined;
  try {
    chainStore = await openChainStore(join(config.dataDir, 'chain'), chainId);
    const { historyBlocks } = config;
    const chain = new Chain({ store: chainStore, genesis, signatures: verifier, historyBlocks });
    await chainStore.durable();
    return { chain, chainStore, records };
  } catch (error) {
    await Promise.all([records.close(), chainStore?.close()]);
    throw error;
  }
}

/** What a snapshot import left behind when the process died in its midst is thrown away: the import starts anew. */
async function openChainStore(directory: string, chainId: ChainId): Promise<Store> {
  const open = (): Store => openLmdbStore({ directory, schema: { kind: 'chain', version: chainLayout, chainId } });
  const store = open();
  if (store.get(tables.meta, importingKey) === undefined) return store;
  await store.close();
  rmSync(directory, { recursive: true });
  return open();
}

/** What of the state differs between two heights, for those who mirror it: read off the tree, so that it costs what changed. */
import type { Chain } from '../../actors/chain/chain.ts';
import type { ChainReader } from '../../actors/chain/chain-reader.ts';
import { treeReaderOf } from '../../actors/chain/tables.ts';
import { setChangesBefore } from '../../actors/chain/validator-sets.ts';
import { sealedHeaderCodec, setChangeCodec } from '../../protocols/ledger/proof-bundle.ts';
import { treeChanges } from '../../protocols/ledger/state-tree-changes.ts';
import { fromHex, toHex } from '../../protocols/shared/bytes.ts';
import { InvariantError } from '../../protocols/shared/errors.ts';
import type { StateChangesQuery, StateChangesView } from '../ports/chain-api.ts';

/** Keys and values of one page together, bytes; one entry more may be in it. */
const pageBytesMax = 2 * 2 ** 20;

const keyText = new TextDecoder('latin1');

/** null: the state of one of the heights is not kept, or not reached yet. */
export function stateChanges(chain: Chain, reader: ChainReader, query: StateChangesQuery): StateChangesView | null {
  const { from, to } = query;
  const tip = chain.tip.height;
  if (from !== null && from >= tip) return { height: tip, sealed: null, setChanges: [], entries: [], next: null };
  const height = to ?? tip;
  const header = height > tip ? undefined : reader.block(height)?.header;
  const commit = header === undefined ? undefined : reader.commit(height);
  if (header === undefined || commit === undefined) return null;
  const page = pageOf(chain, reader, height, query);
  if (page === null) return null;
  // Pages after the first come to somebody who has the proof already.
  const setChanges = query.after === null ? setChangesBefore(chain.store, height) : [];
  return {
    height,
    sealed: sealedHeaderCodec.toJson({ header, commit }),
    setChanges: setChanges
      .filter((change) => change.header.height > query.trusted)
      .map((change) => setChangeCodec.toJson(change)),
    ...page,
  };
}

function pageOf(
  chain: Chain,
  reader: ChainReader,
  height: number,
  { from, after, limit }: StateChangesQuery,
): Pick<StateChangesView, 'entries' | 'next'> | null {
  const before = from === null ? null : reader.facts(from);
  const facts = reader.facts(height);
  if (facts?.hasState !== true || (before !== null && before?.hasState !== true)) return null;
  const entries: StateChangesView['entries'][number][] = [];
  let bytes = 0;
  let last: Uint8Array | null = null;
  try {
    const changes = treeChanges(
      treeReaderOf(chain.store),
      before?.rootRef ?? null,
      facts.rootRef,
      after === null ? null : fromHex(after),
    );
    for (const { path, key, value } of changes) {
      if (last !== null && (entries.length === limit || bytes >= pageBytesMax)) return { entries, next: toHex(last) };
      entries.push({ key: keyText.decode(key), value: value === null ? null : toHex(value) });
      bytes += key.length + (value?.length ?? 0);
      last = path;
    }
  } catch (error) {
    // Nodes of the tree that a pruned height needs are gone.
    if (error instanceof InvariantError && Math.min(from ?? height, height) < chain.tip.height) return null;
    throw error;
  }
  return { entries, next: null };
}

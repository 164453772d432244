/** Blocks, transactions and events as JSON-ready views. */
import type { ChainReader } from '../../actors/chain/chain-reader.ts';
import { bodyCodec } from '../../protocols/ledger/application.ts';
import { blockDigest, type BlockHeader } from '../../protocols/ledger/block.ts';
import type { LedgerEvent } from '../../protocols/ledger/events.ts';
import { resultCodec } from '../../protocols/ledger/results.ts';
import { transactionCodec, transactionHash } from '../../protocols/ledger/transaction.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import { toHex } from '../../protocols/shared/bytes.ts';
import { decode, tryDecode } from '../../protocols/shared/codec.ts';
import type { BlockView, EventFilter, EventView, TransactionView } from '../ports/chain-api.ts';

export function blockView(reader: ChainReader, height: number): BlockView | null {
  const block = reader.block(height);
  const commit = reader.commit(height);
  if (block === undefined || commit === undefined) return null;
  return {
    height,
    digest: blockDigest(block.header),
    header: headerView(block.header),
    transactions: block.transactions.map(transactionHash),
    commit: {
      round: commit.round,
      seals: commit.seals.map(({ validator, signature }) => ({ validator, signature: toHex(signature) })),
    },
    storedAt: reader.facts(height)?.storedAt ?? null,
  };
}

const headerView = (header: BlockHeader): BlockView['header'] => ({
  ...header,
  beacon: { output: toHex(header.beacon.output), proof: toHex(header.beacon.proof) },
});

export const pendingTransactionView = (bytes: Uint8Array): TransactionView => ({
  hash: transactionHash(bytes),
  status: 'pending',
  height: null,
  index: null,
  result: null,
  transaction: contentView(bytes),
});

export function finalTransactionView(reader: ChainReader, hash: Digest): TransactionView | null {
  const place = reader.place(hash);
  if (place === undefined) return null;
  const { height, index } = place;
  const firstLeaf = reader.facts(height)?.firstLeaf;
  const leaf = firstLeaf === undefined ? undefined : reader.leaf(firstLeaf + index)?.leaf;
  if (leaf === undefined) return null;
  const events = reader.events(height).flatMap((event, i) => (event.transaction === index ? [{ event, i }] : []));
  return {
    hash,
    status: 'final',
    height,
    index,
    result: {
      code: decode(resultCodec, leaf.result).code,
      events: events.map(({ event, i }) => eventView(event, height, i, hash)),
    },
    transaction: contentView(leaf.transaction),
  };
}

function contentView(bytes: Uint8Array): TransactionView['transaction'] {
  const { sender, nonce, expiryHeight, kind, body } = decode(transactionCodec, bytes);
  const codec = bodyCodec(kind);
  const decoded = codec === undefined ? undefined : tryDecode(codec, body);
  const json = codec !== undefined && decoded !== undefined && 'value' in decoded ? codec.toJson(decoded.value) : null;
  return { sender, nonce, expiryHeight, kind, body: json, bytes: toHex(bytes) };
}

const eventView = (event: LedgerEvent, height: number, index: number, transaction: string | null): EventView => ({
  id: `${height}-${index}`,
  height,
  index,
  module: event.module,
  kind: event.kind,
  transaction,
  attributes: Object.fromEntries(event.attributes.map(({ name, value }) => [name, value])),
});

/** Stored events after an id, oldest first. Events of blocks above `finalHeight` are not told yet. */
export function eventViews(
  reader: ChainReader,
  finalHeight: number,
  afterId: string | null,
  filter: EventFilter,
  limit: number,
): readonly EventView[] {
  const after = parseId(afterId);
  const views: EventView[] = [];
  for (const [height, events] of reader.eventHeights(after.height)) {
    if (height > finalHeight) break;
    let hashes: readonly Digest[] | undefined;
    for (const [index, event] of events.entries()) {
      if (height === after.height && index <= after.index) continue;
      if (filter.module !== undefined && event.module !== filter.module) continue;
      if (filter.kind !== undefined && event.kind !== filter.kind) continue;
      hashes ??= (reader.block(height)?.transactions ?? []).map(transactionHash);
      const hash = event.transaction === null ? null : (hashes[event.transaction] ?? null);
      views.push(eventView(event, height, index, hash));
      if (views.length >= limit) return views;
    }
  }
  return views;
}

/** An id that is none counts as the beginning: nothing is lost, a client may see old events. */
function parseId(id: string | null): { readonly height: number; readonly index: number } {
  const match = id === null ? null : /^(\d{1,15})-(\d{1,9})$/.exec(id);
  return match === null ? { height: 0, index: -1 } : { height: Number(match[1]), index: Number(match[2]) };
}

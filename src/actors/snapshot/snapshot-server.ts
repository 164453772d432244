/** Answers nodes that start from a snapshot. */
import { eventCodec } from '../../protocols/ledger/events.ts';
import { proofBundleCodec } from '../../protocols/ledger/proof-bundle.ts';
import { transactionHash } from '../../protocols/ledger/transaction.ts';
import { edgeAt } from '../../protocols/ledger/transparency-log.ts';
import { stateKey } from '../../protocols/ledger/view.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { encode } from '../../protocols/shared/codec.ts';
import { partAt, type PartName, type SnapshotOffer, type SnapshotPart } from '../../protocols/sync/snapshot.ts';
import {
  type HistoricBlock,
  historyBlocksMax,
  historyBytesMax,
  type SnapshotReply,
  type SnapshotRequest,
} from '../../protocols/sync/snapshot-messages.ts';
import type { Chain } from '../chain/chain.ts';
import type { ChainReader } from '../chain/chain-reader.ts';
import { proveState } from '../chain/proofs.ts';
import { tileReaderOf, treeReaderOf } from '../chain/tables.ts';

/** Snapshots are offered of every so many heights, so that several nodes offer the same. */
const offerEvery = 16;
/** Any state key serves to prove the header; this one every state has. */
const provedKey = stateKey('validators/set/next');

export function answer(chain: Chain, reader: ChainReader, request: SnapshotRequest): SnapshotReply {
  switch (request.type) {
    case 'get-offer':
      return { type: 'offer', offer: offerOf(chain, reader) };
    case 'get-part':
      return { type: 'part', part: partOf(chain, reader, request.name) };
    case 'get-history':
      return { type: 'history', blocks: historyOf(reader, request.from, request.count) };
  }
}

function offerOf(chain: Chain, reader: ChainReader): SnapshotOffer | null {
  const height = chain.tip.height - (chain.tip.height % offerEvery);
  const block = reader.blockBytes(height);
  const header = reader.block(height)?.header;
  if (block === undefined || header === undefined) return null;
  const bundle = proveState(chain, reader, height, provedKey);
  if (bundle === null) return null;
  // A bundle that does not encode (too many set changes) is no offer.
  encode(proofBundleCodec, bundle);
  return { bundle, block, logEdge: edgeAt(tileReaderOf(chain.store), header.logSize) };
}

function partOf(chain: Chain, reader: ChainReader, name: PartName): SnapshotPart | null {
  const facts = reader.facts(name.height);
  const isKept = facts?.hasState === true && name.height > chain.tip.height - chain.historyBlocks;
  return isKept ? partAt(treeReaderOf(chain.store), facts.rootRef, name) : { type: 'gone' };
}

function historyOf(reader: ChainReader, from: number, count: number): readonly HistoricBlock[] {
  const blocks: HistoricBlock[] = [];
  let bytes = 0;
  for (let height = from; height < from + Math.min(count, historyBlocksMax); height++) {
    const block = historicBlock(reader, height);
    if (block === null) break;
    bytes += block.bytes.length + encodedEventBytes(block);
    if (blocks.length > 0 && bytes > historyBytesMax) break;
    blocks.push(block);
  }
  return blocks;
}

const encodedEventBytes = ({ events }: HistoricBlock): number =>
  events.reduce((sum, event) => sum + encode(eventCodec, event).length, 0);

function historicBlock(reader: ChainReader, height: number): HistoricBlock | null {
  const sealed = reader.sealedBlock(height);
  const transactions = reader.block(height)?.transactions;
  const firstLeaf = reader.facts(height)?.firstLeaf;
  if (sealed === undefined || transactions === undefined || firstLeaf === undefined) return null;
  const signers: PublicKey[] = [];
  const results: Uint8Array[] = [];
  for (const [index, transaction] of transactions.entries()) {
    const place = reader.place(transactionHash(transaction));
    const entry = reader.leaf(firstLeaf + index);
    if (place === undefined || entry === undefined) return null;
    signers.push(place.signer);
    results.push(entry.leaf.result);
  }
  return { ...sealed, signers, results, events: reader.events(height) };
}

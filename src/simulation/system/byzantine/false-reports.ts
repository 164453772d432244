/**
 * Lies about the chain: heights that are not there, blocks without their seals or with other bytes, snapshots and history
 * with flipped bits, heads of a log that never was, gossip of transactions that nobody signed. Who asks must find out.
 */
import { cosignerWire } from '../../../actors/checkpoint-cosigner.ts';
import { mempoolWire } from '../../../actors/mempool-wire.ts';
import { checkpointOf, encodeCheckpoint } from '../../../protocols/ledger/checkpoint.ts';
import { cosignatureBytes } from '../../../protocols/ledger/signed-note.ts';
import { digest, height as toHeight } from '../../../protocols/shared/brands.ts';
import { decode, encode } from '../../../protocols/shared/codec.ts';
import { type SealedBlock, syncReplyCodec, syncRequestCodec } from '../../../protocols/sync/messages.ts';
import { snapshotReplyCodec } from '../../../protocols/sync/snapshot-messages.ts';
import type { Envelope } from '../../../runtime/ports/links.ts';
import type { Liar, Lie } from './liar.ts';

const aheadMax = 200;

export function falseReports(liar: Liar): Lie {
  const { draw } = liar;
  return {
    status: (status) => ({ ...status, finalHeight: status.finalHeight + draw.between(0, aheadMax) }),
    envelope: (envelope) => {
      const { target, kind, payload } = envelope;
      const said = (bytes: Uint8Array): Envelope => ({ ...envelope, payload: bytes });
      if (target === 'sync' && kind === 'reply') return said(falseBlocks(liar, payload));
      if (target === 'sync' && kind === 'tell') return said(falseAnnouncement(liar, payload));
      if (target === 'snapshots' && kind === 'reply') return said(falseSnapshot(liar, payload));
      if (target === 'checkpoints' && kind === 'tell') return said(falseHead(liar, payload));
      if (target === 'mempool' && kind === 'tell') return said(falseGossip(liar, payload));
      return envelope;
    },
  };
}

function falseAnnouncement(liar: Liar, payload: Uint8Array): Uint8Array {
  const request = decode(syncRequestCodec, payload);
  if (request.type !== 'announce') return payload;
  return encode(syncRequestCodec, { ...request, height: toHeight(request.height + liar.draw.between(1, aheadMax)) });
}

function falseBlocks(liar: Liar, payload: Uint8Array): Uint8Array {
  const { draw } = liar;
  const { blocks } = decode(syncReplyCodec, payload);
  const [first] = blocks;
  if (first === undefined) return payload;
  const choices: (() => readonly SealedBlock[])[] = [
    () => [],
    () => blocks.map((block) => ({ ...block, commit: { ...block.commit, seals: block.commit.seals.slice(1) } })),
    () => blocks.map((block) => ({ ...block, bytes: flipped(liar, block.bytes) })),
    () => [...blocks].reverse(),
    () => blocks.map(({ bytes }) => ({ bytes, commit: first.commit })),
    () => blocks.map((block) => ({ ...block, commit: { ...block.commit, seals: doubled(block.commit.seals) } })),
  ];
  return encode(syncReplyCodec, { blocks: draw.pick(choices)() });
}

/** Who offers a false snapshot is not asked for its parts: one in three offers is false, and all parts are. */
function falseSnapshot(liar: Liar, payload: Uint8Array): Uint8Array {
  const reply = decode(snapshotReplyCodec, payload);
  if (reply.type === 'offer' && !liar.draw.chance(1 / 3)) return payload;
  if (reply.type !== 'part' || reply.part?.type !== 'leaves') return flipped(liar, payload);
  const { leaves } = reply.part;
  const at = liar.draw.between(0, leaves.length - 1);
  const changed = leaves.map((leaf, index) => (index === at ? { ...leaf, value: flipped(liar, leaf.value) } : leaf));
  return encode(snapshotReplyCodec, { type: 'part', part: { type: 'leaves', leaves: changed } });
}

const doubled = <T>(seals: readonly T[]): readonly T[] => seals.map(() => seals[0] as T);

/** With one bit changed. */
function flipped({ draw }: Liar, bytes: Uint8Array): Uint8Array {
  const changed = bytes.slice();
  const at = draw.between(0, changed.length - 1);
  changed[at] = (changed[at] ?? 0) ^ (1 << draw.between(0, 7));
  return changed;
}

/** Of another log, with the liar's own cosignature. */
function falseHead(liar: Liar, payload: Uint8Array): Uint8Array {
  const chain = liar.chain();
  const message = cosignerWire.decode(payload, liar.self, undefined);
  if (chain === null || message.type !== 'cosigned') return payload;
  const { cosignature } = message;
  const root = digest('ab'.repeat(32));
  const text = encodeCheckpoint(checkpointOf(chain.chainId, cosignature.size, root));
  const signature = liar.signer.sign(cosignatureBytes(text, cosignature.time));
  return cosignerWire.encode({ ...message, cosignature: { ...cosignature, root, signature } });
}

/** Its peers drop what they cannot verify, and think worse of it. */
function falseGossip(liar: Liar, payload: Uint8Array): Uint8Array {
  const { peer, transactions } = mempoolWire.decode(payload, liar.self, undefined);
  if (!liar.draw.chance(0.05)) return payload;
  return mempoolWire.encode({ type: 'gossip', peer, transactions: transactions.map((bytes) => flipped(liar, bytes)) });
}

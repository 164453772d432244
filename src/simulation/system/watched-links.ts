/** Links that tell of every message that leaves or arrives, and change nothing. */
import { consensusWireCodec, receiveMessage } from '../../actors/validator/consensus-wire.ts';
import type { ConsensusMessage } from '../../protocols/ibft/messages.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { CodecError, decode } from '../../protocols/shared/codec.ts';
import type { LocalLinks } from '../../runtime/links/create-links.ts';
import type { Envelope, Links } from '../../runtime/ports/links.ts';
import type { EventContent, MessageLabel } from '../events.ts';

export interface LinksWatch {
  readonly node: number;
  /** -1 for a key of nobody here. */
  readonly indexOf: (key: PublicKey) => number;
  readonly tell: (event: EventContent) => void;
}

export function watchedLinks(links: LocalLinks, { node, indexOf, tell }: LinksWatch): LocalLinks {
  const onMessage = (type: 'sent' | 'arrived', from: number, to: number, envelope: Envelope): void => {
    tell({ type, from, to, id: idOf(envelope), label: labelOf(envelope, from) });
  };
  const attach: Links['attach'] = (handler) => {
    links.attach({
      onEnvelope: (peer, envelope, consumed, lane) => {
        onMessage('arrived', indexOf(peer), node, envelope);
        handler.onEnvelope(peer, envelope, consumed, lane);
      },
      onUp: (peer, resumed) => handler.onUp(peer, resumed),
      onDown: (peer, reason) => handler.onDown(peer, reason),
    });
  };
  const send: Links['send'] = (peer, envelope, options) => {
    const outcome = links.send(peer, envelope, options);
    if (outcome === 'sent') onMessage('sent', node, indexOf(peer), envelope);
    return outcome;
  };
  return {
    self: links.self,
    incarnation: links.incarnation,
    get address() {
      return links.address;
    },
    ...{ attach, send },
    start: () => links.start(),
    whenRoom: (peer, lane, callback) => links.whenRoom(peer, lane, callback),
    setPeers: (peers) => links.setPeers(peers),
    peers: () => links.peers(),
    setStatus: (status) => links.setStatus(status),
    onPeer: (listener) => links.onPeer(listener),
    report: (peer, reason) => links.report(peer, reason),
    refusals: () => links.refusals(),
    stop: () => links.stop(),
  };
}

/** The same at both ends: of the content. */
function idOf({ kind, target, correlation, payload }: Envelope): string {
  let hash = 0x811c9dc5;
  for (const byte of payload) hash = Math.imul(hash ^ byte, 0x01000193);
  return `${kind} ${target} ${correlation} ${payload.length} ${hash >>> 0}`;
}

function labelOf(envelope: Envelope, from: number): MessageLabel {
  const other = { height: null, round: null };
  const { kind, target, payload } = envelope;
  if (target !== 'validator')
    return { kind: target === '' ? kind : target, ...other, text: `${kind}, ${payload.length} bytes` };
  try {
    const wire = decode(consensusWireCodec, payload);
    if (wire.type !== 'message') return { kind: wire.type, ...other, text: `start number ${wire.counter}` };
    return consensusLabel(receiveMessage(wire.bytes).message);
  } catch (error) {
    // Of a node that lies: what cannot be read is shown as such.
    if (!(error instanceof CodecError)) throw error;
    return { kind: target, ...other, text: `unreadable, from node ${from}` };
  }
}

function consensusLabel(message: ConsensusMessage): MessageLabel {
  const { height, round } = message.payload;
  const known = { kind: message.type, height, round };
  if (message.type !== 'round-change') return { ...known, text: `block ${message.payload.digest.slice(0, 8)}` };
  const { preparedRound, preparedDigest } = message.payload;
  if (preparedRound === null) return { ...known, text: 'nothing prepared' };
  return { ...known, text: `prepared ${String(preparedDigest).slice(0, 8)} in round ${preparedRound}` };
}

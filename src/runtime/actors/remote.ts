/**
 * References across links: what is told, asked and watched on other nodes, and what they tell, ask and watch here. Only
 * exported actors can be addressed from outside.
 *
 * A peer's new incarnation ends what was under way with the old one: asks fail with `link-lost`, watches fire. While a
 * link is only down, asks wait for their time limit and watches for what the peer's return brings.
 */
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { toUtf8 } from '../../protocols/shared/bytes.ts';
import { CodecError } from '../../protocols/shared/codec.ts';
import { invariant } from '../../protocols/shared/errors.ts';
import { ActorError, type ActorErrorCode, type DeadLetter, type Lane, type WireProtocol } from '../ports/actors.ts';
import type { Envelope, LinkHandler, Links } from '../ports/links.ts';
import type { Log } from '../ports/telemetry.ts';
import { type Ask, ReplyAddress } from './ask.ts';
import { openAt } from './asks.ts';
import { type Cell, stopping, type Watcher } from './cell.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { Deadlines } from './deadlines.ts';
import type { Delivery } from './delivery.ts';
import { subscribeToCell } from './effects.ts';
import { InboundAsk } from './inbound-ask.ts';
import { Carried } from './mailbox.ts';
import type { RemoteTarget } from './references.ts';
import { RemotePeer } from './remote-peer.ts';

export interface RemoteParts {
  readonly links: Links;
  readonly delivery: Delivery;
  readonly deadLetters: DeadLetters;
  readonly deadlines: Deadlines;
  readonly log: Log;
}

interface Export {
  readonly cell: Cell;
  readonly protocol: WireProtocol<unknown>;
}

/** An actor that never answers a peer's ask does not hold it for ever. */
const inboundAskMsMax = 300_000;
const watchesPerPeerMax = 10_000;
/** Asks of one peer that wait for our actors' answers: their credit has returned, so this is what bounds them. */
const openAsksPerPeerMax = 10_000;

const nothing = new Uint8Array(0);
const decoder = new TextDecoder();
const failureCodes: readonly string[] = ['timeout', 'target-stopped', 'target-failed', 'mailbox-full'];

export class Remote implements LinkHandler {
  readonly #parts: RemoteParts;
  readonly #exports = new Map<string, Export>();
  readonly #peers = new Map<PublicKey, RemotePeer>();
  /** Payloads of messages told before: a broadcast is encoded once. */
  readonly #payloads = new WeakMap<WireProtocol<unknown>, WeakMap<object, Uint8Array>>();
  #correlation = 0;

  constructor(parts: RemoteParts) {
    this.#parts = parts;
    parts.links.attach(this);
  }

  export(name: string, cell: Cell, protocol: WireProtocol<unknown>): void {
    const existing = this.#exports.get(name);
    if (existing !== undefined && existing.cell.phase < stopping) {
      throw new ActorError('name-taken', `${existing.cell.path} is exported as ${name}`);
    }
    this.#exports.set(name, { cell, protocol });
  }

  tell(target: RemoteTarget, message: unknown, trace: string | undefined): boolean {
    const posting = this.#posting(target, message, trace);
    const peer = this.#peer(target.peer);
    const { lane, once, envelope } = posting;
    const outcome = peer.isCongested(lane)
      ? 'no-credit'
      : this.#parts.links.send(target.peer, envelope, { lane, once });
    if (outcome === 'sent') return true;
    peer.awaitedReplies.delete(envelope.correlation);
    this.#parts.deadLetters.publish(target.path, message, outcome === 'no-link' ? 'no-link' : 'mailbox-full');
    return false;
  }

  tellWhenRoom(
    target: RemoteTarget,
    message: unknown,
    options: { readonly trace: string | undefined; readonly settled: (refusal: ActorError | undefined) => void },
  ): void {
    const accepted = this.#peer(target.peer).post({
      ...this.#posting(target, message, options.trace),
      onSent: () => options.settled(undefined),
      onRefused: options.settled,
    });
    if (!accepted) options.settled(new ActorError('mailbox-full', `too much waits for ${target.path}`));
  }

  ask(
    target: RemoteTarget,
    message: unknown,
    options: { readonly ask: Ask; readonly trace: string | undefined },
  ): void {
    const { ask } = options;
    invariant(target.protocol.decodeReply !== undefined, `the protocol of ${target.path} gives no answers`);
    const peer = this.#peer(target.peer);
    const posting = this.#askPosting(target, message, { ...options, isRelayed: false });
    const { lane, once, envelope } = posting;
    const outcome = peer.isCongested(lane)
      ? 'no-credit'
      : this.#parts.links.send(target.peer, envelope, { lane, once });
    if (outcome === 'sent') return;
    this.#parts.deadLetters.publish(target.path, message, outcome === 'no-link' ? 'no-link' : 'mailbox-full');
    if (outcome === 'no-link') ask.fail('link-lost', `there is no link to ${target.path}`);
    else ask.fail('mailbox-full', `there is no credit towards ${target.path}`);
  }

  /** Returns how to leave. */
  watch(target: RemoteTarget, watcher: Watcher): () => void {
    const peer = this.#peer(target.peer);
    const correlation = ++this.#correlation;
    const { name, path } = target;
    peer.watches.set(correlation, { name, path, watcher, isSent: false });
    this.#postWatch(peer, correlation);
    return () => {
      const watch = peer.watches.get(correlation);
      if (watch === undefined) return;
      peer.watches.delete(correlation);
      if (watch.isSent) peer.post(signal('unwatch', { target: name, correlation, payload: nothing }));
    };
  }

  /** Fails what is still awaited. */
  terminate(): void {
    for (const peer of this.#peers.values()) peer.failAll('terminated', 'the actor system has terminated');
  }

  onEnvelope(peerKey: PublicKey, envelope: Envelope, consumed: () => void, lane: Lane = 'ordinary'): void {
    if (envelope.kind === 'tell' || envelope.kind === 'ask') {
      this.#onMessage(peerKey, envelope, { consumed, lane });
      return;
    }
    consumed();
    const peer = this.#peer(peerKey);
    switch (envelope.kind) {
      case 'reply':
      case 'reply-failed':
        this.#onReply(peer, envelope);
        break;
      case 'watch':
        this.#onWatch(peer, envelope);
        break;
      case 'unwatch':
        peer.watchedBy.get(envelope.correlation)?.();
        peer.watchedBy.delete(envelope.correlation);
        break;
      case 'terminated':
        this.#onTerminated(peer, envelope);
        break;
    }
  }

  onUp(peerKey: PublicKey, resumed: boolean): void {
    const peer = this.#peer(peerKey);
    if (resumed) {
      peer.flushAll();
      return;
    }
    peer.startOver();
    for (const [correlation, watch] of peer.watches) if (!watch.isSent) this.#postWatch(peer, correlation);
  }

  onDown(peerKey: PublicKey, _reason: string): void {
    this.#peer(peerKey).pause();
  }

  #peer(key: PublicKey): RemotePeer {
    let peer = this.#peers.get(key);
    if (peer === undefined) {
      peer = new RemotePeer(key, this.#parts.links);
      this.#peers.set(key, peer);
    }
    return peer;
  }

  #posting(target: RemoteTarget, message: unknown, trace: string | undefined) {
    const address = target.protocol.replyTo?.(message);
    const ask = address === undefined ? undefined : ReplyAddress.askOf(address);
    if (ask !== undefined) return this.#askPosting(target, message, { ask, trace, isRelayed: true });
    const payload = this.#payload(target.protocol, message);
    return posting(target, { kind: 'tell', correlation: 0, trace, payload });
  }

  #askPosting(
    target: RemoteTarget,
    message: unknown,
    { ask, trace, isRelayed }: { readonly ask: Ask; readonly trace: string | undefined; readonly isRelayed: boolean },
  ) {
    const { protocol } = target;
    const peer = this.#peer(target.peer);
    const payload = protocol.encode(message);
    const correlation = ++this.#correlation;
    peer.awaitedReplies.set(correlation, { ask, protocol, isRelayed });
    ask.whenSettled(() => peer.awaitedReplies.delete(correlation));
    return posting(target, { kind: 'ask', correlation, trace, payload });
  }

  #payload(protocol: WireProtocol<unknown>, message: unknown): Uint8Array {
    if (typeof message !== 'object' || message === null) return protocol.encode(message);
    let payloads = this.#payloads.get(protocol);
    if (payloads === undefined) this.#payloads.set(protocol, (payloads = new WeakMap()));
    let payload = payloads.get(message);
    if (payload === undefined) payloads.set(message, (payload = protocol.encode(message)));
    return payload;
  }

  #postWatch(peer: RemotePeer, correlation: number): void {
    const watch = peer.watches.get(correlation);
    if (watch === undefined) return;
    peer.post({
      ...signal('watch', { target: watch.name, correlation, payload: nothing }),
      isWanted: () => peer.watches.has(correlation),
      onSent: () => {
        watch.isSent = true;
      },
    });
  }

  #onMessage(
    peerKey: PublicKey,
    envelope: Envelope,
    { consumed, lane }: { readonly consumed: () => void; readonly lane: Lane },
  ): void {
    const { deadLetters, delivery } = this.#parts;
    const exported = this.#exports.get(envelope.target);
    const ask = envelope.kind === 'ask' ? this.#inboundAsk(peerKey, envelope, { exported, lane }) : undefined;
    const refuse = (reason: DeadLetter['reason'], code: ActorErrorCode): void => {
      consumed();
      deadLetters.publish(`${envelope.target} (from ${peerKey})`, envelope.payload, reason);
      ask?.fail(code, envelope.target);
    };
    if (exported === undefined) {
      refuse('stopped', 'target-stopped');
      return;
    }
    if (ask !== undefined && this.#peer(peerKey).openAsks.size > openAsksPerPeerMax) {
      refuse('mailbox-full', 'mailbox-full');
      return;
    }
    if (ask !== undefined && exported.protocol.encodeReply === undefined) {
      this.#parts.links.report(peerKey, `asked ${envelope.target}, which gives no answers`);
      refuse('no-reply-expected', 'target-failed');
      return;
    }
    let message: unknown;
    try {
      message = exported.protocol.decode(
        envelope.payload,
        peerKey,
        ask === undefined ? undefined : ReplyAddress.of(ask),
      );
    } catch (cause) {
      this.#reportUndecodable(peerKey, envelope, cause);
      refuse('undecodable', 'target-failed');
      return;
    }
    const { cell } = exported;
    if (ask !== undefined) openAt(cell, ask);
    const trace = envelope.traceparent === '' ? undefined : envelope.traceparent;
    // A full mailbox of policy `wait` keeps the credit of what waits: that slows the peer down.
    delivery.deliverWhenRoom(cell, new Carried(message, { ask, trace, consumed }), () => undefined);
  }

  #inboundAsk(
    peerKey: PublicKey,
    envelope: Envelope,
    { exported, lane }: { readonly exported: Export | undefined; readonly lane: Lane },
  ): Ask {
    const peer = this.#peer(peerKey);
    const { target, correlation } = envelope;
    const ask = new InboundAsk(peer, { target, correlation, lane, protocol: exported?.protocol });
    this.#parts.deadlines.add(ask, inboundAskMsMax);
    return ask;
  }

  #onReply(peer: RemotePeer, envelope: Envelope): void {
    const awaited = peer.awaitedReplies.get(envelope.correlation);
    if (awaited === undefined) {
      // Mostly an answer that came after its time limit.
      this.#parts.deadLetters.publish(`/reply (from ${peer.key})`, envelope.payload, 'no-reply-expected');
      return;
    }
    peer.awaitedReplies.delete(envelope.correlation);
    const { ask, protocol, isRelayed } = awaited;
    if (envelope.kind === 'reply-failed') {
      if (isRelayed) return;
      const code = decoder.decode(envelope.payload);
      const known = failureCodes.includes(code) ? (code as ActorErrorCode) : 'target-failed';
      ask.fail(known, `bpci://${peer.key}/${envelope.target}: ${known}`);
      return;
    }
    let answer: unknown;
    try {
      answer = protocol.decodeReply?.(envelope.payload);
    } catch (cause) {
      this.#reportUndecodable(peer.key, envelope, cause);
      ask.fail('undecodable', `bpci://${peer.key}/${envelope.target} has sent an answer that is none`);
      return;
    }
    ask.answer(answer);
  }

  #onWatch(peer: RemotePeer, { target, correlation }: Envelope): void {
    const exported = this.#exports.get(target);
    const tell = (reason: 'stopped' | 'failed'): void => {
      peer.post(signal('terminated', { target, correlation, payload: toUtf8(reason) }));
    };
    if (exported === undefined) {
      tell('stopped');
      return;
    }
    if (peer.watchedBy.has(correlation)) return;
    if (peer.watchedBy.size >= watchesPerPeerMax) {
      this.#parts.links.report(peer.key, `more than ${watchesPerPeerMax} watches`);
      return;
    }
    const watcher: Watcher = {
      active: true,
      notify: ({ reason }) => {
        peer.watchedBy.delete(correlation);
        tell(reason === 'failed' ? 'failed' : 'stopped');
      },
    };
    // In this order: an actor that has stopped already notifies within the call.
    peer.watchedBy.set(correlation, () => undefined);
    const leave = subscribeToCell(exported.cell, watcher);
    if (peer.watchedBy.has(correlation)) peer.watchedBy.set(correlation, leave);
  }

  #onTerminated(peer: RemotePeer, envelope: Envelope): void {
    const watch = peer.watches.get(envelope.correlation);
    if (watch === undefined) return;
    peer.watches.delete(envelope.correlation);
    const reason = decoder.decode(envelope.payload) === 'failed' ? 'failed' : 'stopped';
    watch.watcher.notify({ path: watch.path, reason });
  }

  #reportUndecodable(peer: PublicKey, envelope: Envelope, cause: unknown): void {
    const { links, log } = this.#parts;
    links.report(peer, `undecodable ${envelope.kind} for ${envelope.target}`);
    // A decoder throws CodecError for bytes that are no message; anything else is a mistake of the decoder's.
    if (!(cause instanceof CodecError)) log.error('a wire protocol failed', { target: envelope.target, peer }, cause);
  }
}

function posting(
  target: RemoteTarget,
  part: {
    readonly kind: 'tell' | 'ask';
    readonly correlation: number;
    readonly trace: string | undefined;
    readonly payload: Uint8Array;
  },
) {
  const { kind, correlation, trace, payload } = part;
  const envelope: Envelope = { kind, target: target.name, correlation, traceparent: trace ?? '', payload };
  return { envelope, lane: target.options.lane, once: target.options.delivery === 'effectively-once' };
}

/** Signals of death watch go before data and are never lost within an incarnation. */
function signal(
  kind: 'watch' | 'unwatch' | 'terminated',
  part: { readonly target: string; readonly correlation: number; readonly payload: Uint8Array },
) {
  const envelope: Envelope = { kind, traceparent: '', ...part };
  return { envelope, lane: 'control' as const, once: true };
}

/**
 * Links of one node to its peers, over any {@link Transport}: production gives it WebSockets over mutual TLS, the
 * simulator its network; the code is the same. Nothing here reads a clock, draws randomness or opens a socket but
 * through its options.
 */
import type { ChainId, PublicKey } from '../../protocols/shared/brands.ts';
import { toHex } from '../../protocols/shared/bytes.ts';
import { invariant } from '../../protocols/shared/errors.ts';
import type { Clock, TimerHandle } from '../ports/clock.ts';
import type { Envelope, LinkHandler, Links, PeerAddress, PeerState, SendOutcome } from '../ports/links.ts';
import type { Lane } from '../ports/actors.ts';
import type { Random } from '../ports/random.ts';
import type { Signer, Verifier } from '../ports/signer.ts';
import type { Counter, Histogram, Telemetry } from '../ports/telemetry.ts';
import type { Listener, Pipe, Transport } from '../ports/transport.ts';
import { BatchPool } from './batch-pool.ts';
import { LinkError } from './errors.ts';
import type { Handshake } from './handshake.ts';
import { defaultLinkLimits, envelopeOverheadBytes, type LinkLimits, lanes } from './limits.ts';
import type { LinkContext } from './link-context.ts';
import { PeerLink } from './peer-link.ts';
import { Refusals } from './refusals.ts';
import { TurnEnd } from './turn-end.ts';

export interface LinksOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly chainId: ChainId;
  readonly telemetry: Telemetry;
  /** `host:port` to accept links on, or null: this node only dials. */
  readonly listenAddress: string | null;
  /** What this node runs: at most 16 names of at most 32 bytes. */
  readonly roles: readonly string[];
  /** Versions of the link protocol and of what travels on it that this node speaks, both ends included. */
  readonly protocolRange: { readonly min: number; readonly max: number };
  /** At most 32 names of at most 64 bytes. */
  readonly features?: readonly string[];
  readonly limits?: Partial<LinkLimits>;
  /** Whether a key that `setPeers` does not name may link (it is registered on chain). */
  readonly authorize: (peerKey: PublicKey) => boolean;
}

export interface LocalLinks extends Links {
  /** Where this node accepts links, the port filled in; empty before `start` and where it does not listen. */
  readonly address: string;
}

/** Starts nothing: `attach` the handler, then `start`. Throws InvariantError for limits that contradict each other. */
export function createLinks(options: LinksOptions): LocalLinks {
  return new NodeLinks(options);
}

class NodeLinks implements LocalLinks {
  readonly self: PublicKey;
  readonly incarnation: string;
  readonly #options: LinksOptions;
  readonly #limits: LinkLimits;
  readonly #context: LinkContext;
  readonly #links = new Map<PublicKey, PeerLink>();
  readonly #configured = new Set<PublicKey>();
  readonly #listeners = new Set<(peer: PeerState) => void>();
  readonly #refusals: Refusals;
  readonly #refusalCounter: Counter;
  readonly #roundTripHistogram: Histogram;
  #handler: LinkHandler | null = null;
  #status = new Uint8Array(0);
  #listener: Listener | null = null;
  #timer: TimerHandle | null = null;
  #stage: 'new' | 'running' | 'stopped' = 'new';

  constructor(options: LinksOptions) {
    this.#options = options;
    this.#limits = { ...defaultLinkLimits, ...options.limits };
    checkLimits(this.#limits);
    const incarnation = options.random.bytes(16);
    this.self = options.signer.publicKey;
    this.incarnation = toHex(incarnation);
    this.#refusals = new Refusals(this.#limits.reportReasonsMax);
    const { telemetry } = options;
    this.#refusalCounter = telemetry.counter(
      'bpci.links.refusals',
      'Connections and frames of peers refused, by reason',
    );
    this.#roundTripHistogram = telemetry.histogram('bpci.links.round_trip', 'Round trip of heartbeats', 's');
    this.#context = this.#makeContext(incarnation);
    this.#observe();
  }

  get address(): string {
    return this.#listener?.address ?? '';
  }

  attach(handler: LinkHandler): void {
    this.#handler = handler;
  }

  async start(): Promise<void> {
    if (this.#stage !== 'new') throw new LinkError('started', 'links are started once');
    this.#stage = 'running';
    const { listenAddress, transport } = this.#options;
    if (listenAddress !== null) {
      this.#listener = await transport.listen(listenAddress, {
        accept: (peerKey, remoteAddress) => this.#accept(peerKey, remoteAddress),
        onPipe: (pipe) => this.#onPipe(pipe),
        onTurnedAway: (reason, remoteAddress) => this.#countRefusal('', reason, remoteAddress),
      });
    }
    this.#tickAt(this.#options.clock.monotonicMs() + this.#limits.heartbeatMs);
    for (const link of this.#links.values()) link.connect();
  }

  send(peer: PublicKey, envelope: Envelope, options: { readonly lane: Lane; readonly once: boolean }): SendOutcome {
    return this.#links.get(peer)?.send(envelope, options.lane, options.once) ?? 'no-link';
  }

  whenRoom(peer: PublicKey, lane: Lane, callback: () => void): void {
    const link = this.#links.get(peer);
    // A stranger never has room: whoever waits tries again and is told `no-link`.
    if (link === undefined) this.#context.turnEnd.defer(callback);
    else link.whenRoom(lane, callback);
  }

  setPeers(peers: readonly PeerAddress[]): void {
    const wanted = new Map(peers.map((peer) => [peer.key, peer.addresses]));
    wanted.delete(this.self);
    for (const key of this.#configured) {
      if (wanted.has(key)) continue;
      this.#configured.delete(key);
      this.#forget(key, 'no longer a peer');
    }
    for (const [key, addresses] of wanted) {
      this.#configured.add(key);
      const link = this.#linkTo(key);
      if (link.addresses.join(' ') === addresses.join(' ')) continue;
      link.setAddresses(addresses);
      if (this.#stage === 'running') link.connect();
    }
  }

  peers(): readonly PeerState[] {
    return [...this.#links.values()].map((link) => link.state());
  }

  setStatus(status: Uint8Array): void {
    if (status.length > this.#limits.statusBytesMax) {
      throw new LinkError('status-too-large', `${status.length} bytes, at most ${this.#limits.statusBytesMax}`);
    }
    this.#status = status.slice();
  }

  onPeer(listener: (peer: PeerState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  report(peer: PublicKey, reason: string): void {
    this.#refusals.countReported(reason);
    this.#refusalCounter.add(1, { reason: 'reported' });
    this.#log('warn', 'peer reported', peer, { reason });
    this.#links.get(peer)?.report(reason);
  }

  refusals(): ReadonlyMap<string, number> {
    return this.#refusals.counts;
  }

  async stop(): Promise<void> {
    if (this.#stage === 'stopped') return;
    this.#stage = 'stopped';
    this.#timer?.cancel();
    for (const key of [...this.#links.keys()]) this.#forget(key, 'stopping');
    await this.#listener?.close();
  }

  #makeContext(incarnation: Uint8Array): LinkContext {
    const { transport, clock, random, signer, verifier, chainId, roles, features, protocolRange } = this.#options;
    const limits = this.#limits;
    return {
      ...{ transport, clock, random, signer, verifier, chainId, roles, protocolRange, limits, incarnation },
      features: features ?? [],
      timeoutMs: limits.handshakeTimeoutMs,
      pool: new BatchPool(limits.batchBytes),
      turnEnd: new TurnEnd(),
      handshakes: new Set<Handshake>(),
      status: () => this.#status,
      onEnvelope: (peer, envelope, consumed, lane) => this.#handler?.onEnvelope(peer, envelope, consumed, lane),
      onUp: (peer, resumed) => {
        this.#log('info', 'link up', peer, { resumed });
        this.#handler?.onUp(peer, resumed);
      },
      onDown: (peer, reason) => {
        this.#log('info', 'link down', peer, { reason });
        this.#handler?.onDown(peer, reason);
      },
      onChange: (link) => {
        if (this.#listeners.size === 0) return;
        const state = link.state();
        for (const listener of this.#listeners) listener(state);
      },
      onRefusal: (peer, refusal, detail) => {
        // Two dials that crossed are nobody's fault.
        if (refusal !== 'duplicate') this.#countRefusal(peer, refusal, detail);
      },
      onRoundTrip: (peer, rttMs) => this.#roundTripHistogram.record(rttMs / 1000, { peer: peer.slice(0, 8) }),
    };
  }

  #observe(): void {
    const { telemetry } = this.#options;
    const perPeer = (read: (link: PeerLink) => number) => () =>
      [...this.#links.values()].map((link) => ({ value: read(link), attributes: { peer: link.key.slice(0, 8) } }));
    telemetry.gauge(
      'bpci.links.up',
      '1 where the link to a peer is up',
      perPeer((link) => (link.up ? 1 : 0)),
    );
    telemetry.gauge(
      'bpci.links.bytes.sent',
      'Bytes of frames sent to a peer',
      perPeer((link) => link.bytesSent),
    );
    telemetry.gauge(
      'bpci.links.bytes.received',
      'Bytes of frames received',
      perPeer((link) => link.bytesReceived),
    );
  }

  #log(level: 'info' | 'warn', message: string, peer: PublicKey | '', fields: Record<string, string | boolean>): void {
    this.#options.telemetry.log[level](message, { peer, ...fields });
  }

  #countRefusal(peer: PublicKey | '', reason: string, detail: string): void {
    this.#refusals.count(reason);
    this.#refusalCounter.add(1, { reason });
    this.#log('warn', 'peer refused', peer, { reason, detail });
  }

  #isKnown(peerKey: PublicKey): boolean {
    return this.#configured.has(peerKey) || this.#options.authorize(peerKey);
  }

  #accept(peerKey: PublicKey, remoteAddress: string): boolean {
    const refusal = this.#refusalOf(peerKey);
    if (refusal !== null) this.#countRefusal(peerKey, refusal, remoteAddress);
    return refusal === null;
  }

  #refusalOf(peerKey: PublicKey): string | null {
    if (this.#stage !== 'running') return 'stopping';
    if (peerKey === this.self) return 'own-key';
    if (!this.#isKnown(peerKey)) return 'unknown-key';
    const standing = this.#links.get(peerKey)?.standing;
    const nowMs = this.#options.clock.monotonicMs();
    if (standing === undefined) return null;
    if (standing.outForMs(nowMs) > 0) return 'backing-off';
    return standing.mayConnect(nowMs) ? null : 'too-many-connections';
  }

  #onPipe(pipe: Pipe): void {
    // Between the question and the pipe the peer may have been removed.
    if (this.#stage !== 'running' || !this.#isKnown(pipe.peerKey)) {
      pipe.close('unknown-key');
      return;
    }
    this.#linkTo(pipe.peerKey).onPipe(pipe);
  }

  #linkTo(key: PublicKey): PeerLink {
    let link = this.#links.get(key);
    if (link === undefined) {
      this.#makeRoomForGuest();
      link = new PeerLink(key, this.#context);
      this.#links.set(key, link);
    }
    return link;
  }

  /** Peers let in by `authorize` alone are remembered up to a number; the first that is not linked makes room. */
  #makeRoomForGuest(): void {
    if (this.#links.size < this.#configured.size + this.#limits.guestsMax) return;
    for (const [key, link] of this.#links) {
      if (this.#configured.has(key) || link.up) continue;
      this.#forget(key, 'room needed');
      return;
    }
  }

  #forget(key: PublicKey, reason: string): void {
    const link = this.#links.get(key);
    if (link === undefined) return;
    link.end(reason);
    this.#links.delete(key);
  }

  /** One timer for all links. It aims at whole intervals, so that lateness shows and does not add up. */
  #tickAt(dueMs: number): void {
    const { clock } = this.#options;
    this.#timer = clock.setTimer(Math.max(0, dueMs - clock.monotonicMs()), () => {
      const nowMs = clock.monotonicMs();
      const lateMs = Math.max(0, nowMs - dueMs);
      for (const link of [...this.#links.values()]) link.tick(nowMs, lateMs);
      this.#tickAt(Math.max(dueMs + this.#limits.heartbeatMs, nowMs + this.#limits.heartbeatMs / 2));
    });
  }
}

function checkLimits(limits: LinkLimits): void {
  for (const lane of lanes) {
    const { messageBytesMax, windowBytes } = limits.lanes[lane];
    invariant(windowBytes >= messageBytesMax + envelopeOverheadBytes, `lane ${lane}: the window is below one message`);
  }
  invariant(limits.batchBytes <= limits.frameBytesMax, 'a batch is above the largest frame');
  invariant(limits.fragmentBytes + 4096 <= limits.frameBytesMax, 'a fragment is above the largest frame');
}

/**
 * The link to one peer: three lanes, each a connection of its own, over one session with the peer's incarnation.
 *
 * The control lane is the link: it is up while that lane is. Both ends dial it (the lower key decides which connection
 * stays); whoever dialed the one that stayed dials the other lanes. Until those are connected, messages for them wait
 * within `queuedBytesMax`. When the control lane goes, all go.
 */
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { fromHex, toHex } from '../../protocols/shared/bytes.ts';
import type { Lane } from '../ports/actors.ts';
import type { Envelope, LinkState, PeerState, SendOutcome } from '../ports/links.ts';
import type { Pipe } from '../ports/transport.ts';
import { BackOff } from './back-off.ts';
import { Dialer } from './dialer.ts';
import { abusive, FrameRefused, type Refusal } from './errors.ts';
import { decodeHeartbeat, encodeHeartbeat, frameKinds, type Hello, type Ready } from './frames.ts';
import { Handshake, type HandshakeHooks } from './handshake.ts';
import { LaneLink, receivedOf } from './lane-link.ts';
import { lanes } from './limits.ts';
import type { LinkContext } from './link-context.ts';
import { RoundTrips } from './round-trips.ts';
import { Standing } from './standing.ts';
import { Suspicion } from './suspicion.ts';

/** These are acknowledged and survive a cut, whatever the caller asked for. */
const alwaysOnce: ReadonlySet<Envelope['kind']> = new Set<Envelope['kind']>(['watch', 'unwatch', 'terminated']);

/** Two dials that cross are at most this far apart; a later one means that the peer lost its end of the first. */
const crossingMs = 10_000;
const cleanAfterMs = 60_000;
const ownLagMs = 250;

export class PeerLink implements HandshakeHooks {
  readonly key: PublicKey;
  readonly standing: Standing;
  readonly #context: LinkContext;
  readonly #lanes: Record<Lane, LaneLink>;
  readonly #dialers: Record<Lane, Dialer>;
  /** The connection of each lane; on the arbiter's side from its READY on. */
  readonly #chosen = new Map<Lane, Handshake>();
  readonly #adopted = new Set<Lane>();
  #addresses: readonly string[] = [];
  #state: 'down' | 'refused' | 'up' | 'suspect' = 'down';
  #hello: Hello | null = null;
  #incarnation = '';
  #lastError = '';
  #upAtMs = 0;
  #status: Uint8Array | null = null;
  #statusAtMs = 0;
  #suspicion: Suspicion;
  #roundTrips = new RoundTrips();
  bytesSent = 0;
  bytesReceived = 0;

  constructor(key: PublicKey, context: LinkContext) {
    this.key = key;
    this.#context = context;
    const { limits, pool, turnEnd } = context;
    const nowMs = context.clock.monotonicMs();
    this.standing = new Standing(limits, nowMs);
    this.#suspicion = new Suspicion(limits.heartbeatMs, nowMs);
    const laneContext = { limits, pool, turnEnd, onSent: (bytes: number) => void (this.bytesSent += bytes) };
    const lane = (name: Lane): LaneLink =>
      new LaneLink(name, laneContext, (envelope, consumed) => context.onEnvelope(key, envelope, consumed, name));
    this.#lanes = { control: lane('control'), ordinary: lane('ordinary'), bulk: lane('bulk') };
    const dialer = (name: Lane): Dialer => this.#makeDialer(name);
    this.#dialers = { control: dialer('control'), ordinary: dialer('ordinary'), bulk: dialer('bulk') };
  }

  get up(): boolean {
    return this.#state === 'up' || this.#state === 'suspect';
  }

  /** Configured by `setPeers`; others were let in by `authorize`. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  setAddresses(addresses: readonly string[]): void {
    this.#addresses = addresses;
    for (const lane of lanes) this.#dialers[lane].setAddresses(addresses);
  }

  connect(): void {
    if (!this.up && !this.#chosen.has('control')) this.#dialers.control.now();
  }

  state(): PeerState {
    const best = this.#roundTrips.best();
    return {
      key: this.key,
      state: this.#visibleState(),
      incarnation: this.#incarnation,
      roles: this.#hello?.roles ?? [],
      rttMs: best.rttMs,
      clockOffsetMs: best.offsetMs,
      status: this.#status,
      statusAtMs: this.#statusAtMs,
      bytesSent: this.bytesSent,
      bytesReceived: this.bytesReceived,
      bytesHeld: lanes.reduce((sum, lane) => sum + this.#lanes[lane].sender.heldBytes, 0),
      lastError: this.#lastError,
    };
  }

  send(envelope: Envelope, lane: Lane, once: boolean): SendOutcome {
    const isOnce = once || alwaysOnce.has(envelope.kind);
    const target = this.#lanes[lane];
    if (!this.up && !(isOnce && target.incarnation !== '')) return 'no-link';
    return target.sender.send(envelope, isOnce);
  }

  whenRoom(lane: Lane, callback: () => void): void {
    this.#lanes[lane].sender.whenRoom(callback);
  }

  /** A pipe that the peer dialed. */
  onPipe(pipe: Pipe): void {
    this.#shake(pipe, null);
  }

  /** Once a heartbeat interval, `lateMs` after it should have been. */
  tick(nowMs: number, lateMs: number): void {
    if (!this.up) return;
    const { limits, clock, status } = this.#context;
    if (lateMs > ownLagMs) this.#suspicion.forgive(lateMs, nowMs);
    const silentMs = nowMs - this.#suspicion.heardAtMs;
    if (silentMs > limits.silenceMs) {
      this.#close(`nothing heard for ${Math.round(silentMs)} ms`);
      return;
    }
    const heartbeat = encodeHeartbeat({
      ...this.#roundTrips.send(nowMs),
      wallMs: Math.max(0, clock.now()),
      lagMs: Math.round(lateMs),
      status: status(),
    });
    this.bytesSent += heartbeat.length;
    this.#chosen.get('control')?.pipe.send(heartbeat);
    for (const lane of lanes) this.#lanes[lane].sender.tick();
    if (this.#state === 'up' && this.#suspicion.isSuspect(nowMs)) this.#become('suspect');
  }

  /** Misbehaviour seen above the link. */
  report(reason: string): void {
    if (!this.standing.report(this.#context.clock.monotonicMs())) return;
    this.#punish('misbehaviour', reason);
  }

  /** Closes every connection and dials no more. */
  end(reason: string): void {
    this.setAddresses([]);
    for (const lane of lanes) this.#dialers[lane].cancel();
    this.#close(reason);
    for (const lane of lanes) this.#lanes[lane].sender.releaseWaiting();
  }

  /** Closes every connection; dials again after the back-off. The peer is told `told`. */
  #close(reason: string, told = reason): void {
    for (const handshake of this.#ownHandshakes()) handshake.abandon(told);
    const control = this.#chosen.get('control');
    if (control !== undefined) this.#drop(control, reason, told);
  }

  /** Ends one connection, and the link with it where it is the control lane's. A pipe may call back within `close`. */
  #drop(connection: Handshake, reason: string, told = reason): void {
    this.#lost(connection, reason, told);
    connection.pipe.close(told);
  }

  // What a handshake asks and tells.

  resume(lane: Lane): Hello['resume'] {
    const { incarnation, receiver } = this.#lanes[lane];
    return incarnation === '' ? null : { incarnation: fromHex(incarnation), received: receiver.received };
  }

  decide(handshake: Handshake): Refusal | null {
    const { clock, signer } = this.#context;
    const nowMs = clock.monotonicMs();
    if (this.standing.outForMs(nowMs) > 0) return 'backing-off';
    const incarnation = toHex(handshake.hello.incarnation);
    if (handshake.lane !== 'control') {
      const isOfThisSession = this.#adopted.has('control') && incarnation === this.#incarnation;
      return isOfThisSession ? null : 'no-control-lane';
    }
    if (signer.publicKey > this.key) return null;
    const present = this.#chosen.get('control');
    if (present === undefined) return !handshake.dialed && this.#shakingOwnDial() ? 'duplicate' : null;
    if (toHex(present.hello.incarnation) !== incarnation) return null;
    if (handshake.dialed) return 'duplicate';
    if (!this.#adopted.has('control')) return present.dialed ? 'duplicate' : null;
    const isCrossing = nowMs - this.#upAtMs < crossingMs;
    const isHeard = nowMs - this.#suspicion.heardAtMs < 3 * this.#context.limits.heartbeatMs;
    return present.dialed && isCrossing && isHeard ? 'duplicate' : null;
  }

  ready(handshake: Handshake): Ready {
    const { lane, hello } = handshake;
    const replaced = this.#chosen.get(lane);
    if (replaced !== undefined) {
      this.#drop(replaced, 'replaced by a newer connection', 'replaced');
    }
    this.#dialers[lane].cancel();
    this.#chosen.set(lane, handshake);
    const link = this.#lanes[lane];
    return {
      continued: link.canContinue(toHex(hello.incarnation), this.#receivedOf(hello)),
      credit: link.receiver.open(),
    };
  }

  adopt(handshake: Handshake, mine: Ready, theirs: Ready): void {
    const { lane, hello, pipe } = handshake;
    this.#context.handshakes.delete(handshake);
    const link = this.#lanes[lane];
    const incarnation = toHex(hello.incarnation);
    this.#adopted.add(lane);
    pipe.onFrame = (frame) => this.#onFrame(handshake, frame);
    pipe.onClose = (reason) => this.#lost(handshake, reason);
    pipe.onDrain = () => link.sender.onDrain();
    const kept = link.attach(pipe, incarnation, mine, theirs, this.#receivedOf(hello));
    if (lane === 'control') this.#controlUp(handshake, kept);
    else if (!kept) this.#sessionLost();
    else this.#dialers[lane].succeeded();
  }

  failed(handshake: Handshake, refusal: Refusal | null, reason: string): void {
    const { handshakes, onRefusal } = this.#context;
    handshakes.delete(handshake);
    if (refusal !== null) onRefusal(this.key, refusal, reason);
    if (this.#chosen.get(handshake.lane) === handshake) this.#chosen.delete(handshake.lane);
    if (refusal !== null && abusive.has(refusal)) this.standing.punish(this.#context.clock.monotonicMs());
    const isDuplicate = refusal === 'duplicate' || reason === 'duplicate';
    if (!isDuplicate && !this.up) {
      // Where both ends refuse each other, our own words say more than the peer's.
      const isKnown = refusal === null && this.#lastError.startsWith(`${reason}: `);
      if (!isKnown) this.#lastError = refusal === null ? `the peer ended the handshake: ${reason}` : reason;
      this.#become(refusal === null ? 'down' : 'refused');
    }
    if (handshake.dialed) this.#redial(handshake.lane, isDuplicate ? 1_000 : 0);
  }

  #receivedOf(hello: Hello): number {
    const own = toHex(this.#context.incarnation);
    return receivedOf(hello, (incarnation) => toHex(incarnation) === own);
  }

  #visibleState(): LinkState {
    if (this.up) return this.#state;
    if (this.#ownHandshakes().length > 0) return 'handshaking';
    if (this.#state === 'refused') return 'refused';
    return this.#dialers.control.dialing ? 'connecting' : 'down';
  }

  #ownHandshakes(): Handshake[] {
    return [...this.#context.handshakes].filter((handshake) => handshake.peerKey === this.key);
  }

  #shakingOwnDial(): boolean {
    return this.#ownHandshakes().some((handshake) => handshake.dialed && handshake.lane === 'control');
  }

  #makeDialer(lane: Lane): Dialer {
    const { transport, clock, limits, random } = this.#context;
    const backOff = new BackOff(limits.redialMinMs, limits.redialMaxMs, random);
    const dependencies = { transport, clock, backOff, key: this.key, timeoutMs: limits.dialTimeoutMs };
    return new Dialer(dependencies, {
      onPipe: (pipe) => this.#shake(pipe, lane),
      onError: (reason) => {
        if (this.up) return;
        this.#lastError = reason;
        this.#context.onChange(this);
      },
    });
  }

  #shake(pipe: Pipe, dialedLane: Lane | null): void {
    const { handshakes, limits, onRefusal } = this.#context;
    if (handshakes.size >= limits.handshakesMax || this.#ownHandshakes().length >= limits.handshakesPerPeerMax) {
      onRefusal(this.key, 'too-many-handshakes', pipe.remoteAddress);
      pipe.close('too-many-handshakes');
      if (dialedLane !== null) this.#redial(dialedLane, 0);
      return;
    }
    handshakes.add(new Handshake(pipe, dialedLane, this.#context, this));
  }

  #redial(lane: Lane, atLeastMs: number): void {
    if (this.#chosen.has(lane)) return;
    const isOurs = lane === 'control' || (this.#adopted.has('control') && this.#chosen.get('control')?.dialed === true);
    if (isOurs)
      this.#dialers[lane].later(Math.max(atLeastMs, this.standing.outForMs(this.#context.clock.monotonicMs())));
  }

  #controlUp(handshake: Handshake, kept: boolean): void {
    const { clock, limits, onUp } = this.#context;
    const incarnation = toHex(handshake.hello.incarnation);
    const resumed = kept && incarnation === this.#incarnation;
    if (!resumed) for (const lane of ['ordinary', 'bulk'] as const) this.#lanes[lane].begin(incarnation);
    this.#hello = handshake.hello;
    this.#incarnation = incarnation;
    this.#upAtMs = clock.monotonicMs();
    this.#lastError = '';
    this.#suspicion = new Suspicion(limits.heartbeatMs, this.#upAtMs);
    this.#roundTrips = new RoundTrips();
    this.#become('up');
    onUp(this.key, resumed);
    this.tick(this.#upAtMs, 0);
    if (!handshake.dialed) return;
    this.#dialers.ordinary.now();
    this.#dialers.bulk.now();
  }

  #become(state: 'down' | 'refused' | 'up' | 'suspect'): void {
    if (this.#state === state && state !== 'refused') return;
    this.#state = state;
    this.#context.onChange(this);
  }

  #onFrame(handshake: Handshake, frame: Uint8Array): void {
    const { lane } = handshake;
    if (this.#chosen.get(lane) !== handshake) return;
    this.bytesReceived += frame.length;
    try {
      if (frame.length > this.#context.limits.frameBytesMax) {
        throw new FrameRefused('oversized', `frame of ${frame.length} bytes`);
      }
      if (frame[0] === frameKinds.batch) this.#lanes[lane].receiver.onBatch(frame);
      else if (frame[0] === frameKinds.heartbeat && lane === 'control') this.#onHeartbeat(frame);
      else throw new FrameRefused('unexpected-frame', `kind ${frame[0] ?? 'none'} on lane ${lane}`);
    } catch (error) {
      if (!(error instanceof FrameRefused)) throw error;
      if (abusive.has(error.refusal)) this.#punish(error.refusal, error.message);
      else this.#cut(handshake, error.refusal, error.message);
    }
  }

  #onHeartbeat(frame: Uint8Array): void {
    const { clock, onRoundTrip, onChange } = this.#context;
    const heartbeat = decodeHeartbeat(frame);
    const nowMs = clock.monotonicMs();
    this.#suspicion.onHeartbeat(nowMs, heartbeat.lagMs);
    const rttMs = this.#roundTrips.receive(nowMs, clock.now(), heartbeat);
    if (rttMs !== null) onRoundTrip(this.key, rttMs);
    this.#status = heartbeat.status;
    this.#statusAtMs = nowMs;
    this.#dialers.control.succeeded();
    if (nowMs - this.#upAtMs > cleanAfterMs) this.standing.forgive();
    this.#state = 'up';
    onChange(this);
  }

  #punish(refusal: Refusal, detail: string): void {
    this.standing.punish(this.#context.clock.monotonicMs());
    this.#context.onRefusal(this.key, refusal, detail);
    this.#close(`${refusal}: ${detail}`, refusal);
  }

  /** Ends a connection that is of no use any more through no fault of the peer. */
  #cut(connection: Handshake, refusal: Refusal, detail: string): void {
    this.#context.onRefusal(this.key, refusal, detail);
    this.#drop(connection, `${refusal}: ${detail}`, refusal);
  }

  #sessionLost(): void {
    for (const lane of lanes) this.#lanes[lane].forget();
    this.#close('session-lost');
  }

  #lost(handshake: Handshake, reason: string, told = reason): void {
    const { lane } = handshake;
    if (this.#chosen.get(lane) !== handshake) return;
    const wasAdopted = this.#adopted.delete(lane);
    this.#chosen.delete(lane);
    if (wasAdopted) this.#lanes[lane].detach();
    if (lane !== 'control') this.#redial(lane, 0);
    else if (wasAdopted) this.#controlDown(reason, told);
  }

  #controlDown(reason: string, told: string): void {
    for (const lane of ['ordinary', 'bulk'] as const) {
      const connection = this.#chosen.get(lane);
      this.#dialers[lane].cancel();
      if (connection !== undefined) this.#drop(connection, reason, told);
    }
    for (const lane of lanes) this.#lanes[lane].sender.dropQueued();
    this.#lastError = reason;
    this.#become('down');
    this.#redial('control', 0);
    this.#context.onDown(this.key, reason);
  }
}

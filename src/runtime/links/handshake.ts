/**
 * The handshake of one connection: HELLO both ways (the dialer first), PROOF both ways, READY both ways (the lower key
 * first). The lower key is the arbiter: where two connections for the same lane compete, it alone decides, so both ends
 * keep the same one.
 *
 * A PROOF signs both hellos as they crossed and the channel binding of this very connection, so it is worth nothing on
 * any other: not replayed, not relayed.
 */
import type { ChainId, PublicKey } from '../../protocols/shared/brands.ts';
import { equalBytes } from '../../protocols/shared/bytes.ts';
import type { Lane } from '../ports/actors.ts';
import type { Clock, TimerHandle } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { Signer, Verifier } from '../ports/signer.ts';
import type { Pipe } from '../ports/transport.ts';
import { FrameRefused, type Refusal } from './errors.ts';
import {
  decodeHello,
  decodeProof,
  decodeReady,
  encodeHello,
  encodeProof,
  encodeReady,
  frameKinds,
  type Hello,
  proofSigningBytes,
  type Ready,
} from './frames.ts';
import { lanes } from './limits.ts';

export interface HandshakeIdentity {
  readonly clock: Clock;
  readonly random: Random;
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly chainId: ChainId;
  /** 16 bytes. */
  readonly incarnation: Uint8Array;
  readonly roles: readonly string[];
  readonly features: readonly string[];
  readonly protocolRange: { readonly min: number; readonly max: number };
  readonly timeoutMs: number;
}

export interface HandshakeHooks {
  /** What the hello says of an earlier connection of this lane. */
  resume(lane: Lane): Hello['resume'];
  /** The peer is who it says. The arbiter refuses here what it will not have; the other side is asked when told READY. */
  decide(handshake: Handshake): Refusal | null;
  /** The content of our READY: sent at once. */
  ready(handshake: Handshake): Ready;
  /** Both ends are ready: the pipe is the lane's. */
  adopt(handshake: Handshake, mine: Ready, theirs: Ready): void;
  /** It ended without a link. `refusal` is null where the other side or the network ended it, with `reason`. */
  failed(handshake: Handshake, refusal: Refusal | null, reason: string): void;
}

type Stage = 'hello' | 'proof' | 'ready' | 'done';

export class Handshake {
  readonly pipe: Pipe;
  readonly dialed: boolean;
  readonly #identity: HandshakeIdentity;
  readonly #hooks: HandshakeHooks;
  readonly #timer: TimerHandle;
  readonly #arbiter: boolean;
  #lane: Lane;
  #stage: Stage = 'hello';
  #ownHello: Uint8Array = new Uint8Array(0);
  #peerHello: Uint8Array = new Uint8Array(0);
  #hello: Hello | null = null;
  #mine: Ready | null = null;

  /** A dialer names the lane; a listener is told it by the dialer's hello. */
  constructor(pipe: Pipe, dialedLane: Lane | null, identity: HandshakeIdentity, hooks: HandshakeHooks) {
    this.pipe = pipe;
    this.dialed = dialedLane !== null;
    this.#lane = dialedLane ?? 'control';
    this.#identity = identity;
    this.#hooks = hooks;
    this.#arbiter = identity.signer.publicKey < pipe.peerKey;
    pipe.onFrame = (frame) => this.#onFrame(frame);
    pipe.onClose = (reason) => this.#end(null, reason);
    this.#timer = identity.clock.setTimer(identity.timeoutMs, () => this.refuse('slow-handshake', 'took too long'));
    if (this.dialed) this.#sendHello();
  }

  get peerKey(): PublicKey {
    return this.pipe.peerKey;
  }

  get lane(): Lane {
    return this.#lane;
  }

  /** True from the peer's proof on: only then do lane and hello mean anything. */
  get proven(): boolean {
    return this.#stage === 'ready' || this.#stage === 'done';
  }

  /** The peer's hello; only after `proven`. */
  get hello(): Hello {
    if (this.#hello === null) throw new FrameRefused('unexpected-frame', 'no hello yet');
    return this.#hello;
  }

  /** Closes the pipe and reports the failure; nothing where the handshake has ended already. */
  refuse(refusal: Refusal, detail: string): void {
    if (this.#stage === 'done') return;
    this.#end(refusal, `${refusal}: ${detail}`);
    this.pipe.close(refusal);
  }

  /** Ends it for a reason of our own: nobody is at fault. */
  abandon(reason: string): void {
    this.#end(null, reason);
    this.pipe.close(reason);
  }

  #end(refusal: Refusal | null, reason: string): void {
    if (this.#stage === 'done') return;
    this.#stage = 'done';
    this.#timer.cancel();
    this.#hooks.failed(this, refusal, reason);
  }

  #onFrame(frame: Uint8Array): void {
    try {
      if (this.#stage === 'hello') this.#onHello(frame);
      else if (this.#stage === 'proof') this.#onProof(frame);
      else if (this.#stage === 'ready') this.#onReady(frame);
    } catch (error) {
      if (!(error instanceof FrameRefused)) throw error;
      this.refuse(error.refusal, error.message);
    }
  }

  #sendHello(): void {
    const { chainId, random, incarnation, roles, features, protocolRange, signer } = this.#identity;
    this.#ownHello = encodeHello({
      protocolMin: protocolRange.min,
      protocolMax: protocolRange.max,
      chainId,
      key: signer.publicKey,
      incarnation,
      nonce: random.bytes(32),
      lane: lanes.indexOf(this.#lane),
      roles,
      features,
      resume: this.#hooks.resume(this.#lane),
    });
    this.pipe.send(this.#ownHello);
  }

  #onHello(frame: Uint8Array): void {
    const hello = decodeHello(frame);
    if (!this.dialed) {
      this.#lane = lanes[hello.lane] ?? 'control';
      // Also where the dialer is refused next: its operator then reads what this node is.
      this.#sendHello();
    } else if (lanes[hello.lane] !== this.#lane) {
      throw new FrameRefused('malformed', 'hello for another lane');
    }
    this.#checkHello(hello);
    this.#peerHello = frame.slice();
    this.#hello = hello;
    this.#stage = 'proof';
    this.pipe.send(encodeProof(this.#identity.signer.sign(this.#signedBytes(this.dialed))));
  }

  #checkHello(hello: Hello): void {
    const { chainId, protocolRange, signer, verifier, incarnation } = this.#identity;
    if (hello.chainId !== chainId) {
      throw new FrameRefused('wrong-chain', `peer is on chain ${hello.chainId}, this node on ${chainId}`);
    }
    const { protocolMin, protocolMax } = hello;
    if (protocolMin > protocolMax || protocolMax < protocolRange.min || protocolMin > protocolRange.max) {
      const ours = `${protocolRange.min} to ${protocolRange.max}`;
      throw new FrameRefused('protocol-version', `peer speaks ${protocolMin} to ${protocolMax}, this node ${ours}`);
    }
    if (hello.key !== this.pipe.peerKey) throw new FrameRefused('wrong-key', 'hello and certificate disagree');
    if (hello.key === signer.publicKey || equalBytes(hello.incarnation, incarnation)) {
      throw new FrameRefused('own-key', 'the peer has the key or incarnation of this node');
    }
    if (!verifier.isAdmissible(hello.key)) throw new FrameRefused('inadmissible-key', 'not a key that may sign');
  }

  #signedBytes(byDialer: boolean): Uint8Array {
    return proofSigningBytes(this.#identity.chainId, {
      dialerHello: this.dialed ? this.#ownHello : this.#peerHello,
      listenerHello: this.dialed ? this.#peerHello : this.#ownHello,
      channelBinding: this.pipe.channelBinding,
      signedByDialer: byDialer,
    });
  }

  #onProof(frame: Uint8Array): void {
    const signature = decodeProof(frame);
    if (!this.#identity.verifier.verify(this.peerKey, this.#signedBytes(!this.dialed), signature)) {
      throw new FrameRefused('bad-proof', 'the signature does not hold for this connection');
    }
    this.#stage = 'ready';
    if (this.#arbiter) this.#sendReady();
  }

  #sendReady(): boolean {
    const refusal = this.#hooks.decide(this);
    if (refusal !== null) {
      this.refuse(refusal, `lane ${this.lane}`);
      return false;
    }
    this.#mine = this.#hooks.ready(this);
    this.pipe.send(encodeReady(this.#mine));
    return true;
  }

  #onReady(frame: Uint8Array): void {
    if (frame[0] !== frameKinds.ready) throw new FrameRefused('unexpected-frame', `kind ${frame[0] ?? 'none'}`);
    const theirs = decodeReady(frame);
    if (!this.#arbiter && !this.#sendReady()) return;
    const mine = this.#mine;
    if (mine === null) throw new FrameRefused('unexpected-frame', 'ready before its turn');
    this.#stage = 'done';
    this.#timer.cancel();
    this.#hooks.adopt(this, mine, theirs);
  }
}

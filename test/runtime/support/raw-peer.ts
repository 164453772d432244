/** A peer that speaks the wire itself, frame by frame: right where a test wants it right, wrong where it wants it wrong. */
import type { ChainId } from '../../../src/protocols/shared/brands.ts';
import { fromHex } from '../../../src/protocols/shared/bytes.ts';
import {
  decodeHello,
  decodeReady,
  encodeHello,
  encodeProof,
  encodeReady,
  frameKinds,
  type Hello,
  proofSigningBytes,
  type Ready,
} from '../../../src/runtime/links/frames.ts';
import type { Pipe } from '../../../src/runtime/ports/transport.ts';
import type { Signer } from '../../../src/runtime/ports/signer.ts';
import { type LinkNode, type LinkWorld, testChain } from './link-world.ts';

export interface RawPeerOptions {
  readonly hello?: Partial<Hello>;
  readonly chainId?: ChainId;
  /** Signed in place of the pipe's own binding. */
  readonly channelBinding?: Uint8Array;
  readonly credit?: number;
}

export class RawPeer {
  readonly pipe: Pipe;
  readonly received: Uint8Array[] = [];
  closed: string | null = null;
  ownHello: Uint8Array = new Uint8Array(0);
  theirReady: Ready | null = null;
  readonly #signer: Signer;
  readonly #options: RawPeerOptions;
  #theirHello: Uint8Array = new Uint8Array(0);

  constructor(pipe: Pipe, signer: Signer, options: RawPeerOptions = {}) {
    this.pipe = pipe;
    this.#signer = signer;
    this.#options = options;
    pipe.onFrame = (frame) => {
      this.received.push(frame);
      this.#answer(frame);
    };
    pipe.onClose = (reason) => {
      this.closed = reason;
    };
  }

  static async dial(world: LinkWorld, signer: Signer, to: LinkNode, options: RawPeerOptions = {}): Promise<RawPeer> {
    const dialing = world.network
      .transport(signer.publicKey)
      .dial(to.address, { expectedKey: to.key, timeoutMs: 1_000 })
      .then(
        (pipe) => ({ peer: new RawPeer(pipe, signer, options) }),
        (error: unknown) => ({ error }),
      );
    await world.pass(20);
    const outcome = await dialing;
    if ('error' in outcome) throw outcome.error;
    return outcome.peer;
  }

  /** Dials and goes through the whole handshake of one lane. */
  static async link(world: LinkWorld, signer: Signer, to: LinkNode, options: RawPeerOptions = {}): Promise<RawPeer> {
    const peer = await RawPeer.dial(world, signer, to, options);
    peer.hello();
    await world.pass(100);
    return peer;
  }

  get frames(): readonly Uint8Array[] {
    return this.received;
  }

  hello(): void {
    this.ownHello = encodeHello({
      protocolMin: 1,
      protocolMax: 1,
      chainId: this.#options.chainId ?? testChain,
      key: this.#signer.publicKey,
      incarnation: fromHex('11'.repeat(16)),
      nonce: fromHex('22'.repeat(32)),
      lane: 0,
      roles: [],
      features: [],
      resume: null,
      ...this.#options.hello,
    });
    this.pipe.send(this.ownHello);
  }

  #answer(frame: Uint8Array): void {
    if (frame[0] === frameKinds.hello) this.#theirHello = frame;
    if (frame[0] === frameKinds.proof) this.proof();
    if (frame[0] === frameKinds.proof && this.#isArbiter) this.ready();
    if (frame[0] !== frameKinds.ready) return;
    this.theirReady = decodeReady(frame);
    if (!this.#isArbiter) this.ready();
  }

  get #isArbiter(): boolean {
    return this.#signer.publicKey < decodeHello(this.#theirHello).key;
  }

  proof(): void {
    const signed = proofSigningBytes(this.#options.chainId ?? testChain, {
      dialerHello: this.ownHello,
      listenerHello: this.#theirHello,
      channelBinding: this.#options.channelBinding ?? this.pipe.channelBinding,
      signedByDialer: true,
    });
    this.pipe.send(encodeProof(this.#signer.sign(signed)));
  }

  ready(): void {
    this.pipe.send(encodeReady({ continued: false, credit: this.#options.credit ?? 1_000_000 }));
  }
}

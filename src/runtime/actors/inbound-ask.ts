/** An ask of a peer's to an actor of ours. Its answer goes back over the link, to the incarnation that asked. */
import { toUtf8 } from '../../protocols/shared/bytes.ts';
import type { ActorErrorCode, Lane, WireProtocol } from '../ports/actors.ts';
import { Ask } from './ask.ts';
import type { RemotePeer } from './remote-peer.ts';

export interface InboundAskPart {
  /** Exported name that was asked. */
  readonly target: string;
  readonly correlation: number;
  /** The answer takes the lane that the ask came on. */
  readonly lane: Lane;
  readonly protocol: WireProtocol<unknown> | undefined;
}

export class InboundAsk extends Ask {
  readonly #peer: RemotePeer;
  readonly #epoch: number;
  readonly #part: InboundAskPart;

  constructor(peer: RemotePeer, part: InboundAskPart) {
    super();
    this.#peer = peer;
    this.#epoch = peer.epoch;
    this.#part = part;
    peer.openAsks.add(this);
    this.whenSettled(() => peer.openAsks.delete(this));
  }

  protected override onAnswer(reply: unknown): void {
    let payload: Uint8Array | undefined;
    try {
      payload = this.#part.protocol?.encodeReply?.(reply);
    } finally {
      // Where encoding throws, the replying actor crashes, and the asker learns that no answer will come.
      if (payload === undefined) this.onFailure('target-failed');
      else this.#post('reply', payload);
    }
  }

  protected override onFailure(code: ActorErrorCode): void {
    this.#post('reply-failed', toUtf8(code));
  }

  #post(kind: 'reply' | 'reply-failed', payload: Uint8Array): void {
    if (this.#peer.epoch !== this.#epoch) return;
    const { target, correlation, lane } = this.#part;
    this.#peer.post({ envelope: { kind, target, correlation, traceparent: '', payload }, lane, once: false });
  }
}

import type { Lane } from '../ports/actors.ts';
import type { Envelope } from '../ports/links.ts';
import type { Pipe } from '../ports/transport.ts';
import type { Hello, Ready } from './frames.ts';
import { LaneReceiver } from './lane-receiver.ts';
import { type LaneContext, LaneSender } from './lane-sender.ts';

/** Both halves of one lane, and what they remember of the peer's incarnation between connections. */
export class LaneLink {
  readonly lane: Lane;
  readonly sender: LaneSender;
  readonly receiver: LaneReceiver;
  /** Hex; empty where nothing is remembered of any incarnation. */
  #incarnation = '';

  constructor(lane: Lane, context: LaneContext, deliver: (envelope: Envelope, consumed: () => void) => void) {
    this.lane = lane;
    this.receiver = new LaneReceiver(lane, context.limits, {
      deliver,
      onCredit: (credit) => this.sender.onCredit(credit),
      onAcknowledgement: (sequence) => this.sender.onAcknowledgement(sequence),
      noticeDue: () => this.sender.flushLater(),
    });
    this.sender = new LaneSender(lane, context, this.receiver);
  }

  /** Peer's incarnation whose sequences this lane goes on with. */
  get incarnation(): string {
    return this.#incarnation;
  }

  /** What READY says: whether our sequence goes on after what the peer's hello says it received. */
  canContinue(peerIncarnation: string, received: number): boolean {
    return this.#incarnation === peerIncarnation && this.sender.canContinueAfter(received);
  }

  /** A session with a new incarnation begins: nothing of an older one is kept, sequences start at 1. */
  begin(peerIncarnation: string): void {
    this.forget();
    this.#incarnation = peerIncarnation;
  }

  /**
   * A connection is the lane's. Returns false where effectively-once messages of an earlier connection were lost in
   * either direction (the peer is new, or forgot us).
   */
  attach(pipe: Pipe, peerIncarnation: string, mine: Ready, theirs: Ready, received: number): boolean {
    const kept = mine.continued && (theirs.continued || this.receiver.received === 0);
    if (!theirs.continued) this.receiver.forget();
    this.#incarnation = peerIncarnation;
    this.sender.attach(pipe, theirs.credit, received, mine.continued);
    return kept;
  }

  detach(): void {
    this.sender.detach();
    this.receiver.close();
  }

  forget(): void {
    this.#incarnation = '';
    this.sender.forget();
    this.sender.dropQueued();
    this.receiver.forget();
  }
}

/** The sequence that a hello says was received of ours, as far as it speaks of our present incarnation. */
export function receivedOf(hello: Hello, isOurs: (incarnation: Uint8Array) => boolean): number {
  return hello.resume !== null && isOurs(hello.resume.incarnation) ? hello.resume.received : 0;
}

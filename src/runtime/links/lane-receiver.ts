/**
 * The receiving half of one lane from one peer: delivery in order, no duplicate of an effectively-once message within
 * the peer's incarnation, pieces put together, and the credit that bounds what the peer can make this node hold.
 */
import type { Lane } from '../ports/actors.ts';
import type { Envelope } from '../ports/links.ts';
import { concatBytes } from '../../protocols/shared/bytes.ts';
import { BatchReader, type BatchSink } from './batch-format.ts';
import { FrameRefused } from './errors.ts';
import { envelopeOverheadBytes, type LinkLimits } from './limits.ts';
import type { Notices } from './lane-sender.ts';

export interface ReceiverHooks {
  deliver(envelope: Envelope, consumed: () => void): void;
  onCredit(credit: number): void;
  onAcknowledgement(sequence: number): void;
  /** Notices are worth a frame of their own now. */
  noticeDue(): void;
}

/** A frame that payloads in mailboxes are views of: its bytes stay in memory until the last of them is consumed. */
interface Held {
  readonly bytes: number;
  views: number;
}

interface Assembly {
  readonly envelope: Envelope;
  readonly sequence: number;
  readonly totalBytes: number;
  readonly pieces: Uint8Array[];
  bytes: number;
}

const noHold: Held = { bytes: 0, views: 1 };

export class LaneReceiver implements BatchSink, Notices {
  readonly #limits: LinkLimits;
  readonly #windowBytes: number;
  readonly #messageBytesMax: number;
  readonly #hooks: ReceiverHooks;
  #reader: BatchReader;
  /** Credit announced on this connection, and how much of it the peer has used. */
  #announced = 0;
  #used = 0;
  /** Delivered and not consumed, over all connections of the lane. */
  #outstanding = 0;
  #received = 0;
  #acknowledged = 0;
  #assembly: Assembly | null = null;
  #held: Held = noHold;
  #heldBytes = 0;
  #frame: Uint8Array = new Uint8Array(0);

  constructor(lane: Lane, limits: LinkLimits, hooks: ReceiverHooks) {
    this.#limits = limits;
    this.#windowBytes = limits.lanes[lane].windowBytes;
    this.#messageBytesMax = limits.lanes[lane].messageBytesMax;
    this.#hooks = hooks;
    this.#reader = new BatchReader(limits);
  }

  /** Last effectively-once sequence received from this incarnation of the peer. */
  get received(): number {
    return this.#received;
  }

  /** A new connection begins: the credit that it opens with. */
  open(): number {
    this.#abandonAssembly();
    this.#reader = new BatchReader(this.#limits);
    this.#used = 0;
    this.#announced = Math.max(0, this.#windowBytes - this.#outstanding);
    return this.#announced;
  }

  /** The peer starts its sequence again at 1. */
  forget(): void {
    this.#received = 0;
    this.#acknowledged = 0;
  }

  /** Throws {@link FrameRefused}; records before the bad one have been delivered. */
  onBatch(frame: Uint8Array): void {
    this.#frame = frame;
    this.#held = noHold;
    try {
      this.#reader.read(frame, this);
    } finally {
      if (this.#held !== noHold) this.#letGo(this.#held);
      this.#frame = new Uint8Array(0);
    }
    if (this.#grantable() >= this.#windowBytes / 4 || this.#received - this.#acknowledged >= 256) {
      this.#hooks.noticeDue();
    }
  }

  takeCredit(): number {
    const grantable = this.#grantable();
    if (grantable <= 0) return 0;
    this.#announced += grantable;
    return this.#announced;
  }

  takeAcknowledgement(): number {
    if (this.#received === this.#acknowledged) return 0;
    this.#acknowledged = this.#received;
    return this.#received;
  }

  onEnvelope(
    kind: Envelope['kind'],
    target: string,
    correlation: number,
    traceparent: string,
    payload: Uint8Array,
    sequence: number,
  ): void {
    if (this.#assembly !== null) throw new FrameRefused('unexpected-record', 'a message within the pieces of another');
    const cost = payload.length + envelopeOverheadBytes;
    this.#take(cost);
    if (sequence !== 0 && !this.#isNext(sequence)) {
      this.#outstanding -= cost;
      return;
    }
    // Payloads stay in their frame while that pins little; a few small messages left in a mailbox must not pin many frames.
    const held = this.#heldBytes < this.#windowBytes ? this.#hold() : noHold;
    const kept = held === noHold ? payload.slice() : payload;
    this.#hooks.deliver({ kind, target, correlation, traceparent, payload: kept }, this.#consumer(cost, held));
  }

  onFirstPiece(envelope: Envelope, sequence: number, totalBytes: number): void {
    if (this.#assembly !== null) throw new FrameRefused('unexpected-record', 'a message within the pieces of another');
    if (totalBytes > this.#messageBytesMax) throw new FrameRefused('message-too-large', `${totalBytes} bytes`);
    this.#take(totalBytes + envelopeOverheadBytes);
    this.#assembly = { envelope, sequence, totalBytes, pieces: [], bytes: 0 };
    this.onPiece(envelope.payload);
  }

  onPiece(piece: Uint8Array): void {
    const assembly = this.#assembly;
    if (assembly === null) throw new FrameRefused('unexpected-record', 'a piece of nothing');
    assembly.bytes += piece.length;
    if (piece.length === 0 || assembly.bytes > assembly.totalBytes) {
      throw new FrameRefused('malformed', 'pieces and total disagree');
    }
    // A copy where the piece is a small part of its frame, so that pieces never hold more than twice their size.
    assembly.pieces.push(piece.length * 2 < this.#frame.length ? piece.slice() : piece);
    if (assembly.bytes < assembly.totalBytes) return;
    this.#assembly = null;
    const cost = assembly.totalBytes + envelopeOverheadBytes;
    if (assembly.sequence !== 0 && !this.#isNext(assembly.sequence)) {
      this.#outstanding -= cost;
      return;
    }
    const payload = concatBytes(...assembly.pieces);
    this.#hooks.deliver({ ...assembly.envelope, payload }, this.#consumer(cost, noHold));
  }

  onCredit(credit: number): void {
    this.#hooks.onCredit(credit);
  }

  onAcknowledgement(sequence: number): void {
    this.#hooks.onAcknowledgement(sequence);
  }

  /** The connection is gone; what was delivered stays outstanding until consumed. */
  close(): void {
    this.#abandonAssembly();
  }

  #abandonAssembly(): void {
    if (this.#assembly !== null) this.#outstanding -= this.#assembly.totalBytes + envelopeOverheadBytes;
    this.#assembly = null;
  }

  #grantable(): number {
    return this.#used + this.#windowBytes - this.#outstanding - this.#announced;
  }

  #take(cost: number): void {
    this.#used += cost;
    if (this.#used > this.#announced) throw new FrameRefused('credit-exceeded', `${this.#used} of ${this.#announced}`);
    this.#outstanding += cost;
  }

  /** False for what was received before (a replay). */
  #isNext(sequence: number): boolean {
    if (sequence <= this.#received) return false;
    if (sequence !== this.#received + 1) {
      throw new FrameRefused('sequence-gap', `${sequence} after ${this.#received}`);
    }
    this.#received = sequence;
    return true;
  }

  #hold(): Held {
    if (this.#held === noHold) {
      // One view more than delivered: the reading of the frame itself.
      this.#held = { bytes: this.#frame.length, views: 1 };
      this.#heldBytes += this.#held.bytes;
    }
    this.#held.views += 1;
    return this.#held;
  }

  #letGo(held: Held): void {
    held.views -= 1;
    if (held.views === 0) this.#heldBytes -= held.bytes;
  }

  #consumer(cost: number, held: Held): () => void {
    let consumed = false;
    return () => {
      if (consumed) return;
      consumed = true;
      if (held !== noHold) this.#letGo(held);
      this.#outstanding -= cost;
      const grantable = this.#grantable();
      if (grantable >= this.#windowBytes / 4) this.#hooks.noticeDue();
    };
  }
}

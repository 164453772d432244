/**
 * The sending half of one lane to one peer. It outlives the connections of the lane: sequence numbers and what is not
 * yet acknowledged are kept until the peer's incarnation changes; dictionary and credit belong to one connection.
 *
 * Memory is bounded: what is unsent or unacknowledged is at most the credit the peer gave, plus `queuedBytesMax` while
 * the lane has no connection, plus `replayBytesMax`.
 */
import type { Lane } from '../ports/actors.ts';
import type { Envelope, SendOutcome } from '../ports/links.ts';
import type { Pipe } from '../ports/transport.ts';
import { concatBytes, toUtf8 } from '../../protocols/shared/bytes.ts';
import {
  batchHeadBytes,
  type BatchBuffer,
  frameNumberAfter,
  recordOverheadMax,
  TargetNumbers,
  writeAcknowledgement,
  writeCredit,
  writeEnvelope,
  writeFirstPiece,
  writePiece,
} from './batch-format.ts';
import type { BatchPool } from './batch-pool.ts';
import { FrameRefused, LinkError } from './errors.ts';
import { frameKinds } from './frames.ts';
import { envelopeOverheadBytes, type LinkLimits } from './limits.ts';
import type { TurnEnd } from './turn-end.ts';

interface Outgoing {
  readonly envelope: Envelope;
  readonly cost: number;
  /** Position among everything ever sent on this lane: what is queued and what is replayed merge by it. */
  readonly order: number;
  /** 0: at most once. */
  readonly sequence: number;
  /** Payload bytes already in frames of this connection. */
  written: number;
}

/** What the receiving half wants carried back with the next frame. */
export interface Notices {
  /** The credit to announce, or 0 where nothing new is to be said. */
  takeCredit(): number;
  /** The sequence to acknowledge, or 0. */
  takeAcknowledgement(): number;
}

export interface LaneContext {
  readonly limits: LinkLimits;
  readonly pool: BatchPool;
  readonly turnEnd: TurnEnd;
  readonly onSent: (bytes: number) => void;
}

export class LaneSender {
  readonly #lane: Lane;
  readonly #context: LaneContext;
  readonly #notices: Notices;
  #pipe: Pipe | null = null;
  #targets = new TargetNumbers(0);
  #batch: BatchBuffer | null = null;
  #frameNumber = 0;
  #flushing = false;
  #credit = 0;
  #used = 0;
  #outbox: Outgoing[] = [];
  #outboxCost = 0;
  #replay: Outgoing[] = [];
  #replayCost = 0;
  #lastSequence = 0;
  #acknowledged = 0;
  #order = 0;
  /** Cost of the message that was refused first; while above 0 nobody may overtake it. */
  #wanted = 0;
  #wantedTicks = 0;
  #congested = false;
  #waiting: (() => void)[] = [];

  constructor(lane: Lane, context: LaneContext, notices: Notices) {
    this.#lane = lane;
    this.#context = context;
    this.#notices = notices;
  }

  get attached(): boolean {
    return this.#pipe !== null;
  }

  /** Of messages that are not sent yet, or not acknowledged. */
  get heldBytes(): number {
    let bytes = this.#replayCost;
    for (const { sequence, cost } of this.#outbox) if (sequence === 0) bytes += cost;
    return bytes;
  }

  /** True where the peer, having received up to `received`, can be served everything it lacks. */
  canContinueAfter(received: number): boolean {
    return received >= this.#acknowledged && received <= this.#lastSequence;
  }

  /**
   * Takes one message or refuses it. Throws {@link LinkError} for what no peer could accept. Where the lane has no
   * connection, the caller has decided whether it may wait here.
   */
  send(envelope: Envelope, once: boolean): SendOutcome {
    this.#check(envelope);
    const cost = envelope.payload.length + envelopeOverheadBytes;
    if (!this.#hasRoom(cost, once)) {
      if (this.#wanted === 0) this.#wanted = cost;
      return 'no-credit';
    }
    const outgoing: Outgoing = {
      envelope,
      cost,
      order: ++this.#order,
      sequence: once ? ++this.#lastSequence : 0,
      written: 0,
    };
    if (once) {
      this.#replay.push(outgoing);
      this.#replayCost += cost;
    }
    if (
      this.#pipe !== null &&
      this.#outbox.length === 0 &&
      envelope.payload.length <= this.#context.limits.fragmentBytes
    ) {
      this.#used += cost;
      this.#writeWhole(outgoing);
    } else {
      this.#outbox.push(outgoing);
      this.#outboxCost += cost;
      if (this.#pipe !== null) this.flushLater();
    }
    return 'sent';
  }

  /** Calls back once there is room for whom it was refused. */
  whenRoom(callback: () => void): void {
    this.#waiting.push(callback);
    this.#context.turnEnd.defer(() => this.#callWaiting());
  }

  /** There will never be room: who waits tries again and is refused. */
  releaseWaiting(): void {
    const callbacks = this.#waiting;
    this.#waiting = [];
    for (const callback of callbacks) this.#context.turnEnd.defer(callback);
  }

  /** The lane has a connection: what the peer has not received goes first. Sends nothing when the turn is not over. */
  attach(pipe: Pipe, credit: number, received: number, continued: boolean): void {
    this.#pipe = pipe;
    this.#targets = new TargetNumbers(this.#context.limits.targetsMax);
    this.#frameNumber = 0;
    this.#credit = credit;
    this.#used = 0;
    this.#congested = false;
    if (continued) this.#discardThrough(received);
    else this.forget();
    const queued = this.#outbox.filter((outgoing) => outgoing.sequence === 0 && outgoing.written === 0);
    this.#outbox = [...this.#replay, ...queued].sort((a, b) => a.order - b.order);
    for (const outgoing of this.#outbox) outgoing.written = 0;
    this.#countOutbox();
    this.flushLater();
    this.#callWaiting();
  }

  /** The connection is gone. Untouched at-most-once messages wait for the next one. */
  detach(): void {
    this.#pipe = null;
    this.#outbox = this.#outbox.filter((outgoing) => outgoing.sequence === 0 && outgoing.written === 0);
    this.#countOutbox();
    if (this.#batch !== null) this.#context.pool.give(this.#batch);
    this.#batch = null;
  }

  /** The link is down: at-most-once messages that waited are lost. */
  dropQueued(): void {
    this.#outbox = this.#outbox.filter((outgoing) => outgoing.sequence !== 0);
    this.#countOutbox();
  }

  /** The peer holds no state of ours any more: nothing is replayed, sequences start again at 1. */
  forget(): void {
    this.#outbox = this.#outbox.filter((outgoing) => outgoing.sequence === 0);
    this.#countOutbox();
    this.#replay = [];
    this.#replayCost = 0;
    this.#lastSequence = 0;
    this.#acknowledged = 0;
  }

  onCredit(credit: number): void {
    if (credit < this.#credit) throw new FrameRefused('malformed', 'credit went back');
    this.#credit = credit;
    this.flushLater();
    this.#callWaiting();
  }

  onAcknowledgement(sequence: number): void {
    if (sequence > this.#lastSequence) throw new FrameRefused('acknowledged-unsent', `sequence ${sequence}`);
    this.#discardThrough(sequence);
    this.#callWaiting();
  }

  onDrain(): void {
    this.#congested = false;
    this.#pump();
    this.flush();
    this.#callWaiting();
  }

  /** Once a second. A refused message that finds no room for long (its sender may have given up) frees the lane. */
  tick(): void {
    this.#wantedTicks = this.#wanted === 0 ? 0 : this.#wantedTicks + 1;
    if (this.#wantedTicks >= 10) this.#wanted = 0;
    this.flush();
  }

  flushLater(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#context.turnEnd.defer(() => {
      this.#flushing = false;
      this.#pump();
      this.flush();
    });
  }

  /** Sends what was gathered, with the notices of the receiving half. */
  flush(): void {
    if (this.#pipe === null) return;
    const credit = this.#notices.takeCredit();
    const acknowledgement = this.#notices.takeAcknowledgement();
    if (credit !== 0) writeCredit(this.#room(16), credit);
    if (acknowledgement !== 0) writeAcknowledgement(this.#room(16), acknowledgement);
    this.#sendBatch();
  }

  #check(envelope: Envelope): void {
    const { limits } = this.#context;
    if (envelope.payload.length > limits.lanes[this.#lane].messageBytesMax) {
      throw new LinkError('message-too-large', `${envelope.payload.length} bytes on lane ${this.#lane}`, {
        details: { target: envelope.target, limit: limits.lanes[this.#lane].messageBytesMax },
      });
    }
    // UTF-8 takes at most three bytes a UTF-16 unit: short names need no encoding to be known short.
    const { target, traceparent } = envelope;
    const nameTooLong = target.length * 3 > limits.targetBytesMax && toUtf8(target).length > limits.targetBytesMax;
    if (nameTooLong || traceparent.length > limits.traceBytesMax) {
      throw new LinkError(
        'name-too-long',
        `target or traceparent of ${target.length}, ${traceparent.length} characters`,
      );
    }
  }

  #hasRoom(cost: number, once: boolean): boolean {
    const { limits } = this.#context;
    if (this.#wanted > 0 || this.#congested) return false;
    if (once && (this.#replay.length >= limits.replayCountMax || !this.#replayFits(cost))) return false;
    return this.#creditFits(cost);
  }

  #creditFits(cost: number): boolean {
    if (this.#pipe === null)
      return this.#outboxCost + cost <= this.#context.limits.queuedBytesMax || this.#outboxCost === 0;
    return this.#used + this.#outboxCost + cost <= this.#credit;
  }

  /** One message larger than the whole replay buffer may be alone in it. */
  #replayFits(cost: number): boolean {
    return this.#replayCost === 0 || this.#replayCost + cost <= this.#context.limits.replayBytesMax;
  }

  #callWaiting(): void {
    if (this.#congested || this.#waiting.length + this.#wanted === 0) return;
    const { limits } = this.#context;
    if (this.#pipe === null || !this.#creditFits(this.#wanted)) return;
    if (this.#replay.length >= limits.replayCountMax || !this.#replayFits(this.#wanted)) return;
    this.#wanted = 0;
    const callbacks = this.#waiting;
    this.#waiting = [];
    for (const callback of callbacks) callback();
  }

  #discardThrough(sequence: number): void {
    if (sequence <= this.#acknowledged) return;
    this.#acknowledged = sequence;
    let count = 0;
    for (const outgoing of this.#replay) {
      if (outgoing.sequence > sequence) break;
      this.#replayCost -= outgoing.cost;
      count += 1;
    }
    if (count > 0) this.#replay.splice(0, count);
  }

  #countOutbox(): void {
    this.#outboxCost = 0;
    for (const outgoing of this.#outbox) this.#outboxCost += outgoing.cost;
  }

  /** Moves what waits into frames as far as credit and the pipe's buffer allow. */
  #pump(): void {
    let done = 0;
    while (done < this.#outbox.length && this.#pipe !== null) {
      const outgoing = this.#outbox[done] as Outgoing;
      if (this.#pipe.bufferedBytes > this.#context.limits.pacingBytes) break;
      if (outgoing.written === 0) {
        if (this.#used + outgoing.cost > this.#credit) break;
        this.#used += outgoing.cost;
        this.#outboxCost -= outgoing.cost;
      }
      if (outgoing.envelope.payload.length <= this.#context.limits.fragmentBytes) this.#writeWhole(outgoing);
      else if (!this.#writePieces(outgoing)) break;
      done += 1;
    }
    if (done > 0) this.#outbox.splice(0, done);
  }

  #writeWhole(outgoing: Outgoing): void {
    const { envelope } = outgoing;
    const out = this.#room(recordOverheadMax + envelope.payload.length + this.#headBytes(envelope));
    writeEnvelope(out, envelope, outgoing.sequence, this.#targets);
    this.flushLater();
    if (out.length >= this.#context.limits.batchBytes) this.#sendBatch();
  }

  /** False where the pipe's buffer filled up before the last piece. */
  #writePieces(outgoing: Outgoing): boolean {
    const { fragmentBytes, pacingBytes } = this.#context.limits;
    const { payload } = outgoing.envelope;
    while (outgoing.written < payload.length) {
      if (this.#pipe === null || this.#pipe.bufferedBytes > pacingBytes) return false;
      const from = outgoing.written;
      const out = this.#room(recordOverheadMax + fragmentBytes + this.#headBytes(outgoing.envelope));
      if (from === 0) writeFirstPiece(out, outgoing.envelope, outgoing.sequence, this.#targets, fragmentBytes);
      else writePiece(out, payload.subarray(from, from + fragmentBytes));
      outgoing.written = Math.min(payload.length, from + fragmentBytes);
      this.#sendBatch();
    }
    return true;
  }

  #headBytes(envelope: Envelope): number {
    return envelope.target.length * 3 + envelope.traceparent.length * 3;
  }

  /** The batch with at least `count` bytes left in it; what was gathered before is sent where it would not fit. */
  #room(count: number): BatchBuffer {
    if (this.#batch !== null && this.#batch.length + count > this.#batch.bytes.length) this.#sendBatch();
    if (this.#batch === null) {
      const { limits, pool } = this.#context;
      const isPooled = count + batchHeadBytes <= limits.batchBytes;
      this.#batch = isPooled ? pool.take() : { bytes: new Uint8Array(count + batchHeadBytes), length: 0 };
      this.#batch.bytes[0] = frameKinds.batch;
      this.#batch.bytes[1] = this.#frameNumber;
      this.#batch.length = batchHeadBytes;
      this.#frameNumber = frameNumberAfter(this.#frameNumber);
    }
    return this.#batch;
  }

  #sendBatch(): void {
    const { limits, pool, onSent } = this.#context;
    const batch = this.#batch;
    if (batch === null || this.#pipe === null) return;
    this.#batch = null;
    const pooled = batch.bytes.length === limits.batchBytes;
    const written = batch.bytes.subarray(0, batch.length);
    const frame = pooled ? concatBytes(written) : written;
    if (pooled) pool.give(batch);
    onSent(frame.length);
    this.#pipe.send(frame);
    if (this.#pipe.bufferedBytes > limits.bufferedBytesMax) this.#congested = true;
  }
}

/**
 * Content of a BATCH frame: its number, then msgpack arrays one after another, told apart by their length.
 *
 *     [type, target, correlation, trace, payload]             envelope, at most once
 *     [type, target, correlation, trace, payload, sequence]   envelope, effectively once
 *     [type, target, correlation, trace, piece, sequence, n]  first piece of a message of n bytes; sequence 0: at most once
 *     [piece]                                                 the next piece of that message
 *     [16, credit]                                            bytes that the other side may have sent on this connection
 *     [17, sequence]                                          everything up to this sequence was received
 *
 * The number is 0 for the first BATCH frame of a connection, one more for each after it, and 0 again after 127. A
 * connection delivers in order or it is none: a number that is not the next one ends it, and nobody is to blame.
 *
 * `target` is a name the first time, which gives it the next number of the lane's dictionary (0, 1, …) while that has
 * room; afterwards it is the number. `trace` is nil or a traceparent. Integers and lengths are minimal.
 *
 * Written by hand rather than through the canonical codec because this is the hot path: about one envelope a
 * microsecond, payloads left where they are in the frame.
 */
import type { Envelope } from '../ports/links.ts';
import { toUtf8 } from '../../protocols/shared/bytes.ts';
import { FrameRefused } from './errors.ts';

const envelopeTypes: readonly Envelope['kind'][] = [
  'tell',
  'ask',
  'reply',
  'reply-failed',
  'watch',
  'unwatch',
  'terminated',
];
const typeNumbers = new Map(envelopeTypes.map((kind, number) => [kind, number]));

const creditRecord = 16;
const acknowledgeRecord = 17;

/** Bytes before the records: kind and number. */
export const batchHeadBytes = 2;

/** Numbers of frames are one byte each: positive fixints. */
const frameNumbers = 128;

export const frameNumberAfter = (number: number): number => (number + 1) % frameNumbers;

/** Bytes of one record beside target name, trace and payload, at most: tags, integers, lengths. */
export const recordOverheadMax = 48;

/** What a batch is written into: bytes from 0 to `length` are used. */
export interface BatchBuffer {
  readonly bytes: Uint8Array;
  length: number;
}

/** Names this side has sent on one connection, by name. */
export class TargetNumbers {
  readonly #numbers = new Map<string, number>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** The number of a name that was sent before; undefined where the name must be sent (and is now remembered). */
  take(name: string): number | undefined {
    const number = this.#numbers.get(name);
    if (number === undefined && this.#numbers.size < this.#max) this.#numbers.set(name, this.#numbers.size);
    return number;
  }
}

function writeUint(out: BatchBuffer, value: number): void {
  const { bytes } = out;
  let at = out.length;
  if (value < 0x80) bytes[at++] = value;
  else if (value < 0x100) {
    bytes[at++] = 0xcc;
    bytes[at++] = value;
  } else if (value < 0x10000) {
    bytes[at++] = 0xcd;
    bytes[at++] = value >>> 8;
    bytes[at++] = value & 0xff;
  } else {
    const high = Math.floor(value / 0x1_0000_0000);
    bytes[at++] = high === 0 ? 0xce : 0xcf;
    if (high !== 0) at = putUint32(bytes, at, high);
    at = putUint32(bytes, at, value % 0x1_0000_0000);
  }
  out.length = at;
}

function putUint32(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >>> 24;
  bytes[at + 1] = (value >>> 16) & 0xff;
  bytes[at + 2] = (value >>> 8) & 0xff;
  bytes[at + 3] = value & 0xff;
  return at + 4;
}

function writeSized(out: BatchBuffer, tag8: number, content: Uint8Array): void {
  const { bytes } = out;
  const size = content.length;
  let at = out.length;
  if (size < 0x100) {
    bytes[at++] = tag8;
    bytes[at++] = size;
  } else if (size < 0x10000) {
    bytes[at++] = tag8 + 1;
    bytes[at++] = size >>> 8;
    bytes[at++] = size & 0xff;
  } else {
    bytes[at++] = tag8 + 2;
    at = putUint32(bytes, at, size);
  }
  bytes.set(content, at);
  out.length = at + size;
}

function writeText(out: BatchBuffer, text: string): void {
  const content = toUtf8(text);
  if (content.length >= 32) {
    writeSized(out, 0xd9, content);
    return;
  }
  out.bytes[out.length++] = 0xa0 | content.length;
  out.bytes.set(content, out.length);
  out.length += content.length;
}

function writeHead(out: BatchBuffer, arity: number, envelope: Envelope, targets: TargetNumbers): void {
  out.bytes[out.length++] = 0x90 | arity;
  out.bytes[out.length++] = typeNumbers.get(envelope.kind) as number;
  const number = targets.take(envelope.target);
  if (number === undefined) writeText(out, envelope.target);
  else writeUint(out, number);
  writeUint(out, envelope.correlation);
  if (envelope.traceparent === '') out.bytes[out.length++] = 0xc0;
  else writeText(out, envelope.traceparent);
}

/** The caller has made sure that the record fits. `sequence` 0: at most once. */
export function writeEnvelope(out: BatchBuffer, envelope: Envelope, sequence: number, targets: TargetNumbers): void {
  writeHead(out, sequence === 0 ? 5 : 6, envelope, targets);
  writeSized(out, 0xc4, envelope.payload);
  if (sequence !== 0) writeUint(out, sequence);
}

/** First piece of a message whose payload is longer than one frame. */
export function writeFirstPiece(
  out: BatchBuffer,
  envelope: Envelope,
  sequence: number,
  targets: TargetNumbers,
  pieceBytes: number,
): void {
  writeHead(out, 7, envelope, targets);
  writeSized(out, 0xc4, envelope.payload.subarray(0, pieceBytes));
  writeUint(out, sequence);
  writeUint(out, envelope.payload.length);
}

export function writePiece(out: BatchBuffer, piece: Uint8Array): void {
  out.bytes[out.length++] = 0x91;
  writeSized(out, 0xc4, piece);
}

export function writeCredit(out: BatchBuffer, credit: number): void {
  out.bytes[out.length++] = 0x92;
  writeUint(out, creditRecord);
  writeUint(out, credit);
}

export function writeAcknowledgement(out: BatchBuffer, sequence: number): void {
  out.bytes[out.length++] = 0x92;
  writeUint(out, acknowledgeRecord);
  writeUint(out, sequence);
}

/** Where the records of a batch go, in their order. Each may throw {@link FrameRefused}. */
export interface BatchSink {
  /** `payload` is a view into the frame. */
  onEnvelope(
    kind: Envelope['kind'],
    target: string,
    correlation: number,
    traceparent: string,
    payload: Uint8Array,
    sequence: number,
  ): void;
  onFirstPiece(envelope: Envelope, sequence: number, totalBytes: number): void;
  onPiece(piece: Uint8Array): void;
  onCredit(credit: number): void;
  onAcknowledgement(sequence: number): void;
}

const malformed = (detail: string): never => {
  throw new FrameRefused('malformed', detail);
};

const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads the batches of one connection; holds the names that the peer has sent on it. */
export class BatchReader {
  readonly #names: string[] = [];
  readonly #targetsMax: number;
  readonly #targetBytesMax: number;
  readonly #traceBytesMax: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #frameNumber = 0;

  constructor(limits: {
    readonly targetsMax: number;
    readonly targetBytesMax: number;
    readonly traceBytesMax: number;
  }) {
    this.#targetsMax = limits.targetsMax;
    this.#targetBytesMax = limits.targetBytesMax;
    this.#traceBytesMax = limits.traceBytesMax;
  }

  /** `frame` begins with its kind, which the caller has looked at. Throws {@link FrameRefused}. */
  read(frame: Uint8Array, sink: BatchSink): void {
    this.#bytes = frame;
    this.#at = 1;
    const number = this.#byte();
    if (number !== this.#frameNumber) throw new FrameRefused('out-of-order', `${number}, not ${this.#frameNumber}`);
    this.#frameNumber = frameNumberAfter(number);
    while (this.#at < frame.length) {
      const arity = this.#byte();
      if (arity === 0x95 || arity === 0x96) this.#envelope(sink, arity === 0x96);
      else if (arity === 0x92) this.#notice(sink);
      else if (arity === 0x91) sink.onPiece(this.#sized(0xc4, frame.length));
      else if (arity === 0x97) this.#firstPiece(sink);
      else malformed(`record of tag ${arity}`);
    }
  }

  #envelope(sink: BatchSink, once: boolean): void {
    const kind = this.#kind();
    const target = this.#target();
    const correlation = this.#uint();
    const traceparent = this.#trace();
    const payload = this.#sized(0xc4, this.#bytes.length);
    let sequence = 0;
    if (once) {
      sequence = this.#uint();
      if (sequence === 0) malformed('sequence 0');
    }
    sink.onEnvelope(kind, target, correlation, traceparent, payload, sequence);
  }

  #firstPiece(sink: BatchSink): void {
    const envelope: Envelope = {
      kind: this.#kind(),
      target: this.#target(),
      correlation: this.#uint(),
      traceparent: this.#trace(),
      payload: this.#sized(0xc4, this.#bytes.length),
    };
    const sequence = this.#uint();
    sink.onFirstPiece(envelope, sequence, this.#uint());
  }

  #notice(sink: BatchSink): void {
    const record = this.#uint();
    const value = this.#uint();
    if (record === creditRecord) sink.onCredit(value);
    else if (record === acknowledgeRecord) sink.onAcknowledgement(value);
    else malformed(`notice ${record}`);
  }

  #kind(): Envelope['kind'] {
    return envelopeTypes[this.#byte()] ?? malformed('envelope type');
  }

  #target(): string {
    const tag = this.#bytes[this.#at] ?? malformed('truncated');
    if (tag < 0xa0 || tag === 0xcc || tag === 0xcd) {
      return this.#names[this.#uint()] ?? malformed('target number');
    }
    const name = this.#text(this.#targetBytesMax);
    if (this.#names.length < this.#targetsMax) this.#names.push(name);
    return name;
  }

  #trace(): string {
    if (this.#bytes[this.#at] === 0xc0) {
      this.#at += 1;
      return '';
    }
    return this.#text(this.#traceBytesMax);
  }

  #byte(): number {
    return this.#bytes[this.#at++] ?? malformed('truncated');
  }

  #uint(): number {
    const tag = this.#byte();
    if (tag < 0x80) return tag;
    if (tag === 0xcc) return this.#atLeast(this.#byte(), 0x80);
    if (tag === 0xcd) return this.#atLeast(this.#byte() * 0x100 + this.#byte(), 0x100);
    if (tag === 0xce) return this.#atLeast(this.#uint32(), 0x10000);
    if (tag !== 0xcf) return malformed('integer');
    const high = this.#uint32();
    if (high === 0 || high > 0x1fffff) malformed('integer range');
    return high * 0x1_0000_0000 + this.#uint32();
  }

  #uint32(): number {
    return this.#byte() * 0x100_0000 + this.#byte() * 0x1_0000 + this.#byte() * 0x100 + this.#byte();
  }

  #atLeast(value: number, minimum: number): number {
    return value < minimum ? malformed('not minimal') : value;
  }

  #sized(tag8: number, max: number): Uint8Array {
    const tag = this.#byte();
    let size: number;
    if (tag === tag8) size = this.#byte();
    else if (tag === tag8 + 1) size = this.#atLeast(this.#byte() * 0x100 + this.#byte(), 0x100);
    else if (tag === tag8 + 2) size = this.#atLeast(this.#uint32(), 0x10000);
    else return malformed('byte string');
    return this.#view(size, max);
  }

  #view(size: number, max: number): Uint8Array {
    const start = this.#at;
    const end = start + size;
    if (size > max) malformed('too long');
    if (end > this.#bytes.length) malformed('truncated');
    this.#at = end;
    return this.#bytes.subarray(start, end);
  }

  #text(max: number): string {
    const tag = this.#bytes[this.#at] ?? malformed('truncated');
    let content: Uint8Array;
    if (tag >= 0xa0 && tag <= 0xbf) {
      this.#at += 1;
      content = this.#view(tag & 0x1f, max);
    } else {
      content = this.#sized(0xd9, max);
      if (content.length < 32) malformed('not minimal');
    }
    try {
      return textDecoder.decode(content);
    } catch {
      // The one thing that a fatal decoder throws for.
      return malformed('invalid UTF-8');
    }
  }
}

/**
 * The part of the protobuf wire format that ICS-23 proofs use: varint fields (enumerations) and length-delimited fields
 * (bytes, nested messages). Source: protobuf encoding specification, wire types 0 and 2.
 */
import { CodedError } from '../shared/errors.ts';

export type ProtobufErrorCode = 'truncated' | 'wrong-type';

/** Bytes that are not a message of the supported wire types. */
export class ProtobufError extends CodedError<ProtobufErrorCode> {
  override readonly name = 'ProtobufError';
}

const varintType = 0;
const bytesType = 2;

/** Writes fields as proto3 does: default values (0, empty bytes) are left out. */
export class ProtobufWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  #push(part: Uint8Array): void {
    this.#parts.push(part);
    this.#length += part.length;
  }

  #number(value: number): void {
    const digits: number[] = [];
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) digits.push((rest % 0x80) | 0x80);
    digits.push(rest);
    this.#push(Uint8Array.from(digits));
  }

  varint(field: number, value: number): void {
    if (value === 0) return;
    this.#number(field * 8 + varintType);
    this.#number(value);
  }

  bytes(field: number, value: Uint8Array): void {
    if (value.length > 0) this.message(field, value);
  }

  /** A nested message is written even where it is empty. */
  message(field: number, value: Uint8Array): void {
    this.#number(field * 8 + bytesType);
    this.#number(value.length);
    this.#push(value);
  }

  finish(): Uint8Array {
    const bytes = new Uint8Array(this.#length);
    let offset = 0;
    for (const part of this.#parts) {
      bytes.set(part, offset);
      offset += part.length;
    }
    return bytes;
  }
}

/** One field of a message; its value is taken by the type that the reader of the message expects. */
export interface ProtobufField {
  readonly number: number;
  /** Throws {@link ProtobufError} where the field has another wire type. */
  varint(): number;
  bytes(): Uint8Array;
}

export class ProtobufReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  #number(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 42; scale *= 0x80) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) break;
      this.#at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new ProtobufError('truncated', `a number at ${this.#at} does not end`);
  }

  #delimited(): Uint8Array {
    const size = this.#number();
    const start = this.#at;
    if (size > this.#bytes.length - start) throw new ProtobufError('truncated', `${size} bytes wanted at ${start}`);
    this.#at = start + size;
    return this.#bytes.subarray(start, this.#at);
  }

  /** Every field in order. Throws {@link ProtobufError}. */
  *fields(): Generator<ProtobufField> {
    while (this.#at < this.#bytes.length) {
      const tag = this.#number();
      const type = tag % 8;
      const number = Math.floor(tag / 8);
      const value = type === varintType ? this.#number() : type === bytesType ? this.#delimited() : undefined;
      const wrong = (): never => {
        throw new ProtobufError('wrong-type', `field ${number} has wire type ${type}`);
      };
      yield {
        number,
        varint: () => (typeof value === 'number' ? value : wrong()),
        bytes: () => (value instanceof Uint8Array ? value : wrong()),
      };
    }
  }
}

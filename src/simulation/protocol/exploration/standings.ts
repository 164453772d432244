/** A host and everything that it has sent, by one number. */
import { bitsOf, emptyMask, type Mask, type MaskNumbers, setBit } from './mask.ts';
import type { HostTable } from './host-table.ts';
import type { MessageTable } from './message-table.ts';

const maskCountMax = 0x40_0000;
const readsMax = 0x1_0000;

export class Standings {
  readonly #hosts: HostTable;
  readonly #table: MessageTable;
  readonly #masks: MaskNumbers;
  readonly #renamings: number;
  readonly #numbers = new Map<number, number>();
  readonly #trimmed = new Map<number, number>();
  readonly #host: number[] = [];
  readonly #sent: number[] = [];
  /** By renaming and number; −1 where it was not asked for. */
  readonly #images: number[][];

  constructor(hosts: HostTable, table: MessageTable, masks: MaskNumbers, renamings: number) {
    this.#hosts = hosts;
    this.#table = table;
    this.#masks = masks;
    this.#renamings = renamings;
    this.#images = Array.from({ length: renamings }, () => []);
  }

  get size(): number {
    return this.#host.length;
  }

  host(number: number): number {
    return this.#host[number] as number;
  }

  sent(number: number): Mask {
    return this.#masks.mask(this.#sent[number] as number);
  }

  /** A host that has sent all that this one has, and a further set. */
  after(number: number, host: number, sent: number): number {
    return this.of(host, this.#masks.union(this.#sent[number] as number, sent));
  }

  of(host: number, sent: number): number {
    const key = host * maskCountMax + sent;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#host.length;
    this.#numbers.set(key, number);
    this.#host.push(host);
    this.#sent.push(sent);
    for (let at = 0; at < this.#renamings; at++) (this.#images[at] as number[]).push(-1);
    return number;
  }

  /** Without the messages that nobody reads any more. */
  trimmed(number: number, reads: number): number {
    const key = number * readsMax + reads;
    const known = this.#trimmed.get(key);
    if (known !== undefined) return known;
    const read = this.#table.read(reads);
    const kept = this.sent(number).map((word, at) => word & (read[at] as number));
    const trimmed = this.of(this.host(number), this.#masks.of(kept));
    this.#trimmed.set(key, trimmed);
    return trimmed;
  }

  image(number: number, renaming: number): number {
    const images = this.#images[renaming] as number[];
    const known = images[number] as number;
    if (known >= 0) return known;
    const sent = emptyMask();
    for (const bit of bitsOf(this.sent(number))) setBit(sent, this.#table.renamed(bit, renaming));
    const image = this.of(this.#hosts.image(this.host(number), renaming), this.#masks.of(sent));
    images[number] = image;
    return image;
  }
}

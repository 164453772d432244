/** Every message that some run in scope sends, by number; messages of equal text are one. */
import type { Verified } from '../../../protocols/ibft/machine-types.ts';
import type { ConsensusMessage, EncodedBlock } from '../../../protocols/ibft/messages.ts';
import type { Digest } from '../../../protocols/shared/brands.ts';
import { invariant } from '../../../protocols/shared/errors.ts';
import { type Naming, readBit, slicedMessage, wholeMessage } from './host-text.ts';
import { emptyMask, type Mask, messagesMax, setBit } from './mask.ts';
import type { Renaming } from './scope.ts';

/** More messages than a mask has bits. */
class ScopeTooLargeError extends RangeError {
  override readonly name = 'ScopeTooLargeError';
}

interface KnownBlock {
  readonly block: EncodedBlock;
  /** Who built it, and in which round. */
  readonly instance: number;
  readonly round: number;
}

export class MessageTable {
  readonly commits: Mask = emptyMask();
  readonly prepares: Mask = emptyMask();
  /** By bit of what hosts read, see `readsOf`: the messages of that kind and round. */
  readonly #byRead = new Map<number, Mask>();
  readonly #renamings: readonly Renaming[];
  readonly #isSliced: boolean;
  readonly #ids = new Map<string, number>();
  readonly #messages: (Verified<ConsensusMessage> | null)[] = [];
  readonly #texts: string[] = [];
  /** By renaming: the number under which each message goes there. */
  readonly #renamed: number[][];
  readonly #blocks = new Map<Digest, KnownBlock>();

  constructor(renamings: readonly Renaming[], isSliced: boolean) {
    this.#renamings = renamings;
    this.#isSliced = isSliced;
    this.#renamed = renamings.map(() => []);
  }

  get size(): number {
    return this.#messages.length;
  }

  /** Digests of all blocks that were built, in the order in which they were found. */
  get digests(): readonly Digest[] {
    return [...this.#blocks.keys()];
  }

  readonly nameOfBlock = (digest: Digest, renaming: Renaming): string => {
    const known = this.#blocks.get(digest);
    invariant(known !== undefined, 'a block is proposed before it is named');
    return `${renaming.instances[known.instance]}.${known.round}`;
  };

  naming(renaming: number): Naming {
    return { renaming: this.#renamings[renaming] as Renaming, nameOfBlock: this.nameOfBlock };
  }

  block(digest: Digest): EncodedBlock {
    const known = this.#blocks.get(digest);
    invariant(known !== undefined, 'the block is known');
    return known.block;
  }

  /** The number of a message that this instance sends. */
  idOf(message: Verified<ConsensusMessage>, instance: number): number {
    if (message.type === 'proposal' && !this.#blocks.has(message.payload.digest)) {
      const { block, payload } = message;
      this.#blocks.set(payload.digest, { block, instance, round: payload.round });
    }
    const id = this.#intern(this.#text(message, 0));
    if (this.#messages[id] === null) {
      this.#messages[id] = message;
      const read = readBit(message.type, message.payload.round);
      const alike = this.#byRead.get(read) ?? emptyMask();
      setBit(alike, id);
      this.#byRead.set(read, alike);
      if (message.type === 'commit') setBit(this.commits, id);
      if (message.type === 'prepare') setBit(this.prepares, id);
      this.#renamings.forEach((_, at) => {
        (this.#renamed[at] as number[])[id] = this.#intern(this.#text(message, at));
      });
    }
    return id;
  }

  message(id: number): Verified<ConsensusMessage> {
    const message = this.#messages[id] ?? null;
    invariant(message !== null, 'the message was sent');
    return message;
  }

  /** The messages that hosts who read this much can still make use of. */
  read(reads: number): Mask {
    const mask = emptyMask();
    for (const [bit, alike] of this.#byRead)
      if ((reads & bit) !== 0) alike.forEach((word, at) => (mask[at] = (mask[at] as number) | word));
    return mask;
  }

  isSent(id: number): boolean {
    return (this.#messages[id] ?? null) !== null;
  }

  text(id: number): string {
    return this.#texts[id] as string;
  }

  renamed(id: number, renaming: number): number {
    return (this.#renamed[renaming] as number[])[id] as number;
  }

  #text(message: ConsensusMessage, renaming: number): string {
    const naming = this.naming(renaming);
    return this.#isSliced ? slicedMessage(message, naming) : wholeMessage(message, naming);
  }

  #intern(text: string): number {
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const id = this.#messages.length;
    if (id >= messagesMax)
      throw new ScopeTooLargeError(
        `the scope has more than ${messagesMax} different messages: take fewer rounds or twins`,
      );
    this.#ids.set(text, id);
    this.#messages.push(null);
    this.#texts.push(text);
    return id;
  }
}

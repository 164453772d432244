/** Messages of a run by their names in a schedule. */
import type { Verified } from '../../protocols/ibft/machine-types.ts';
import type { ConsensusMessage, PayloadKind } from '../../protocols/ibft/messages.ts';
import { equalBytes } from '../../protocols/shared/bytes.ts';
import type { MessageName } from './schedule.ts';

type Message = Verified<ConsensusMessage>;

const keyOfName = ({ from, kind, height, round }: MessageName): string => `${from}/${height}/${round}/${kind}`;

export class MessageBook {
  /** Different contents of one name, in the order in which they were sent. */
  readonly #contents = new Map<string, Message[]>();

  /** A message left an instance: the same content again keeps its first name. */
  add(from: number, message: Message): MessageName {
    const { height, round, signature } = message.payload;
    const name = { from, kind: message.type satisfies PayloadKind, height, round };
    const key = keyOfName(name);
    const contents = this.#contents.get(key) ?? [];
    if (contents.length === 0) this.#contents.set(key, contents);
    let nth = contents.findIndex((known) => equalBytes(known.payload.signature, signature));
    if (nth < 0) nth = contents.push(message) - 1;
    return nth === 0 ? name : { ...name, nth };
  }

  find(name: MessageName): Message | null {
    return this.#contents.get(keyOfName(name))?.[name.nth ?? 0] ?? null;
  }
}

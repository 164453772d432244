/** Two systems joined by links in memory; one exports an actor that echoes. */
import type { PublicKey } from '../../../src/protocols/shared/brands.ts';
import { toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import { decode, encode, struct, textMax, uint } from '../../../src/protocols/shared/codec.ts';
import { defineActor } from '../../../src/runtime/actor-system.ts';
import type {
  ActorRef,
  MailboxOptions,
  RemoteOptions,
  ReplyTo,
  SupervisionOptions,
  WireProtocol,
} from '../../../src/runtime/ports/actors.ts';
import { createActorWorld } from './actor-world.ts';
import { createLinkPair } from './paired-links.ts';
import type { Gate } from './waiting.ts';

export interface EchoMessage {
  readonly text: string;
  readonly number: number;
  readonly peer?: PublicKey;
  readonly replyTo?: ReplyTo<string>;
}

const codec = struct<{ readonly text: string; readonly number: number }>({ text: textMax(100), number: uint });

/** Counts how often it encodes. */
function createProtocol(): WireProtocol<EchoMessage> & { encodings: number } {
  return {
    encodings: 0,
    encode(message) {
      this.encodings += 1;
      return encode(codec, message);
    },
    decode: (payload, peer, replyTo) => {
      const message = { ...decode(codec, payload), peer };
      return replyTo === undefined ? message : { ...message, replyTo };
    },
    replyTo: (message) => message.replyTo,
    encodeReply: (reply) => toUtf8(reply as string),
    decodeReply: (payload) => new TextDecoder('utf-8', { fatal: true }).decode(payload),
  };
}

export interface PairOptions {
  readonly mailbox?: MailboxOptions;
  readonly gate?: Gate;
  readonly remote?: RemoteOptions;
  readonly supervision?: SupervisionOptions;
}

/** Node b exports `echo`: it notes what it is told and answers asks, except `silent`, `crash` and `stop`. */
export function createPair({ mailbox = {}, gate, remote = {}, supervision = {} }: PairOptions = {}) {
  const links = createLinkPair();
  const a = createActorWorld({ seed: 'a', links: links.a });
  const b = createActorWorld({ seed: 'b', links: links.b });
  const received: EchoMessage[] = [];
  const kept: ReplyTo<string>[] = [];
  const echo = defineActor<null, EchoMessage>({
    name: 'echo',
    initial: () => (gate === undefined ? null : gate.opened.then(() => null)),
    receive: (state, message, context) => {
      received.push(message);
      const { text, replyTo } = message;
      if (text === 'crash') throw new Error('planted');
      if (text === 'stop') void context.stop(context.self);
      else if (text === 'silent' && replyTo !== undefined) kept.push(replyTo);
      else if (replyTo !== undefined) context.reply(replyTo, `echo ${text}`);
      return state;
    },
  });
  const local = b.system.spawn(echo, { name: 'echo', mailbox, supervision });
  const protocol = createProtocol();
  b.system.export('echo', local, protocol);
  const ref: ActorRef<EchoMessage> = a.system.remote(links.b.self, 'echo', protocol, remote);
  const ask = (text: string, timeoutMs = 1_000): Promise<string> =>
    a.system.ask(ref, (replyTo: ReplyTo<string>) => ({ text, number: 0, replyTo }), { timeoutMs });
  return { links, a, b, received, kept, local, protocol, ref, ask };
}

/**
 * What an actor and its surroundings see of each other. Implemented by `runtime/actor-system.ts` on nact.
 *
 * Contract of an actor: `(state, message, context) → state`, one message at a time, synchronous unless it must wait
 * (a returned promise suspends the mailbox until it settles). State is plain data. Effects only through the context.
 * A restart gives fresh state from `initial`, keeps the mailbox, drops and reports the message that crashed it.
 */
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { CodedError } from '../../protocols/shared/errors.ts';
import type { Clock } from './clock.ts';
import type { Random } from './random.ts';
import type { Log, Span, Attributes } from './telemetry.ts';

declare const message: unique symbol;

/** Address of an actor, local or across a link. Unforgeable; dead once that incarnation of the actor has stopped. */
export interface ActorRef<in Message> {
  /** Phantom: makes references to different protocols incompatible. */
  readonly [message]?: (message: Message) => void;
  /** `/user/validator`, or `bpci://<peer key>/validator` for a remote one. For people. */
  readonly path: string;
}

/** Where the answer of one ask goes. Single use; a second answer is a dead letter. */
export interface ReplyTo<in Reply> {
  readonly [message]?: (reply: Reply) => void;
}

export type ActorErrorCode =
  | 'timeout' // no answer in time
  | 'target-stopped' // the target has stopped, or stopped before it answered
  | 'target-failed' // the target crashed on this very message
  | 'mailbox-full' // the target's mailbox refused or displaced the message; remote: no credit
  | 'link-lost' // no link to the peer, or a new incarnation of it
  | 'undecodable' // the peer's answer is not one
  | 'asker-stopped' // the actor that asked has stopped or restarted meanwhile
  | 'name-taken' // a sibling, or an export, of that name exists
  | 'terminated'; // the system, or the actor that would be the parent, is stopping

export class ActorError extends CodedError<ActorErrorCode> {
  override readonly name = 'ActorError';
}

export interface MailboxOptions {
  /** Messages waiting at most. Default 10,000. */
  readonly capacity?: number;
  /** What happens to one more. `reject`: dead letter and `tell` returns false. `drop-oldest`: the oldest waiting becomes
   *  a dead letter. `wait`: `tellWhenRoom` waits, `tell` behaves as reject. Default reject. */
  readonly overflow?: 'reject' | 'drop-oldest' | 'wait';
}

export interface SupervisionOptions {
  /** What the failure of this actor does to it and its siblings (under the same parent). Default one-for-one. */
  readonly strategy?: 'one-for-one' | 'all-for-one' | 'rest-for-one' | 'stop' | 'escalate';
  /** More restarts than this within the window: the failure is escalated to the parent. Default 5 in 60,000 ms. */
  readonly restartsMax?: number;
  readonly windowMs?: number;
  /** Delay of the first restart, doubled each time up to `backoffMaxMs`. Default 0 and 10,000. */
  readonly backoffMs?: number;
  readonly backoffMaxMs?: number;
}

export interface SpawnOptions {
  /** Unique among the siblings; a counter is appended to `definition.name` where it is absent. */
  readonly name?: string;
  readonly mailbox?: MailboxOptions;
  readonly supervision?: SupervisionOptions;
}

export interface Terminated {
  readonly path: string;
  /** `link-lost`: the peer's incarnation is gone. */
  readonly reason: 'stopped' | 'failed' | 'link-lost';
}

export interface ActorDefinition<State, Message> {
  readonly name: string;
  /** Called at every start and restart. May be asynchronous (recovery from a store). */
  readonly initial: (context: ActorContext<Message>) => State | Promise<State>;
  readonly receive: (state: State, message: Message, context: ActorContext<Message>) => State | Promise<State>;
  /** Called before the fresh state is made, with what went wrong. */
  readonly onRestart?: (cause: unknown, context: ActorContext<Message>) => void;
  /** Called once when the actor has stopped for good; awaited by `stop` and `terminate`. */
  readonly onStop?: (state: State, context: ActorContext<Message>) => void | Promise<void>;
}

export interface AskOptions {
  readonly timeoutMs: number;
  /** W3C traceparent of the work that the question belongs to. Within an actor: that of the message in hand. */
  readonly traceparent?: string | undefined;
}

interface Sending {
  /** False where the message became a dead letter at once (stopped, full). Remote: false where there is no credit or link. */
  tell<M>(ref: ActorRef<M>, message: NoInfer<M>): boolean;
  /** Resolves when the message is in the mailbox (overflow `wait`, or a remote without credit). */
  tellWhenRoom<M>(ref: ActorRef<M>, message: NoInfer<M>): Promise<void>;
  /** Rejects with ActorError `timeout`, `target-stopped`, `target-failed`, `mailbox-full`, `link-lost`, `undecodable` or
   *  `asker-stopped`. `Reply` is known where `make`'s parameter is annotated: `(replyTo: ReplyTo<Balance>) => …`. */
  ask<const M, Reply>(
    ref: ActorRef<M>,
    make: (replyTo: ReplyTo<Reply>) => NoInfer<M>,
    options: AskOptions,
  ): Promise<Reply>;
  reply<Reply>(replyTo: ReplyTo<Reply>, reply: NoInfer<Reply>): void;
}

export interface ActorContext<Message> extends Sending {
  readonly self: ActorRef<Message>;
  /** Time and randomness of the node. */
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
  readonly random: Random;
  readonly log: Log;
  /** Sends `message` to self after `delayMs`; a timer of the same key is replaced. Cancelled at stop and restart. */
  timer(key: string, delayMs: number, message: Message): void;
  cancelTimer(key: string): void;
  /** The outcome of `work` arrives as a message, in the mailbox' order; nothing after stop or restart. */
  pipeToSelf<T>(
    work: Promise<T>,
    toMessage: (outcome: { readonly value: T } | { readonly error: unknown }) => Message,
  ): void;
  spawn<S, M>(definition: ActorDefinition<S, M>, options?: SpawnOptions): ActorRef<M>;
  stop(ref: ActorRef<never>): Promise<void>;
  /** `toMessage` is delivered to self when the target has stopped (also at once, if it had). */
  watch(ref: ActorRef<never>, toMessage: (terminated: Terminated) => Message): void;
  unwatch(ref: ActorRef<never>): void;
  /** W3C traceparent of the work that the message in hand is part of; undefined where nobody traces it. Messages that
   *  are sent, and work that is piped to self, carry it on; timers do not. */
  readonly traceparent: string | undefined;
  /** Does `work` as part of another trace, or of none: what it sends and the spans that it opens belong there. */
  within<T>(traceparent: string | undefined, work: () => T): T;
  /** A part of the work in hand: what is sent while it is open carries it on. Starts a trace where there is none. */
  span(name: string, attributes?: Attributes): Span;
}

export interface DeadLetter {
  readonly path: string;
  readonly message: unknown;
  readonly reason: 'stopped' | 'mailbox-full' | 'crashed' | 'no-reply-expected' | 'no-link' | 'undecodable';
}

/** How an exported actor's messages cross a link. Messages with a `replyTo` are asks. */
export interface WireProtocol<Message> {
  /** Payload of a message; a `replyTo` in it is left out. Encoded once even when told to many peers. */
  encode(message: Message): Uint8Array;
  /** Throws CodecError for what is no message; `peer` is the authenticated author of the bytes. */
  decode(payload: Uint8Array, peer: PublicKey, replyTo: ReplyTo<unknown> | undefined): Message;
  /** The reply address within a message that is an ask. */
  replyTo?(message: Message): ReplyTo<never> | undefined;
  encodeReply?(reply: unknown): Uint8Array;
  decodeReply?(payload: Uint8Array): unknown;
}

export type Lane = 'control' | 'ordinary' | 'bulk';

export interface RemoteOptions {
  readonly lane?: Lane;
  /** `effectively-once` holds within an incarnation of the peer. Default at-most-once. */
  readonly delivery?: 'at-most-once' | 'effectively-once';
}

export interface ActorSystem extends Sending {
  spawn<S, M>(definition: ActorDefinition<S, M>, options?: SpawnOptions): ActorRef<M>;
  stop(ref: ActorRef<never>): Promise<void>;
  /** Makes a local actor addressable from peers under `name`. Actors that are not exported never are. */
  export<M>(name: string, ref: ActorRef<M>, protocol: WireProtocol<M>): void;
  /** The actor that `peer` exports under `name`, whether a link is up or not. */
  remote<M>(peer: PublicKey, name: string, protocol: WireProtocol<M>, options?: RemoteOptions): ActorRef<M>;
  onDeadLetter(listener: (letter: DeadLetter) => void): () => void;
  /** Failure that no supervisor handled: the system is about to stop. */
  onFatal(listener: (cause: unknown) => void): () => void;
  stats(): ActorSystemStats;
  /** Stops every actor, children first, in reverse order of their spawning; resolves when `onStop` of all has. */
  terminate(): Promise<void>;
}

export interface ActorSystemStats {
  readonly actors: number;
  readonly messages: number;
  readonly deadLetters: number;
  readonly restarts: number;
  /** Depth of the fullest mailboxes, by path. */
  readonly mailboxes: readonly { readonly path: string; readonly depth: number }[];
}

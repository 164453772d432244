/**
 * Serves final blocks to peers, and fetches those that this node lacks: ranges from several peers in parallel, handed
 * in order to whoever applies blocks (the validator, or the ledger follower). It never waits for consensus to time out,
 * and trusts nobody: the applier checks every seal, and whoever keeps silent about the block that everything waits for is
 * not waited for alone.
 */
import { type Height, height as toHeight, type PublicKey } from '../protocols/shared/brands.ts';
import { decode, encode } from '../protocols/shared/codec.ts';
import {
  rangeBlocksMax,
  rangeBytesMax,
  type SealedBlock,
  type SyncReply,
  type SyncRequest,
  syncReplyCodec,
  syncRequestCodec,
} from '../protocols/sync/messages.ts';
import type { ActorContext, ActorDefinition, ActorRef, ReplyTo, WireProtocol } from '../runtime/ports/actors.ts';

/** Final blocks of this node. */
interface BlockSource {
  finalHeight(): number;
  /** Undefined where it was pruned or is not final yet. */
  sealedBlock(height: number): SealedBlock | undefined;
}

export type BlockSyncMessage =
  | {
      readonly type: 'remote';
      readonly peer: PublicKey;
      readonly request: SyncRequest;
      readonly replyTo?: ReplyTo<SyncReply>;
    }
  /** A peer's final height, from its heartbeat. */
  | { readonly type: 'peer-height'; readonly peer: PublicKey; readonly height: number }
  | { readonly type: 'peer-gone'; readonly peer: PublicKey }
  /** The applier stored this height; where it had asked for blocks, it takes more. */
  | { readonly type: 'applied'; readonly height: number }
  /** What the applier was given and has not stored is lost: it is to be fetched again. */
  | { readonly type: 'missed' }
  /** The applier refused a block that this peer had sent. */
  | { readonly type: 'refused'; readonly height: number; readonly peer: PublicKey }
  | {
      readonly type: 'fetched';
      readonly from: number;
      readonly peer: PublicKey;
      /** Whether others had been asked for the same before, and did not answer in time. */
      readonly isSecond: boolean;
      readonly blocks: readonly SealedBlock[] | null;
    }
  | { readonly type: 'check' };

/** A run of consecutive blocks for the applier. */
export interface BlocksDelivery {
  readonly from: number;
  readonly blocks: readonly SealedBlock[];
  readonly peer: PublicKey;
}

export interface BlockSyncDependencies {
  readonly source: BlockSource;
  readonly remote: (peer: PublicKey) => ActorRef<BlockSyncMessage>;
  readonly deliver: (delivery: BlocksDelivery) => void;
  /** Whether something else (a snapshot) brings this node forward for now. */
  readonly isHeldBack: (bestHeight: number) => boolean;
  /** How long this node waits for a block by itself before it asks; 0 for followers. */
  readonly patienceMs: number;
}

const parallelRangesMax = 4;
const windowBlocks = 512;
const requestTimeoutMs = 10_000;
/** Where the lowest block that is missing has not come within this time, another peer is asked for it too. */
const impatientAfterMs = 500;
/** Blocks that a further peer is asked for: few, so that little comes twice where the first is only slow. */
const secondBlocksMax = 8;
const distrustMs = 30_000;

interface Fetching {
  readonly peer: PublicKey;
  readonly count: number;
}

/** Who has been asked for the block that everything waits for. */
interface Awaited {
  readonly height: number;
  readonly asked: readonly PublicKey[];
  /** Monotonic ms of the last time that somebody was asked. */
  readonly askedAtMs: number;
}

interface State {
  /** Highest final height that each linked peer has told. */
  readonly heights: Map<PublicKey, number>;
  /** Peers not asked until this monotonic time. */
  readonly distrusted: Map<PublicKey, number>;
  /** By first height. */
  readonly fetching: Map<number, Fetching>;
  /** Fetched and not delivered yet, by first height. */
  readonly ready: Map<number, BlocksDelivery>;
  /** Null where nothing is being fetched. */
  awaited: Awaited | null;
  /** Last height handed to the applier. */
  deliveredTo: number;
  /** Since when (monotonic ms) this node has known that it is behind. */
  behindSinceMs: number | null;
}

/** The sync protocol on a link. */
export const blockSyncWire: WireProtocol<BlockSyncMessage> = {
  encode: (message) => {
    if (message.type !== 'remote') throw new TypeError(`not a wire message: ${message.type}`);
    return encode(syncRequestCodec, message.request);
  },
  decode: (payload, peer, replyTo) => ({
    type: 'remote',
    peer,
    request: decode(syncRequestCodec, payload),
    ...(replyTo === undefined ? {} : { replyTo: replyTo }),
  }),
  replyTo: (message) => (message.type === 'remote' ? message.replyTo : undefined),
  encodeReply: (reply) => encode(syncReplyCodec, reply as SyncReply),
  decodeReply: (payload) => decode(syncReplyCodec, payload),
};

/** Blocks from `from` on that fit one answer. */
function blocksInRange(source: BlockSource, from: number, count: number): SyncReply {
  const blocks: SealedBlock[] = [];
  let bytes = 0;
  for (let height = from; height < from + Math.min(count, rangeBlocksMax); height++) {
    const block = source.sealedBlock(height);
    if (block === undefined) break;
    bytes += block.bytes.length;
    if (blocks.length > 0 && bytes > rangeBytesMax) break;
    blocks.push(block);
  }
  return { blocks };
}

export function blockSyncActor(dependencies: BlockSyncDependencies): ActorDefinition<State, BlockSyncMessage> {
  return {
    name: 'block-sync',
    initial: () => {
      const final = dependencies.source.finalHeight();
      return {
        heights: new Map(),
        distrusted: new Map(),
        fetching: new Map(),
        ready: new Map(),
        awaited: null,
        deliveredTo: final,
        behindSinceMs: null,
      };
    },
    receive: (state, message, context) => {
      switch (message.type) {
        case 'remote':
          onRemote(dependencies, state, message, context);
          break;
        case 'peer-height':
          raiseHeight(state, message.peer, message.height);
          break;
        case 'peer-gone':
          state.heights.delete(message.peer);
          break;
        case 'applied':
          state.deliveredTo = Math.max(state.deliveredTo, message.height);
          break;
        case 'missed':
          state.deliveredTo = dependencies.source.finalHeight();
          break;
        case 'refused':
          onRefused(state, message.height, message.peer, context);
          break;
        case 'fetched':
          onFetched(state, message, context);
          break;
        case 'check':
          break;
      }
      proceed(dependencies, state, context);
      return state;
    },
  };
}

function onRemote(
  { source }: BlockSyncDependencies,
  state: State,
  message: Extract<BlockSyncMessage, { type: 'remote' }>,
  context: ActorContext<BlockSyncMessage>,
): void {
  switch (message.request.type) {
    case 'announce':
      raiseHeight(state, message.peer, message.request.height);
      return;
    case 'get-blocks':
      if (message.replyTo !== undefined) {
        context.reply(message.replyTo, blocksInRange(source, message.request.from, message.request.count));
      }
      return;
  }
}

function raiseHeight(state: State, peer: PublicKey, height: number): void {
  state.heights.set(peer, Math.max(height, state.heights.get(peer) ?? 0));
}

/** What follows a refused block is forgotten and asked again from others. */
function onRefused(state: State, height: number, peer: PublicKey, context: ActorContext<BlockSyncMessage>): void {
  state.distrusted.set(peer, context.clock.monotonicMs() + distrustMs);
  state.ready.clear();
  state.fetching.clear();
  state.deliveredTo = height - 1;
}

function onFetched(
  state: State,
  message: Extract<BlockSyncMessage, { type: 'fetched' }>,
  context: ActorContext<BlockSyncMessage>,
): void {
  const isAwaited = state.fetching.get(message.from)?.peer === message.peer;
  if (!message.isSecond && isAwaited) state.fetching.delete(message.from);
  else if (!message.isSecond && message.blocks !== null) return; // Given up meanwhile.
  if (message.blocks === null || message.blocks.length === 0) {
    state.distrusted.set(message.peer, context.clock.monotonicMs() + distrustMs);
    return;
  }
  if ((state.ready.get(message.from)?.blocks.length ?? 0) >= message.blocks.length) return;
  state.ready.set(message.from, { from: message.from, blocks: message.blocks, peer: message.peer });
}

function proceed(dependencies: BlockSyncDependencies, state: State, context: ActorContext<BlockSyncMessage>): void {
  const final = dependencies.source.finalHeight();
  state.deliveredTo = Math.max(state.deliveredTo, final);
  const best = bestHeight(state);
  if (best <= final) {
    state.behindSinceMs = null;
    return;
  }
  if (dependencies.isHeldBack(best)) return;
  const now = context.clock.monotonicMs();
  state.behindSinceMs ??= now;
  const wait = best > final + 1 ? 0 : state.behindSinceMs + dependencies.patienceMs - now;
  if (wait > 0) {
    context.timer('check', wait, { type: 'check' });
    return;
  }
  deliverReady(dependencies, state);
  fetchMore(dependencies, state, context, best, now);
  askSecond(dependencies, state, context, now);
  // Whatever is lost on the way is asked again.
  context.timer('check', impatientAfterMs, { type: 'check' });
}

function bestHeight(state: State): number {
  let best = 0;
  for (const height of state.heights.values()) best = Math.max(best, height);
  return best;
}

function deliverReady({ deliver }: BlockSyncDependencies, state: State): void {
  for (;;) {
    const next = takeCovering(state, state.deliveredTo + 1);
    if (next === undefined) return;
    state.deliveredTo = next.from + next.blocks.length - 1;
    deliver(next);
  }
}

/** The fetched run that holds this height, without the blocks below it. */
function takeCovering(state: State, height: number): BlocksDelivery | undefined {
  for (const [from, run] of state.ready) {
    if (from + run.blocks.length <= height) {
      state.ready.delete(from);
    } else if (from <= height) {
      state.ready.delete(from);
      return { from: height, blocks: run.blocks.slice(height - from), peer: run.peer };
    }
  }
  return undefined;
}

function fetchMore(
  dependencies: BlockSyncDependencies,
  state: State,
  context: ActorContext<BlockSyncMessage>,
  best: number,
  now: number,
): void {
  // What others have sent meanwhile keeps no place.
  for (const [from, { count }] of state.fetching)
    if (from + count - 1 <= state.deliveredTo) state.fetching.delete(from);
  // A short answer leaves a hole in front of what is ready: the lowest hole is asked for first.
  let from = firstMissing(state);
  while (state.fetching.size < parallelRangesMax && from <= best && from < state.deliveredTo + windowBlocks) {
    const count = Math.min(rangeBlocksMax, gapAfter(state, from), best - from + 1);
    const peer = choosePeer(state, from, now);
    if (peer === undefined) return;
    state.fetching.set(from, { peer, count });
    ask(dependencies, context, peer, toHeight(from), count, false);
    from = firstMissing(state);
  }
}

/**
 * Asks one peer more for the next block, where whoever was asked first has not sent it: it may be slow, or one of those
 * who say that they have a block and never send it. Nobody is asked for the same block twice.
 */
function askSecond(
  dependencies: BlockSyncDependencies,
  state: State,
  context: ActorContext<BlockSyncMessage>,
  now: number,
): void {
  const height = state.deliveredTo + 1;
  const covering = [...state.fetching].find(([from, { count }]) => from <= height && height < from + count);
  if (covering === undefined) {
    state.awaited = null;
    return;
  }
  const [from, { peer: first, count }] = covering;
  if (state.awaited?.height !== height) state.awaited = { height, asked: [first], askedAtMs: now };
  const { asked, askedAtMs } = state.awaited;
  if (now - askedAtMs < impatientAfterMs) return;
  const peer = choosePeer(state, height, now, asked);
  if (peer === undefined) return;
  state.awaited = { height, asked: [...asked, peer], askedAtMs: now };
  ask(dependencies, context, peer, toHeight(height), Math.min(secondBlocksMax, from + count - height), true);
}

/** Lowest height above what was delivered that is neither ready nor being fetched. */
function firstMissing(state: State): number {
  const runs: [from: number, count: number][] = [];
  for (const [from, run] of state.ready) runs.push([from, run.blocks.length]);
  for (const [from, range] of state.fetching) runs.push([from, range.count]);
  runs.sort((a, b) => a[0] - b[0]);
  let at = state.deliveredTo + 1;
  for (const [from, count] of runs) if (from <= at) at = Math.max(at, from + count);
  return at;
}

/** Heights from `at` up to the next one that is ready or being fetched. */
function gapAfter(state: State, at: number): number {
  let next = Number.MAX_SAFE_INTEGER;
  for (const start of [...state.ready.keys(), ...state.fetching.keys()]) if (start > at) next = Math.min(next, start);
  return next - at;
}

/** The least busy trusted peer that has the height, and is none of those. */
function choosePeer(
  state: State,
  height: number,
  now: number,
  without: readonly PublicKey[] = [],
): PublicKey | undefined {
  let chosen: PublicKey | undefined;
  let chosenLoad = Number.MAX_SAFE_INTEGER;
  for (const [peer, peerHeight] of state.heights) {
    if (peerHeight < height || (state.distrusted.get(peer) ?? 0) > now || without.includes(peer)) continue;
    const load = [...state.fetching.values()].filter((fetching) => fetching.peer === peer).length;
    if (load < chosenLoad) {
      chosen = peer;
      chosenLoad = load;
    }
  }
  return chosen;
}

function ask(
  { remote }: BlockSyncDependencies,
  context: ActorContext<BlockSyncMessage>,
  peer: PublicKey,
  from: Height,
  count: number,
  isSecond: boolean,
): void {
  const reply = context.ask<BlockSyncMessage, SyncReply>(
    remote(peer),
    (replyTo) => ({ type: 'remote', peer, request: { type: 'get-blocks', from, count }, replyTo }),
    { timeoutMs: requestTimeoutMs },
  );
  context.pipeToSelf(reply, (outcome) => ({
    type: 'fetched',
    from,
    peer,
    isSecond,
    blocks: 'value' in outcome ? outcome.value.blocks : null,
  }));
}

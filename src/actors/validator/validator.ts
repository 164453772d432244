/**
 * The validator: an actor around the consensus machine. It decodes and verifies what peers send, gives it to the
 * machine, and has the effects performed (host.ts). Where its store is full it stops voting and waits; every other
 * failure is supervision's.
 */
import type { Verified } from '../../protocols/ibft/machine-types.ts';
import type { ConsensusMessage, EncodedBlock } from '../../protocols/ibft/messages.ts';
import { lastCommitHash } from '../../protocols/ledger/block.ts';
import { merkleRoot } from '../../protocols/ledger/merkle-log.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { CodecError } from '../../protocols/shared/codec.ts';
import type { ActorDefinition } from '../../runtime/ports/actors.ts';
import { StoreError } from '../../runtime/ports/store.ts';
import { type ReceivedMessage, receiveMessage } from './consensus-wire.ts';
import type { ValidatorContext, ValidatorDependencies, ValidatorMessage } from './dependencies.ts';
import { Host } from './host.ts';
import { PeerStarts } from './peer-starts.ts';
import { isStartSigned, type SignedStart } from './start-proofs.ts';

const retryMs = 1000;
const duplicatesMax = 16_384;

interface State {
  /** null while the store is full: nothing can be promised, so nothing is said. */
  readonly host: Host | null;
  /** Ids of messages that the machine took at this height; a copy is dropped before its signature is checked. */
  readonly taken: Set<string>;
  readonly token: Uint8Array;
  readonly peerStarts: PeerStarts;
}

export function validatorActor(dependencies: ValidatorDependencies): ActorDefinition<State, ValidatorMessage> {
  return {
    name: 'validator',
    initial: (context) => {
      const token = context.random.bytes(16);
      const peerStarts = new PeerStarts(dependencies.records, dependencies.chain.chainId);
      return open(dependencies, context, { host: null, taken: new Set(), token, peerStarts });
    },
    receive: (state, message, context) => {
      try {
        return receive(dependencies, state, message, context);
      } catch (error) {
        return onStoreFailure(dependencies, error, state, context);
      }
    },
  };
}

/** A host from what the store holds. Its machine has taken nothing yet: what peers send again is no copy to it. */
function open(dependencies: ValidatorDependencies, context: ValidatorContext, state: State): State {
  state.taken.clear();
  try {
    const opened = { ...state, host: new Host(dependencies, context, state.token) };
    dependencies.onMissed();
    askStart(dependencies, opened, context);
    flush(opened, context);
    return opened;
  } catch (error) {
    return onStoreFailure(dependencies, error, state, context);
  }
}

function onStoreFailure(
  dependencies: ValidatorDependencies,
  error: unknown,
  state: State,
  context: ValidatorContext,
): State {
  if (!(error instanceof StoreError) || error.code !== 'full') throw error;
  if (state.host !== null) {
    context.log.error('the disk is full: not voting until there is room', { retryMs }, error);
    dependencies.onTrouble('disk-full');
  }
  context.timer('retry', retryMs, { type: 'retry' });
  return { ...state, host: null };
}

function receive(
  dependencies: ValidatorDependencies,
  state: State,
  message: ValidatorMessage,
  context: ValidatorContext,
): State {
  const { host } = state;
  if (host === null) return whileFull(dependencies, state, message, context);
  if (message.type === 'chain-replaced') return open(dependencies, context, state);
  const height = host.machine.facts.height;
  handle(dependencies, { ...state, host }, message, context);
  if (host.machine.facts.height !== height) state.taken.clear();
  flush(state, context);
  return state;
}

/** Only a sync that succeeds shows that there is room again; then the host is made anew from what is stored. */
function whileFull(
  dependencies: ValidatorDependencies,
  state: State,
  message: ValidatorMessage,
  context: ValidatorContext,
): State {
  if (message.type === 'room') return open(dependencies, context, state);
  if (message.type === 'retry') {
    const synced = Promise.all([dependencies.records.durable(), dependencies.chain.store.durable()]);
    context.pipeToSelf(synced, (outcome) =>
      'value' in outcome
        ? { type: 'room' }
        : { type: 'failed', what: 'waiting for room on the disk', error: outcome.error },
    );
  }
  if (message.type === 'failed') throw message.error;
  return state;
}

function handle(
  dependencies: ValidatorDependencies,
  state: State & { readonly host: Host },
  message: ValidatorMessage,
  context: ValidatorContext,
): void {
  const { host } = state;
  switch (message.type) {
    case 'wire':
      onWire(dependencies, state, message, context);
      return;
    case 'timer':
      host.onTimer(message.timer, message.height, message.round);
      return;
    case 'flushed':
      message.send();
      return;
    case 'gathered':
      host.finishBuild(message);
      return;
    case 'examined':
      host.finishCheck(message);
      return;
    case 'failed':
      if (message.error instanceof StoreError) throw message.error;
      throw new Error(`${message.what} failed`, { cause: message.error });
    case 'links':
      host.setLive(message.live);
      askStart(dependencies, state, context);
      return;
    case 'ask-start':
      askStart(dependencies, state, context);
      return;
    case 'deliver':
      host.applyDelivery(message.delivery);
      return;
    case 'transactions-available':
      host.noteTransactions();
      return;
    case 'retry':
    case 'room':
    case 'chain-replaced':
      return;
  }
}

/** Everything queued becomes durable, then its sends run, in the mailbox' order. */
function flush({ host }: State, context: ValidatorContext): void {
  const flushing = host?.outbox.flush() ?? null;
  if (flushing === null) return;
  context.pipeToSelf(flushing, (outcome) =>
    'value' in outcome
      ? { type: 'flushed', send: outcome.value }
      : { type: 'failed', what: 'making records durable', error: outcome.error },
  );
}

function onWire(
  dependencies: ValidatorDependencies,
  state: State & { readonly host: Host },
  { peer, wire }: Extract<ValidatorMessage, { type: 'wire' }>,
  context: ValidatorContext,
): void {
  const { host } = state;
  switch (wire.type) {
    case 'message':
      onConsensus(dependencies, state, { peer, bytes: wire.bytes, traceparent: context.traceparent });
      return;
    case 'start':
      answerStart(dependencies, state, peer, wire, context);
      return;
    case 'start-seen':
      // Only validators have a say in when this one signs.
      if (!host.machine.facts.set.validators.some(({ publicKey }) => publicKey === peer)) return;
      if (host.permit.onAnswer(peer, wire.counter, wire) === 'unproven') refuse(dependencies, peer, 'unproven-start');
      else host.updatePermit();
      return;
  }
}

function onConsensus(
  dependencies: ValidatorDependencies,
  { host, taken, peerStarts }: State & { readonly host: Host },
  { peer, bytes, traceparent }: { peer: PublicKey; bytes: Uint8Array; traceparent: string | undefined },
): void {
  const received = decodeReceived(dependencies, peer, bytes);
  if (received === null) return;
  const { id, message } = received;
  if (taken.has(id)) {
    dependencies.onVerdict('ignored', 'copy');
    return;
  }
  const problem = !host.payloads.verifyMessage(message) ? 'bad-signature' : bodyProblem(message);
  if (problem !== null) {
    refuse(dependencies, peer, problem);
    return;
  }
  host.outbox.recordUnawaited(peerStarts.observe(message, host.members));
  if (message.type === 'proposal') host.traces.came(message.payload.digest, traceparent);
  const verdict = host.give({ type: 'message', message: message as Verified<ConsensusMessage>, peer });
  if (verdict.kind === 'accepted' && taken.size < duplicatesMax) taken.add(id);
  dependencies.onVerdict(verdict.kind, verdict.kind === 'accepted' ? message.type : verdict.reason);
  if (verdict.kind === 'rejected') dependencies.report(peer, verdict.reason);
}

function refuse({ onVerdict, report }: ValidatorDependencies, peer: PublicKey, reason: string): void {
  onVerdict('rejected', reason);
  report(peer, reason);
}

function decodeReceived(
  dependencies: ValidatorDependencies,
  peer: PublicKey,
  bytes: Uint8Array,
): ReceivedMessage | null {
  try {
    return receiveMessage(bytes);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    refuse(dependencies, peer, `malformed-${error.code}`);
    return null;
  }
}

/** A digest must name exactly one block: the body has to be the one that the header commits to. */
function bodyProblem(message: ConsensusMessage): string | null {
  if (message.type !== 'proposal' && message.type !== 'round-change') return null;
  return message.block === null || isBodyOfHeader(message.block) ? null : 'body-mismatch';
}

const isBodyOfHeader = ({ value: { header, transactions, lastCommit } }: EncodedBlock): boolean =>
  header.transactionsRoot === merkleRoot(transactions) && header.lastCommitHash === lastCommitHash(lastCommit);

/** Asks linked validators for the start numbers they have seen, again and again as long as the permit needs answers. */
function askStart(dependencies: ValidatorDependencies, { host }: State, context: ValidatorContext): void {
  if (host === null) return;
  const self = dependencies.signer.publicKey;
  for (const peer of dependencies.livePeers()) {
    if (!host.permit.needsAnswer(peer)) continue;
    const wire = { type: 'start', ...host.permit.start } as const;
    host.outbox.whenDurable(() => context.tell(dependencies.remote(peer), { type: 'wire', peer: self, wire }));
  }
  host.updatePermit();
  if (host.permit.state === 'asking') context.timer('ask-start', retryMs, { type: 'ask-start' });
}

function answerStart(
  dependencies: ValidatorDependencies,
  { host, peerStarts }: State & { readonly host: Host },
  peer: PublicKey,
  { counter, token, signature }: SignedStart,
  context: ValidatorContext,
): void {
  const { chain, verifier } = dependencies;
  const start = { counter, token, signature };
  if (!isStartSigned(chain.chainId, peer, start, verifier)) {
    refuse(dependencies, peer, 'unsigned-start');
    return;
  }
  const { before, writes } = peerStarts.answer(peer, start);
  host.outbox.record(writes);
  const { height: finalHeight } = chain.tip;
  const wire = { type: 'start-seen', counter, before, finalHeight, signed: peerStarts.furthestOf(peer) } as const;
  host.outbox.whenDurable(() => {
    context.tell(dependencies.remote(peer), { type: 'wire', peer: dependencies.signer.publicKey, wire });
  });
}

/**
 * Goal: a peer that says it has a block and never sends it holds nobody up, and is not asked again soon. Method: the
 * production actor, started by hand, whose clock the test moves and whose questions it answers when it likes.
 */
import { expect } from 'chai';
import { blockSyncActor, type BlocksDelivery, type BlockSyncMessage } from '../../src/actors/block-sync.ts';
import type { PublicKey } from '../../src/protocols/shared/brands.ts';
import type { SealedBlock, SyncReply } from '../../src/protocols/sync/messages.ts';
import type { ActorContext, ActorRef } from '../../src/runtime/ports/actors.ts';
import { MemoryChain } from '../support/memory-chain.ts';

interface Question {
  readonly peer: PublicKey;
  readonly from: number;
  readonly count: number;
  readonly answer: (reply: SyncReply) => void;
  readonly fail: () => void;
}

const finalHeight = 12;

function startedSync() {
  const world = new MemoryChain({ validators: 4, accounts: [] });
  world.growTo(finalHeight);
  const [silent, second, third] = world.validators.slice(1).map(({ publicKey }) => publicKey) as [
    PublicKey,
    PublicKey,
    PublicKey,
  ];
  const questions: Question[] = [];
  const delivered: BlocksDelivery[] = [];
  let [nowMs, stored] = [0, 0];
  const definition = blockSyncActor({
    source: { finalHeight: () => stored, sealedBlock: () => undefined },
    remote: (peer) => peer as unknown as ActorRef<BlockSyncMessage>,
    deliver: (delivery) => {
      delivered.push(delivery);
      stored = delivery.from + delivery.blocks.length - 1;
    },
    isHeldBack: () => false,
    patienceMs: 0,
  });
  const context = {
    clock: { now: () => nowMs, monotonicMs: () => nowMs },
    timer: () => undefined,
    ask: (ref: unknown, make: (replyTo: never) => BlockSyncMessage) =>
      new Promise<SyncReply>((resolve, reject) => {
        const message = make(undefined as never);
        if (message.type !== 'remote' || message.request.type !== 'get-blocks') return;
        const { from, count } = message.request;
        questions.push({ peer: ref as PublicKey, from, count, answer: resolve, fail: () => reject(new Error('late')) });
      }),
    pipeToSelf: <T>(done: Promise<T>, toMessage: (outcome: { value: T } | { error: unknown }) => BlockSyncMessage) => {
      void done.then(
        (value) => tell(toMessage({ value })),
        (error: unknown) => tell(toMessage({ error })),
      );
    },
  } as unknown as ActorContext<BlockSyncMessage>;
  const session = definition.initial(context) as Awaited<ReturnType<typeof definition.initial>>;
  const tell = (message: BlockSyncMessage): void => void definition.receive(session, message, context);
  const blocks = (from: number, count: number): SealedBlock[] =>
    Array.from({ length: count }, (_, at) => world.reader.sealedBlock(from + at)).filter(
      (block) => block !== undefined,
    );
  return {
    ...{ silent, second, third, questions, delivered, tell, blocks },
    /** The timer that looks again fires at this time. */
    at: (ms: number): void => {
      nowMs = ms;
      tell({ type: 'check' });
    },
    settled: () => new Promise((resolve) => setImmediate(resolve)),
    stored: () => stored,
  };
}

describe('block sync', () => {
  const linked = (height = finalHeight) => {
    const sync = startedSync();
    for (const peer of [sync.silent, sync.second, sync.third]) sync.tell({ type: 'peer-height', peer, height });
    return sync;
  };

  it('asks another peer for a few blocks where the first keeps silent, and a third where that one does too', () => {
    const { silent, second, third, questions, at } = linked();
    expect(questions.map(({ peer, from, count }) => [peer, from, count])).deep.equal([[silent, 1, finalHeight]]);
    at(499);
    expect(questions).lengthOf(1);
    at(500);
    at(900);
    at(1_000);
    at(1_500);
    expect(questions.slice(1).map(({ peer, from, count }) => [peer, from, count])).deep.equal([
      [second, 1, 8],
      [third, 1, 8],
    ]);
  });

  it('goes on with what the second sends, and takes from the first what is still of use', async () => {
    const { silent, second, questions, delivered, at, blocks, settled, stored } = linked();
    at(500);
    questions[1]?.answer({ blocks: blocks(1, 8) });
    await settled();
    expect(delivered.map(({ peer, from, blocks: run }) => [peer, from, run.length])).deep.equal([[second, 1, 8]]);
    questions[0]?.answer({ blocks: blocks(1, finalHeight) });
    await settled();
    expect(delivered.slice(1).map(({ peer, from, blocks: run }) => [peer, from, run.length])).deep.equal([
      [silent, 9, 4],
    ]);
    expect(stored()).equal(finalHeight);
  });

  it('does not ask for a while whoever never answered, also where others have sent everything meanwhile', async () => {
    const { silent, second, questions, at, tell, blocks, settled, stored } = linked(4);
    at(500);
    questions[1]?.answer({ blocks: blocks(1, 4) });
    await settled();
    expect(stored()).equal(4);
    questions[0]?.fail();
    await settled();
    for (const peer of [silent, second]) tell({ type: 'peer-height', peer, height: finalHeight });
    for (const ms of [600, 1_200, 1_800, 30_000]) at(ms);
    const asked = questions.slice(2).map(({ peer }) => peer);
    expect(asked).include(second).and.not.include(silent);
    at(30_500);
    expect(questions.map(({ peer }) => peer).slice(2)).include(silent);
  });
});

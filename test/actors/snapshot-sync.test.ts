/**
 * Goal: what answers late changes nothing that is decided already. Method: the production actor, started by hand, whose
 * questions the test answers when it likes.
 */
import { expect } from 'chai';
import { answer } from '../../src/actors/snapshot/snapshot-server.ts';
import type { SnapshotMessage } from '../../src/actors/snapshot/snapshot-messages.ts';
import { snapshotSyncActor } from '../../src/actors/snapshot/snapshot-sync.ts';
import { accountAt } from '../../src/protocols/ledger/queries.ts';
import type { PublicKey } from '../../src/protocols/shared/brands.ts';
import type { SnapshotReply } from '../../src/protocols/sync/snapshot-messages.ts';
import { createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import type { ActorContext, ActorRef } from '../../src/runtime/ports/actors.ts';
import { noTelemetry } from '../../src/runtime/ports/no-telemetry.ts';
import { StoreError } from '../../src/runtime/ports/store.ts';
import { HistoryBackfill } from '../../src/actors/snapshot/history-backfill.ts';
import { tables } from '../../src/actors/chain/tables.ts';
import { uint64Key } from '../../src/protocols/shared/bytes.ts';
import { MemoryChain, signerOf } from '../support/memory-chain.ts';

const account = signerOf(1).publicKey;

interface Question {
  readonly peer: PublicKey;
  readonly request: Extract<SnapshotMessage, { type: 'remote' }>['request'];
  readonly answer: (reply: SnapshotReply) => void;
}

function startedSync() {
  const world = new MemoryChain({ validators: 4, accounts: [account] });
  world.growTo(18);
  const chain = world.emptyCopy();
  const questions: Question[] = [];
  const imports: number[] = [];
  const timers: SnapshotMessage[] = [];
  const peers = world.validators.slice(1).map(({ publicKey }) => publicKey);
  const definition = snapshotSyncActor({
    ...{ chain, reader: world.reader, verifier: createVerifier() },
    peers: () => peers,
    remote: (peer) => peer as unknown as ActorRef<SnapshotMessage>,
    report: (_peer, reason) => expect.fail(reason),
    onImported: (height) => imports.push(height),
    onHistoryFilled: () => undefined,
    onGivenUp: () => expect.fail('gave up'),
  });
  const context = {
    log: noTelemetry.log,
    clock: { now: () => 0, monotonicMs: () => 0 },
    timer: (_name: string, _afterMs: number, message: SnapshotMessage) => timers.push(message),
    ask: (ref: unknown, make: (replyTo: never) => SnapshotMessage) =>
      new Promise<SnapshotReply>((resolve) => {
        const message = make(undefined as never);
        if (message.type === 'remote') {
          questions.push({ peer: ref as PublicKey, request: message.request, answer: resolve });
        }
      }),
    pipeToSelf: <T>(done: Promise<T>, toMessage: (outcome: { value: T } | { error: unknown }) => SnapshotMessage) => {
      void done.then(
        (value) => definition.receive(session, toMessage({ value }), context),
        (error: unknown) => definition.receive(session, toMessage({ error }), context),
      );
    },
  } as unknown as ActorContext<SnapshotMessage>;
  type Session = Awaited<ReturnType<typeof definition.initial>>;
  const session = definition.initial(context) as Session;
  void definition.receive(session, { type: 'start' }, context);

  /** Answers what is open and of these types, and what that makes it ask, until nothing is left. */
  async function serve(...types: readonly Question['request']['type'][]): Promise<void> {
    for (;;) {
      const at = questions.findIndex(({ request }) => types.includes(request.type));
      const [question] = at < 0 ? [] : questions.splice(at, 1);
      if (question === undefined) return;
      question.answer(answer(world.chain, world.reader, question.request));
      // Everything that follows is promises of this very process.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  /** The time of every timer has come. */
  const wait = (): void => {
    for (const message of timers.splice(0)) void definition.receive(session, message, context);
  };
  return { chain, questions, imports, serve, wait, world };
}

describe('snapshot sync', () => {
  it('an offer that comes after the import has ended begins no other one', async () => {
    // A second import took the state away from a validator that had gone on; found by the simulation of a wiped disk.
    const { chain, questions, imports, serve, world } = startedSync();
    const [, late] = questions.splice(1, 2);
    await serve('get-offer', 'get-part');
    expect(imports).to.deep.equal([16]);
    expect(chain.tip.height).to.equal(16);
    late!.answer(answer(world.chain, world.reader, late!.request));
    await serve('get-offer');
    expect(questions.map(({ request }) => request.type)).to.deep.equal(['get-history']);
    expect(accountAt(chain.state, account)?.balance).to.equal(1_000_000_000n);
  });

  it('waits for room on a full disk, wherever it is, and then ends as it would have', async () => {
    const { chain, imports, serve, wait } = startedSync();
    const { store } = chain;
    const commit = store.commit.bind(store);
    let commits = 0;
    let nextFull = 1;
    let fulls = 0;
    // The first commit, the third, the sixth, …: the disk is full ever more seldom, so that everything ends.
    store.commit = (writes) => {
      commits += 1;
      if (commits === nextFull) {
        fulls += 1;
        nextFull += fulls + 1;
        throw new StoreError('full', 'no space left on the device');
      }
      commit(writes);
    };
    const isFilled = (): boolean => imports.length > 0 && HistoryBackfill.resume(chain, createVerifier()) === null;
    for (let round = 0; round < 500 && !isFilled(); round++) {
      await serve('get-offer', 'get-part', 'get-history');
      wait();
    }
    expect(imports).to.deep.equal([16]);
    expect(accountAt(chain.state, account)?.balance).to.equal(1_000_000_000n);
    expect(store.get(tables.blocks, uint64Key(1)), 'its history').not.to.equal(undefined);
    expect(fulls).to.be.greaterThan(4);
  });
});

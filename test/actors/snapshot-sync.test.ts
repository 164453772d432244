/**
 * Goal: what answers late changes nothing that is decided already. Method: the production actor, started by hand, whose
 * questions the test answers when it likes.
 */
import { expect } from 'chai';
import { answer } from '../../src/actors/snapshot/snapshot-server.ts';
import { type SnapshotMessage, snapshotSyncActor } from '../../src/actors/snapshot/snapshot-sync.ts';
import { accountAt } from '../../src/protocols/ledger/queries.ts';
import type { PublicKey } from '../../src/protocols/shared/brands.ts';
import type { SnapshotReply } from '../../src/protocols/sync/snapshot-messages.ts';
import { createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import type { ActorContext, ActorRef } from '../../src/runtime/ports/actors.ts';
import { noTelemetry } from '../../src/runtime/ports/no-telemetry.ts';
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
    timer: () => undefined,
    ask: (ref: unknown, make: (replyTo: never) => SnapshotMessage) =>
      new Promise<SnapshotReply>((resolve) => {
        const message = make(undefined as never);
        if (message.type === 'remote') {
          questions.push({ peer: ref as PublicKey, request: message.request, answer: resolve });
        }
      }),
    pipeToSelf: <T>(done: Promise<T>, toMessage: (outcome: { value: T }) => SnapshotMessage) => {
      void done.then((value) => definition.receive(session, toMessage({ value }), context));
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
  return { chain, questions, imports, serve, world };
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
});

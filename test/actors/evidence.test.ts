/**
 * Goal: what a validator finds against others becomes transactions, also where it finds several things at once.
 * Method: a mempool that takes one transaction a nonce, as the real one does, and contradictions found in one turn.
 */
import { expect } from 'chai';
import type { MempoolMessage, MempoolReader } from '../../src/actors/mempool.ts';
import { type EvidenceContext, EvidenceReports } from '../../src/actors/node/evidence.ts';
import type { PreparePayload } from '../../src/protocols/ibft/messages.ts';
import { decodeTransaction } from '../../src/protocols/ledger/admission.ts';
import { bodyCodec } from '../../src/protocols/ledger/application.ts';
import type { Evidence } from '../../src/protocols/ledger/evidence.ts';
import { digest, height, type PublicKey, round } from '../../src/protocols/shared/brands.ts';
import { decode } from '../../src/protocols/shared/codec.ts';
import { defineActor } from '../../src/runtime/actor-system.ts';
import { createActorWorld, settle } from '../runtime/support/actor-world.ts';
import { MemoryChain, signerOf } from '../support/memory-chain.ts';

const offenders = [1, 2, 3].map((seed) => signerOf(seed).publicKey);

const prepare = (author: PublicKey, content: string): PreparePayload => ({
  ...{ author, height: height(3), round: round(0), digest: digest(content.repeat(32)) },
  signature: new Uint8Array(64),
});

const foundAt3 = (offender: PublicKey): Parameters<EvidenceReports['report']>[0] => {
  const [first, second] = [prepare(offender, '11'), prepare(offender, '22')];
  const conflict = { kind: 'prepare', first, second } as const;
  return { type: 'evidence', offender, height: height(3), round: round(0), conflict };
};

/** Reports of a validator whose mempool takes one transaction a nonce, and refuses everything while it is `closed`. */
function reportsWorld() {
  const { system, telemetry } = createActorWorld();
  const world = new MemoryChain({ validators: 4, accounts: [] });
  const taken = new Map<number, PublicKey>();
  const waiting = new Set<string>();
  const final = new Set<string>();
  const mempoolState: { closed: string | null; asked: number } = { closed: null, asked: 0 };
  const mempool = system.spawn(
    defineActor<null, MempoolMessage>({
      name: 'mempool',
      initial: () => null,
      receive: (state, message, context) => {
        if (message.type !== 'submit') return state;
        mempoolState.asked += 1;
        const { value, hash } = decodeTransaction(message.transactions[0]!)!;
        const reason = mempoolState.closed ?? (taken.has(value.nonce) ? 'nonce-taken' : null);
        const { offender } = decode(bodyCodec(value.kind)!, value.body) as Evidence;
        if (reason === null) {
          taken.set(value.nonce, offender);
          waiting.add(hash);
        }
        const refusal = { outcome: 'rejected' as const, hash, reason: reason ?? '', detail: '' };
        context.reply(message.replyTo, [reason === null ? { outcome: 'accepted', hash } : refusal]);
        return state;
      },
    }),
  );
  const pool = {
    pending: (hash: string) => (waiting.has(hash) ? new Uint8Array() : undefined),
    nextNonce: () => {
      let nonce = 0;
      while (taken.has(nonce)) nonce += 1;
      return nonce;
    },
  } as unknown as MempoolReader;
  const { chain } = world;
  const context: EvidenceContext = {
    chain,
    signer: signerOf(10),
    system,
    telemetry,
    mempool,
    pool,
    isFinal: (hash) => final.has(hash),
  };
  return { reports: new EvidenceReports(context), world, taken, waiting, final, mempoolState, system };
}

describe('evidence', () => {
  it('against several that is found at once is taken all the same', async () => {
    const { reports, taken, system } = reportsWorld();
    for (const offender of offenders) reports.report(foundAt3(offender));
    await settle();
    expect([...taken.values()]).to.have.members(offenders);
    await system.terminate();
  });

  it('that the mempool could not store is offered again block by block, and no more once it is taken', async () => {
    const { reports, taken, mempoolState, system } = reportsWorld();
    mempoolState.closed = 'store-full';
    for (const offender of offenders) reports.report(foundAt3(offender));
    await settle();
    reports.retry();
    await settle();
    expect([...taken.values()]).to.deep.equal([]);
    mempoolState.closed = null;
    reports.retry();
    await settle();
    expect([...taken.values()]).to.have.members(offenders);
    const { asked } = mempoolState;
    reports.retry();
    await settle();
    expect(mempoolState.asked).to.equal(asked);
    await system.terminate();
  });

  it('is made anew where another transaction of the validator had its nonce, and no more once it is in a block', async () => {
    const { reports, waiting, final, mempoolState, system } = reportsWorld();
    reports.report(foundAt3(offenders[0]!));
    await settle();
    const [lost] = waiting;
    waiting.clear();
    reports.retry();
    await settle();
    const [again] = waiting;
    expect([mempoolState.asked, waiting.size, again === lost]).to.deep.equal([2, 1, false]);
    waiting.clear();
    final.add(again!);
    for (let block = 0; block < 2; block++) {
      reports.retry();
      await settle();
    }
    expect(mempoolState.asked).to.equal(2);
    await system.terminate();
  });

  it('is given up where it is wrong, and where no block may hold it any more', async () => {
    const { reports, world, mempoolState, system } = reportsWorld();
    mempoolState.closed = 'malformed';
    reports.report(foundAt3(offenders[0]!));
    await settle();
    mempoolState.closed = 'store-full';
    reports.report(foundAt3(offenders[1]!));
    await settle();
    const { asked } = mempoolState;
    reports.retry();
    await settle();
    expect(mempoolState.asked, 'one of the two').to.equal(asked + 1);
    world.growTo(3 + world.chain.tip.parameters.evidenceAgeBlocks + 1);
    reports.retry();
    await settle();
    expect(mempoolState.asked).to.equal(asked + 1);
    await system.terminate();
  });
});

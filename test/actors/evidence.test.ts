/**
 * Goal: what a validator finds against others becomes transactions, also where it finds several things at once.
 * Method: a mempool that takes one transaction a nonce, as the real one does, and contradictions found in one turn.
 */
import { expect } from 'chai';
import type { MempoolMessage, MempoolReader } from '../../src/actors/mempool.ts';
import { type EvidenceContext, submitEvidence } from '../../src/actors/node/evidence.ts';
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

describe('evidence', () => {
  it('against several that is found at once is taken all the same', async () => {
    const { system, telemetry } = createActorWorld();
    const { chain } = new MemoryChain({ validators: 4, accounts: [] });
    const taken = new Map<number, PublicKey>();
    const mempool = system.spawn(
      defineActor<null, MempoolMessage>({
        name: 'mempool',
        initial: () => null,
        receive: (state, message, context) => {
          if (message.type !== 'submit') return state;
          const { value, hash } = decodeTransaction(message.transactions[0]!)!;
          const isTaken = taken.has(value.nonce);
          const { offender } = decode(bodyCodec(value.kind)!, value.body) as Evidence;
          if (!isTaken) taken.set(value.nonce, offender);
          const refusal = { outcome: 'rejected' as const, hash, reason: 'nonce-taken', detail: '' };
          context.reply(message.replyTo, [isTaken ? refusal : { outcome: 'accepted', hash }]);
          return state;
        },
      }),
    );
    const pool = {
      nextNonce: () => {
        let nonce = 0;
        while (taken.has(nonce)) nonce += 1;
        return nonce;
      },
    } as unknown as MempoolReader;
    const context: EvidenceContext = { chain, signer: signerOf(10), system, telemetry, mempool, pool };
    for (const offender of offenders) {
      const [first, second] = [prepare(offender, '11'), prepare(offender, '22')];
      const conflict = { kind: 'prepare', first, second } as const;
      submitEvidence(context, { type: 'evidence', offender, height: height(3), round: round(0), conflict });
    }
    await settle();
    expect([...taken.values()]).to.have.members(offenders);
    await system.terminate();
  });
});

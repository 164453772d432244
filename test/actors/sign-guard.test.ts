/**
 * The sign-guard against everything that a buggy or restarted state machine could ask of it. Property: over any sequence
 * of requests and crashes, no two signatures that ever left contradict each other.
 */
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { SignGuard } from '../../src/actors/validator/sign-guard.ts';
import type { UnsignedPayload } from '../../src/protocols/ibft/messages.ts';
import { payloadSigningBytes } from '../../src/protocols/ibft/messages.ts';
import { chainId, digest, height, round } from '../../src/protocols/shared/brands.ts';
import { toHex } from '../../src/protocols/shared/bytes.ts';
import { createSigner, createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import { MemoryDisk } from '../../src/runtime/simulated/memory-store.ts';

const chain = chainId('11'.repeat(32));
const otherChain = chainId('22'.repeat(32));
const signer = createSigner(randomBytes(32));
const blockA = digest('aa'.repeat(32));
const blockB = digest('bb'.repeat(32));
const schema = { kind: 'guard', version: 1 };

type VoteKind = 'proposal' | 'prepare' | 'commit';
const vote = (kind: VoteKind, h: number, r: number, of = blockA): UnsignedPayload => ({
  kind,
  height: height(h),
  round: round(r),
  digest: of,
});
const change = (h: number, r: number, prepared: number | null = null, of = blockA): UnsignedPayload => ({
  kind: 'round-change',
  height: height(h),
  round: round(r),
  preparedRound: prepared === null ? null : round(prepared),
  preparedDigest: prepared === null ? null : of,
});

const open = (disk: MemoryDisk, id = chain): { guard: SignGuard; store: ReturnType<MemoryDisk['open']> } => {
  const store = disk.open(schema);
  return { guard: new SignGuard({ store, signer, chainId: id }), store };
};

describe('the sign-guard', () => {
  it('signs what its key verifies, once, and gives the same signature for the same bytes again', () => {
    const { guard, store } = open(new MemoryDisk());
    const first = guard.sign(vote('prepare', 5, 0));
    if (first.kind !== 'signed') throw new Error('refused');
    const content = payloadSigningBytes(chain, vote('prepare', 5, 0));
    expect(createVerifier().verify(signer.publicKey, content, first.signature)).to.equal(true);
    store.commit(first.writes);
    const again = guard.sign(vote('prepare', 5, 0));
    expect(again).to.deep.equal({ kind: 'signed', signature: first.signature, writes: [] });
  });

  const refusals: [string, UnsignedPayload[], UnsignedPayload, string][] = [
    ['another digest in the same place', [vote('prepare', 5, 1)], vote('prepare', 5, 1, blockB), 'conflicting'],
    ['a second proposal of a round', [vote('proposal', 5, 1)], vote('proposal', 5, 1, blockB), 'conflicting'],
    ['a lower height', [vote('commit', 5, 0)], vote('prepare', 4, 3), 'below-watermark'],
    ['a lower round', [change(5, 3)], vote('prepare', 5, 2), 'below-watermark'],
    [
      'a commit below the round it changed to',
      [vote('prepare', 5, 1), change(5, 2)],
      vote('commit', 5, 1),
      'below-watermark',
    ],
    ['a round change that forgets its commit', [vote('commit', 5, 1)], change(5, 2), 'forgets-commit'],
    [
      'one to the round of its last commit',
      [vote('commit', 5, 0), vote('commit', 5, 3)],
      change(5, 3),
      'forgets-commit',
    ],
    ['one that knows of an older certificate only', [vote('commit', 5, 2)], change(5, 3, 1), 'forgets-commit'],
  ];
  for (const [what, before, asked, reason] of refusals) {
    for (const crash of [false, true]) {
      it(`refuses ${what}${crash ? ', also after a crash' : ''}`, async () => {
        const disk = new MemoryDisk();
        const { guard, store } = open(disk);
        for (const payload of before) {
          const signed = guard.sign(payload);
          if (signed.kind !== 'signed') throw new Error(`refused: ${signed.reason}`);
          store.commit(signed.writes);
        }
        await store.durable();
        if (crash) disk.crash();
        const after = crash ? open(disk).guard : guard;
        expect(after.sign(asked)).to.deep.equal({ kind: 'refused', reason });
      });
    }
  }

  it('lets a validator go on: later rounds, later heights, a round change with its certificate', () => {
    const { guard } = open(new MemoryDisk());
    const sequence = [
      vote('prepare', 5, 0),
      vote('commit', 5, 0),
      change(5, 1, 0),
      vote('proposal', 5, 1),
      vote('prepare', 5, 1),
      vote('commit', 5, 1),
      vote('prepare', 6, 0, blockB),
      change(6, 4),
    ];
    for (const payload of sequence) expect(guard.sign(payload).kind).to.equal('signed');
  });

  it('keeps chains apart', () => {
    const disk = new MemoryDisk();
    const { guard, store } = open(disk);
    const signed = guard.sign(vote('prepare', 9, 0));
    if (signed.kind === 'signed') store.commit(signed.writes);
    const other = new SignGuard({ store, signer, chainId: otherChain });
    expect(other.sign(vote('prepare', 1, 0, blockB)).kind).to.equal('signed');
  });

  it('goes on refusing what is old after its records were pruned', async () => {
    const disk = new MemoryDisk();
    const { guard, store } = open(disk);
    for (let h = 1; h <= 40; h++) {
      const signed = guard.sign(vote('commit', h, 0));
      if (signed.kind === 'signed') store.commit([...signed.writes, ...guard.prune(h)]);
    }
    await store.durable();
    expect([...store.range('guard-signed')].length).to.be.lessThan(20);
    const reopened = new SignGuard({ store, signer, chainId: chain });
    expect(reopened.sign(vote('commit', 3, 0, blockB))).to.deep.equal({ kind: 'refused', reason: 'below-watermark' });
    expect(reopened.sign(vote('commit', 3, 0))).to.deep.equal({ kind: 'refused', reason: 'below-watermark' });
  });

  it('never lets two contradicting signatures leave, whatever is asked and wherever it crashes', async () => {
    const payloads = fc.oneof(
      fc
        .record({
          kind: fc.constantFrom<VoteKind>('proposal', 'prepare', 'commit'),
          h: fc.integer({ min: 1, max: 4 }),
          r: fc.integer({ min: 0, max: 3 }),
          of: fc.constantFrom(blockA, blockB),
        })
        .map(({ kind, h, r, of }) => vote(kind, h, r, of)),
      fc
        .record({
          h: fc.integer({ min: 1, max: 4 }),
          r: fc.integer({ min: 1, max: 3 }),
          prepared: fc.option(fc.integer({ min: 0, max: 2 })),
        })
        .map(({ h, r, prepared }) => change(h, r, prepared === null ? null : Math.min(prepared, r - 1))),
    );
    // crash-before: the write was not durable, so the signature did not leave.
    const steps = fc.array(
      fc.record({ payload: payloads, then: fc.constantFrom('send', 'send', 'send', 'crash', 'crash-before') }),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const disk = new MemoryDisk();
        let { guard, store } = open(disk);
        const left: UnsignedPayload[] = [];
        for (const { payload, then } of sequence) {
          const signed = guard.sign(payload);
          if (signed.kind === 'signed') {
            if (signed.writes.length > 0) store.commit(signed.writes);
            if (then !== 'crash-before') {
              await store.durable();
              left.push(payload);
            }
          }
          if (then === 'send') continue;
          disk.crash();
          ({ guard, store } = open(disk));
        }
        expect(contradiction(left)).to.equal(null);
      }),
      { numRuns: 200 },
    );
  });
});

/** Two payloads of one kind, height and round that differ, or a commit that a later round change forgets. */
function contradiction(payloads: readonly UnsignedPayload[]): string | null {
  const bySlot = new Map<string, string>();
  for (const payload of payloads) {
    const slot = `${payload.kind} ${payload.height} ${payload.round}`;
    const content = toHex(payloadSigningBytes(chain, payload));
    if ((bySlot.get(slot) ?? content) !== content) return slot;
    bySlot.set(slot, content);
  }
  for (const commit of payloads.filter(({ kind }) => kind === 'commit')) {
    for (const later of payloads) {
      if (later.kind !== 'round-change' || later.height !== commit.height || later.round <= commit.round) continue;
      if (later.preparedRound === null || later.preparedRound < commit.round) {
        return `commit ${commit.height}/${commit.round} forgotten by round change ${later.round}`;
      }
    }
  }
  return null;
}

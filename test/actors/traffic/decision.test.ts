/**
 * A decision from the request to the proof that a stranger checks offline: logged before it can be told, bound to its bytes,
 * recomputed from its entry.
 */
import { expect } from 'chai';
import { encodeEntry, entryId, replayEntry } from '../../../src/protocols/traffic/entry.ts';
import {
  identityCommitment,
  saltBytes,
  toFlowRecord,
  trafficRequestDigest,
} from '../../../src/protocols/traffic/flow.ts';
import { createSigner } from '../../../src/runtime/adapters/ed25519.ts';
import {
  type DecisionProof,
  decisionProofCodec,
  verifyDecisionProof,
} from '../../../src/protocols/traffic/decision-proof.ts';
import { readDecision, signReceipt } from '../../../src/protocols/traffic/receipt.ts';
import { readJson } from '../../../src/protocols/ledger/json-codec.ts';
import { fromHex, toHex } from '../../../src/protocols/shared/bytes.ts';
import type { Light } from '../../../src/actors/traffic/light.ts';
import { type DecisionTables, tablesFor } from '../../../src/protocols/traffic/decide.ts';
import type { TrafficRequest } from '../../../src/protocols/traffic/flow.ts';
import { MemoryDisk } from '../../../src/runtime/simulated/memory-store.ts';
import { genesisOf } from '../../protocols/ledger/ledger-world.ts';
import {
  caller,
  factsOf,
  greenRequest,
  lightSigner,
  now,
  openLight,
  redRequest,
  tables,
  trafficRequest,
  verifier,
  yellowRequest,
} from '../../support/traffic-world.ts';

const context = { caller, now, isLate: false };
const ownTables = (): DecisionTables | null => tablesFor(tables, 'acme');
const genesis = genesisOf({ validators: 4 });
const options = {
  verifySignature: (key: Parameters<typeof verifier.verify>[0], message: Uint8Array, signature: Uint8Array) =>
    verifier.verify(key, message, signature),
};

function decided(light: Light, request: TrafficRequest): { readonly index: number; readonly state: string } {
  const answer = light.decide(request, context);
  if (answer.kind !== 'decided') throw new Error(`not decided: ${answer.kind}`);
  return { index: answer.index, state: answer.entry.outcome.state };
}

async function proofOf(light: Light, index: number): Promise<DecisionProof> {
  const head = await light.log.durable();
  const found = light.decisionAt(index);
  if (found === null) throw new Error('no such decision');
  return {
    ...{ format: 'bpci/decision-proof/v1', logId: head.logId, light: lightSigner.publicKey, index },
    entry: found.bytes,
    inclusion: light.log.inclusion(index, head.size),
    checkpoint: head.checkpoint,
    receipt: JSON.stringify(signReceipt(readDecision(found.bytes), lightSigner)),
    anchor: null,
  };
}

describe('a decision', () => {
  it('is Green, Yellow and held, or Red, as the policies say, with the action that follows', async () => {
    const { light } = await openLight(new MemoryDisk());
    const answers = [greenRequest('1'), yellowRequest('2'), redRequest('3')].map((request) =>
      light.decide(request, context),
    );
    const told = answers.map((answer) =>
      answer.kind === 'decided'
        ? [answer.entry.outcome.state, answer.entry.outcome.action, answer.entry.outcome.compliance]
        : answer.kind,
    );
    expect(told).deep.equal([
      ['Green', 'log', 'compliant'],
      ['Yellow', 'hold', 'conditional'],
      ['Red', 'block', 'non-compliant'],
    ]);
  });

  it('is proved to a stranger by its entry, the path and the signed checkpoint', async () => {
    const { light } = await openLight(new MemoryDisk());
    for (let i = 0; i < 300; i++) decided(light, greenRequest(`request-${i}`));
    await light.log.durable();
    const { index } = decided(light, redRequest('the-one'));
    for (let i = 0; i < 20; i++) decided(light, yellowRequest(`later-${i}`));
    const proof = await proofOf(light, index);
    const read = readJson(decisionProofCodec, JSON.parse(JSON.stringify(decisionProofCodec.toJson(proof))));
    if (!('value' in read)) throw new Error(JSON.stringify(read.problems));
    const { verdict, checks, decision } = verifyDecisionProof(read.value, genesis, options);
    expect(checks.filter(({ ok }) => !ok)).deep.equal([]);
    expect(verdict).equal('unanchored');
    expect(decision?.state).equal('Red');
    expect(decision?.policy?.rules.map(({ id }) => id)).deep.equal(['9']);
  });

  it('is not proved by a proof with any field changed', async () => {
    const { light } = await openLight(new MemoryDisk());
    const { index } = decided(light, greenRequest('1'));
    decided(light, redRequest('2'));
    const proof = await proofOf(light, index);
    const other = await proofOf(light, index + 1);
    const flipped = proof.entry.slice();
    flipped[flipped.length - 3] = (flipped[flipped.length - 3] as number) ^ 1;
    const changed: readonly DecisionProof[] = [
      { ...proof, entry: flipped },
      { ...proof, entry: other.entry },
      { ...proof, index: index + 1 },
      { ...proof, inclusion: proof.inclusion.slice(1) },
      { ...proof, checkpoint: proof.checkpoint.replace('\n3\n', '\n4\n') },
      { ...proof, receipt: other.receipt },
      { ...proof, logId: toHex(fromHex(proof.logId).reverse()) as DecisionProof['logId'] },
      { ...proof, light: caller },
    ];
    expect(changed.map((one) => verifyDecisionProof(one, genesis, options).verdict)).deep.equal(
      changed.map(() => 'invalid'),
    );
  });

  it('comes out of its entry again, bit for bit, and not where anything in it was changed', async () => {
    const { light } = await openLight(new MemoryDisk());
    const requests = [
      greenRequest('1'),
      yellowRequest('2'),
      redRequest('3'),
      trafficRequest('4', 'DE', 'US', {}, { minHeight: 99 }),
    ];
    const indices = requests.map((request) => decided(light, request).index);
    await light.log.durable();
    for (const index of indices) {
      const found = light.decisionAt(index);
      if (found === null) throw new Error('no such decision');
      expect(replayEntry(found.bytes, ownTables)).deep.equal({ kind: 'same' });
      expect(entryId(found.bytes)).equal(found.id);
      const { entry } = found;
      const lie = encodeEntry({
        ...entry,
        outcome: { ...entry.outcome, state: 'Green', action: 'none', reasons: ['x'] },
      });
      expect(replayEntry(lie, ownTables).kind).equal('different');
    }
  });

  it('marks as not recomputable what its budget cut short', async () => {
    const { light } = await openLight(new MemoryDisk());
    const answer = light.decide(greenRequest('1'), { ...context, isLate: true });
    if (answer.kind !== 'decided') throw new Error('not decided');
    expect([answer.entry.outcome.state, answer.entry.outcome.reasons]).deep.equal(['Red', ['deadline']]);
    await light.log.durable();
    const found = light.decisionAt(answer.index);
    expect(replayEntry(found?.bytes ?? new Uint8Array(), ownTables)).deep.equal({
      kind: 'not-recomputable',
      reason: 'deadline',
    });
  });

  it('names nobody in its entry; who has the salt opens the commitment', async () => {
    const { light } = await openLight(new MemoryDisk());
    const salt = '77'.repeat(32);
    const flow = {
      subject: { tenant: 'tenant-of-secrets', workload: 'work-of-secrets' },
      destination: { country: 'US', recipient: 'recipient-of-secrets' },
    };
    const request = trafficRequest('id-of-secrets', 'DE', 'US', flow, { salt });
    const { index } = decided(light, request);
    await light.log.durable();
    const found = light.decisionAt(index);
    expect(Buffer.from(found?.bytes ?? []).toString('latin1')).not.contain('of-secrets');
    expect(found?.entry.inputs.identity).equal(identityCommitment(request.flow, saltBytes(salt)));
  });
});

describe('what makes a decision Red beside the policies', () => {
  const cases: readonly (readonly [string, Parameters<typeof factsOf>[0], readonly string[]])[] = [
    ['state that is too old', { stateTime: now - 30_001 }, ['stale']],
    ['no active set', { policy: null }, ['policy-not-ready']],
    [
      'a ruling',
      {
        constraintsOf: () => [
          {
            ...{ source: 'cd'.repeat(32) as never, effect: 'stop-workload', operations: ['transfer'] },
            ...{ classifications: null, destinations: ['FR'], proofBy: null, deadlineSeconds: null },
          },
        ],
      },
      [`court:${'cd'.repeat(32)}`],
    ],
    ['a suspended tenant', { isSuspended: (tenant) => tenant === 'acme' }, []],
  ];
  for (const [name, facts, reasons] of cases) {
    it(name, async () => {
      const { light } = await openLight(new MemoryDisk(), { facts: factsOf(facts) });
      const answer = light.decide(greenRequest('1'), context);
      if (answer.kind !== 'decided') throw new Error('not decided');
      expect([answer.entry.outcome.state, answer.entry.outcome.reasons]).deep.equal(['Red', reasons]);
      await light.log.durable();
      expect(replayEntry(light.decisionAt(answer.index)?.bytes ?? new Uint8Array(), ownTables).kind).equal('same');
    });
  }

  it('not state that is just young enough, nor a ruling about another flow', async () => {
    const facts = factsOf({
      stateTime: now - 30_000,
      constraintsOf: () => [
        {
          ...{ source: 'cd'.repeat(32) as never, effect: 'forbid', operations: null, classifications: ['Restricted'] },
          ...{ destinations: null, proofBy: null, deadlineSeconds: null },
        },
      ],
    });
    const { light } = await openLight(new MemoryDisk(), { facts });
    expect(decided(light, greenRequest('1')).state).equal('Green');
  });
});

describe('what a decision commits to', () => {
  it('is that of its own caller and salt, whoever asked about the same flow before', async () => {
    const { light } = await openLight(new MemoryDisk());
    const other = createSigner(new Uint8Array(32).fill(10)).publicKey;
    const salts = ['11'.repeat(32), '22'.repeat(32), null];
    const asked = [caller, other, null].flatMap((by) => salts.map((salt) => ({ by, salt })));
    const digests = [...asked, ...asked].map(({ by, salt }, index) => {
      const request = { ...greenRequest(`commitment-${index}`), salt };
      const answer = light.decide(request, { ...context, caller: by });
      if (answer.kind !== 'decided') throw new Error(answer.kind);
      const identity = identityCommitment(request.flow, saltBytes(salt ?? '5a'.repeat(32)));
      const { entry } = answer;
      expect(entry.inputs.identity).equal(identity);
      const flow = toFlowRecord(request.flow);
      expect(entry.request).equal(trafficRequestDigest({ enforcementPoint: by, identity, flow }));
      return entry.request;
    });
    expect(new Set(digests).size).equal(asked.length);
  });
});

describe('a request id', () => {
  it('that comes again gets the logged decision, also after a restart; with another request it is refused', async () => {
    const disk = new MemoryDisk();
    const first = await openLight(disk);
    const { index } = decided(first.light, greenRequest('same'));
    expect(first.light.decide(greenRequest('same'), context)).deep.equal({ kind: 'known', index });
    expect(first.light.decide(redRequest('same'), context)).deep.equal({ kind: 'conflict' });
    await first.light.log.durable();
    await first.store.close();
    const { light } = await openLight(disk);
    expect(light.decide(greenRequest('same'), context)).deep.equal({ kind: 'known', index });
    expect(light.decide(redRequest('same'), context)).deep.equal({ kind: 'conflict' });
    expect(light.decide(greenRequest('same'), { ...context, caller: null }).kind).equal('decided');
  });
});

/**
 * A held flow is let go by proofs alone: each of the named role, never the requester's, in time, for this decision and this policy
 * set; release is a new decision on the state of that moment. Counters are spent within the lease, once.
 */
import { expect } from 'chai';
import type { ReviewAnswer } from '../../../src/actors/traffic/light.ts';
import { decodeEntry, type LogEntry, replayEntry } from '../../../src/protocols/traffic/entry.ts';
import {
  type DischargeClaim,
  dischargeSigningBytes,
  reviewSigningBytes,
  type Signed,
} from '../../../src/protocols/traffic/quarantine.ts';
import type { TrafficRequest } from '../../../src/protocols/traffic/flow.ts';
import type { Light } from '../../../src/actors/traffic/light.ts';
import { tablesFor } from '../../../src/protocols/traffic/decide.ts';
import type { Digest } from '../../../src/protocols/shared/brands.ts';
import type { Signer } from '../../../src/runtime/ports/signer.ts';
import { createSigner } from '../../../src/runtime/adapters/ed25519.ts';
import { MemoryDisk } from '../../../src/runtime/simulated/memory-store.ts';
import {
  caller,
  factsOf,
  greenRequest,
  isReviewer,
  now,
  openLight,
  reviewer,
  tables,
  testChain,
  trafficRequest,
  yellowRequest,
} from '../../support/traffic-world.ts';

const facts = factsOf({ hasRole: (key, role) => isReviewer(key) && role === 'compliance-officer' });
const callerSigner = createSigner(new Uint8Array(32).fill(9));
const dayMs = 86_400_000;

/** Persons out of China under the standard contract: Yellow, three proofs before, and a counter. */
const countedRequest = (id: string, persons: number): TrafficRequest =>
  trafficRequest(id, 'CN', 'US', { bases: ['pipl-standard-contract'], counters: { piplPersons: persons } });

function hold(light: Light, request = yellowRequest('held'), by = caller): DischargeClaim {
  const answer = light.decide(request, { caller: by, now, isLate: false });
  if (answer.kind !== 'decided' || answer.entry.outcome.action !== 'hold') throw new Error('not held');
  const { entry, id } = answer;
  const obligation = entry.outcome.obligations.find(({ phase }) => phase === 'before')?.id ?? '';
  return { decision: id, request: entry.request, obligation, policySetHash: entry.outcome.policy?.policySetHash ?? id };
}

const prove = (claim: DischargeClaim, by: Signer = reviewer): Signed => ({
  by: by.publicKey,
  signature: by.sign(dischargeSigningBytes(testChain, claim)),
});
const discharge = (light: Light, claim: DischargeClaim, proof = prove(claim), at = now): ReviewAnswer =>
  light.discharge(claim.decision, claim.obligation, proof, at);
const reasonOf = ({ verdict }: ReviewAnswer): string => (verdict.kind === 'accepted' ? 'accepted' : verdict.reason);

async function entries(light: Light): Promise<readonly LogEntry[]> {
  await light.log.durable();
  return [...light.log.newestFirst()].map(({ bytes }) => decodeEntry(bytes)).reverse();
}

describe('a held flow', () => {
  it('is released by the last proof: a new decision, good for one use within a minute, replayable', async () => {
    const { light } = await openLight(new MemoryDisk(), { facts });
    const claim = hold(light);
    const { verdict, release } = discharge(light, claim, prove(claim), now + 1000);
    expect(verdict).deep.equal({ kind: 'accepted' });
    expect(release?.entry.inputs.releases).equal(claim.decision);
    expect(release?.entry.outcome).include({
      state: 'Yellow',
      action: 'log',
      compliance: 'conditional',
      lifetimeMs: 60_000,
    });
    expect((await entries(light)).map(({ type }) => type)).deep.equal(['epoch', 'decision', 'discharge', 'decision']);
    expect(light.held).deep.equal([]);
    const found = light.decisionAt(release?.index ?? 0);
    expect(replayEntry(found?.bytes ?? new Uint8Array(), () => tablesFor(tables, 'acme'))).deep.equal({ kind: 'same' });
  });

  it('is not released by a proof of anything else', async () => {
    const { light } = await openLight(new MemoryDisk(), { facts });
    const claim = hold(light);
    const other = hold(light, yellowRequest('other'));
    const stranger = createSigner(new Uint8Array(32).fill(1));
    const good = prove(claim);
    const told = [
      discharge(light, claim, prove(claim, stranger)),
      discharge(light, claim, { by: reviewer.publicKey, signature: prove(claim, stranger).signature }),
      discharge(light, claim, prove(other)),
      discharge(light, claim, prove({ ...claim, policySetHash: other.decision })),
      discharge(light, { ...claim, obligation: 'review-flag' }),
      discharge(light, { ...claim, decision: claim.request }),
      discharge(light, claim, good, now + dayMs + 1),
    ];
    expect(told.map(reasonOf)).deep.equal([
      ...['wrong-role', 'bad-signature', 'bad-signature', 'bad-signature'],
      ...['unknown-obligation', 'unknown-decision', 'too-late'],
    ]);
    expect(reasonOf(discharge(light, claim, good, now + dayMs))).equal('accepted');
    expect(reasonOf(discharge(light, claim, good))).equal('unknown-decision');
  });

  it('is not released by who asked, whatever roles that key has', async () => {
    const all = factsOf({ hasRole: () => true });
    const { light } = await openLight(new MemoryDisk(), { facts: all });
    const claim = hold(light);
    expect(reasonOf(discharge(light, claim, prove(claim, callerSigner)))).equal('by-requester');
  });

  it('is Red where the state of the moment is, all proofs given', async () => {
    const { light } = await openLight(new MemoryDisk(), { facts });
    const claim = hold(light);
    light.follow({ ...facts, isSuspended: () => true });
    const { release } = discharge(light, claim);
    expect(release?.entry.outcome).include({ state: 'Red', action: 'block' });
    expect(light.held).deep.equal([]);
  });

  it('is Red when its deadline has passed, by a log entry', async () => {
    const { light } = await openLight(new MemoryDisk(), { facts });
    const { decision } = hold(light);
    expect(light.nextDue).equal(now + dayMs);
    expect(light.tick(now + dayMs)).deep.equal([]);
    expect(light.tick(now + dayMs + 1)).deep.equal([
      { type: 'closed', decision, how: 'lapsed', by: null, time: now + dayMs + 1 },
    ]);
    expect([light.held, light.nextDue, (await entries(light)).length]).deep.equal([[], null, 3]);
  });

  it('is refused by a reviewer for good', async () => {
    const { light } = await openLight(new MemoryDisk(), { facts });
    const claim = hold(light);
    const sign = (verdict: 'reject' | 'release'): Signed => ({
      by: reviewer.publicKey,
      signature: reviewer.sign(reviewSigningBytes(testChain, { ...claim, verdict })),
    });
    expect(reasonOf(light.reject(claim.decision, sign('release'), now))).equal('bad-signature');
    expect(reasonOf(light.release(claim.decision, sign('release'), now)), 'no human review is asked for').equal(
      'unknown-obligation',
    );
    expect(reasonOf(light.reject(claim.decision, sign('reject'), now))).equal('accepted');
    expect(reasonOf(discharge(light, claim))).equal('unknown-decision');
  });

  it('is not taken by a full quarantine: Red, and what is held stays', async () => {
    const { light } = await openLight(new MemoryDisk(), { facts, quarantineMax: 2 });
    hold(light, yellowRequest('1'));
    hold(light, yellowRequest('2'));
    const answer = light.decide(yellowRequest('3'), { caller, now, isLate: false });
    expect(answer.kind === 'decided' && answer.entry.outcome).include({ state: 'Red', action: 'block' });
    expect(answer.kind === 'decided' && answer.entry.outcome.reasons).deep.equal(['quarantine-full']);
    expect(light.decide(greenRequest('4'), { caller, now, isLate: false }).kind).equal('decided');
    expect(light.held.length).equal(2);
  });

  it('is held by a court’s review too, until its own proof', async () => {
    const source = 'cd'.repeat(32) as Digest;
    const review = { source, effect: 'review' as const, operations: null, classifications: null, destinations: null };
    const constraint = { ...review, proofBy: 'compliance-officer', deadlineSeconds: 60 };
    const { light } = await openLight(new MemoryDisk(), { facts: { ...facts, constraintsOf: () => [constraint] } });
    const claim = hold(light, greenRequest('1'));
    expect(claim.obligation).equal(`court:${source}`);
    expect(discharge(light, claim).release?.entry.outcome).include({ state: 'Yellow', action: 'log' });
  });

  it('is Red where its own workload has been stopped meanwhile, and is let go where another was, after a restart too', async () => {
    const source = 'cd'.repeat(32) as Digest;
    const any = { operations: null, classifications: null, destinations: null, proofBy: null, deadlineSeconds: null };
    const stop = { source, effect: 'stop-workload' as const, ...any };
    for (const [stopped, action] of [
      ['orders', 'stop-workload'],
      ['web', 'log'],
    ]) {
      const disk = new MemoryDisk();
      const first = await openLight(disk, { facts });
      const claim = hold(first.light);
      await first.light.log.durable();
      disk.crash();
      const { light } = await openLight(disk, {
        facts: { ...facts, constraintsOf: ({ workload }) => (workload === stopped ? [stop] : []) },
      });
      expect(discharge(light, claim).release?.entry.outcome.action).equal(action);
    }
  });

  it('survives a restart with what was proved so far', async () => {
    const disk = new MemoryDisk();
    const all = factsOf({ hasRole: (key) => isReviewer(key), lease: () => ({ total: 1000, granted: 1000 }) });
    const first = await openLight(disk, { facts: all });
    const claim = hold(first.light, countedRequest('1', 10));
    const before = first.light.held[0]?.obligations.filter(({ phase }) => phase === 'before').map(({ id }) => id) ?? [];
    expect(before.length).greaterThan(1);
    const [one = '', ...rest] = before;
    expect(discharge(first.light, { ...claim, obligation: one }).release).equal(null);
    await first.light.log.durable();
    disk.crash();
    const { light } = await openLight(disk, { facts: all });
    expect(light.held[0]?.discharged).deep.equal([one]);
    const answers = rest.map((obligation) => discharge(light, { ...claim, obligation }));
    expect(answers.at(-1)?.release?.entry.outcome).include({ state: 'Yellow', action: 'log' });
  });
});

describe('counters', () => {
  const leased = (granted: number, total = granted): typeof facts =>
    factsOf({ hasRole: (key) => isReviewer(key), lease: () => ({ granted, total }) });
  const pass = (light: Light, id: string, persons: number): string => {
    const claim = hold(light, countedRequest(id, persons));
    const before = light.held.at(-1)?.obligations.filter(({ phase }) => phase === 'before') ?? [];
    const answers = before.map(({ id: obligation }) => discharge(light, { ...claim, obligation }));
    const outcome = answers.at(-1)?.release?.entry.outcome;
    return `${outcome?.state} ${outcome?.reasons.join()}`;
  };
  const decideCounted = (light: Light, id: string, persons: number): readonly unknown[] => {
    const answer = light.decide(countedRequest(id, persons), { caller, now, isLate: false });
    return answer.kind === 'decided' ? [answer.entry.outcome.state, ...answer.entry.outcome.reasons] : [answer.kind];
  };

  it('are spent when the flow passes, within the lease alone, also after a crash', async () => {
    const disk = new MemoryDisk();
    const { light } = await openLight(disk, { facts: leased(100) });
    expect(pass(light, '1', 60)).equal('Yellow ');
    expect(decideCounted(light, '2', 41)).deep.equal(['Red', 'counter-lease:piplPersons']);
    await light.log.durable();
    disk.crash();
    const after = await openLight(disk, { facts: leased(100) });
    expect(decideCounted(after.light, '3', 41)).deep.equal(['Red', 'counter-lease:piplPersons']);
    expect(pass(after.light, '4', 40)).equal('Yellow ');
    expect(decideCounted(after.light, '5', 1)).deep.equal(['Red', 'counter-lease:piplPersons']);
  });

  it('are not spent twice by two held flows that fit one by one', async () => {
    const { light } = await openLight(new MemoryDisk(), { facts: leased(100) });
    const first = hold(light, countedRequest('1', 70));
    const second = hold(light, countedRequest('2', 70));
    const ids = light.held[0]?.obligations.filter(({ phase }) => phase === 'before').map(({ id }) => id) ?? [];
    const release = (claim: DischargeClaim): unknown =>
      ids.map((obligation) => discharge(light, { ...claim, obligation })).at(-1)?.release?.entry.outcome.state;
    expect([release(first), release(second)]).deep.equal(['Yellow', 'Red']);
  });

  it('count what other lights leased as spent: the threshold is met by the sum', async () => {
    // Above 1,000,000 persons in the year the standard contract no longer does.
    const { light } = await openLight(new MemoryDisk(), { facts: leased(500, 999_000) });
    expect(decideCounted(light, '1', 400)[0]).equal('Yellow');
    const more = await openLight(new MemoryDisk(), { facts: leased(500, 1_000_400) });
    expect(decideCounted(more.light, '1', 400)[0]).equal('Red');
  });
});

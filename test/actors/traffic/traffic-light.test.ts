/**
 * The actor on a chain in memory, a virtual clock and a simulated disk: it registers, follows published policy sets, answers once
 * durable, anchors, leases, and says no while anything is missing.
 */
import { expect } from 'chai';
import type { Answered, DecisionAnswer } from '../../../src/actors/traffic/messages.ts';
import { publicationId } from '../../../src/protocols/ledger/modules/policies/publication.ts';
import { readCounters } from '../../../src/protocols/ledger/modules/traffic/traffic.ts';
import { View } from '../../../src/protocols/ledger/view.ts';
import { encodeContent, namesOf } from '../../../src/protocols/policy/content.ts';
import type { DecisionProof } from '../../../src/protocols/traffic/decision-proof.ts';
import { verifyDecisionProof } from '../../../src/protocols/traffic/decision-proof.ts';
import type { QuarantineItem } from '../../../src/protocols/traffic/quarantine.ts';
import type { TrafficDecision } from '../../../src/protocols/traffic/receipt.ts';
import type { TrafficRequest } from '../../../src/protocols/traffic/flow.ts';
import type { PublicKey } from '../../../src/protocols/shared/brands.ts';
import { pack } from '../../policy/default-pack.ts';
import { settle } from '../../runtime/support/actor-world.ts';
import { asOf, governor, lightKey, officer, running, TrafficWorld } from '../../support/traffic-light-world.ts';
import { greenRequest, redRequest, trafficRequest, verifier, yellowRequest } from '../../support/traffic-world.ts';

describe('the traffic light actor', () => {
  it('decides only once it is registered, and is Red until the active set is here', async () => {
    const world = new TrafficWorld();
    world.start();
    await settle();
    expect(await world.decide(greenRequest('1'))).deep.equal([{ kind: 'refused', reason: 'not-ready' }]);
    await world.blocks();
    expect(world.record()?.epoch).equal(1);
    const before = await world.decision(greenRequest('1'));
    expect([before.decision.state, before.decision.reasons]).deep.equal(['Red', ['policy-not-ready']]);
    world.publish();
    await world.blocks();
    expect((await world.decision(greenRequest('2'))).decision).include({ state: 'Green', enforcementAction: 'log' });
    expect(await world.status()).include({ isReady: true, problem: null });
    expect((await world.decision(greenRequest('1'))).decision).deep.equal(before.decision);
  });

  it('does not use a set whose bytes or whose compilation are not what the chain says', async () => {
    const world = new TrafficWorld();
    world.start();
    const content = { set: pack.set, facts: pack.facts, asOf };
    const bytes = encodeContent(content);
    const publication = { ...namesOf(content, bytes), tenant: null };
    world.contents.set(publication.content, encodeContent({ ...content, asOf: '2023-11-13' }));
    const attestation = { publication: publicationId(publication), compiled: 'ee'.repeat(32) };
    world.feed.block(world.feed.transaction(governor, 'policies.publish', publication));
    world.feed.block(world.feed.transaction(governor, 'policies.attest', attestation));
    await world.blocks();
    expect(world.problems[0]).contain('not what was published');
    expect((await world.decision(greenRequest('1'))).decision.reasons).deep.equal(['policy-not-ready']);
    world.contents.set(publication.content, bytes);
    await world.blocks();
    expect((await world.decision(greenRequest('2'))).decision.reasons, 'another compilation was attested').deep.equal([
      'policy-not-ready',
    ]);
  });

  it('anchors its log block by block, so that a decision is proved from the genesis document alone', async () => {
    const world = await running();
    const { decision } = await world.decision({ ...yellowRequest('1'), receipt: true });
    await world.blocks(4);
    const proof = await world.ask<Answered<DecisionProof>>((replyTo) => ({
      type: 'proof',
      id: decision.id,
      viewer: null,
      replyTo,
    }));
    if (proof.kind !== 'answer') throw new Error(proof.reason);
    const options = {
      verifySignature: (key: PublicKey, message: Uint8Array, signature: Uint8Array) =>
        verifier.verify(key, message, signature),
    };
    const found = verifyDecisionProof(proof.value, world.chain.genesis, options);
    expect(found.checks.filter(({ ok }) => !ok)).deep.equal([]);
    expect(found.verdict).equal('valid');
    expect(found.decision?.id).equal(decision.id);
    const foreign = { ...world.chain.genesis, chainName: 'another' };
    expect(verifyDecisionProof(proof.value, foreign, options).verdict).equal('invalid');
    const { anchor } = proof.value;
    const moved = {
      ...proof.value,
      anchor: anchor === null ? null : { ...anchor, inclusion: anchor.inclusion.slice(1) },
    };
    expect(verifyDecisionProof(moved, world.chain.genesis, options).verdict).equal('invalid');
  });

  it('takes proofs of its reviewers from the chain, each once, also those that came while it was away', async () => {
    const world = await running();
    const hold = async (id: string): Promise<QuarantineItem> => {
      const { quarantine } = await world.decision(yellowRequest(id));
      const held = await world.ask<readonly QuarantineItem[]>((replyTo) => ({
        ...{ type: 'quarantine', viewer: null, replyTo },
      }));
      const item = held.find(({ decision }) => decision === quarantine);
      if (item === undefined) throw new Error('not held');
      return item;
    };
    const claimOf = ({ decision, request, policySetHash, obligations }: QuarantineItem): object => ({
      ...{ light: lightKey.publicKey, decision, request, policySetHash },
      obligation: obligations.find(({ phase }) => phase === 'before')?.id,
    });
    const states = async (): Promise<readonly string[]> => {
      const made = await world.ask<readonly TrafficDecision[]>((replyTo) => ({
        ...{ type: 'decisions', filter: { limit: 100 }, viewer: null, replyTo },
      }));
      return made.map(({ releases, enforcementAction }) => `${enforcementAction}${releases === null ? '' : ' again'}`);
    };
    const say = (kind: string, body: object): void =>
      world.feed.block(world.feed.transaction(officer, `traffic.${kind}`, body));
    const first = await hold('1');
    say('discharge', { ...claimOf(first), policySetHash: first.decision });
    await world.blocks(1);
    expect(await states(), 'meant for another policy set').deep.equal(['hold']);
    say('discharge', claimOf(first));
    await world.blocks(2);
    expect(await states()).deep.equal(['log again', 'hold']);
    const second = await hold('2');
    const third = await hold('3');
    await world.actors.system.stop(world.light);
    say('discharge', claimOf(second));
    say('quarantine-reject', { light: lightKey.publicKey, decision: third.decision });
    say('discharge', claimOf(third));
    world.start(world.disk.copy());
    await world.blocks(3);
    expect(await states()).deep.equal(['log again', 'hold', 'hold', 'log again', 'hold']);
    const { held } = await world.status();
    expect(held, 'what was let go is watched still').equal(0);
  });

  it('goes on from the last state while the chain stalls, and is Red when that has grown old', async () => {
    const world = await running({ stateAgeMsMax: 10_000 });
    world.feed.isStalled = true;
    await world.actors.pass(5_000);
    expect((await world.decision(greenRequest('1'))).decision.state).equal('Green');
    await world.actors.pass(10_000);
    const { decision } = await world.decision(greenRequest('2'));
    expect([decision.state, decision.reasons]).deep.equal(['Red', ['stale']]);
  });

  it('leases what a request came short of, and lets the next one pass', async () => {
    const world = await running();
    const counted = (id: string): TrafficRequest =>
      trafficRequest(id, 'CN', 'US', { bases: ['pipl-standard-contract'], counters: { piplPersons: 50 } });
    expect((await world.decision(counted('1'))).decision.reasons).deep.equal(['counter-lease:piplPersons']);
    await world.blocks();
    expect(world.feed.sent).include('traffic.lease-counter');
    expect((await world.decision(counted('2'))).decision).include({ state: 'Yellow', enforcementAction: 'hold' });
  });

  const healthOf = (id: string, persons: number): TrafficRequest =>
    trafficRequest(id, 'DE', 'FR', { bases: ['contract'], counters: { bulkHealth: persons } });
  const leased = (world: TrafficWorld): readonly { spent: number; lease: number }[] =>
    readCounters(new View(world.chain.chain.state), lightKey.publicKey).map(({ spent, lease }) => ({ spent, lease }));

  // Regression: a lease that was asked for while another one was under way replaced it, and what had been spent of that was more
  // than was leased.
  it('gives no lease back that it may be spending of', async () => {
    const world = await running();
    await world.decision(healthOf('1', 2_000));
    world.feed.block();
    await settle();
    await world.decision(healthOf('2', 10));
    await world.blocks();
    for (const id of ['3', '4', '5']) expect((await world.decision(healthOf(id, 2_000))).decision.state).equal('Green');
    await world.blocks();
    expect(leased(world)).deep.equal([{ spent: 0, lease: 6_000 }]);
    expect((await world.decision(healthOf('6', 1))).decision.reasons).deep.equal(['counter-lease:bulkHealth']);
    await world.blocks();
    expect(leased(world)).deep.equal([{ spent: 6_000, lease: 1_000 }]);
  });

  // Regression: such a light spent what its leases allowed a second time.
  it('holds for spent all that it leased where its disk is an old backup', async () => {
    const world = await running();
    await world.decision(healthOf('1', 100));
    await world.blocks();
    const backup = world.disk.copy();
    expect((await world.decision(healthOf('2', 900))).decision.state).equal('Green');
    await world.blocks();
    await world.actors.system.stop(world.light);
    world.start(backup);
    await world.blocks(4);
    expect(world.record()?.epoch).equal(2);
    expect((await world.decision(healthOf('3', 900))).decision.reasons).deep.equal(['counter-lease:bulkHealth']);
    await world.blocks();
    expect((await world.decision(healthOf('4', 900))).decision.state).equal('Green');
    expect(leased(world)).deep.equal([{ spent: 1_000, lease: 2_700 }]);
  });

  // Regression: a light held the sets in force alone after a restart (policy-change-under-load, seed 1).
  it('makes decisions again that it made with sets of earlier heights, also after a restart', async () => {
    const world = await running();
    const made = [await world.decision(greenRequest('1'))];
    world.feed.block(world.feed.transaction(governor, 'policies.retire', { id: '2' }));
    await world.blocks(1);
    made.push(await world.decision(greenRequest('2')));
    world.publish({ ...pack.facts, version: 'another' });
    await world.blocks();
    made.push(await world.decision(greenRequest('3')));
    expect(made.map(({ decision }) => decision.state)).deep.equal(['Green', 'Red', 'Green']);
    // What was said before holds of the heights before.
    world.feed.block(world.feed.transaction(governor, 'policies.retire', { id: '2' }));
    await world.actors.system.stop(world.light);
    world.start(world.disk.copy());
    await world.blocks(4);
    const again = (): Promise<readonly Answered<unknown>[]> =>
      Promise.all(
        made.map(({ decision: { id } }) => world.ask<Answered<unknown>>((replyTo) => ({ ...replay, id, replyTo }))),
      );
    const replay = { type: 'replay', viewer: null } as const;
    world.isPolicyNodeDown = true;
    const unknown = { kind: 'not-recomputable', reason: 'tables-unknown' };
    expect(await again()).deep.equal([unknown, unknown, { kind: 'same' }].map((value) => ({ kind: 'answer', value })));
    world.isPolicyNodeDown = false;
    expect(await again()).deep.equal(made.map(() => ({ kind: 'answer', value: { kind: 'same' } })));
  });

  it('tightens from the block of the word on, without an attestation', async () => {
    const world = await running();
    expect((await world.decision(greenRequest('1'))).decision.state).equal('Green');
    world.feed.block(world.feed.transaction(governor, 'policies.retire', { id: '2' }));
    await world.blocks(1);
    expect((await world.decision(greenRequest('2'))).decision.state).equal('Red');
  });

  it('refuses what is beyond its bound at once, and shares the rest fairly', async () => {
    const world = await running({ underWayMax: 8 });
    const of = (tenant: string, id: string): TrafficRequest =>
      trafficRequest(id, 'DE', 'FR', { bases: ['contract'], subject: { tenant, workload: 'w' } });
    const hog = Array.from({ length: 12 }, (_, i) => of('hog', `h${i}`));
    const answers = await world.decide(...hog.slice(0, 5), of('victim', 'v1'), ...hog.slice(5), of('victim', 'v2'));
    const reasons = answers.map((answer) => (answer.kind === 'answer' ? answer.value.decision.state : answer.reason));
    expect(reasons.filter((reason) => reason === 'Green').length).at.most(8);
    expect([reasons[5], reasons[13]]).deep.equal(['Green', 'Green']);
    expect(reasons.filter((reason) => reason === 'overload').length).at.least(6);
    expect((await world.status()).underWay).equal(0);
    expect((await world.decision(of('hog', 'later'))).decision.state).equal('Green');
  });

  it('counts every refusal, and writes down one a second', async () => {
    const world = await running({ underWayMax: 2 });
    const { telemetry } = world.actors;
    const flood = (): Promise<unknown> =>
      world.decide(...Array.from({ length: 10 }, (_, nth) => greenRequest(`${telemetry.lines.length}-${nth}`)));
    const lines = (): readonly unknown[] =>
      telemetry.lines.flatMap(({ message, fields }) => (message === 'requests are refused' ? [fields] : []));
    for (let round = 0; round < 3; round++) await flood();
    expect(telemetry.counts.get('bpci.traffic.refused')).equal(24);
    const first = { reason: 'overload', requests: 1, tenant: 'acme' };
    expect(lines()).deep.include.members([first]);
    expect(lines().length).equal(1);
    await world.actors.pass(1000);
    await flood();
    expect(lines()).deep.equal([first, { ...first, requests: 24 }]);
  });

  it('is traced as one operation: court, policies and the light itself, then the log; and measured stage by stage', async () => {
    const world = await running();
    const { spans, recorded } = world.actors.telemetry;
    const caller = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
    const before = new Map(recorded);
    await world.decide(greenRequest('untraced'));
    expect(spans).deep.equal([]);
    for (const id of ['1', '2']) await world.decideWithin(caller, greenRequest(id));
    const roots = spans.filter(({ name }) => name === 'compliance');
    expect(roots.map(({ parent }) => parent)).deep.equal([caller, caller]);
    for (const { traceparent } of roots) {
      const children = spans.filter(({ parent }) => parent === traceparent);
      expect(children.map(({ name, outcome }) => `${name} ${String(outcome)}`)).deep.equal([
        'compliance.court ok',
        'compliance.policy ok',
        'compliance.traffic ok',
        'compliance.log ok',
      ]);
    }
    expect([...new Set(spans.map(({ traceparent }) => traceparent.slice(3, 35)))]).deep.equal(['ab'.repeat(16)]);
    const times = (stage: string): number => {
      const key = `bpci.traffic.stage.duration ${stage}`;
      return (recorded.get(key) ?? 0) - (before.get(key) ?? 0);
    };
    expect(['court', 'policy', 'traffic', 'log', 'answer'].map(times)).deep.equal([3, 3, 3, 3, 3]);
  });

  it('says in each receipt what court, policies and the light itself said', async () => {
    const world = await running({ stateAgeMsMax: 10_000 });
    const steps = async (request: TrafficRequest): Promise<readonly string[]> => {
      const { decision, receipt } = await world.decision({ ...request, receipt: true });
      const signed = JSON.parse(Buffer.from(receipt?.payload ?? '', 'base64').toString()) as {
        predicate: TrafficDecision;
      };
      expect(signed.predicate).deep.equal(decision);
      return decision.steps.map(({ step, state, reasons }) => [step, state, ...reasons].join(' '));
    };
    expect(await steps(greenRequest('1'))).deep.equal(['court Green', 'policy Green', 'traffic Green']);
    expect(await steps(yellowRequest('2'))).deep.equal(['court Green', 'policy Yellow', 'traffic Yellow']);
    expect(await steps(redRequest('3'))).deep.equal(['court Green', 'policy Red', 'traffic Green']);
    world.feed.isStalled = true;
    await world.actors.pass(20_000);
    expect(await steps(greenRequest('4'))).deep.equal(['court Green', 'policy Green', 'traffic Red stale']);
    const late = await world.ask<readonly Answered<DecisionAnswer>[]>((replyTo) => ({
      ...{ type: 'decide', requests: [greenRequest('5')], caller: null, receivedMs: -1000, replyTo },
    }));
    const told = late.flatMap((answer) => (answer.kind === 'answer' ? answer.value.decision.steps : []));
    expect(told.map(({ state, reasons }) => [state, ...reasons])).deep.equal([[null], [null], ['Red', 'deadline']]);
  });

  it('answers nothing while its disk fails, and comes back with what was durable', async () => {
    const world = await running();
    const { decision } = await world.decision(greenRequest('1'));
    world.disk.capacityBytes = world.disk.syncedBytes;
    expect(await world.decide(greenRequest('2'))).deep.equal([{ kind: 'refused', reason: 'unavailable' }]);
    expect(await world.decide(greenRequest('3'))).deep.equal([{ kind: 'refused', reason: 'not-ready' }]);
    expect((await world.status()).problem).contain('no room');
    world.disk.capacityBytes = Number.POSITIVE_INFINITY;
    await world.blocks(4);
    expect((await world.decision(greenRequest('1'))).decision).deep.equal(decision);
    expect((await world.decision(greenRequest('4'))).decision.state).equal('Green');
    expect(world.actors.fatal).deep.equal([]);
  });

  // Regression: a copy of disks opened its log on a state from before the anchor, and went on at places that were taken
  // (traffic-under-faults, seed 1).
  it('opens a log that was anchored on a block from after its start alone', async () => {
    const world = await running();
    const { decision } = await world.decision(greenRequest('1'));
    await world.blocks(3);
    await world.actors.system.stop(world.light);
    await world.actors.pass(3_000);
    world.start(world.disk.copy());
    await settle();
    expect(await world.status()).include({ isReady: false, problem: 'no block since the start is known yet' });
    expect(await world.decide(greenRequest('2'))).deep.equal([{ kind: 'refused', reason: 'not-ready' }]);
    await world.blocks(4);
    expect((await world.decision(greenRequest('1'))).decision.id).equal(decision.id);
    expect(world.record()?.epoch).equal(1);
  });

  it('opens a new epoch where its disk is an old backup, and decides only once the chain knows of it', async () => {
    const world = await running();
    await world.decision(greenRequest('1'));
    await world.blocks(2);
    const backup = world.disk.copy();
    await world.decision(greenRequest('2'));
    await world.blocks(3);
    await world.actors.system.stop(world.light);
    world.start(backup);
    await settle();
    expect(await world.decide(greenRequest('3'))).deep.equal([{ kind: 'refused', reason: 'not-ready' }]);
    await world.blocks(3);
    expect(world.record()?.epoch).equal(2);
    expect((await world.decision(greenRequest('3'))).decision.state).equal('Green');
    expect(world.feed.sent).include('traffic.open-epoch');
  });
});

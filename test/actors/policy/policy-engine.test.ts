/**
 * The engine on a chain in memory: what it says before, while and after sets change, under mixed sets, for tenants with sets of their
 * own, and what it attests. The oracle is the chain's own word: which set is active at which height.
 */
import { expect } from 'chai';
import { readActiveSet } from '../../../src/protocols/ledger/modules/policies/policies.ts';
import { publicationId } from '../../../src/protocols/ledger/modules/policies/publication.ts';
import { View } from '../../../src/protocols/ledger/view.ts';
import { encodeContent, namesOf } from '../../../src/protocols/policy/content.ts';
import { PolicyServiceError } from '../../../src/runtime/ports/policy-api.ts';
import { ruleText, setOf } from '../../policy/default-pack.ts';
import { settle } from '../../runtime/support/actor-world.ts';
import {
  contentOf,
  defaultContent,
  evaluator,
  flow,
  governor,
  packWith,
  PolicyWorld,
  tenant,
} from '../../support/policy-world.ts';

const noFrance = packWith(ruleText('no-france', 'red', 'context.destination == "FR"'));

describe('the policy engine', () => {
  it('is Red with the reason until the active set is here, and then says what the set says', async () => {
    const world = new PolicyWorld();
    await settle();
    expect(await world.evaluate(flow('FR'))).include({ state: 'Red', policySetHash: null });
    const id = world.publish(defaultContent, governor, null, false);
    world.attest(id, defaultContent);
    await settle();
    expect((await world.evaluate(flow('FR'))).reasons).deep.equal(['policy-not-ready']);
    expect((await world.api.status()).problem).equal('policy-not-ready');
    const bytes = encodeContent(defaultContent);
    world.contents.set(namesOf(defaultContent, bytes).content, bytes);
    world.feed.block();
    await settle();
    expect(await world.evaluate(flow('FR'))).include({ state: 'Green', policySetHash: defaultContent.set.hash });
    expect(await world.evaluate(flow('CN'))).include({ state: 'Red' });
    expect(await world.api.status()).include({ isReady: true, problem: null });
  });

  it('changes sets as a whole at the height that the chain names, whatever is asked meanwhile', async () => {
    const world = new PolicyWorld();
    await world.activate(defaultContent);
    const id = world.publish(noFrance);
    await settle();
    const before = world.ask(flow('FR'), flow('FR'));
    world.attest(id, noFrance);
    const after = world.ask(flow('FR'), flow('FR'));
    expect(await Promise.all([before, after])).deep.equal([
      ['Green', 'Green'],
      ['Red', 'Red'],
    ]);
    const now = await world.evaluate(flow('FR'));
    expect(now['policySetHash']).equal(noFrance.set.hash);
    expect(now['height']).equal(world.feed.current().height);
  });

  it('tightens from the block of the word on, with no attestation', async () => {
    const world = new PolicyWorld();
    await world.activate(defaultContent);
    expect((await world.evaluate(flow('NZ'))).state).equal('Green');
    world.feed.block(world.feed.transaction(governor, 'policies.revoke-fact', { id: 'gdpr-adequate-nz' }));
    expect((await world.evaluate(flow('NZ'))).state, 'not for one evaluation is it the old set').equal('Red');
    await settle();
    const later = await world.evaluate(flow('NZ'));
    expect([later.state, later.reasons]).deep.equal(['Red', []]);
    expect((await world.evaluate(flow('KR'))).state).equal('Green');
    const facts = (await world.api.facts({}, null)) as { facts: readonly { id: string; isRevoked: boolean }[] };
    expect(facts.facts.filter(({ isRevoked }) => isRevoked).map(({ id }) => id)).deep.equal(['gdpr-adequate-nz']);
  });

  it('evaluates with Cedar what bitmaps cannot express, and is Red where that fails at run time', async () => {
    const world = new PolicyWorld();
    const condition = 'context.counters.bulkHealth * 9007199254740991 > 4000';
    await world.activate(packWith(ruleText('mixed', 'red', condition)));
    const of = async (bulkHealth: number): Promise<readonly unknown[]> => {
      const answer = await world.evaluate(flow('FR', { counters: { bulkHealth } }));
      return [answer.state, answer['faults'], (answer['rules'] as { id: string }[]).map(({ id }) => id)];
    };
    expect(await of(0)).deep.equal(['Green', [], ['2']]);
    expect(await of(1)).deep.equal(['Red', [], ['mixed']]);
    const [state, faults] = await of(5000);
    expect([state, faults], 'the product is beyond a Long').deep.equal(['Red', ['error']]);
    const anywhere = await world.evaluate({ ...flow('FR'), destination: { region: 'Global' } });
    expect([anywhere.state, anywhere['faults']], 'a whole world is not asked country by country').deep.equal([
      'Red',
      ['error'],
    ]);
  });

  it('joins a tenant’s own set, and keeps the others going where its bytes are missing', async () => {
    const world = new PolicyWorld();
    await world.activate(defaultContent);
    const own = contentOf(setOf(ruleText('own', 'red', 'context.destination == "FR"', 'tenant')));
    const id = world.publish(own, tenant, tenant.publicKey, false);
    world.attest(id, own);
    await settle();
    const ofTenant = flow('FR', { subject: { tenant: tenant.publicKey, workload: 'orders' } });
    expect((await world.evaluate(ofTenant)).reasons).deep.equal(['policy-not-ready']);
    expect((await world.evaluate(flow('FR'))).state).equal('Green');
    const bytes = encodeContent(own);
    world.contents.set(namesOf(own, bytes).content, bytes);
    world.feed.block();
    await settle();
    const joined = await world.evaluate(ofTenant);
    expect([joined.state, (joined['rules'] as { id: string }[]).map(({ id: rule }) => rule)]).deep.equal([
      'Red',
      ['own'],
    ]);
    const stranger = await world.evaluate(ofTenant, governor.publicKey).catch((error: unknown) => error);
    expect(stranger).instanceOf(PolicyServiceError).include({ code: 'unknown-tenant' });
    expect(await world.api.sets(tenant.publicKey)).length(2);
    expect(await world.api.sets(governor.publicKey)).length(1);
  });

  it('answers for another day and another set, and says what a request would need', async () => {
    const world = new PolicyWorld();
    await world.activate(defaultContent);
    const toKorea = flow('KR');
    expect((await world.api.study(toKorea, { asOf: '2021-01-01' }, null)).state, 'before the decision').equal('Red');
    expect((await world.api.study(toKorea, { asOf: '2023-01-01' }, null)).state).equal('Green');
    const why = await world.api.study(flow('IN', { bases: [] }), {}, null);
    expect(why.state).equal('Red');
    expect(why['counterfactuals']).not.deep.equal([]);
    const unknown = await world.api.study(toKorea, { set: 'ab'.repeat(32) }, null).catch((error: unknown) => error);
    expect(unknown).instanceOf(PolicyServiceError).include({ code: 'unknown-set' });
    const day = await world.api.study(toKorea, { asOf: 'yesterday' }, null).catch((error: unknown) => error);
    expect(day).instanceOf(PolicyServiceError).include({ code: 'invalid-request', place: 'asOf' });
  });

  it('says exactly where two published sets differ', async () => {
    const world = new PolicyWorld();
    await world.activate(defaultContent);
    world.publish(noFrance);
    await settle();
    const found = (await world.api.diff(defaultContent.set.hash, noFrance.set.hash, undefined, null)) as {
      differences: readonly { regime: string; to: string }[];
    };
    expect(found.differences.map(({ regime, to }) => [regime, to])).deep.include(['gdpr', 'Red']);
    expect(new Set(found.differences.map(({ to }) => to))).deep.equal(new Set(['Red']));
  });

  it('attests what it compiled where it is an evaluator, and never a set that Cedar does not take', async () => {
    const world = new PolicyWorld();
    const rule = { evaluators: [evaluator.publicKey], attestationsMin: 1 };
    world.feed.block(world.feed.transaction(governor, 'policies.set-rule', rule));
    const wrong = packWith(ruleText('wrong', 'red', 'context.destination > 3'));
    const refused = publicationId({ ...namesOf(wrong, encodeContent(wrong)), tenant: null });
    world.publish(wrong);
    world.publish(defaultContent);
    for (let i = 0; i < 4; i++) {
      await settle();
      world.feed.block();
    }
    await settle();
    expect(world.feed.sent).deep.equal(['policies.attest']);
    expect(readActiveSet(new View(world.chain.chain.state), null)?.policySet).equal(defaultContent.set.hash);
    const status = await world.api.status();
    expect(status.isEvaluator).equal(true);
    expect(status.refused.map(({ publication }) => publication)).deep.equal([refused]);
    expect((await world.evaluate(flow('FR'))).state).equal('Green');
  }).timeout(60_000);
});

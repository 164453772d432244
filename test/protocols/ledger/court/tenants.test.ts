/**
 * Goal: a tenant's name belongs to the account that bound it first, and two accounts that collude cannot bind, and so never have
 * ruled about, the name of a third. Method: agreements of strangers beside that of the court's world.
 */
import { expect } from 'chai';
import { agreementId, type AgreementTerms } from '../../../../src/protocols/ledger/modules/court/agreement-terms.ts';
import { heldFor, readAccount } from '../../../../src/protocols/ledger/modules/accounts.ts';
import { escrowOf, tenantOwner } from '../../../../src/protocols/ledger/modules/court/agreement-state.ts';
import { checkCompliance, type Compliance } from '../../../../src/protocols/court/compliance.ts';
import { CourtBook } from '../../../../src/protocols/court/court-book.ts';
import type { Operation } from '../../../../src/protocols/traffic/constraints.ts';
import type { Digest, PublicKey } from '../../../../src/protocols/shared/brands.ts';
import { keyOf } from '../ledger-world.ts';
import { acme, CourtWorld, hashOf, provider, serviceTerms, unit } from './court-world.ts';

const [stranger, accomplice] = [keyOf('stranger'), keyOf('delegate')];
const name = 'provider-tenant';

/** The court's world's terms between other people, who say that the tenant is the second one's. */
function termsOf(
  customer: PublicKey,
  supplier: PublicKey,
  tenants: AgreementTerms['bindings']['tenants'] = [{ name, account: supplier }],
): AgreementTerms {
  const terms = serviceTerms();
  const [first, second] = terms.parties;
  return {
    ...terms,
    parties: [
      { ...first!, account: customer },
      { ...second!, account: supplier },
    ],
    obligations: terms.obligations.map((each) => ({ ...each, debtor: supplier, creditor: customer })),
    bindings: { ...terms.bindings, tenants },
  };
}

/** Drafted, offered and signed by both; funded where asked. */
function make(world: CourtWorld, terms: AgreementTerms, isFunded = true): Digest {
  const agreement = { terms, content: hashOf('c7') };
  const id = agreementId(agreement);
  const [customer, supplier] = terms.parties.map(({ account }) => account) as [PublicKey, PublicKey];
  world.must(customer, 'agreements.draft', agreement);
  world.must(customer, 'agreements.offer', { agreement: id });
  for (const party of [customer, supplier]) world.must(party, 'agreements.sign', { agreement: id });
  if (isFunded) world.send(supplier, 'agreements.fund', { agreement: id, amount: 500n * unit });
  return id;
}

/** Why it lapsed. */
const reasonOf = (world: CourtWorld, id: Digest): string | undefined =>
  world.blocks
    .flatMap(({ events }) => events)
    .filter(({ kind }) => kind === 'lapse-reason')
    .map(({ attributes }) => new Map(attributes.map(({ name: key, value }) => [key, value] as const)))
    .find((attributes) => attributes.get('agreement') === id)
    ?.get('reason');

describe('names of tenants', () => {
  it('belong to the account whose agreement became active first, for good', () => {
    const world = new CourtWorld();
    expect(tenantOwner(world.view, name)).equal(undefined);
    world.draft();
    expect(tenantOwner(world.view, name)).equal(undefined);
    const first = make(world, termsOf(acme, provider));
    expect([world.lifeOf(first), tenantOwner(world.view, name)]).deep.equal(['active', provider]);
    for (const party of [acme, provider]) world.must(party, 'agreements.terminate', { agreement: first });
    expect([world.lifeOf(first), tenantOwner(world.view, name)]).deep.equal(['terminated', provider]);
    const again = make(world, termsOf(stranger, provider));
    expect(world.lifeOf(again)).equal('active');
  });

  it('cannot be bound by two who collude: their agreement lapses, and nothing can be claimed under it', () => {
    const world = new CourtWorld();
    world.activate();
    const before = readAccount(world.view, accomplice)?.balance;
    const id = make(world, termsOf(stranger, accomplice));
    expect([world.lifeOf(id), reasonOf(world, id)]).deep.equal(['lapsed', 'tenant-taken']);
    expect(heldFor(world.view, escrowOf(id, accomplice))).equal(0n);
    expect(readAccount(world.view, accomplice)?.balance).equal(before);
    world.pass(21_000);
    const body = { agreement: id, obligation: 'delivery', period: 0, statements: [], grounds: hashOf('91') };
    expect(world.send(stranger, 'court.notice-breach', body)).equal('not-in-force');
    expect(tenantOwner(world.view, name)).equal(provider);
  });

  it('go to the first of two agreements that wait', () => {
    const world = new CourtWorld();
    const waiting = make(world, termsOf(stranger, accomplice), false);
    expect([world.lifeOf(waiting), tenantOwner(world.view, name)]).deep.equal(['signed', undefined]);
    world.activate();
    world.must(accomplice, 'agreements.fund', { agreement: waiting, amount: 500n * unit });
    expect([world.lifeOf(waiting), reasonOf(world, waiting)]).deep.equal(['lapsed', 'tenant-taken']);
    expect([world.lifeOf(), tenantOwner(world.view, name)]).deep.equal(['active', provider]);
  });

  it('are named once in an agreement', () => {
    const world = new CourtWorld();
    const tenants = [acme, provider].map((account) => ({ name, account }));
    expect(world.draft(termsOf(acme, provider, tenants))).equal('duplicate-name');
  });
});

describe('compliance with agreements that are not simply active', () => {
  const operation = { tenant: name, workload: null, country: 'CN', classification: 'Internal' } as const;
  const complianceOf = (world: CourtWorld, about: Operation = operation): Compliance =>
    checkCompliance(new CourtBook().rulesOf(world.state), about);
  const problemsOf = (world: CourtWorld): readonly (readonly [Digest, readonly string[]])[] =>
    complianceOf(world).agreements.map(({ agreement, problems }) => [agreement, problems]);

  it('is refused by a suspended one, asked of that which replaced another, and refused once none is in force any more', () => {
    const world = new CourtWorld();
    expect(complianceOf(world)).deep.equal({ complies: true, state: 'Green', reasons: [], agreements: [] });
    const first = world.activate();
    expect(problemsOf(world)).deep.equal([[first, ['country-not-agreed']]]);
    expect(complianceOf(world).reasons).deep.equal([`country-not-agreed:${first}`]);
    for (const party of [acme, provider]) world.must(party, 'agreements.suspend', { agreement: first });
    expect(problemsOf(world)).deep.equal([[first, ['agreement-suspended', 'country-not-agreed']]]);
    for (const party of [acme, provider]) world.must(party, 'agreements.resume', { agreement: first });
    const bindings = { ...serviceTerms().bindings, countries: ['CN'] };
    const parties = serviceTerms().parties.map((party) => ({ ...party, deposit: 0n }));
    const amended = { terms: serviceTerms({ version: 2, previous: first, bindings, parties }), content: hashOf('c8') };
    const second = agreementId(amended);
    world.must(acme, 'agreements.amend', amended);
    for (const party of [acme, provider]) world.must(party, 'agreements.sign', { agreement: second });
    expect([world.lifeOf(first), problemsOf(world)]).deep.equal(['superseded', [[second, []]]]);
    expect(complianceOf(world).state).equal('Green');
    world.commit([], serviceTerms().expires + 1000);
    expect([world.lifeOf(second), problemsOf(world)]).deep.equal(['expired', [[second, ['agreement-ended']]]]);
    expect(complianceOf(world)).include({ complies: false, state: 'Red' });
    expect(complianceOf(world, { ...operation, tenant: provider }).state, 'told by the account').equal('Red');
    expect(complianceOf(world, { ...operation, tenant: 'another' }).state, 'who never was bound').equal('Green');
  });

  it('is promised again by a new agreement', () => {
    const world = new CourtWorld();
    const first = world.activate();
    for (const party of [acme, provider]) world.must(party, 'agreements.terminate', { agreement: first });
    const asked = { ...operation, country: 'DE' };
    expect(complianceOf(world, asked).reasons).deep.equal([`agreement-ended:${first}`]);
    const again = make(world, termsOf(stranger, provider));
    expect(world.lifeOf(again)).equal('active');
    expect(complianceOf(world, asked)).include({ complies: true, state: 'Green' });
  });
});

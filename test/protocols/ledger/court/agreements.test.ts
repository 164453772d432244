/** Goal: an agreement moves through its life as its parties and its deadlines say, and every wrong step is refused by name. */
import { expect } from 'chai';
import { heldFor, totalSupply } from '../../../../src/protocols/ledger/modules/accounts.ts';
import { escrowOf, recordOf } from '../../../../src/protocols/ledger/modules/court/agreement-state.ts';
import {
  agreementId,
  type AgreementTerms,
  type Obligation,
  type Party,
} from '../../../../src/protocols/ledger/modules/court/agreement-terms.ts';
import { accountAt } from '../../../../src/protocols/ledger/queries.ts';
import type { Digest } from '../../../../src/protocols/shared/brands.ts';
import { keyOf } from '../ledger-world.ts';
import { acme, CourtWorld, hashOf, provider, serviceTerms, unit } from './court-world.ts';

const balance = (world: CourtWorld, key: typeof acme): bigint => accountAt(world.state, key)?.balance ?? 0n;
const [customer, supplier] = serviceTerms().parties as [Party, Party];
const delegate = keyOf('delegate');

describe('agreement terms', () => {
  const [uptime, delivery] = serviceTerms().obligations as [Obligation, Obligation];
  const rule = uptime.evidenceRule!;
  const cases: readonly (readonly [string, Partial<AgreementTerms>])[] = [
    ['too-few-parties', { parties: [customer] }],
    ['duplicate-party', { parties: [customer, supplier, { ...supplier, role: 'other' }] }],
    ['duplicate-party', { parties: [{ ...customer, representatives: [provider] }, supplier] }],
    ['bad-signing-threshold', { parties: [{ ...customer, threshold: 2 }, supplier] }],
    ['no-obligation', { obligations: [] }],
    ['duplicate-name', { obligations: [uptime, uptime] }],
    ['unknown-party', { obligations: [{ ...delivery, debtor: keyOf('stranger') }] }],
    ['unknown-party', { obligations: [{ ...delivery, creditor: keyOf('stranger') }] }],
    ['debtor-is-creditor', { obligations: [{ ...delivery, creditor: provider }] }],
    ['obligation-outside-term', { obligations: [{ ...delivery, timing: { type: 'by', at: 5 } }] }],
    ['bad-evidence-rule', { obligations: [{ ...uptime, evidenceRule: { ...rule, sources: [provider] } }] }],
    ['bad-evidence-rule', { obligations: [{ ...uptime, evidenceRule: { ...rule, needed: 3 } }] }],
    ['bad-evidence-rule', { obligations: [{ ...uptime, evidenceRule: { ...rule, sources: [delegate, delegate] } }] }],
    ['bad-panel', { dispute: { arbitrationThreshold: 0n, panelSize: 2, quorum: 2, decisionThreshold: 2 } }],
    ['bad-panel', { dispute: { arbitrationThreshold: 0n, panelSize: 3, quorum: 3, decisionThreshold: 1 } }],
    ['bad-panel', { dispute: { arbitrationThreshold: 0n, panelSize: 3, quorum: 1, decisionThreshold: 2 } }],
    ['unknown-party', { conditions: [{ id: 'insured', confirmedBy: keyOf('stranger') }] }],
    ['duplicate-name', { conditions: [1, 2].map(() => ({ id: 'insured', confirmedBy: acme })) }],
    ['unknown-party', { bindings: { ...serviceTerms().bindings, tenants: [{ name: 't', account: keyOf('x') }] } }],
    ['bad-term', { obligations: [uptime], effective: 9, expires: 9 }],
    ['bad-version', { version: 2 }],
    ['unknown-jurisdiction', { jurisdiction: 'atlantis' }],
    ['jurisdiction-requirement', { jurisdiction: 'germany', governingLaw: 'FR' }],
    ['jurisdiction-requirement', { jurisdiction: 'delaware', governingLaw: 'US-DE' }],
    ['jurisdiction-requirement', { jurisdiction: 'uncitral', parties: [{ ...customer, isConsumer: true }, supplier] }],
    ['agreement-expired', { obligations: [uptime], effective: 1, expires: 2 }],
    ['unknown-account', { parties: [customer, supplier, { ...supplier, account: keyOf('nobody'), deposit: 0n }] }],
  ];
  for (const [code, change] of cases) {
    it(`are refused: ${code}, ${JSON.stringify(Object.keys(change))}`, () => {
      const world = new CourtWorld();
      expect(world.draft(serviceTerms(change))).to.equal(code);
      expect(world.lifeOf()).to.equal('unknown');
    });
  }

  it('of Delaware need the Act, the law and a party of Delaware', () => {
    const world = new CourtWorld();
    const parties = [{ ...customer, country: 'US-DE' }, supplier];
    const delaware = {
      jurisdiction: 'delaware',
      governingLaw: 'US-DE',
      acts: ['delaware-rapid-arbitration-act'],
      parties,
    };
    expect(world.draft(serviceTerms(delaware))).to.equal('ok');
    for (const lacking of [{ acts: [] }, { governingLaw: 'US-NY' }, { parties: serviceTerms().parties }]) {
      expect(world.draft(serviceTerms({ ...delaware, ...lacking }))).to.equal('jurisdiction-requirement');
    }
  });
});

describe('agreements', () => {
  const named = (world: CourtWorld): { agreement: Digest } => ({ agreement: world.agreement });

  it('become active when all have signed and paid, and pay the escrow back after the claim period', () => {
    const world = new CourtWorld();
    const supply = totalSupply(world.view);
    expect(world.draft()).to.equal('ok');
    expect(world.draft()).to.equal('agreement-exists');
    expect(world.send(acme, 'agreements.sign', named(world))).to.equal('not-offered');
    expect(world.send(provider, 'agreements.offer', named(world))).to.equal('not-the-drafter');
    world.must(acme, 'agreements.offer', named(world));
    expect(world.send(acme, 'agreements.offer', named(world))).to.equal('not-a-draft');
    world.must(acme, 'agreements.sign', named(world));
    expect(world.send(acme, 'agreements.sign', named(world))).to.equal('already-signed');
    expect(world.send(keyOf('stranger'), 'agreements.sign', named(world))).to.equal('not-permitted');
    world.must(provider, 'agreements.sign', named(world));
    expect(world.lifeOf()).to.equal('signed');
    expect(world.send(acme, 'agreements.resume', named(world))).to.equal('conditions-not-met');
    expect(world.send(provider, 'agreements.fund', { ...named(world), amount: 0n })).to.equal('amount-zero');
    const tooMuch = { ...named(world), amount: 10_001n * unit };
    expect(world.send(provider, 'agreements.fund', tooMuch)).to.equal('insufficient-balance');
    world.must(provider, 'agreements.fund', { ...named(world), amount: 499n * unit });
    expect(world.lifeOf()).to.equal('signed');
    world.must(provider, 'agreements.fund', { ...named(world), amount: unit });
    expect(world.lifeOf()).to.equal('active');
    world.commit([], serviceTerms().expires - 1);
    expect(world.lifeOf()).to.equal('active');
    world.commit([], serviceTerms().expires + 999);
    expect(world.lifeOf()).to.equal('expired');
    expect(recordOf(world.view, world.agreement).endedAt).to.equal(serviceTerms().expires);
    world.pass(59_000);
    expect(heldFor(world.view, escrowOf(world.agreement, provider))).to.equal(500n * unit);
    world.pass(3_000);
    expect(balance(world, provider)).to.equal(10_000n * unit);
    expect(world.send(provider, 'agreements.fund', { ...named(world), amount: 1n })).to.equal('nothing-to-fund');
    expect(totalSupply(world.view)).to.equal(supply);
  });

  it('lapse when nobody goes on, and pay back what was paid', () => {
    const world = new CourtWorld();
    world.draft();
    world.must(acme, 'agreements.offer', named(world));
    world.must(provider, 'agreements.fund', { ...named(world), amount: 7n });
    world.pass(58_000);
    expect(world.lifeOf()).to.equal('offered');
    world.pass(2_000);
    expect(world.lifeOf()).to.equal('lapsed');
    expect(balance(world, provider)).to.equal(10_000n * unit);
    expect(world.send(provider, 'agreements.sign', named(world))).to.equal('not-offered');
  });

  it('can be taken back before they are signed by all, not after', () => {
    const world = new CourtWorld();
    world.activate();
    expect(world.send(acme, 'agreements.lapse', named(world))).to.equal('not-pending');
    world.draft(serviceTerms({ noticeMs: 2000 }));
    world.must(acme, 'agreements.lapse', named(world));
    expect(world.lifeOf()).to.equal('lapsed');
  });

  it('are signed by so many of a party’s representatives as it asks for, and by them only', () => {
    const world = new CourtWorld();
    const representatives = [delegate, keyOf('probe')];
    world.draft(
      serviceTerms({
        parties: [
          { ...customer, representatives, threshold: 2 },
          { ...supplier, deposit: 0n },
        ],
      }),
    );
    world.must(delegate, 'agreements.offer', named(world));
    expect(world.send(acme, 'agreements.sign', named(world))).to.equal('representatives-sign');
    world.must(provider, 'agreements.sign', named(world));
    world.must(delegate, 'agreements.sign', named(world));
    expect(world.lifeOf()).to.equal('offered');
    world.must(keyOf('probe'), 'agreements.sign', named(world));
    expect(world.lifeOf()).to.equal('active');
    expect(world.send(delegate, 'agreements.fund', { ...named(world), amount: 1n })).to.equal('not-the-party-account');
  });

  it('wait for their conditions, their clusters and their day', () => {
    const world = new CourtWorld();
    const bindings = { ...serviceTerms().bindings, clusters: ['enc-1'] };
    const conditions = [{ id: 'insured', confirmedBy: provider }];
    const effective = world.parent.time + 30_000;
    const obligations = serviceTerms().obligations.slice(0, 1);
    const terms = serviceTerms({ bindings, conditions, effective, obligations });
    world.draft({ ...terms, parties: [customer, { ...supplier, deposit: 0n }] });
    world.must(acme, 'agreements.offer', named(world));
    const met = { ...named(world), name: 'insured', period: 0, receipt: hashOf('a1') };
    expect(world.send(acme, 'agreements.discharge-obligation', met)).to.equal('not-the-confirming-party');
    world.must(provider, 'agreements.discharge-obligation', met);
    expect(world.send(provider, 'agreements.discharge-obligation', met)).to.equal('already-discharged');
    world.must(acme, 'agreements.sign', named(world));
    world.must(provider, 'agreements.sign', named(world));
    expect(world.send(acme, 'agreements.resume', named(world)), 'no cluster').to.equal('conditions-not-met');
    const cluster = { id: 'enc-1', kind: 'enc-cluster', node: keyOf('node'), endpoints: [], region: 'EU' };
    world.must(keyOf('hosting'), 'registry.register', { ...cluster, leaseMs: 600_000 });
    world.must(acme, 'agreements.resume', named(world));
    expect(world.lifeOf(), 'not yet its day').to.equal('signed');
    world.commit([], effective);
    expect(world.lifeOf()).to.equal('active');
    expect(recordOf(world.view, world.agreement).activeSince).to.equal(effective);
  });

  it('are suspended and resumed by all together, and resume by themselves', () => {
    const world = new CourtWorld();
    world.activate();
    expect(world.send(acme, 'agreements.resume', named(world))).to.equal('not-suspended');
    world.must(acme, 'agreements.suspend', named(world));
    world.must(acme, 'agreements.suspend', named(world));
    expect(world.lifeOf(), 'one alone').to.equal('active');
    world.must(provider, 'agreements.suspend', named(world));
    expect(world.lifeOf()).to.equal('suspended');
    expect(world.send(acme, 'agreements.suspend', named(world))).to.equal('not-active');
    world.must(acme, 'agreements.resume', named(world));
    world.must(provider, 'agreements.resume', named(world));
    expect(world.lifeOf()).to.equal('active');
    world.must(acme, 'agreements.suspend', named(world));
    world.must(provider, 'agreements.suspend', named(world));
    world.pass(29_000);
    expect(world.lifeOf()).to.equal('suspended');
    world.pass(2_000);
    expect(world.lifeOf()).to.equal('active');
  });

  it('end at once by consent, after notice by one', () => {
    const together = new CourtWorld();
    together.activate();
    together.must(acme, 'agreements.terminate', named(together));
    together.must(provider, 'agreements.terminate', named(together));
    expect(together.lifeOf()).to.equal('terminated');
    const alone = new CourtWorld();
    alone.activate();
    alone.must(acme, 'agreements.terminate', named(alone));
    alone.pass(9_000);
    expect(alone.lifeOf()).to.equal('active');
    alone.pass(2_000);
    expect(alone.lifeOf()).to.equal('terminated');
    expect(alone.send(acme, 'agreements.terminate', named(alone))).to.equal('not-in-force');
  });

  it('are amended by a version that all sign; the old one is superseded then, and only then', () => {
    const world = new CourtWorld();
    const first = world.activate();
    const amend = (change: Partial<AgreementTerms>, from = acme): string => {
      const terms = serviceTerms({ version: 2, previous: first, ...change });
      return world.send(from, 'agreements.amend', { terms, content: hashOf('c1') });
    };
    expect(amend({ version: 1, previous: null })).to.equal('no-previous-version');
    expect(amend({ previous: hashOf('ee') })).to.equal('unknown-previous-version');
    expect(amend({ version: 3 })).to.equal('bad-version');
    const other = { ...customer, account: delegate };
    expect(amend({ parties: [other, supplier] }, delegate)).to.equal('not-a-party-before');
    const obligations = [{ ...serviceTerms().obligations[1]!, creditor: delegate }];
    expect(amend({ parties: [other, supplier], obligations }, provider)).to.equal('party-missing');
    const terms = serviceTerms({ version: 2, previous: first, parties: [customer, { ...supplier, deposit: 0n }] });
    expect(world.send(acme, 'agreements.draft', { terms, content: hashOf('c1') })).to.equal('amendment');
    world.must(acme, 'agreements.amend', { terms, content: hashOf('c1') });
    const second = agreementId({ terms, content: hashOf('c1') });
    world.must(acme, 'agreements.sign', { agreement: second });
    expect([world.lifeOf(first), world.lifeOf(second)]).to.deep.equal(['active', 'offered']);
    world.must(provider, 'agreements.sign', { agreement: second });
    expect([world.lifeOf(first), world.lifeOf(second)]).to.deep.equal(['superseded', 'active']);
    expect(amend({})).to.equal('previous-not-in-force');
  });

  it('keep what the creditor calls fulfilled from being a breach', () => {
    const world = new CourtWorld();
    world.activate();
    const done = { ...named(world), name: 'delivery', period: 0, receipt: hashOf('a1') };
    expect(world.send(provider, 'agreements.discharge-obligation', done)).to.equal('not-the-creditor');
    expect(world.send(acme, 'agreements.discharge-obligation', { ...done, period: 1 })).to.equal('no-such-period');
    expect(world.send(acme, 'agreements.discharge-obligation', { ...done, name: 'x' })).to.equal('unknown-obligation');
    world.must(acme, 'agreements.discharge-obligation', done);
    world.pass(25_000);
    expect(world.notice()).to.equal('discharged');
  });
});

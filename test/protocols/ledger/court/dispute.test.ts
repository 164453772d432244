/** Goal: every way through a dispute ends as the design says, and every wrong step is refused by name. Method: one chain a story. */
import { expect } from 'chai';
import { heldFor, totalSupply } from '../../../../src/protocols/ledger/modules/accounts.ts';
import { escrowOf } from '../../../../src/protocols/ledger/modules/court/agreement-state.ts';
import type { Party } from '../../../../src/protocols/ledger/modules/court/agreement-terms.ts';
import { arbitratorBond } from '../../../../src/protocols/ledger/modules/court/arbitrators.ts';
import { constraintCauses } from '../../../../src/protocols/ledger/modules/court/constraints.ts';
import { readActions } from '../../../../src/protocols/ledger/modules/court/enforcement.ts';
import { debtsOf } from '../../../../src/protocols/ledger/modules/court/escrow.ts';
import { readService } from '../../../../src/protocols/ledger/modules/registry.ts';
import { accountAt } from '../../../../src/protocols/ledger/queries.ts';
import type { Digest } from '../../../../src/protocols/shared/brands.ts';
import { keyOf } from '../ledger-world.ts';
import {
  acme,
  arbitratorKeys,
  courtGenesis,
  CourtWorld,
  hashOf,
  probe,
  provider,
  serviceTerms,
  unit,
  voteAgainst,
  voteFor,
} from './court-world.ts';

const balance = (world: CourtWorld, key: typeof acme): bigint => accountAt(world.state, key)?.balance ?? 0n;
const active = (): CourtWorld => {
  const world = new CourtWorld();
  world.activate();
  return world;
};
const salt = new Uint8Array(32).fill(9);

describe('a notice of breach', () => {
  it('is taken once for an obligation and period, when it is due, from its creditor', () => {
    const world = active();
    expect(world.notice()).to.equal('not-due-yet');
    world.pass(21_000);
    expect(world.notice('delivery', 0, provider)).to.equal('not-permitted');
    expect(world.notice('delivery', 1)).to.equal('no-such-period');
    expect(world.notice('nothing')).to.equal('unknown-obligation');
    expect(world.notice()).to.equal('ok');
    expect(world.notice()).to.equal('already-noticed');
    expect(world.notice('uptime', 0)).to.equal('ok');
    expect(world.notice('uptime', 1)).to.equal('not-due-yet');
  });

  it('is taken from anybody with statements that prove it, and from nobody with others', () => {
    const world = active();
    const stranger = keyOf('stranger');
    const by = (...statements: Parameters<CourtWorld['notice']>[3] & object): string =>
      world.notice('uptime', 0, stranger, statements);
    expect(by()).to.equal('not-permitted');
    expect(by(world.statement(probe, 999_000)), 'no violation').to.equal('not-permitted');
    expect(by(world.statement(stranger, 0)), 'no source').to.equal('not-permitted');
    expect(by({ ...world.statement(probe, 0), value: 1 }), 'not what was signed').to.equal('not-permitted');
    expect(by(world.statement(probe, 0, 1)), 'of another period').to.equal('not-permitted');
    const odd = [{ ...world.statement(probe, 0), value: 1 }];
    expect(world.notice('uptime', 0, acme, odd)).to.equal('bad-statement-signature');
    expect(world.notice('uptime', 0, acme, [world.statement(stranger, 0)])).to.equal('unknown-source');
    const twice = [world.statement(probe, 0), world.statement(probe, 0)];
    expect(world.notice('uptime', 0, acme, twice)).to.equal('duplicate-source');
    expect(by(world.statement(probe, 998_999))).to.equal('ok');
    expect(world.case(world.caseId('uptime'))).to.deep.include({ claimant: acme, respondent: provider, stage: 'cure' });
  });

  it('is taken after the end of an agreement for as long as claims may be made, and holds the escrow', () => {
    const world = active();
    const { agreement } = world;
    world.pass(21_000);
    world.must(acme, 'agreements.terminate', { agreement });
    world.must(provider, 'agreements.terminate', { agreement });
    expect(world.notice('uptime', 1), 'after its end').to.equal('not-due-yet');
    world.pass(55_000);
    expect(world.notice('uptime', 1), 'after its end').to.equal('not-in-force');
    expect(world.notice()).to.equal('ok');
    world.pass(10_000);
    expect(world.notice('uptime', 0)).to.equal('claim-period-over');
    expect(heldFor(world.view, escrowOf(agreement, provider))).to.equal(500n * unit);
    world.until(world.caseId(), 'closed');
    expect(world.case(world.caseId()).outcome).to.equal('not-filed');
    expect(balance(world, provider), 'the last case closed').to.equal(10_000n * unit);
  });
});

describe('a claim', () => {
  it('is lost by who does not answer', () => {
    const world = active();
    const id = world.file(900n * unit);
    world.until(id, 'appeal');
    const { ruling } = world.case(id);
    expect(ruling).to.deep.include({ decision: 'breach', by: 'default', penalty: 400n * unit, actions: [0] });
    world.until(id, 'enforcement');
    expect(balance(world, acme), 'the fee came not to a panel but stays until the end').to.equal(10_399n * unit);
    world.until(id, 'closed');
    expect(balance(world, acme)).to.equal(10_400n * unit);
  });

  it('is won by who admits nothing that is claimed falsely: the evidence rule decides below the threshold', () => {
    for (const [value, decision] of [
      [998_999, 'breach'],
      [999_000, 'no-breach'],
    ] as const) {
      const world = active();
      const id = world.file(199n * unit, 'uptime');
      world.respond(id);
      const evidence = { case: id, evidence: hashOf('e1'), statements: [world.statement(probe, value)] };
      world.must(acme, 'court.submit-evidence', evidence);
      expect(world.send(provider, 'court.submit-evidence', evidence)).to.equal('evidence-known');
      world.until(id, 'appeal');
      expect(world.case(id).ruling).to.deep.include({ decision, by: 'rule' });
    }
  });

  it('goes to one arbitrator below the threshold where no rule decides, to three from it on', () => {
    for (const [amount, seats] of [
      [199n, 1],
      [200n, 3],
    ] as const) {
      const world = active();
      const id = world.file(amount * unit);
      world.respond(id);
      world.until(id, 'challenge');
      expect(world.panel(id)).to.have.length(seats);
    }
  });

  it('ends where the parties agree, at every stage before it is final', () => {
    for (const stage of ['cure', 'filing', 'response', 'panel-draw', 'challenge', 'commit', 'appeal'] as const) {
      const world = active();
      const supply = totalSupply(world.view);
      world.pass(21_000);
      expect(world.notice()).to.equal('ok');
      const id = world.caseId();
      if (stage === 'filing') world.until(id, stage);
      else if (stage !== 'cure') world.file(250n * unit, 'uptime');
      const of = stage === 'cure' || stage === 'filing' ? id : world.caseId('uptime');
      if (!['cure', 'filing', 'response', 'appeal'].includes(stage)) world.respond(of);
      if (stage === 'commit') world.seat(of);
      world.until(of, stage);
      const offer = { case: of, penalty: 70n * unit, terms: hashOf('5e') };
      world.must(acme, 'court.settle', offer);
      world.must(acme, 'court.settle', offer);
      expect(world.case(of).stage, 'one side alone').not.to.equal('closed');
      world.must(provider, 'court.settle', { ...offer, penalty: 69n * unit });
      expect(world.case(of).stage, 'not the same').not.to.equal('closed');
      world.must(acme, 'court.settle', { ...offer, penalty: 69n * unit });
      expect(world.case(of), stage).to.deep.include({ stage: 'closed', outcome: 'satisfied' });
      expect(world.case(of).ruling).to.deep.include({
        decision: 'settled',
        penalty: 69n * unit,
        reasons: hashOf('5e'),
      });
      expect(world.send(acme, 'court.settle', offer)).to.equal('wrong-stage');
      expect(totalSupply(world.view)).to.equal(supply);
    }
  });

  it('is withdrawn alone before the response, together before voting, never after', () => {
    const world = active();
    const first = world.file(250n * unit);
    expect(world.send(provider, 'court.withdraw', { case: first })).to.equal('nothing-to-consent-to');
    world.must(acme, 'court.withdraw', { case: first });
    expect(world.case(first)).to.deep.include({ stage: 'closed', outcome: 'withdrawn' });
    expect(balance(world, acme), 'with its fee').to.equal(10_000n * unit);
    const second = world.file(250n * unit, 'uptime');
    world.respond(second);
    world.must(acme, 'court.withdraw', { case: second });
    expect(world.case(second).stage).to.equal('evidence');
    world.must(provider, 'court.withdraw', { case: second });
    expect(world.case(second).outcome).to.equal('withdrawn');
    world.pass(40_000);
    const third = world.file(250n * unit, 'uptime', 1);
    world.respond(third);
    world.seat(third);
    expect(world.send(acme, 'court.withdraw', { case: third })).to.equal('wrong-stage');
  });

  it('is refused when it is wrong, early or late', () => {
    const world = active();
    world.pass(21_000);
    world.notice();
    const id = world.caseId();
    const claim = { case: id, amount: 1n, actions: [0], grounds: hashOf('92') };
    expect(world.send(acme, 'court.file', claim)).to.equal('wrong-stage');
    world.until(id, 'filing');
    expect(world.send(provider, 'court.file', claim)).to.equal('not-permitted');
    expect(world.send(acme, 'court.file', { ...claim, amount: 0n, actions: [] })).to.equal('nothing-claimed');
    expect(world.send(acme, 'court.file', { ...claim, actions: [3] })).to.equal('bad-actions');
    expect(world.send(acme, 'court.file', { ...claim, actions: [1, 0] })).to.equal('bad-actions');
    world.must(acme, 'court.file', claim);
    const answer = { case: id, admits: false, answer: hashOf('93') };
    expect(world.send(acme, 'court.respond', answer)).to.equal('not-permitted');
    const late = world.transaction({ from: provider, kind: 'court.respond', body: answer });
    const { results } = world.commit([late], world.case(id).due!.at + 1);
    expect(results[0]?.code, 'late, though the queue is not drained yet').to.equal('too-late');
    const appeal = { case: id, grounds: hashOf('94') };
    const poor = keyOf('stranger');
    expect(world.send(poor, 'court.appeal', appeal)).to.equal('not-permitted');
  });
});

describe('a panel', () => {
  it('judges again twice, larger each time and never with the same people, as long as there are enough', () => {
    const world = active();
    const supply = totalSupply(world.view);
    const id = world.toVoting(250n * unit);
    const sat = new Set(world.panel(id));
    world.vote(id, [voteFor(100n * unit), voteFor(100n * unit), voteAgainst]);
    world.must(provider, 'court.appeal', { case: id, grounds: hashOf('94') });
    expect(readActions(world.view, id)).to.be.empty;
    const second = world.seat(id);
    expect(second).to.have.length(7);
    expect(second.filter((arbitrator) => sat.has(arbitrator))).to.be.empty;
    world.vote(
      id,
      second.map(() => voteAgainst),
    );
    expect(world.case(id).ruling).to.deep.include({ decision: 'no-breach', penalty: 0n, level: 1, votes: 7 });
    world.must(acme, 'court.appeal', { case: id, grounds: hashOf('94') });
    const third = world.seat(id);
    expect(third, 'five are left of fifteen').to.have.length(5);
    world.vote(
      id,
      third.map(() => voteFor(40n * unit, [])),
    );
    expect(world.case(id)).to.deep.include({ stage: 'closed', outcome: 'satisfied' });
    expect(world.case(id).ruling).to.deep.include({ decision: 'breach', penalty: 40n * unit, level: 2 });
    expect(world.send(provider, 'court.appeal', { case: id, grounds: hashOf('94') })).to.equal('wrong-stage');
    expect(totalSupply(world.view)).to.equal(supply);
  });

  it('is paid the fee, and who did not vote loses a part of the bond', () => {
    const world = active();
    const id = world.toVoting(250n * unit);
    const panel = world.panel(id);
    const before = panel.map((arbitrator) => balance(world, arbitrator));
    const bonds = panel.map((arbitrator) => arbitratorBond(world.view, arbitrator));
    world.vote(id, [voteFor(10n * unit), voteFor(20n * unit)]);
    expect(world.case(id).ruling).to.deep.include({ decision: 'breach', penalty: 10n * unit, votes: 2, seats: 3 });
    expect(panel.map((arbitrator, seat) => balance(world, arbitrator) - before[seat]!)).to.deep.equal([
      unit / 2n,
      unit / 2n,
      0n,
    ]);
    expect(arbitratorBond(world.view, panel[2]!)).to.equal((bonds[2]! * 9n) / 10n);
    expect(arbitratorBond(world.view, panel[1]!)).to.equal(bonds[1]);
  });

  it('without a quorum makes room for another, then for a larger one, and in the end for none', () => {
    const world = active();
    const id = world.toVoting(250n * unit);
    const sizes: number[] = [];
    for (let block = 0; world.case(id).stage !== 'closed'; block++) {
      expect(block).to.be.lessThan(300);
      const { stage, round } = world.case(id);
      if (stage === 'challenge') world.seat(id);
      if (stage === 'commit' && sizes.length < round) sizes.push(world.panel(id).length);
      world.commit();
    }
    expect(sizes, 'fifteen are used up').to.deep.equal([3, 3, 7, 1, 1]);
    expect(world.case(id)).to.deep.include({ outcome: 'dismissed', level: 2 });
    expect(world.case(id).ruling).to.deep.include({ decision: 'dismissed', by: 'nobody' });
    expect(balance(world, acme), 'with its fee').to.equal(10_000n * unit);
  });

  it('fills the seats of who steps back, is challenged or stays silent with others', () => {
    const world = active();
    const id = world.file(250n * unit);
    world.respond(id);
    world.until(id, 'challenge');
    const [one, two, three] = world.panel(id) as [typeof acme, typeof acme, typeof acme];
    expect(world.send(keyOf('stranger'), 'court.accept', { case: id })).to.equal('not-permitted');
    world.must(one, 'court.accept', { case: id });
    expect(world.send(one, 'court.accept', { case: id })).to.equal('already-accepted');
    expect(world.send(provider, 'court.challenge-panelist', { case: id, arbitrator: acme })).to.equal('not-seated');
    world.must(provider, 'court.challenge-panelist', { case: id, arbitrator: two });
    const again = { case: id, arbitrator: one };
    expect(world.send(provider, 'court.challenge-panelist', again)).to.equal('no-challenge-left');
    world.must(three, 'court.recuse', { case: id });
    world.until(id, 'panel-draw');
    world.until(id, 'challenge');
    const panel = world.panel(id);
    expect(panel).to.have.length(3).and.to.include(one);
    expect(panel).not.to.include.members([two]);
    expect(panel).not.to.include.members([three]);
  });

  it('does not shrink its list by an arbitrator who cannot leave, and shrinks by one who has left', () => {
    const world = active();
    const id = world.file(250n * unit);
    const profile = { jurisdictions: ['local'], languages: ['en'], affiliations: [] };
    for (const arbitrator of arbitratorKeys.slice(0, 12)) {
      world.must(arbitrator, 'court.register-arbitrator', { ...profile, bond: 0n });
    }
    world.must(keyOf('delegate'), 'court.register-arbitrator', { ...profile, bond: 5000n * unit });
    world.until(id, 'appeal');
    world.must(provider, 'court.appeal', { case: id, grounds: hashOf('94') });
    const panel = world.seat(id);
    expect([...panel].sort(), 'only who was there at the filing').to.deep.equal(arbitratorKeys.slice(12));
    const leave = { ...profile, bond: 0n };
    expect(world.send(panel[0]!, 'court.register-arbitrator', leave)).to.equal('seated');
    world.vote(id, [voteAgainst, voteAgainst, voteAgainst]);
    world.must(panel[0]!, 'court.register-arbitrator', leave);
    expect(world.send(panel[0]!, 'court.register-arbitrator', leave)).to.equal('not-registered');
  });

  it('has no party, nobody of a party, nobody in conflict and nobody from elsewhere on it', () => {
    const seats = ['acme', 'delegate', 'probe', 'one', 'two', 'three', 'four'].map(keyOf).sort();
    const special: Readonly<Record<string, object>> = {
      [keyOf('one')]: { affiliations: [provider] },
      [keyOf('two')]: { jurisdictions: ['germany'] },
      [keyOf('three')]: { languages: ['de'] },
    };
    const arbitrators = seats.map((account) => ({
      account,
      bond: 100n * unit,
      jurisdictions: ['local'],
      languages: ['en'],
      affiliations: [],
      ...special[account],
    }));
    const world = new CourtWorld(courtGenesis({ arbitrators }));
    const [customer, supplier] = serviceTerms().parties as [Party, Party];
    const parties = [
      { ...customer, affiliates: [keyOf('probe')] },
      { ...supplier, deposit: 0n, representatives: [keyOf('delegate')] },
    ];
    world.draft(serviceTerms({ parties }));
    const named = { agreement: world.agreement };
    world.must(acme, 'agreements.offer', named);
    world.must(acme, 'agreements.sign', named);
    world.must(keyOf('delegate'), 'agreements.sign', named);
    const id = world.file(250n * unit);
    world.respond(id);
    world.until(id, 'challenge');
    expect(world.panel(id), 'the largest odd panel').to.deep.equal([keyOf('four')]);
  });

  it('votes once each, as committed, in its time', () => {
    const world = active();
    const id = world.toVoting(250n * unit);
    const [one, two, three] = world.panel(id) as [typeof acme, typeof acme, typeof acme];
    const vote = voteFor(10n * unit);
    const commitOf = (who: typeof acme, what = vote): object => ({
      case: id,
      commitment: world.commitment(id, who, what),
    });
    expect(world.send(one, 'court.reveal-vote', { case: id, vote, salt })).to.equal('wrong-stage');
    world.must(one, 'court.commit-vote', commitOf(one));
    expect(world.send(one, 'court.commit-vote', commitOf(one, voteAgainst))).to.equal('already-committed');
    // A commitment that is copied from somebody else can never be revealed: it names its owner.
    world.must(two, 'court.commit-vote', commitOf(one));
    world.must(three, 'court.commit-vote', commitOf(three, voteFor(1n, [2, 1])));
    expect(world.case(id).stage, 'all have committed').to.equal('reveal');
    expect(world.send(one, 'court.recuse', { case: id })).to.equal('wrong-stage');
    expect(world.send(one, 'court.reveal-vote', { case: id, vote: voteAgainst, salt })).to.equal('commitment-mismatch');
    const otherSalt = new Uint8Array(32);
    expect(world.send(one, 'court.reveal-vote', { case: id, vote, salt: otherSalt })).to.equal('commitment-mismatch');
    expect(world.send(two, 'court.reveal-vote', { case: id, vote, salt })).to.equal('commitment-mismatch');
    expect(world.send(three, 'court.reveal-vote', { case: id, vote: voteFor(1n, [2, 1]), salt })).to.equal(
      'bad-actions',
    );
    world.must(one, 'court.reveal-vote', { case: id, vote, salt });
    expect(world.send(one, 'court.reveal-vote', { case: id, vote, salt })).to.equal('already-revealed');
    const late = world.transaction({ from: two, kind: 'court.reveal-vote', body: { case: id, vote, salt } });
    const { results } = world.commit([late], world.case(id).due!.at + 1);
    expect(results[0]?.code).to.equal('too-late');
  });
});

describe('a ruling', () => {
  const enforced = (): { world: CourtWorld; id: Digest } => {
    const world = active();
    const id = world.file(250n * unit, 'delivery', 0, [0, 1, 2]);
    world.respond(id, true);
    world.until(id, 'enforcement');
    return { world, id };
  };
  const flow = { action: 'flow-red', target: 'flow-1' } as const;

  it('is confirmed by the right services, once each, and what is said only is done once it is said', () => {
    const { world, id } = enforced();
    const statuses = (): readonly string[] => readActions(world.view, id).map(({ status }) => status);
    expect(statuses()).to.deep.equal(['executed', 'executed', 'confirmed']);
    const register = (name: string, kind: string): void => {
      const service = { id: name, kind, node: keyOf('node'), endpoints: [], region: 'EU', leaseMs: 3_600_000 };
      world.must(keyOf('hosting'), 'registry.register', service);
    };
    register('hosting-1', 'hosting');
    register('light-1', 'traffic');
    const confirm = (index: number, service: string): string =>
      world.send(keyOf('hosting'), 'court.confirm-action', { case: id, index, service, receipt: hashOf('95') });
    expect(confirm(0, 'light-1')).to.equal('wrong-service');
    expect(confirm(5, 'light-1')).to.equal('unknown-action');
    expect(confirm(0, 'hosting-1')).to.equal('ok');
    expect(confirm(0, 'hosting-1')).to.equal('already-confirmed');
    expect(confirm(1, 'light-1')).to.equal('ok');
    expect(world.case(id).outcome).to.equal('satisfied');
    expect(confirm(1, 'light-1')).to.equal('not-in-enforcement');
    expect(constraintCauses(world.view, flow), 'it stays in force').to.have.length(1);
  });

  it('escalates what nobody confirmed', () => {
    const { world, id } = enforced();
    world.until(id, 'closed');
    expect(world.case(id).outcome).to.equal('escalated');
    expect(readActions(world.view, id).map(({ status }) => status)).to.deep.equal([
      'escalated',
      'escalated',
      'confirmed',
    ]);
    expect(constraintCauses(world.view, { action: 'flow-red', target: 'provider-tenant' })).to.have.length(1);
  });

  it('takes a cluster off the registry that did not stop what it was told to', () => {
    const world = new CourtWorld();
    const cluster = { id: 'enc-1', kind: 'enc-cluster', node: keyOf('node'), endpoints: [], region: 'EU' };
    world.must(keyOf('hosting'), 'registry.register', { ...cluster, leaseMs: 3_600_000 });
    const bindings = { ...serviceTerms().bindings, clusters: ['enc-1'], workloads: ['w1'] };
    world.activate(serviceTerms({ bindings, enforcementRules: [{ action: 'stop-workloads', target: 'w1' }] }));
    const id = world.file(1n * unit);
    world.respond(id, true);
    world.until(id, 'enforcement');
    expect(readService(world.view, 'enc-1')).to.exist;
    world.until(id, 'closed');
    expect(readService(world.view, 'enc-1')).to.equal(undefined);
    expect(constraintCauses(world.view, { action: 'flow-red', target: 'enc-1' })).to.have.length(1);
  });

  it('that costs more than the escrow holds leaves a debt, which suspends the tenant until it is paid', () => {
    const world = active();
    const suspension = { action: 'suspend-tenant', target: 'provider-tenant' } as const;
    const first = world.file(400n * unit, 'delivery', 0, []);
    world.respond(first, true);
    world.until(first, 'closed');
    expect(constraintCauses(world.view, suspension)).to.be.empty;
    const second = world.file(300n * unit, 'uptime', 0, []);
    world.respond(second, true);
    world.until(second, 'closed');
    const { agreement } = world;
    expect(debtsOf(world.view, agreement, provider)).to.deep.equal([{ creditor: acme, amount: 200n * unit }]);
    expect(constraintCauses(world.view, suspension)).to.have.length(1);
    world.must(provider, 'agreements.fund', { agreement, amount: 150n * unit });
    expect(constraintCauses(world.view, suspension)).to.have.length(1);
    world.must(provider, 'agreements.fund', { agreement, amount: 60n * unit });
    expect(constraintCauses(world.view, suspension)).to.be.empty;
    expect(balance(world, acme)).to.equal(10_700n * unit);
    expect(heldFor(world.view, escrowOf(agreement, provider))).to.equal(10n * unit);
  });
});

describe('the court’s clock', () => {
  it('stands still in an outage: every deadline moves by its length, and nobody is late for it', () => {
    const world = active();
    const id = world.file(250n * unit);
    const due = world.case(id).due!;
    const left = due.at - world.parent.time;
    const answer = { case: id, admits: false, answer: hashOf('93') };
    const first = world.transaction({ from: provider, kind: 'court.respond', body: answer });
    const probeBlock = world.build([first], world.parent.time + 3_600_000).executed;
    expect(probeBlock.results[0]?.code, 'in the block that ends the outage').to.equal('ok');
    world.commit([], world.parent.time + 3_600_000);
    expect(world.case(id).stage).to.equal('response');
    world.commit([], world.parent.time + left);
    expect(world.case(id).stage, 'at its last moment and unanswered').to.equal('appeal');
  });

  it('goes on over gaps of a minute', () => {
    const world = active();
    const id = world.file(250n * unit);
    world.commit([], world.parent.time + 60_000);
    expect(world.case(id).stage).to.equal('appeal');
  });

  it('handles no more deadlines in a block than the queue allows, and the rest next', () => {
    const world = active();
    expect(world.notice('uptime', 0)).to.equal('ok');
    const id = world.caseId('uptime');
    expect(world.case(id).stage).to.equal('cure');
    world.commit([], world.parent.time + 50_000);
    expect(world.case(id).stage, 'one stage a block, each with its own time').to.equal('negotiation');
  });
});

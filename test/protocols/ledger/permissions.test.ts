/**
 * Goal: every cell of the permission table is as written here, and it is the table that decides. Method: each cell
 * against a second, hand-written copy; each kind sent by an account of each role on a chain.
 */
import { expect } from 'chai';
import { application } from '../../../src/protocols/ledger/application.ts';
import {
  formatPermissions,
  isPermitted,
  permissionRows,
  permittedKinds,
  type Role,
  roles,
} from '../../../src/protocols/ledger/permissions.ts';
import { accountAt, rolesAt } from '../../../src/protocols/ledger/queries.ts';
import type { Digest, PublicKey } from '../../../src/protocols/shared/brands.ts';
import { trafficLogId } from '../../../src/protocols/traffic/log-identity.ts';
import {
  acme,
  courtGenesis,
  CourtWorld,
  hashOf,
  probe,
  provider,
  serviceTerms,
  unit,
  voteAgainst,
} from './court/court-world.ts';
import { clusterBody, clusterDescription } from './modules/cluster-bodies.ts';
import { candidateOf, genesisOf, keyOf, validatorKey, World } from './ledger-world.ts';

/**
 * Columns: member, validator, governor, service-owner, agreement-party, claimant, respondent, proof-bearer, panelist, light,
 * light-reviewer, policy-evaluator, set-owner, cluster-owner.
 */
const expected: Readonly<Record<string, string>> = {
  'accounts.bond': 'y-------------',
  'accounts.rotate-key': 'y-------------',
  'accounts.transfer': 'y-------------',
  'accounts.unbond': 'y-------------',
  'agreements.amend': '----y---------',
  'agreements.discharge-obligation': '----y---------',
  'agreements.draft': '----y---------',
  'agreements.fund': '----y---------',
  'agreements.lapse': '----y---------',
  'agreements.offer': '----y---------',
  'agreements.resume': '----y---------',
  'agreements.sign': '----y---------',
  'agreements.suspend': '----y---------',
  'agreements.terminate': '----y---------',
  'audit.anchor': 'y-------------',
  'court.accept': '--------y-----',
  'court.appeal': '-----yy-------',
  'court.challenge-panelist': '-----yy-------',
  'court.commit-vote': '--------y-----',
  'court.confirm-action': '---y----------',
  'court.file': '-----y--------',
  'court.notice-breach': '-----y-y------',
  'court.recuse': '--------y-----',
  'court.register-arbitrator': 'y-------------',
  'court.respond': '------y-------',
  'court.reveal-vote': '--------y-----',
  'court.settle': '-----yy-------',
  'court.submit-evidence': '-----yy-------',
  'court.withdraw': '-----yy-------',
  'enc.admit-workload': '-------------y',
  'enc.anchor-receipts': '-------------y',
  'enc.register-cluster': 'y-------------',
  'enc.release-workload': '-------------y',
  'enc.set-state': '-------------y',
  'enc.update-cluster': '-------------y',
  'governance.propose-parameter': '--y-----------',
  'governance.vote': '-y------------',
  'policies.attest': '--y--------y--',
  'policies.publish': '--y---------y-',
  'policies.publish-facts': '--y-----------',
  'policies.retire': '--y-----------',
  'policies.revoke-fact': '--y-----------',
  'policies.set-rule': '--y-----------',
  'registry.deregister': '---y----------',
  'registry.register': 'y-------------',
  'registry.update': '---y----------',
  'traffic.anchor': '---------y----',
  'traffic.discharge': '----------y---',
  'traffic.fork-evidence': 'y-------------',
  'traffic.lease-counter': '---------y----',
  'traffic.open-epoch': '---------y----',
  'traffic.quarantine-reject': '----------y---',
  'traffic.quarantine-release': '----------y---',
  'traffic.register': 'y-------------',
  'traffic.set-roles': '---------y----',
  'validators.evidence': 'y-------------',
  'validators.propose': '-yy-----------',
  'validators.vote': '-y------------',
};

const digestText = 'ab'.repeat(32);
const description = { endpoints: [], region: 'EU', leaseMs: 5000 };
const evidence = { type: 'commit', height: 1, round: 0, digest: digestText, signature: new Uint8Array(64) };
const lease = { workload: digestText, epoch: 1 };
const review = { light: keyOf('light'), decision: digestText };
const publication = {
  ...{ policySet: digestText, factSet: digestText, asOf: '2026-11-01', tenant: keyOf('tenant'), content: digestText },
};
const bodies = (world: CourtWorld, id: Digest): Readonly<Record<string, unknown>> => ({
  ...courtBodies(world, id),
  'accounts.bond': { amount: 1n },
  'accounts.rotate-key': { newKey: keyOf('new'), possession: new Uint8Array(64) },
  'accounts.transfer': { to: keyOf('bob'), amount: 1n },
  'accounts.unbond': { amount: 1n },
  'enc.admit-workload': {
    cluster: 'frankfurt',
    admissions: [{ ...lease, decision: digestText, agreements: [digestText] }],
  },
  'enc.anchor-receipts': { cluster: 'frankfurt', batch: 1, count: 1, root: digestText },
  'enc.register-cluster': clusterBody(world.chainId, keyOf('other'), 'other'),
  'enc.release-workload': { cluster: 'frankfurt', leases: [lease] },
  'enc.set-state': { id: 'frankfurt', state: 'active' },
  'enc.update-cluster': { id: 'frankfurt', ...clusterDescription },
  'governance.propose-parameter': { changes: [{ name: 'blockTimeMs', value: 5 }], activationHeight: 0 },
  'governance.vote': { proposal: digestText, approve: true },
  'policies.attest': { publication: digestText, compiled: digestText },
  'policies.publish': publication,
  'policies.publish-facts': { factSet: digestText, asOf: '2026-11-01', content: digestText },
  'policies.retire': { id: '4' },
  'policies.revoke-fact': { id: 'adequacy-jp' },
  'policies.set-rule': { evaluators: [keyOf('evaluator')], attestationsMin: 1 },
  'registry.deregister': { id: 'owned' },
  'registry.register': { id: 'other', kind: 'court', node: keyOf('node'), ...description },
  'registry.update': { id: 'owned', ...description },
  'audit.anchor': { began: 1, size: 1, digest: digestText },
  'traffic.anchor': { logId: digestText, size: 1, root: digestText, consistency: [] },
  'traffic.discharge': { ...review, request: digestText, obligation: 'dpia', policySetHash: digestText },
  'traffic.fork-evidence': { light: keyOf('light'), logId: digestText, first: '', second: null },
  'traffic.lease-counter': { subject: digestText, counter: 'piplPersons', window: '2026', spent: 0, lease: 1 },
  'traffic.open-epoch': { logId: digestText, epoch: 2 },
  'traffic.quarantine-reject': review,
  'traffic.quarantine-release': review,
  'traffic.register': { logId: digestText, roles: [] },
  'traffic.set-roles': { roles: [] },
  'validators.evidence': { offender: keyOf('x'), first: evidence, second: evidence },
  'validators.propose': { type: 'add', candidate: candidateOf('x', 0n) },
  'validators.vote': { proposal: digestText, approve: true },
});

function courtBodies(world: CourtWorld, id: Digest): Readonly<Record<string, unknown>> {
  const { agreement } = world;
  const named = { agreement };
  const ofCase = { case: id };
  const stored = { terms: serviceTerms(), content: hashOf('c0') };
  const proof = [world.statement(probe, 0)];
  return {
    'agreements.amend': stored,
    'agreements.discharge-obligation': { ...named, name: 'uptime', period: 0, receipt: digestText },
    'agreements.draft': stored,
    'agreements.fund': { ...named, amount: 1n },
    'agreements.lapse': named,
    'agreements.offer': named,
    'agreements.resume': named,
    'agreements.sign': named,
    'agreements.suspend': named,
    'agreements.terminate': named,
    'court.accept': ofCase,
    'court.appeal': { ...ofCase, grounds: digestText },
    'court.challenge-panelist': { ...ofCase, arbitrator: keyOf('x') },
    'court.commit-vote': { ...ofCase, commitment: digestText },
    'court.confirm-action': { ...ofCase, index: 0, service: 'owned', receipt: digestText },
    'court.file': { ...ofCase, amount: 1n, actions: [], grounds: digestText },
    'court.notice-breach': { ...named, obligation: 'uptime', period: 0, statements: [], grounds: digestText },
    'court.notice-breach with proof': {
      ...named,
      obligation: 'uptime',
      period: 0,
      statements: proof,
      grounds: digestText,
    },
    'court.recuse': ofCase,
    'court.register-arbitrator': { bond: 1n, jurisdictions: [], languages: [], affiliations: [] },
    'court.respond': { ...ofCase, admits: false, answer: digestText },
    'court.reveal-vote': { ...ofCase, vote: voteAgainst, salt: new Uint8Array(32) },
    'court.settle': { ...ofCase, penalty: 1n, terms: digestText },
    'court.submit-evidence': { ...ofCase, evidence: digestText, statements: [] },
    'court.withdraw': ofCase,
  };
}

describe('permissions', () => {
  it('has a row for every kind that there is, and no other', () => {
    expect(permittedKinds).to.deep.equal([...application.kinds.keys()].sort());
    expect(permittedKinds).to.deep.equal(Object.keys(expected));
  });

  for (const [kind, cells] of Object.entries(expected)) {
    roles.forEach((role, column) => {
      const isAllowed = cells[column] === 'y';
      it(`${kind} is ${isAllowed ? 'open' : 'closed'} to ${role}`, () => {
        expect(isPermitted(kind, [role])).to.equal(isAllowed);
        expect(permissionRows().find((row) => row.kind === kind)?.allowed[role]).to.equal(isAllowed);
      });
    });
  }

  it('permits nothing to nobody, and unknown kinds to nobody', () => {
    for (const kind of permittedKinds) expect(isPermitted(kind, [])).to.equal(false);
    for (const kind of ['accounts.mint', 'toString', '__proto__', '']) expect(isPermitted(kind, roles)).to.equal(false);
  });

  it('decides on chain: a transaction is not-permitted exactly where the sender’s roles do not suffice', () => {
    const names = [
      'acme',
      'provider',
      'stranger',
      'hosting',
      'probe',
      'light',
      'reviewer',
      'evaluator',
      'tenant',
      'operator',
    ];
    const { accounts } = genesisOf({ accounts: names, balance: 10_000n * unit });
    const world = new CourtWorld(courtGenesis({}, { accounts }));
    const owned = { id: 'owned', kind: 'court', node: keyOf('node'), ...description, leaseMs: 3_600_000 };
    world.must(keyOf('hosting'), 'registry.register', owned);
    const logId = trafficLogId({ chainId: world.chainId, light: keyOf('light'), epoch: 1, previous: null });
    const reviewers = [{ role: 'reviewer', key: keyOf('reviewer') }];
    world.must(keyOf('light'), 'traffic.register', { logId, roles: reviewers });
    world.must(keyOf('governor'), 'policies.set-rule', { evaluators: [keyOf('evaluator')], attestationsMin: 1 });
    world.must(keyOf('operator'), 'enc.register-cluster', clusterBody(world.chainId, keyOf('operator'), 'frankfurt'));
    world.activate();
    const id = world.file(250n * unit);
    world.respond(id);
    world.until(id, 'challenge');
    const senders: readonly (readonly [PublicKey, readonly Role[]])[] = [
      [keyOf('stranger'), ['member']],
      [validatorKey(0), ['member', 'validator']],
      [keyOf('governor'), ['member', 'governor']],
      [keyOf('hosting'), ['member', 'service-owner']],
      [acme, ['member', 'agreement-party', 'claimant']],
      [provider, ['member', 'agreement-party', 'respondent']],
      [world.panel(id)[0]!, ['member', 'panelist']],
      [keyOf('light'), ['member', 'light']],
      [keyOf('reviewer'), ['member', 'light-reviewer']],
      [keyOf('evaluator'), ['member', 'policy-evaluator']],
      [keyOf('tenant'), ['member', 'set-owner']],
      [keyOf('operator'), ['member', 'cluster-owner']],
    ];
    const codeOf = (from: PublicKey, kind: string, body: unknown): string => {
      const nonce = accountAt(world.state, from)!.nonceBase;
      return world.build([world.transaction({ from, kind, body, nonce })]).executed.results[0]!.code;
    };
    const all = bodies(world, id);
    for (const [sender, held] of senders) {
      for (const kind of permittedKinds) {
        const code = codeOf(sender, kind, all[kind]);
        expect(code === 'not-permitted', `${kind} by ${held.join(', ')}: ${code}`).to.equal(!isPermitted(kind, held));
      }
    }
    expect(codeOf(keyOf('stranger'), 'court.notice-breach', all['court.notice-breach with proof'])).to.equal('ok');
  });

  it('gives strangers no role', () => {
    const world = new World();
    expect(rolesAt(world.state, application, keyOf('stranger'))).to.be.empty;
    expect(rolesAt(world.state, application, validatorKey(0))).to.deep.equal(['member', 'validator']);
  });

  it('prints as a table', () => {
    const lines = formatPermissions().split('\n');
    expect(lines[0]).to.match(
      /^kind +member +validator +governor +service-owner +agreement-party +claimant +respondent +proof-bearer +panelist +light +light-reviewer +policy-evaluator +set-owner +cluster-owner$/,
    );
    const cells = lines.find((line) => line.startsWith('validators.propose'))?.split(/ +/);
    expect(cells?.slice(1)).to.deep.equal(['-', 'yes', 'yes', ...Array.from({ length: 11 }, () => '-')]);
  });
});

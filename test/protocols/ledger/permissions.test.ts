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
import { rolesAt } from '../../../src/protocols/ledger/queries.ts';
import type { PublicKey } from '../../../src/protocols/shared/brands.ts';
import { trafficLogId } from '../../../src/protocols/traffic/log-identity.ts';
import { candidateOf, genesisOf, keyOf, validatorKey, World } from './ledger-world.ts';

/** Columns: member, validator, governor, service-owner, light, light-reviewer, policy-evaluator, set-owner. */
const expected: Readonly<Record<string, string>> = {
  'accounts.bond': 'y-------',
  'accounts.rotate-key': 'y-------',
  'accounts.transfer': 'y-------',
  'accounts.unbond': 'y-------',
  'governance.propose-parameter': '--y-----',
  'governance.vote': '-y------',
  'policies.attest': '--y---y-',
  'policies.publish': '--y----y',
  'policies.publish-facts': '--y-----',
  'policies.retire': '--y-----',
  'policies.revoke-fact': '--y-----',
  'policies.set-rule': '--y-----',
  'registry.deregister': '---y----',
  'registry.register': 'y-------',
  'registry.update': '---y----',
  'traffic.anchor': '----y---',
  'traffic.discharge': '-----y--',
  'traffic.fork-evidence': 'y-------',
  'traffic.lease-counter': '----y---',
  'traffic.open-epoch': '----y---',
  'traffic.quarantine-reject': '-----y--',
  'traffic.quarantine-release': '-----y--',
  'traffic.register': 'y-------',
  'traffic.set-roles': '----y---',
  'validators.evidence': 'y-------',
  'validators.propose': '-yy-----',
  'validators.vote': '-y------',
};

const digestText = 'ab'.repeat(32);
const description = { endpoints: [], region: 'EU', leaseMs: 5000 };
const evidence = { type: 'commit', height: 1, round: 0, digest: digestText, signature: new Uint8Array(64) };
const review = { light: keyOf('light'), decision: digestText };
const publication = {
  ...{ policySet: digestText, factSet: digestText, asOf: '2026-11-01', tenant: keyOf('tenant'), content: digestText },
};
const bodies: Readonly<Record<string, unknown>> = {
  'accounts.bond': { amount: 1n },
  'accounts.rotate-key': { newKey: keyOf('new'), possession: new Uint8Array(64) },
  'accounts.transfer': { to: keyOf('bob'), amount: 1n },
  'accounts.unbond': { amount: 1n },
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
};

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
    const senders: readonly (readonly [PublicKey, readonly Role[]])[] = [
      [keyOf('alice'), ['member']],
      [validatorKey(0), ['member', 'validator']],
      [keyOf('governor'), ['member', 'governor']],
      [keyOf('owner'), ['member', 'service-owner']],
      [keyOf('light'), ['member', 'light']],
      [keyOf('reviewer'), ['member', 'light-reviewer']],
      [keyOf('evaluator'), ['member', 'policy-evaluator']],
      [keyOf('tenant'), ['member', 'set-owner']],
    ];
    for (const [sender, held] of senders) {
      for (const kind of permittedKinds) {
        const world = new World(
          genesisOf({ accounts: ['alice', 'owner', 'light', 'reviewer', 'evaluator', 'tenant'] }),
        );
        const owned = { id: 'owned', kind: 'court', node: keyOf('node'), ...description };
        world.run({ from: keyOf('owner'), kind: 'registry.register', body: owned });
        const logId = trafficLogId({ chainId: world.chainId, light: keyOf('light'), epoch: 1, previous: null });
        const roles = [{ role: 'reviewer', key: keyOf('reviewer') }];
        world.run({ from: keyOf('light'), kind: 'traffic.register', body: { logId, roles } });
        const rule = { evaluators: [keyOf('evaluator')], attestationsMin: 1 };
        world.run({ from: keyOf('governor'), kind: 'policies.set-rule', body: rule });
        const code = world.run({ from: sender, kind, body: bodies[kind] });
        expect(code === 'not-permitted', `${kind} by ${held.join(', ')}: ${code}`).to.equal(!isPermitted(kind, held));
      }
    }
  });

  it('gives strangers no role', () => {
    const world = new World();
    expect(rolesAt(world.state, application, keyOf('stranger'))).to.be.empty;
    expect(rolesAt(world.state, application, validatorKey(0))).to.deep.equal(['member', 'validator']);
  });

  it('prints as a table', () => {
    const lines = formatPermissions().split('\n');
    expect(lines[0]).to.match(
      /^kind +member +validator +governor +service-owner +light +light-reviewer +policy-evaluator +set-owner$/,
    );
    expect(lines).to.include(
      'validators.propose            -       yes        yes       -              -      -               -                 -',
    );
  });
});

/**
 * Goal: an agreement lives and a dispute about it runs from the notice to its end, at real blocks through the executor.
 * Method: one chain a story; state, value and events looked at where they change.
 */
import { expect } from 'chai';
import { accountAt } from '../../../../src/protocols/ledger/queries.ts';
import { totalSupply } from '../../../../src/protocols/ledger/modules/accounts.ts';
import { constraintCauses } from '../../../../src/protocols/ledger/modules/court/constraints.ts';
import { readActions } from '../../../../src/protocols/ledger/modules/court/enforcement.ts';
import { keyOf } from '../ledger-world.ts';
import { acme, CourtWorld, hashOf, provider, unit, voteAgainst, voteFor } from './court-world.ts';

const balance = (world: CourtWorld, key: typeof acme): bigint => accountAt(world.state, key)?.balance ?? 0n;

describe('court, from a draft to the end of a case', () => {
  it('decides a claim by a panel of three: the penalty is paid, the tenant suspended, the service confirms', () => {
    const world = new CourtWorld();
    const supply = totalSupply(world.view);
    world.activate();
    expect(world.lifeOf()).to.equal('active');
    expect(balance(world, provider)).to.equal(9_500n * unit);
    const registration = { id: 'hosting-1', kind: 'hosting', node: keyOf('hosting'), endpoints: [], region: 'EU' };
    world.must(keyOf('hosting'), 'registry.register', { ...registration, leaseMs: 3_600_000 });

    const id = world.toVoting(250n * unit);
    expect(world.panel(id)).to.have.length(3);
    world.vote(id, [voteFor(100n * unit), voteAgainst, voteFor(240n * unit)]);
    const ruled = world.case(id);
    expect(ruled.stage).to.equal('appeal');
    expect(ruled.ruling).to.deep.include({ decision: 'breach', by: 'panel', penalty: 100n * unit, votes: 3, seats: 3 });
    expect(readActions(world.view, id).map(({ status }) => status)).to.deep.equal(['pending']);
    expect(balance(world, acme), 'nothing moves before finality').to.equal(9_999n * unit);

    world.until(id, 'enforcement');
    expect(balance(world, acme)).to.equal(10_099n * unit);
    const suspension = { action: 'suspend-tenant', target: 'provider-tenant' } as const;
    expect(constraintCauses(world.view, suspension)).to.have.length(1);
    const confirmation = { case: id, index: 0, service: 'hosting-1', receipt: hashOf('95') };
    expect(world.send(keyOf('stranger'), 'court.confirm-action', confirmation)).to.equal('not-permitted');
    world.must(keyOf('hosting'), 'court.confirm-action', confirmation);
    expect(world.case(id)).to.deep.include({ stage: 'closed', outcome: 'satisfied', due: null });
    expect(totalSupply(world.view)).to.equal(supply);
  });
});

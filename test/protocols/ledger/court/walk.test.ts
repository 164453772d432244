/**
 * Goal: an agreement lives and a dispute about it runs from the notice to its end, at real blocks through the executor.
 * Method: one chain a story; state, value and events looked at where they change.
 */
import { expect } from 'chai';
import { verifyMembership } from '../../../../src/protocols/ledger/ics23.ts';
import {
  agreementAt,
  agreementsAt,
  arbitratorsAt,
  caseAt,
  casesAt,
  constraintsAt,
  courtStateKeys,
  jurisdictionAt,
} from '../../../../src/protocols/ledger/modules/court/court-queries.ts';
import { accountAt } from '../../../../src/protocols/ledger/queries.ts';
import { totalSupply } from '../../../../src/protocols/ledger/modules/accounts.ts';
import { constraintCauses } from '../../../../src/protocols/ledger/modules/court/constraints.ts';
import { readActions } from '../../../../src/protocols/ledger/modules/court/enforcement.ts';
import { proveKey } from '../../../../src/protocols/ledger/state-proof.ts';
import { fromHex } from '../../../../src/protocols/shared/bytes.ts';
import { keyOf } from '../ledger-world.ts';
import { acme, CourtWorld, hashOf, provider, serviceTerms, unit, voteAgainst, voteFor } from './court-world.ts';

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

  it('answers for agreements and cases from committed state, each under a key that can be proved', () => {
    const world = new CourtWorld();
    const agreement = world.activate();
    const id = world.file(250n * unit);
    expect(agreementAt(world.state, agreement)).to.deep.include({ id: agreement, terms: serviceTerms() });
    expect(agreementsAt(world.state, { party: provider, state: 'active' }).map((each) => each.id)).to.deep.equal([
      agreement,
    ]);
    expect(agreementsAt(world.state, { party: keyOf('stranger') })).to.be.empty;
    expect(agreementsAt(world.state, { state: 'draft' })).to.be.empty;
    expect(casesAt(world.state).map((each) => each.id)).to.deep.equal([id]);
    expect(caseAt(world.state, id)?.record).to.deep.equal(world.case(id));
    expect(caseAt(world.state, hashOf('00'))).to.equal(undefined);
    expect(arbitratorsAt(world.state)).to.have.length(15);
    expect(constraintsAt(world.state)).to.be.empty;
    expect(jurisdictionAt(world.state, 'local')?.id).to.equal('local');
    for (const key of [courtStateKeys.stored(agreement), courtStateKeys.record(agreement), courtStateKeys.case(id)]) {
      const value = world.state.get(key)!;
      const proof = proveKey(world.state, world.state.rootRef, key)!;
      const root = fromHex(world.blocks.at(-1)!.block.header.stateRoot);
      expect(verifyMembership(root, proof, key, value)).to.deep.equal({ kind: 'accepted' });
    }
  });
});

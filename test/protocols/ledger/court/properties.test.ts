/**
 * Goal: whatever the people of a court do, value is conserved, nobody votes twice in a round, nothing is enforced before
 * it is final, agreements never change, every open case has a deadline and ends, and replay from genesis gives the same
 * state. Method: random chains of random acts by everybody, mostly in their turn and sometimes not, with outages between.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { checkBlock } from '../../../../src/protocols/ledger/executor.ts';
import type { SignedTransaction } from '../../../../src/protocols/ledger/admission.ts';
import { totalSupply } from '../../../../src/protocols/ledger/modules/accounts.ts';
import { agreementId } from '../../../../src/protocols/ledger/modules/court/agreement-terms.ts';
import { allAgreements, readStored } from '../../../../src/protocols/ledger/modules/court/agreement-state.ts';
import { readArbitrators } from '../../../../src/protocols/ledger/modules/court/arbitrators.ts';
import { allCases, type CaseRecord, caseStages } from '../../../../src/protocols/ledger/modules/court/case-state.ts';
import { constraintCauses, readConstraints } from '../../../../src/protocols/ledger/modules/court/constraints.ts';
import { readActions } from '../../../../src/protocols/ledger/modules/court/enforcement.ts';
import {
  builtInJurisdiction,
  type Jurisdiction,
} from '../../../../src/protocols/ledger/modules/court/jurisdictions.ts';
import { readPanel } from '../../../../src/protocols/ledger/modules/court/panel-state.ts';
import type { Vote } from '../../../../src/protocols/ledger/modules/court/vote.ts';
import { stateKey } from '../../../../src/protocols/ledger/view.ts';
import type { Digest, PublicKey } from '../../../../src/protocols/shared/brands.ts';
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

const brief: Jurisdiction = {
  ...builtInJurisdiction('local'),
  stages: {
    cure: 1000,
    negotiation: 1000,
    filing: 4000,
    response: 3000,
    evidence: 2000,
    challenge: 3000,
    commit: 4000,
    reveal: 4000,
    appeal: 2000,
    enforcement: 4000,
  },
};
const salt = new Uint8Array(32).fill(9);

/** What somebody tries; numbers choose among what there is. */
interface Act {
  readonly what: string;
  readonly who: number;
  readonly which: number;
  readonly amount: number;
}

/** Whose turn it is: what each stage waits for, and now and then something else. */
const turns: Readonly<Record<CaseRecord['stage'], readonly string[]>> = {
  cure: ['settle', 'evidence'],
  negotiation: ['settle', 'withdraw'],
  filing: ['file'],
  response: ['respond', 'respond', 'evidence'],
  evidence: ['evidence', 'settle', 'withdraw'],
  'panel-draw': ['settle', 'withdraw'],
  challenge: ['accept', 'accept', 'accept', 'accept', 'accept', 'accept', 'recuse', 'challenge'],
  commit: ['commit', 'commit', 'commit', 'commit', 'settle'],
  reveal: ['reveal', 'reveal', 'reveal', 'reveal', 'settle'],
  appeal: ['appeal', 'settle'],
  enforcement: ['confirm'],
  closed: [],
};
const what = fc.oneof(
  { weight: 12, arbitrary: fc.constant('turn') },
  { weight: 2, arbitrary: fc.constant('notice') },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...['file', 'respond', 'evidence', 'challenge', 'settle', 'withdraw', 'accept', 'recuse', 'commit', 'reveal'],
      ...['appeal', 'confirm', 'register', 'fund', 'outsider'],
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom('fund', 'suspend', 'resume', 'terminate', 'amend') },
);
const act: fc.Arbitrary<Act> = fc.record({ what, who: fc.nat(40), which: fc.nat(40), amount: fc.nat(450) });
const chain = fc.array(
  fc.record({
    acts: fc.array(act, { minLength: 2, maxLength: 12 }),
    gapMs: fc.oneof(
      { weight: 20, arbitrary: fc.integer({ min: 1000, max: 2500 }) },
      { weight: 1, arbitrary: fc.integer({ min: 60_001, max: 200_000 }) },
    ),
  }),
  { minLength: 25, maxLength: 60 },
);

const pick = <T>(from: readonly T[], at: number): T | undefined => from[at % Math.max(1, from.length)];

const voteOf = (amount: number): Vote =>
  [
    voteAgainst,
    voteFor(BigInt(amount) * unit),
    { ...voteFor(BigInt(amount) * unit, [0, 1]), decision: 'partial' as const },
  ][amount % 3]!;

/** Everybody at once: turns an act into a transaction on the state as it is. */
class Crowd {
  readonly #world: CourtWorld;

  constructor(world: CourtWorld) {
    this.#world = world;
  }

  transaction({ what: name, who, which, amount }: Act): SignedTransaction | undefined {
    const world = this.#world;
    const side = who % 2 === 0 ? acme : provider;
    const of = (from: PublicKey, kind: string, body: unknown): SignedTransaction =>
      world.transaction({ from, kind, body });
    const { agreement } = world;
    const money = BigInt(amount) * unit;
    if (name === 'notice') {
      const statements = amount % 2 === 0 ? [] : [world.statement(probe, who % 2 === 0 ? 0 : 1_000_000, which % 3)];
      const about = {
        agreement,
        obligation: which % 4 === 3 ? 'delivery' : 'uptime',
        period: which % 4 === 3 ? 0 : which % 3,
      };
      return of(who % 5 === 0 ? keyOf('stranger') : acme, 'court.notice-breach', {
        ...about,
        statements: about.obligation === 'uptime' ? statements : [],
        grounds: hashOf('91'),
      });
    }
    if (name === 'register') {
      const profile = { jurisdictions: ['local'], languages: ['en'], affiliations: [] };
      return of(pick(arbitratorKeys, who)!, 'court.register-arbitrator', { ...profile, bond: money });
    }
    if (name === 'fund') return of(side, 'agreements.fund', { agreement, amount: money });
    if (['suspend', 'resume', 'terminate'].includes(name)) return of(side, `agreements.${name}`, { agreement });
    if (name === 'amend') {
      const terms = serviceTerms({ version: 2, previous: agreement, noticeMs: 1000 + amount });
      return of(side, 'agreements.amend', { terms, content: hashOf('c1') });
    }
    const found = pick(allCases(world.view), which);
    if (found === undefined) return undefined;
    const turn = name === 'turn' ? pick(turns[found[1].stage], amount) : name;
    return turn === undefined ? undefined : this.#onCase(found, { what: turn, who, which, amount }, side);
  }

  #onCase([id, record]: readonly [Digest, CaseRecord], { what: name, who, amount }: Act, side: PublicKey) {
    const world = this.#world;
    const panel = readPanel(world.view, id).seats;
    const seat = pick(panel, who);
    const money = BigInt(amount) * unit;
    const bodies: Record<string, readonly [PublicKey | undefined, string, unknown]> = {
      file: [acme, 'file', { case: id, amount: money, actions: amount % 2 === 0 ? [0, 1] : [], grounds: hashOf('92') }],
      respond: [provider, 'respond', { case: id, admits: amount % 5 === 0, answer: hashOf('93') }],
      evidence: [
        side,
        'submit-evidence',
        { case: id, evidence: hashOf((16 + (amount % 90)).toString(16)), statements: [] },
      ],
      challenge: [side, 'challenge-panelist', { case: id, arbitrator: seat?.arbitrator ?? acme }],
      settle:
        amount % 3 === 0 ? [side, 'settle', { case: id, penalty: 5n, terms: hashOf('94') }] : [undefined, '', null],
      withdraw: amount % 3 === 0 ? [side, 'withdraw', { case: id }] : [undefined, '', null],
      accept: [seat?.arbitrator, 'accept', { case: id }],
      recuse: amount % 3 === 0 ? [seat?.arbitrator, 'recuse', { case: id }] : [undefined, '', null],
      commit: [
        seat?.arbitrator,
        'commit-vote',
        { case: id, commitment: this.#commitment(id, seat?.arbitrator, amount) },
      ],
      reveal: [seat?.arbitrator, 'reveal-vote', { case: id, vote: this.#vote(id, seat?.arbitrator), salt }],
      appeal: [side, 'appeal', { case: id, grounds: hashOf('95') }],
      confirm: [
        keyOf('hosting'),
        'confirm-action',
        { case: id, index: amount % 3, service: 'hosting-1', receipt: hashOf('96') },
      ],
      outsider: [keyOf('stranger'), 'settle', { case: id, penalty: 1n, terms: hashOf('94') }],
    };
    const [from, kind, body] = bodies[name]!;
    return from === undefined || record.stage === 'closed'
      ? undefined
      : world.transaction({ from, kind: `court.${kind}`, body });
  }

  readonly #votes = new Map<string, Vote>();

  #vote(id: Digest, arbitrator: PublicKey | undefined): Vote {
    return this.#votes.get(`${id}/${arbitrator}`) ?? voteAgainst;
  }

  #commitment(id: Digest, arbitrator: PublicKey | undefined, amount: number): Digest {
    if (arbitrator === undefined) return hashOf('97');
    const key = `${id}/${arbitrator}`;
    const vote = this.#votes.get(key) ?? voteOf(amount);
    this.#votes.set(key, vote);
    return this.#world.commitment(id, arbitrator, vote);
  }
}

const isOver = (stage: CaseRecord['stage']): boolean => stage === 'enforcement' || stage === 'closed';

/** What must hold after every block. */
function checkState(world: CourtWorld, supply: bigint): void {
  const { view } = world;
  expect(totalSupply(view), 'value is conserved').to.equal(supply);
  for (const [id] of allAgreements(view)) expect(agreementId(readStored(view, id)!), 'bytes never change').to.equal(id);
  const seats = new Map<PublicKey, number>();
  const open = new Map<Digest, number>();
  for (const [id, record] of allCases(view)) {
    const { stage, due, agreement } = record;
    expect(due === null, `${stage} has a deadline`).to.equal(stage === 'closed');
    if (due !== null) {
      expect(world.state.get(stateKey(`deadlines/${due.id.order}/${due.id.key}`)), `${stage} is in the queue`).to.exist;
      open.set(agreement, (open.get(agreement) ?? 0) + 1);
    }
    for (const { status } of readActions(view, id)) {
      expect(status === 'pending', `${status} in ${stage}`).to.equal(!isOver(stage));
    }
    const members = readPanel(view, id).seats;
    expect(new Set(members.map(({ arbitrator }) => arbitrator)).size, 'one seat each').to.equal(members.length);
    for (const { arbitrator, hasAccepted } of members) {
      if (hasAccepted) seats.set(arbitrator, (seats.get(arbitrator) ?? 0) + 1);
    }
  }
  for (const { account, seats: counted } of readArbitrators(view)) expect(counted).to.equal(seats.get(account) ?? 0);
  for (const [id, { openCases }] of allAgreements(view)) expect(openCases).to.equal(open.get(id) ?? 0);
  for (const rule of readConstraints(view)) {
    for (const cause of constraintCauses(view, rule)) {
      const [, type, id] = cause.split('/') as [string, string, Digest];
      if (type === 'case') expect(isOver(world.case(id).stage), 'no enforcement before finality').to.equal(true);
    }
  }
}

/** Votes and payments as the events tell them: once for each seat, and never before the ruling was final. */
function checkEvents(world: CourtWorld): void {
  const once = new Set<string>();
  const final = new Set<string>();
  const rounds = new Map<string, number>();
  for (const { events } of world.blocks) {
    for (const { module, kind, attributes } of events) {
      if (module !== 'court') continue;
      const of = Object.fromEntries(attributes.map(({ name, value }) => [name, value]));
      const id = of['case'] ?? '';
      if (kind === 'panel-drawn') rounds.set(id, Number(of['round']));
      if (kind === 'final') final.add(id);
      if (kind === 'escalated' || kind === 'confirmed') expect(final.has(id), kind).to.equal(true);
      if (kind !== 'committed' && kind !== 'revealed') continue;
      const key = [kind, id, rounds.get(id), of['arbitrator']].join('/');
      expect(once.has(key), `twice: ${key}`).to.equal(false);
      once.add(key);
    }
  }
}

function fresh(): CourtWorld {
  const world = new CourtWorld(courtGenesis({ jurisdictions: [brief] }));
  const hosting = { id: 'hosting-1', kind: 'hosting', node: keyOf('hosting'), endpoints: [], region: 'EU' };
  world.must(keyOf('hosting'), 'registry.register', { ...hosting, leaseMs: 3_600_000 });
  world.activate(serviceTerms({ expires: 1_700_000_000_000 + 3_600_000 }));
  return world;
}

describe('court, for all acts of all people', () => {
  it('keeps its promises, ends every case, and replays to the same state', () => {
    const codes = new Set<string>();
    const stages = new Set<string>();
    const by = new Set<string>();
    fc.assert(
      fc.property(chain, (blocks) => {
        const world = fresh();
        const crowd = new Crowd(world);
        const supply = totalSupply(world.view);
        for (const { acts, gapMs } of blocks) {
          const transactions = acts.map((each) => crowd.transaction(each)).filter((each) => each !== undefined);
          const executed = world.commit(transactions, world.parent.time + gapMs);
          for (const { code } of executed.results) codes.add(code);
          for (const [, { stage, ruling }] of allCases(world.view)) {
            stages.add(stage);
            if (ruling !== null) by.add(ruling.by);
          }
          checkState(world, supply);
        }
        for (let block = 0; allCases(world.view).some(([, { stage }]) => stage !== 'closed'); block++) {
          expect(block, 'every case ends by itself').to.be.lessThan(120);
          world.commit([], world.parent.time + 2500);
          checkState(world, supply);
        }
        checkEvents(world);
        const replay = new CourtWorld(world.genesis);
        for (const { block, transactions } of world.blocks) {
          const verdict = checkBlock(replay.ledger(), block, transactions);
          if (verdict.kind === 'invalid') throw new Error(`${verdict.reason}: ${verdict.detail}`);
          replay.adopt(verdict.executed);
        }
        expect(replay.state.entries).to.deep.equal(world.state.entries);
      }),
      { numRuns: 24, endOnFailure: true },
    );
    // The chains must reach what they are meant to test.
    expect([...stages]).to.have.members([...caseStages]);
    expect([...by]).to.include.members(['default', 'parties', 'panel']);
    expect([...codes]).to.include.members(['ok', 'too-late', 'wrong-stage', 'not-permitted', 'already-noticed']);
  }).timeout(120_000);
});

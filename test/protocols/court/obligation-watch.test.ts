/**
 * Goal: a court sees exactly the breaches of which the ledger takes its notice, takes the statements that may prove one and no
 * others, and remembers nothing that changes what it sees. Method: random lives of an agreement; the oracle is the ledger
 * itself, asked about every obligation and period in a block that is never made final.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import {
  type Held,
  type HeldStatements,
  judgeStatement,
  settledAgreements,
  type Watch,
  type WatchMemory,
  watchObligations,
} from '../../../src/protocols/court/obligation-watch.ts';
import { listingDue } from '../../../src/protocols/registry/listing.ts';
import type { EvidenceRule } from '../../../src/protocols/ledger/modules/court/agreement-terms.ts';
import { caseIdOf } from '../../../src/protocols/ledger/modules/court/case-state.ts';
import { outagesBefore } from '../../../src/protocols/ledger/modules/court/court-clock.ts';
import type { Statement, StatementSubject } from '../../../src/protocols/ledger/modules/court/statements.ts';
import { accountAt } from '../../../src/protocols/ledger/queries.ts';
import type { Digest, PublicKey } from '../../../src/protocols/shared/brands.ts';
import { acme, courtGenesis, CourtWorld, hashOf, probe, provider, serviceTerms } from '../ledger/court/court-world.ts';
import { keyOf, signatures } from '../ledger/ledger-world.ts';

const court = keyOf('hosting');
const sources = [probe, keyOf('probe 2'), keyOf('probe 3')];
const start = 1_700_000_000_000;
const periodMs = 10_000;

const ruleOf = (missing: EvidenceRule['missing'], needed: number): EvidenceRule => ({
  ...{ metric: 'availability-ppm', comparison: 'at-least', bound: 999_000 },
  ...{ sources, needed, missing },
});

/** The agreement of the court's world with two obligations under rules of evidence, short terms, and the court listed or not. */
class WatchedWorld extends CourtWorld {
  readonly #held = new Map<Digest, HeldStatements>();

  constructor(missing: EvidenceRule['missing'], isListed: boolean) {
    super(courtGenesis());
    const [uptime, delivery] = serviceTerms().obligations;
    this.activate(
      serviceTerms({
        obligations: [
          { ...uptime!, timing: { type: 'every', periodMs }, evidenceRule: ruleOf(missing, 2) },
          { ...delivery!, evidenceRule: ruleOf(missing, 1) },
        ],
        ...{ noticeMs: 5_000, claimPeriodMs: 10_000 },
      }),
    );
    if (isListed) {
      const listing = { endpoints: ['http://127.0.0.1:21002'], region: 'EU', leaseMs: 3_600_000 };
      this.must(court, 'registry.register', { id: 'court-1', kind: 'court', node: court, ...listing });
    }
  }

  get held(): Held {
    return this.#held;
  }

  /** As the next block sees it. */
  get watch(): Watch {
    const time = this.parent.time + 1000;
    return { court: 'court-1', time, courtTime: time - outagesBefore(this.view) };
  }

  judge(subject: StatementSubject, statement: Statement): ReturnType<typeof judgeStatement> {
    const signing = { held: this.held, chainId: this.chainId, signatures };
    return judgeStatement(this.view, this.watch, { subject, statement }, signing);
  }

  handIn(source: PublicKey, value: number, obligation: string, period: number): ReturnType<typeof judgeStatement> {
    const subject = { agreement: this.agreement, obligation, period };
    const statement = this.statement(source, value, period, obligation);
    const judged = this.judge(subject, statement);
    if (judged === 'new') {
      const id = caseIdOf(this.agreement, obligation, period);
      this.#held.set(id, { subject, statements: [...(this.#held.get(id)?.statements ?? []), statement] });
    }
    return judged;
  }

  noticeBody(subject: StatementSubject): object {
    const id = caseIdOf(subject.agreement, subject.obligation, subject.period);
    return { ...subject, statements: this.#held.get(id)?.statements ?? [], grounds: hashOf('91') };
  }

  /** Whether the ledger takes the court's notice in the next block; no block is made. */
  isTaken(subject: StatementSubject): boolean {
    const nonce = accountAt(this.state, court)!.nonceBase;
    const transaction = this.transaction({
      ...{ from: court, kind: 'court.notice-breach', body: this.noticeBody(subject), nonce },
    });
    return this.build([transaction]).executed.results[0]!.code === 'ok';
  }

  /** Every obligation in every period that has begun, and one more. */
  subjects(): readonly StatementSubject[] {
    const periods = Math.floor((this.watch.time - start) / periodMs) + 2;
    const uptime = Array.from({ length: periods }, (_, period) => ({ obligation: 'uptime', period }));
    return [...uptime, { obligation: 'delivery', period: 0 }, { obligation: 'delivery', period: 1 }].map((each) => ({
      agreement: this.agreement,
      ...each,
    }));
  }
}

interface Step {
  readonly act: 'state' | 'pass' | 'notice' | 'discharge' | 'terminate';
  readonly which: number;
  readonly isGood: boolean;
}

const step = fc.record<Step>({
  act: fc.constantFrom<Step['act']>(
    'state',
    'state',
    'state',
    'state',
    'pass',
    'pass',
    'notice',
    'discharge',
    'terminate',
  ),
  which: fc.nat(1000),
  isGood: fc.boolean(),
});

function act(world: WatchedWorld, { act: what, which, isGood }: Step, memory: WatchMemory): void {
  const subjects = world.subjects();
  const { agreement, obligation, period } = subjects[which % subjects.length]!;
  if (what === 'state') world.handIn(sources[which % 3]!, isGood ? 999_500 : 990_000, obligation, period);
  else if (what === 'pass') world.pass(1_000 * (1 + (which % 6)));
  else if (what === 'discharge') {
    world.send(acme, 'agreements.discharge-obligation', { agreement, name: obligation, period, receipt: hashOf('95') });
  } else if (what === 'terminate' && which % 4 === 0) world.send(provider, 'agreements.terminate', { agreement });
  else if (what === 'notice') {
    const { breaches } = watchObligations(world.view, world.watch, world.held, memory);
    const [breach] = breaches;
    if (breach !== undefined) world.must(court, 'court.notice-breach', world.noticeBody(breach.subject));
  }
}

const fresh = (held: Held): WatchMemory => ({ open: new Set(held.keys()), from: new Map() });
const nameOf = ({ obligation, period }: StatementSubject): string => `${obligation}/${period}`;
const namesOf = (breaches: readonly { readonly subject: StatementSubject }[]): readonly string[] =>
  breaches.map(({ subject }) => nameOf(subject)).sort();

describe('obligation watch', function () {
  this.timeout(120_000);

  it('sees exactly the breaches of which the ledger takes a notice by the court, with memory and without', () => {
    const proofs = new Set<string>();
    const missing = fc.constantFrom<EvidenceRule['missing']>('breach', 'no-breach', 'panel');
    const life = fc.array(step, { minLength: 10, maxLength: 25 });
    fc.assert(
      fc.property(missing, life, (silenceIs, steps) => {
        const world = new WatchedWorld(silenceIs, true);
        let memory: WatchMemory = { open: new Set(), from: new Map() };
        for (const one of steps) {
          act(world, one, memory);
          // What came in since is open; what was closed stays so.
          const known = memory.open;
          const found = watchObligations(world.view, world.watch, world.held, fresh(world.held));
          const open = new Set([...known, ...found.breaches.map(({ id }) => id), ...world.held.keys()]);
          const remembered = watchObligations(world.view, world.watch, world.held, { open, from: memory.from });
          memory = {
            open: new Set([...open].filter((id) => !remembered.closed.includes(id))),
            from: remembered.from,
          };
          const taken = world.subjects().filter((subject) => world.isTaken(subject));
          expect(namesOf(found.breaches)).deep.equal(taken.map(nameOf).sort());
          expect(namesOf(remembered.breaches)).deep.equal(namesOf(found.breaches));
          for (const { proof } of found.breaches) proofs.add(proof);
        }
      }),
      { numRuns: 25, seed: 4 },
    );
    expect([...proofs].sort()).deep.equal(['silence', 'statements']);
  });

  it('does not look again at what it has closed, and nothing that is closed becomes a breach', () => {
    const world = new WatchedWorld('breach', true);
    world.handIn(probe, 999_900, 'uptime', 0);
    world.handIn(sources[1]!, 999_900, 'uptime', 0);
    const first = watchObligations(world.view, world.watch, world.held, fresh(world.held));
    expect(first.closed).deep.equal([...world.held.keys()]);
    world.pass(periodMs);
    world.handIn(sources[2]!, 1, 'uptime', 0);
    const open = new Set<Digest>();
    const second = watchObligations(world.view, world.watch, world.held, { open, from: first.from });
    expect([second.breaches, second.from.get(`${world.agreement}/uptime`)]).deep.equal([[], 1]);
  });

  it('believes silence of the court alone that the agreement names and the registry lists', () => {
    const unlisted = new WatchedWorld('breach', false);
    unlisted.pass(periodMs + 1_000);
    const subject = { agreement: unlisted.agreement, obligation: 'uptime', period: 0 };
    expect(unlisted.isTaken(subject)).equal(false);
    const listed = new WatchedWorld('breach', true);
    listed.pass(periodMs + 1_000);
    const about = { ...subject, agreement: listed.agreement };
    expect(listed.send(keyOf('stranger'), 'court.notice-breach', listed.noticeBody(about))).equal('not-permitted');
    expect(listed.send(provider, 'court.notice-breach', listed.noticeBody(about))).equal('not-permitted');
    expect(listed.isTaken(about)).equal(true);
    listed.must(court, 'court.notice-breach', listed.noticeBody(about));
    expect(listed.send(court, 'court.notice-breach', listed.noticeBody(about))).equal('already-noticed');
  });

  it('takes the first statement of each source that the rule names, in a period that has begun, and says why not', () => {
    const world = new WatchedWorld('panel', true);
    expect(world.handIn(probe, 5, 'uptime', 0)).equal('new');
    expect(world.handIn(probe, 5, 'uptime', 0)).equal('known');
    expect(world.handIn(probe, 6, 'uptime', 0)).deep.equal({ refused: 'contradicts-earlier' });
    expect(world.handIn(keyOf('stranger'), 5, 'uptime', 0)).deep.equal({ refused: 'unknown-source' });
    expect(world.handIn(probe, 5, 'uptime', 9)).deep.equal({ refused: 'period-not-begun' });
    expect(world.handIn(probe, 5, 'uptime', 1_000_000)).deep.equal({ refused: 'no-such-period' });
    expect(world.handIn(probe, 5, 'delivery', 1)).deep.equal({ refused: 'no-such-period' });
    expect(world.handIn(probe, 5, 'payment', 0)).deep.equal({ refused: 'unknown-obligation' });
    const subject = { agreement: world.agreement, obligation: 'uptime', period: 0 };
    const statement = world.statement(sources[1]!, 5);
    expect(world.judge(subject, { ...statement, value: 6 })).deep.equal({ refused: 'bad-statement-signature' });
    expect(world.judge({ ...subject, agreement: hashOf('aa') }, statement)).deep.equal({
      refused: 'unknown-agreement',
    });
    const elsewhere = { ...world.watch, court: 'court-2' };
    const signing = { held: world.held, chainId: world.chainId, signatures };
    expect(judgeStatement(world.view, elsewhere, { subject, statement }, signing)).deep.equal({
      refused: 'other-court',
    });
  });

  it('takes nothing once claims are over, and lets go of what it held', () => {
    const world = new WatchedWorld('panel', true);
    world.handIn(probe, 5, 'uptime', 0);
    const body = { agreement: world.agreement };
    for (const party of [acme, provider]) world.must(party, 'agreements.terminate', body);
    expect(settledAgreements(world.view, world.held)).deep.equal([]);
    expect(world.handIn(sources[1]!, 5, 'uptime', 0)).equal('new');
    world.pass(4_000);
    expect(world.handIn(sources[1]!, 5, 'uptime', 1)).deep.equal({ refused: 'not-in-force' });
    world.pass(8_000);
    expect(world.handIn(sources[2]!, 5, 'uptime', 0)).deep.equal({ refused: 'claim-period-over' });
    expect(settledAgreements(world.view, world.held)).deep.equal([world.agreement]);
  });
});

describe('listing of a service', () => {
  const listing = { id: 'court-1', endpoints: ['http://127.0.0.1:1'], region: 'EU' };

  it('registers, renews before the lease ends or when something changed, and leaves the name of another alone', () => {
    const world = new CourtWorld();
    const next = (endpoint = 'http://127.0.0.1:1', account = court): ReturnType<typeof listingDue> =>
      listingDue(world.view, { ...listing, endpoints: [endpoint] }, { kind: 'court', account }, world.parent.time);
    const first = next();
    expect(first?.kind).equal('registry.register');
    world.must(court, first!.kind, first!.body);
    expect([next(), next('http://127.0.0.1:1', provider)]).deep.equal([null, null]);
    const moved = next('http://127.0.0.1:2');
    expect(moved?.kind).equal('registry.update');
    world.must(court, moved!.kind, moved!.body);
    expect(next('http://127.0.0.1:2')).equal(null);
    world.commit([], world.parent.time + 301_000);
    expect(next('http://127.0.0.1:2')?.kind).equal('registry.update');
  });
});

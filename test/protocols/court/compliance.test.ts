/**
 * Goal: what the court answers to whoever asks for compliance is what a light and a policy engine decide by, whatever is agreed,
 * suspended, over or ordered; and an open question gets the worst of its answers. Method: random agreements and orders written into
 * a state, random operations; each is asked of the court, decided by a light, evaluated by an engine, and read by a dumb oracle.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { answerQuestion } from '../../../src/actors/court/questions.ts';
import { Timelines } from '../../../src/actors/court/timelines.ts';
import type { Compliance } from '../../../src/protocols/court/compliance.ts';
import { CourtBook } from '../../../src/protocols/court/court-book.ts';
import {
  type AgreementRecord,
  type AgreementState,
  storeAgreement,
  writeAgreement,
} from '../../../src/protocols/ledger/modules/court/agreement-state.ts';
import { agreementId, type AgreementTerms } from '../../../src/protocols/ledger/modules/court/agreement-terms.ts';
import { addConstraint, liftConstraints } from '../../../src/protocols/ledger/modules/court/constraints.ts';
import { View } from '../../../src/protocols/ledger/view.ts';
import { stateRank } from '../../../src/protocols/policy/rules.ts';
import { readRequest } from '../../../src/protocols/policy/request.ts';
import type { Digest, PublicKey } from '../../../src/protocols/shared/brands.ts';
import { toHex } from '../../../src/protocols/shared/bytes.ts';
import { consult } from '../../../src/protocols/traffic/consult.ts';
import type { Operation } from '../../../src/protocols/traffic/constraints.ts';
import { stepsOf } from '../../../src/protocols/traffic/steps.ts';
import { MemoryDisk } from '../../../src/runtime/simulated/memory-store.ts';
import { factsOf, now, openLight, tables, trafficRequest } from '../../support/traffic-world.ts';
import { acme, hashOf, provider, serviceTerms } from '../ledger/court/court-world.ts';
import { MemoryState } from '../ledger/ledger-world.ts';

type DataClass = AgreementTerms['bindings']['dataClasses'][number];

interface DrawnAgreement {
  readonly state: AgreementState;
  readonly endedAt: number;
  readonly tenants: readonly string[];
  readonly workloads: readonly string[];
  readonly countries: readonly string[];
  readonly dataClasses: readonly DataClass[];
}

interface DrawnOrder {
  readonly action: 'suspend-tenant' | 'flow-red' | 'flow-yellow' | 'stop-workloads' | 'require-policy';
  readonly target: string;
  /** Of the agreements drawn. */
  readonly under: number;
  readonly debtor: PublicKey;
}

const owners: Readonly<Record<string, PublicKey>> = { one: acme, two: provider, three: provider };
const over: readonly AgreementState[] = ['expired', 'terminated', 'superseded'];
const states: readonly AgreementState[] = ['draft', 'signed', 'active', 'suspended', 'lapsed', ...over];

function write(state: MemoryState, change: (view: View) => void): void {
  const view = new View(state);
  change(view);
  for (const { key, value } of view.writes()) {
    if (value === null) state.entries.delete(toHex(key));
    else state.entries.set(toHex(key), value);
  }
}

const recordOf = ({ state, endedAt }: Pick<DrawnAgreement, 'state' | 'endedAt'>): AgreementRecord => ({
  ...{ state, drafter: acme, signatures: [], confirmed: [], activeSince: 1, due: null, terminatesAt: 0 },
  ...{ endedAt: over.includes(state) ? endedAt : 0, purpose: 'none', consents: [], openCases: 0, isSettled: false },
});

function stateWith(agreements: readonly DrawnAgreement[], orders: readonly DrawnOrder[] = []): MemoryState {
  const state = new MemoryState();
  write(state, (view) => {
    const ids = agreements.map((drawn, index): Digest => {
      const { tenants: names, workloads, countries, dataClasses } = drawn;
      const tenants = names.map((name) => ({ name, account: owners[name] ?? acme }));
      const bindings = { tenants, workloads, countries, dataClasses, clusters: [] };
      const agreement = { terms: serviceTerms({ bindings, version: index + 1 }), content: hashOf('c0') };
      const id = agreementId(agreement);
      storeAgreement(view, id, agreement);
      writeAgreement(view, id, recordOf(drawn));
      return id;
    });
    for (const { action, target, under, debtor } of orders)
      addConstraint(view, { action, target }, ids[under % ids.length] ?? hashOf('44'), `debt/${debtor}`);
  });
  return state;
}

const someOf = <T>(...items: readonly T[]): fc.Arbitrary<readonly T[]> => fc.subarray([...items]);
const agreements: fc.Arbitrary<readonly DrawnAgreement[]> = fc.array(
  fc.record({
    state: fc.constantFrom(...states),
    endedAt: fc.integer({ min: 1, max: 3 }),
    tenants: someOf('one', 'two', 'three').filter((names) => names.length > 0),
    workloads: someOf('web', 'batch'),
    countries: someOf('DE', 'FR', 'US-CA'),
    dataClasses: someOf<DataClass>('Internal', 'Confidential'),
  }),
  { maxLength: 4 },
);
const orders: fc.Arbitrary<readonly DrawnOrder[]> = fc.array(
  fc.record({
    action: fc.constantFrom<DrawnOrder['action'][]>(
      ...(['suspend-tenant', 'flow-red', 'flow-yellow', 'stop-workloads', 'require-policy'] as const),
    ),
    target: fc.constantFrom('one', 'two', provider, 'web', 'enc-1'),
    under: fc.nat(3),
    debtor: fc.constantFrom(acme, provider),
  }),
  { maxLength: 2 },
);
const choices = {
  tenant: ['one', 'two', 'three', 'nobody', provider],
  workload: ['web', 'batch', 'other'],
  country: ['DE', 'FR', 'US', 'CN'],
  classification: ['Internal', 'Confidential', 'Restricted'],
} as const;
const operations: fc.Arbitrary<Operation> = fc.record({
  tenant: fc.constantFrom(...choices.tenant),
  workload: fc.constantFrom(...choices.workload),
  country: fc.constantFrom(...choices.country, null),
  classification: fc.constantFrom(...choices.classification),
});

function ask(reader: MemoryState, operation: Operation, book = new CourtBook(), ageMs = 0): Compliance {
  const memory = { timelines: new Timelines(), book, now: now + ageMs, statementsOf: () => null, status: () => null };
  const asked = operation as Operation & { readonly classification: DataClass | null };
  const answer = answerQuestion({ about: 'compliance', operation: asked }, { height: 10, time: now, reader }, memory);
  if (answer.kind !== 'answer') throw new Error(`refused: ${answer.reason}`);
  return answer.value as unknown as Compliance;
}

const flowOf = ({ tenant, workload, country, classification }: Operation): Readonly<Record<string, unknown>> => ({
  ...{ subject: { tenant, workload }, classification, bases: ['contract'] },
  destination: country === null ? { region: 'Global' } : { country },
});

/** What must hold of agreements alone, read off what was drawn. */
function oracle(drawn: readonly DrawnAgreement[], { tenant, workload, country, classification }: Operation): boolean {
  const names = Object.keys(owners).filter((name) => name === tenant || owners[name] === tenant);
  return names.every((name) => {
    const binding = drawn.filter(
      ({ tenants, workloads }) =>
        tenants.includes(name) && (workloads.length === 0 || (workload !== null && workloads.includes(workload))),
    );
    const inForce = binding.filter(({ state }) => state === 'active' || state === 'suspended');
    if (inForce.length === 0) return !binding.some(({ state }) => over.includes(state));
    return inForce.every(
      ({ state, countries, dataClasses }) =>
        state === 'active' &&
        (countries.length === 0 || (country !== null && countries.some((each) => each.startsWith(country)))) &&
        (dataClasses.length === 0 || dataClasses.some((each) => each === classification)),
    );
  });
}

describe('compliance', () => {
  it('is one answer: of the court that is asked, of a light that decides, of an engine that evaluates', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(agreements, orders, operations, async (drawn, ordered, operation) => {
        const reader = stateWith(drawn, ordered);
        const { state, reasons, complies } = ask(reader, operation);
        seen.add(state);
        const facts = factsOf(new CourtBook().factsOf(reader));
        const { light } = await openLight(new MemoryDisk(), { facts });
        const request = trafficRequest('1', 'DE', 'DE', flowOf(operation));
        const answer = light.decide(request, { caller: null, now, isLate: false });
        if (answer.kind !== 'decided') throw new Error(answer.kind);
        const { inputs, outcome } = answer.entry;
        const [court] = stepsOf(inputs, outcome);
        expect(court).deep.equal({ step: 'court', state, reasons });
        expect(stateRank[outcome.state]).least(stateRank[state]);
        expect(complies).equal(state === 'Green');
        const consulted = consult(
          { ...facts, policy: tables, total: () => 0 },
          readRequest({
            ...{ operation: 'transfer', contents: ['personal'], purpose: 'service-provision' },
            ...{ source: { country: 'DE' }, ...flowOf(operation) },
          }),
          now,
        );
        expect([consulted.outcome.state, consulted.outcome.reasons]).deep.equal([outcome.state, outcome.reasons]);
      }),
      { numRuns: 200 },
    );
    expect([...seen].sort(), 'the worlds that were drawn say little').deep.equal(['Green', 'Red', 'Yellow']);
  });

  it('with agreements is what they say, read one by one', () => {
    fc.assert(
      fc.property(agreements, operations, (drawn, operation) => {
        expect(ask(stateWith(drawn), operation).complies).equal(oracle(drawn, operation));
      }),
      { numRuns: 500 },
    );
  });

  it('of an open question is no better than of any operation that it may mean', () => {
    const open = fc.constantFrom<readonly (keyof typeof choices)[]>(
      ...[['workload'], ['country'], ['classification'], ['workload', 'country', 'classification']].map(
        (each) => each as readonly (keyof typeof choices)[],
      ),
    );
    fc.assert(
      fc.property(agreements, orders, operations, open, (drawn, ordered, operation, fields) => {
        const reader = stateWith(drawn, ordered);
        const opened = { ...operation, ...Object.fromEntries(fields.map((field) => [field, null])) };
        expect(stateRank[ask(reader, opened).state]).least(stateRank[ask(reader, operation).state]);
      }),
      { numRuns: 300 },
    );
  });

  it('is refused where the chain stands still for longer than a light would decide', () => {
    const drawn = { tenants: ['one'], workloads: [], countries: [], dataClasses: [], endedAt: 0 };
    const state = stateWith([{ ...drawn, state: 'active' }]);
    const operation: Operation = { tenant: 'one', workload: 'web', country: 'DE', classification: 'Internal' };
    expect(ask(state, operation, new CourtBook(), 30_000)).include({ complies: true, state: 'Green' });
    const { complies, state: told, reasons } = ask(state, operation, new CourtBook(), 30_001);
    expect([complies, told, reasons]).deep.equal([false, 'Red', ['stale']]);
  });

  it('is told by a book that is carried from block to block as by one that is opened anew', () => {
    const book = new CourtBook();
    const state = stateWith([]);
    const operation: Operation = { tenant: 'one', workload: 'web', country: 'DE', classification: 'Internal' };
    const rule = { action: 'flow-red', target: 'one' } as const;
    const drawn = { tenants: ['one'], workloads: [], countries: ['DE'], dataClasses: [], endedAt: 5 } as const;
    const terms = serviceTerms({
      bindings: { ...drawn, tenants: [{ name: 'one', account: acme }], clusters: [] },
    });
    const agreement = { terms, content: hashOf('c1') };
    const id = agreementId(agreement);
    const steps: readonly (readonly [(view: View) => void, readonly string[]])[] = [
      [() => undefined, []],
      [
        (view) => {
          storeAgreement(view, id, agreement);
          writeAgreement(view, id, recordOf({ ...drawn, state: 'draft' }));
        },
        [],
      ],
      [
        (view) => {
          writeAgreement(view, id, recordOf({ ...drawn, state: 'active' }));
        },
        [],
      ],
      [
        (view) => {
          writeAgreement(view, id, recordOf({ ...drawn, state: 'suspended' }));
        },
        ['agreement-suspended'],
      ],
      [
        (view) => {
          addConstraint(view, rule, id, `debt/${acme}`);
        },
        ['agreement-suspended', 'court-order'],
      ],
      [
        (view) => {
          writeAgreement(view, id, recordOf({ ...drawn, state: 'active' }));
        },
        ['court-order'],
      ],
      [
        (view) => {
          liftConstraints(view, id, 'debt/');
        },
        [],
      ],
      [
        (view) => {
          writeAgreement(view, id, recordOf({ ...drawn, state: 'expired' }));
        },
        ['agreement-ended'],
      ],
    ];
    for (const [change, problems] of steps) {
      write(state, change);
      const carried = ask(state, operation, book);
      expect(carried).deep.equal(ask(state, operation));
      expect(carried.agreements.flatMap((one) => one.problems)).deep.equal(problems);
    }
  });
});

/**
 * Goal: fail closed, regimes from the data and not from the caller's word, and nothing that tightens ever loosens. Method:
 * the sentences of the design as single requests, and properties over random requests.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { compilePolicySet } from '../../src/protocols/policy/compile.ts';
import { evaluateInput, evaluateRequest, inputsOf, stateOf } from '../../src/protocols/policy/evaluate.ts';
import { explainRequest } from '../../src/protocols/policy/explain.ts';
import { emptyOverlay, evaluateInForce, putInForce } from '../../src/protocols/policy/overlay.ts';
import { PolicyError } from '../../src/protocols/policy/policy-error.ts';
import {
  decodeRequest,
  encodeRequest,
  type PolicyEvaluationRequest,
  readRequest,
  requestDigest,
} from '../../src/protocols/policy/request.ts';
import { resultCodec } from '../../src/protocols/policy/result-codec.ts';
import { type PolicyState, stateRank } from '../../src/protocols/policy/rules.ts';
import * as vocabulary from '../../src/protocols/policy/vocabulary.ts';
import type { Digest } from '../../src/protocols/shared/brands.ts';
import { decode, encode } from '../../src/protocols/shared/codec.ts';
import { compiled, decide, pack, requestOf, ruleText, setOf } from './default-pack.ts';

const digest = 'ab'.repeat(32);
const countries = ['DE', 'FR', 'US', 'US-CA', 'GB', 'CH', 'CN', 'RU', 'IN', 'JP', 'NZ', 'KR', 'CA', 'HK', 'ZZ'];
const someOf = (words: readonly string[]) => fc.subarray([...words]);
const few = (words: readonly string[]) => fc.uniqueArray(fc.constantFrom(...words), { maxLength: 3 });

const anyRequest: fc.Arbitrary<PolicyEvaluationRequest> = fc
  .record({
    operation: fc.constantFrom(...vocabulary.operations),
    classification: fc.constantFrom(...vocabulary.classifications),
    contents: fc.constantFrom(['personal'], ['phi'], ['personal', 'special-category'], ['non-personal'], ['financial']),
    purpose: fc.constantFrom(...vocabulary.purposes),
    source: fc.record({ country: fc.constantFrom(...countries) }),
    destination: fc.record({ country: fc.constantFrom(...countries), recipientKinds: few(vocabulary.recipientKinds) }),
    dataSubjects: few(countries),
    bases: few(vocabulary.bases),
    safeguards: someOf(vocabulary.safeguards),
    circumstances: few(vocabulary.circumstances),
    counters: fc.record({
      piplPersons: fc.constantFrom(0, 99_999, 100_000, 1_000_000),
      bulkHealth: fc.constantFrom(0, 10_001),
    }),
  })
  .map((json) => readRequest({ subject: { tenant: 'acme', workload: 'w' }, ...json }));

const isNoBetter = (state: PolicyState, than: PolicyState): void => {
  expect(stateRank[state]).to.be.at.least(stateRank[than]);
};

describe('policy/evaluation', () => {
  it('keeps an onward transfer under the regime in which it began', () => {
    const onward = requestOf('IN', 'CN', { origin: [{ decision: digest, regimes: ['gdpr'] }] });
    const result = decide(onward);
    expect(decide(requestOf('IN', 'CN')).state).to.equal('Green');
    expect(result.state).to.equal('Red');
    expect(result.regimes.map(({ regime }) => regime)).to.deep.equal(['dpdp', 'gdpr']);
  });

  it('is Red under an inherited regime that the set does not know', () => {
    const request = requestOf('DE', 'NZ', { origin: [{ decision: digest, regimes: ['appi'] }] });
    expect(decide(request).regimes).to.deep.include({ regime: 'appi', state: 'Red', rules: [] });
    expect(decide(request).state).to.equal('Red');
  });

  it('takes the regime of the data subjects, wherever the data lies', () => {
    const result = decide(requestOf('US', 'US', { dataSubjects: ['DE'] }));
    expect(result.regimes.map(({ regime }) => regime)).to.deep.equal(['gdpr', 'us']);
    expect(result.state).to.equal('Red');
  });

  it('is Red where a regime applies and permits nothing, and where none applies', () => {
    expect(decide(requestOf('CN', 'CN')).regimes).to.deep.equal([{ regime: 'pipl', state: 'Red', rules: [] }]);
    expect(
      decide(requestOf('DE', 'FR', { contents: ['phi', 'non-personal'], circumstances: ['de-identified'] })).state,
    ).to.equal('Red');
  });

  it('unites the obligations of all regimes that apply', () => {
    const result = decide(requestOf('DE', 'US', { bases: ['dpf'], dataSubjects: ['IN'] }));
    expect(result.state).to.equal('Yellow');
    expect(result.obligations.map(({ id }) => id)).to.deep.equal(['listing-check', 'log', 'review-flag']);
  });

  it('takes Global for the worst of all listed countries, and a region for the worst of its own', () => {
    const to = (region: string) => requestOf('DE', 'DE', { bases: ['contract'], destination: { region } });
    expect(decide(to('EU')).state).to.equal('Green');
    expect(decide(to('Global')).state).to.equal('Red');
    expect(decide(to('APAC')).state).to.equal('Red');
    const everywhere = requestOf('DE', 'DE', {
      contents: ['non-personal'],
      classification: 'Public',
      destination: { region: 'Global' },
    });
    expect(decide(everywhere).state).to.equal('Green');
  });

  it('is Red for an unlisted country, for contradictions, and for the faults of the engine', () => {
    expect(decide(requestOf('DE', 'ZZ', { bases: ['scc'] })).rules.map(({ id }) => id)).to.include('27');
    expect(
      decide(requestOf('DE', 'FR', { contents: ['personal', 'non-personal'], bases: ['contract'] })).faults,
    ).to.deep.equal(['contradictory']);
    for (const fault of vocabulary.engineFaults) {
      expect(decide(requestOf('DE', 'NZ'), { faults: [fault] }).state).to.equal('Red');
    }
  });

  it('never gets better when protections are taken away', () => {
    fc.assert(
      fc.property(anyRequest, fc.nat(), (request, index) => {
        const safeguards = request.safeguards.filter((_, at) => at !== index % Math.max(1, request.safeguards.length));
        isNoBetter(decide({ ...request, safeguards }).state, decide(request).state);
      }),
      { numRuns: 1500 },
    );
  });

  it('never gets better when more data subjects, or an earlier regime, come in', () => {
    fc.assert(
      fc.property(
        anyRequest,
        fc.constantFrom(...countries),
        fc.constantFrom(...compiled.regimes),
        (request, country, regime) => {
          fc.pre(request.contents.includes('personal'));
          const before = decide(request).state;
          isNoBetter(decide({ ...request, dataSubjects: [...request.dataSubjects, country] }).state, before);
          isNoBetter(decide({ ...request, origin: [{ decision: digest as Digest, regimes: [regime] }] }).state, before);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('gives the same state with reasons and without', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        for (const input of inputsOf(compiled, request)) {
          expect(stateOf(compiled, input)).to.equal(evaluateInput(compiled, input).state);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('proposes only changes that do what they promise', () => {
    const request = requestOf('DE', 'IN', { classification: 'Restricted', bases: ['scc'] });
    const { missing, counterfactuals } = explainRequest(compiled, request);
    expect(missing).to.deep.equal([{ regime: 'gdpr', rule: '6', conditions: ['safeguards.exporter-held-keys'] }]);
    expect(counterfactuals).to.deep.include({ state: 'Yellow', add: ['safeguards.exporter-held-keys'], remove: [] });
    const nothing = explainRequest(compiled, requestOf('DE', 'IN')).counterfactuals;
    expect(nothing).to.deep.include({
      state: 'Yellow',
      add: ['bases.scc', 'safeguards.transfer-impact-assessment'],
      remove: [],
    });
    const carried = explainRequest(compiled, requestOf('DE', 'US', { bases: ['dpf'] })).counterfactuals;
    expect(carried).to.deep.equal([{ state: 'Red', add: [], remove: ['bases.dpf'] }]);
  });
});

describe('policy/overlay', () => {
  it('revokes a fact at once', () => {
    const inForce = putInForce(pack.set, pack.facts, pack.asOf, {
      ...emptyOverlay,
      revokedFacts: ['gdpr-adequate-nz'],
    });
    expect(evaluateInForce(inForce, requestOf('DE', 'NZ')).state).to.equal('Red');
    expect(evaluateInForce(inForce, requestOf('DE', 'KR')).state).to.equal('Green');
  });

  it('retires a permit at once, and suspends a tenant', () => {
    const retired = putInForce(pack.set, pack.facts, pack.asOf, { ...emptyOverlay, retiredRules: ['4'] });
    expect(evaluateInForce(retired, requestOf('DE', 'US', { bases: ['dpf'] })).state).to.equal('Red');
    const suspended = putInForce(pack.set, pack.facts, pack.asOf, { ...emptyOverlay, suspendedTenants: ['acme'] });
    expect(evaluateInForce(suspended, requestOf('DE', 'NZ')).state).to.equal('Red');
    const other = requestOf('DE', 'NZ', { subject: { tenant: 'other', workload: 'w' } });
    expect(evaluateInForce(suspended, other).state).to.equal('Green');
  });

  it('refuses what would loosen, and what does not exist', () => {
    const put = (overlay: Partial<typeof emptyOverlay>) => () =>
      putInForce(pack.set, pack.facts, pack.asOf, { ...emptyOverlay, ...overlay });
    expect(put({ revokedFacts: ['in-restricted'] })).to.throw(PolicyError, 'would permit more');
    expect(put({ retiredRules: ['9'] })).to.throw(PolicyError, 'only permits are retired');
    expect(put({ retiredRules: ['99'] })).to.throw(PolicyError, 'none with this id');
  });

  it('never loosens: the worse of both counts', () => {
    const overlay = {
      ...emptyOverlay,
      revokedFacts: ['gdpr-adequate-nz', 'uk-adequate-eea'],
      retiredRules: ['32', '5', '19b'],
    };
    const inForce = putInForce(pack.set, pack.facts, pack.asOf, overlay);
    fc.assert(
      fc.property(anyRequest, (request) => isNoBetter(evaluateInForce(inForce, request).state, decide(request).state)),
      { numRuns: 500 },
    );
  });

  it('joins a tenant’s own set by the worse, and a silent one abstains', () => {
    const inForce = putInForce(pack.set, pack.facts, pack.asOf);
    const tenantSet = compilePolicySet(
      setOf(
        ruleText('own-red', 'red', 'context.destination == "NZ"', 'tenant'),
        ruleText('own-green', 'green', 'context.destination == "IN"', 'tenant'),
        ruleText('own-yellow', 'yellow', 'context.destination == "KR"', 'tenant'),
      ),
      pack.facts,
      pack.asOf,
    );
    const state = (to: string) => evaluateInForce(inForce, requestOf('DE', to), { tenantSet });
    expect(state('NZ').state).to.equal('Red');
    expect(state('NZ').rules.map(({ id }) => id)).to.deep.equal(['own-red']);
    expect(state('IN').state).to.equal('Red');
    expect(state('KR').state).to.equal('Yellow');
    expect(state('KR').obligations.map(({ id }) => id)).to.deep.equal(['log', 'record-decision-and-expiry']);
    expect(state('UY').state).to.equal('Green');
  });
});

describe('policy/request', () => {
  it('has one encoding, whatever the order of its lists', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const turned = {
          ...request,
          safeguards: request.safeguards.toReversed(),
          bases: [...request.bases, ...request.bases],
        };
        expect(requestDigest(turned)).to.equal(requestDigest(request));
        expect(decodeRequest(encodeRequest(request))).to.deep.equal(request);
        const result = evaluateRequest(compiled, request);
        expect(decode(resultCodec, encode(resultCodec, result))).to.deep.equal(result);
      }),
      { numRuns: 200 },
    );
  });

  it('takes the identifiers of the DPV', () => {
    expect(requestOf('DE', 'IN', { bases: ['eu-gdpr:A46-2-c'] }).bases).to.deep.equal(['scc']);
  });

  const refusals: readonly [string, Readonly<Record<string, unknown>>, string][] = [
    ['an unknown class', { classification: 'Secret' }, 'classification'],
    ['an unknown safeguard', { safeguards: ['dpia', 'prayer'] }, 'safeguards[1]'],
    ['no contents', { contents: [] }, 'contents'],
    ['a country in words', { destination: { country: 'Germany' } }, 'destination.country'],
    ['a negative count', { counters: { piplPersons: -1 } }, 'counters.piplPersons'],
    ['a count with a fraction', { counters: { piplPersons: 1.5 } }, 'counters.piplPersons'],
    ['an unknown field', { state: 'Green' }, '$.state'],
    ['a decision that is no digest', { origin: [{ decision: 'x', regimes: [] }] }, 'origin[0].decision'],
  ];
  for (const [what, change, place] of refusals) {
    it(`refuses ${what}, and says where`, () => {
      expect(() => requestOf('DE', 'FR', change))
        .to.throw(PolicyError)
        .with.property('place', place);
    });
  }
});

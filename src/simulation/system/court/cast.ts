/** Everybody whom a simulated court needs: parties, those who measure, arbitrators of whom some may not judge, a service. */
import type { AgreementTerms, Party } from '../../../protocols/ledger/modules/court/agreement-terms.ts';
import type { GenesisCourt } from '../../../protocols/ledger/modules/court/genesis-court.ts';
import { builtInJurisdiction, type Jurisdiction } from '../../../protocols/ledger/modules/court/jurisdictions.ts';
import { compareText } from '../../../protocols/shared/bytes.ts';
import type { Signer } from '../../../runtime/ports/signer.ts';

/** Two who have agreements with each other, one after the other, and two who measure whether they are kept. */
export interface Pair {
  readonly customer: Signer;
  readonly provider: Signer;
  readonly sources: readonly Signer[];
}

export interface Cast {
  readonly pairs: readonly Pair[];
  readonly arbitrators: readonly Signer[];
  /** Obeys suspensions and confirms them, mostly. */
  readonly hosting: Signer;
  /** Has nothing to do with any agreement. */
  readonly stranger: Signer;
}

const arbitratorCount = 15;
const unit = 1_000_000n;

export function createCast(create: () => Signer, pairs: number): Cast {
  return {
    pairs: Array.from({ length: pairs }, () => ({
      ...{ customer: create(), provider: create() },
      sources: [create(), create()],
    })),
    arbitrators: Array.from({ length: arbitratorCount }, create),
    hosting: create(),
    stranger: create(),
  };
}

export const everybody = ({ pairs, arbitrators, hosting, stranger }: Cast): readonly Signer[] => [
  ...pairs.flatMap(({ customer, provider }) => [customer, provider]),
  ...arbitrators,
  hosting,
  stranger,
];

/** Deadlines of a few blocks, so that cases come to their end within a run. */
const swift: Jurisdiction = {
  ...builtInJurisdiction('local'),
  id: 'swift',
  name: 'Swift',
  stages: {
    cure: 1_000,
    negotiation: 2_000,
    filing: 6_000,
    response: 4_000,
    evidence: 3_000,
    challenge: 5_000,
    // Between two blocks: whoever votes at the last moment is too late.
    commit: 6_300,
    reveal: 6_300,
    appeal: 4_000,
    enforcement: 8_000,
  },
};

/**
 * Fifteen arbitrators, of whom the first may not judge the first pair, the second speaks another language, the third
 * judges elsewhere and the fourth has too small a bond; and a party that is an arbitrator too, with the largest bond.
 */
export function genesisCourtOf({ pairs: [first], arbitrators }: Cast): GenesisCourt {
  const own = first === undefined ? [] : [first.provider];
  const judges = arbitrators.map(({ publicKey: account }, index) => ({
    account,
    bond: index === 3 ? unit : BigInt(20 + 7 * index) * unit,
    jurisdictions: index === 2 ? ['delaware'] : ['delaware', swift.id],
    languages: index === 1 ? ['de'] : ['en'],
    affiliations: index === 0 && first !== undefined ? [first.customer.publicKey] : [],
  }));
  const parties = own.map(({ publicKey: account }) => ({
    ...{ account, bond: 1_000n * unit, jurisdictions: [swift.id], languages: ['en'], affiliations: [] },
  }));
  return {
    arbitrators: [...judges, ...parties].sort((a, b) => compareText(a.account, b.account)),
    jurisdictions: [swift],
  };
}

/** What a provider puts in escrow: less than some rulings cost, so that there are debts. */
export const deposit = 24n * unit;
/** Of the obligation that is measured, milliseconds. */
export const measuredPeriodMs = 12_000;

/** Of one agreement. */
export interface Occasion {
  readonly pair: Pair;
  /** No pair agrees on the same twice. */
  readonly number: number;
  /** Header times, ms since 1970. */
  readonly effective: number;
  readonly expires: number;
  /** May not judge, because it belongs to a party. */
  readonly affiliate: Signer;
}

const ofNobody = { isConsumer: false, representatives: [], threshold: 1, affiliates: [] } as const;

/** By the name that an agreement gives it. */
export const tenantOf = ({ provider }: Pair): string => `tenant-${provider.publicKey.slice(0, 8)}`;

/** The provider owes uptime in each period, which is measured, and one delivery, which people judge. */
export function termsOf({ pair, number, effective, expires, affiliate }: Occasion): AgreementTerms {
  const [customer, provider] = [pair.customer.publicKey, pair.provider.publicKey];
  const parties: readonly Party[] = [
    { ...ofNobody, account: customer, role: 'customer', country: 'DE', deposit: 0n },
    { ...ofNobody, account: provider, role: 'provider', country: 'FR', deposit, affiliates: [affiliate.publicKey] },
  ];
  const between = { debtor: provider, creditor: customer } as const;
  const measured = { metric: 'availability-ppm', comparison: 'at-least', bound: 999_000, missing: 'panel' } as const;
  const sources = pair.sources.map(({ publicKey }) => publicKey);
  return {
    ...{ type: 'service', version: 1, previous: null, court: 'court-1', parties, jurisdiction: swift.id },
    ...{ governingLaw: 'DE', seat: 'DE', language: 'en', legalFrameworkVersion: `v${number}`, acts: [] },
    obligations: [
      {
        ...{ id: 'uptime', ...between, timing: { type: 'every', periodMs: measuredPeriodMs } },
        ...{ evidenceRule: { ...measured, sources, needed: 1 }, penaltyMax: 30n * unit },
      },
      {
        ...{ id: 'delivery', ...between, timing: { type: 'by', at: effective + measuredPeriodMs } },
        ...{ evidenceRule: null, penaltyMax: 50n * unit },
      },
    ],
    conditions: [],
    bindings: {
      tenants: [{ name: tenantOf(pair), account: provider }],
      ...{ workloads: ['orders'], clusters: [], countries: ['DE', 'FR'], dataClasses: ['Internal'] },
    },
    enforcementRules: [
      { action: 'suspend-tenant', target: tenantOf(pair) },
      { action: 'notify', target: 'regulator' },
    ],
    dispute: { arbitrationThreshold: 20n * unit, panelSize: 3, quorum: 2, decisionThreshold: 2 },
    ...{ acceptWithinMs: 15_000, suspensionMaxMs: 6_000, noticeMs: 5_000, claimPeriodMs: 10_000 },
    ...{ effective, expires },
  };
}

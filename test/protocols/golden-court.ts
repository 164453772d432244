/** The court's part of the golden vectors: values and the bytes that they must give for ever. */
import { encodeBody } from '../../src/protocols/ledger/application.ts';
import {
  agreementId,
  type AgreementTerms,
  type StoredAgreement,
} from '../../src/protocols/ledger/modules/court/agreement-terms.ts';
import { caseIdOf } from '../../src/protocols/ledger/modules/court/case-state.ts';
import { candidatesRoot, drawPanel, drawSeed } from '../../src/protocols/ledger/modules/court/draw.ts';
import { statementSigningBytes } from '../../src/protocols/ledger/modules/court/statements.ts';
import { tally, type Vote, voteCommitment } from '../../src/protocols/ledger/modules/court/vote.ts';
import { chainId, digest, publicKey } from '../../src/protocols/shared/brands.ts';
import { concatBytes, fromHex } from '../../src/protocols/shared/bytes.ts';

const key = (byte: string) => publicKey(byte.repeat(32));
const hash = (byte: string) => digest(byte.repeat(32));
const bytes = (size: number, value: number): Uint8Array => new Uint8Array(size).fill(value);
const chain = chainId('c0'.repeat(32));

const terms: AgreementTerms = {
  type: 'service',
  version: 2,
  previous: hash('a1'),
  court: 'court-1',
  parties: [
    {
      account: key('21'),
      role: 'customer',
      country: 'US-DE',
      isConsumer: false,
      representatives: [key('22')],
      threshold: 1,
      affiliates: [key('23')],
      deposit: 300n,
    },
    {
      account: key('24'),
      role: 'provider',
      country: 'FR',
      isConsumer: true,
      representatives: [],
      threshold: 1,
      affiliates: [],
      deposit: 0n,
    },
  ],
  jurisdiction: 'delaware',
  governingLaw: 'US-DE',
  seat: 'US-DE',
  language: 'en',
  legalFrameworkVersion: 'v1.0',
  acts: ['delaware-rapid-arbitration-act'],
  obligations: [
    {
      id: 'uptime',
      debtor: key('24'),
      creditor: key('21'),
      timing: { type: 'every', periodMs: 60_000 },
      evidenceRule: {
        metric: 'availability-ppm',
        comparison: 'at-least',
        bound: 999_000,
        sources: [key('25')],
        needed: 1,
        missing: 'panel',
      },
      penaltyMax: 5_000_000_000n,
    },
    {
      id: 'delivery',
      debtor: key('24'),
      creditor: key('21'),
      timing: { type: 'by', at: 1_700_000_000_000 },
      evidenceRule: null,
      penaltyMax: 1n,
    },
  ],
  conditions: [{ id: 'insured', confirmedBy: key('24') }],
  bindings: {
    tenants: [{ name: 't1', account: key('24') }],
    workloads: ['w1'],
    clusters: ['enc-1'],
    countries: ['DE', 'FR'],
    dataClasses: ['Restricted'],
  },
  enforcementRules: [{ action: 'suspend-tenant', target: 't1' }],
  dispute: { arbitrationThreshold: 200_000_000n, panelSize: 3, quorum: 2, decisionThreshold: 2 },
  acceptWithinMs: 1000,
  suspensionMaxMs: 2000,
  noticeMs: 3000,
  claimPeriodMs: 4000,
  effective: 1_700_000_000_000,
  expires: 1_800_000_000_000,
};
const stored: StoredAgreement = { terms, content: hash('a2') };
const agreement = hash('a3');
const named = { agreement };
const ofCase = { case: hash('a4') };
const vote: Vote = { decision: 'partial', penalty: 300n, actions: [0, 2], reasons: hash('a5') };
const statements = [{ source: key('25'), value: 300, signature: bytes(64, 0x26) }];

/** Bodies by kind. */
export const goldenCourtBodies: Readonly<Record<string, unknown>> = {
  'agreements.draft': stored,
  'agreements.offer': named,
  'agreements.sign': named,
  'agreements.fund': { ...named, amount: 300n },
  'agreements.amend': stored,
  'agreements.suspend': named,
  'agreements.resume': named,
  'agreements.terminate': named,
  'agreements.lapse': named,
  'agreements.discharge-obligation': { ...named, name: 'delivery', period: 0, receipt: hash('a6') },
  'court.register-arbitrator': { bond: 300n, jurisdictions: ['local'], languages: ['en'], affiliations: [key('21')] },
  'court.notice-breach': { ...named, obligation: 'uptime', period: 7, statements, grounds: hash('a7') },
  'court.file': { ...ofCase, amount: 300n, actions: [0], grounds: hash('a7') },
  'court.respond': { ...ofCase, admits: false, answer: hash('a8') },
  'court.submit-evidence': { ...ofCase, evidence: hash('a9'), statements },
  'court.challenge-panelist': { ...ofCase, arbitrator: key('31') },
  'court.settle': { ...ofCase, penalty: 300n, terms: hash('aa') },
  'court.withdraw': ofCase,
  'court.appeal': { ...ofCase, grounds: hash('a7') },
  'court.accept': ofCase,
  'court.recuse': ofCase,
  'court.commit-vote': { ...ofCase, commitment: hash('ab') },
  'court.reveal-vote': { ...ofCase, vote, salt: bytes(32, 0x32) },
  'court.confirm-action': { ...ofCase, index: 1, service: 'hosting-1', receipt: hash('a6') },
};

const candidates = ['31', '32', '33', '34', '35'].map((byte, index) => ({
  arbitrator: key(byte),
  weight: BigInt(index + 1) * 1_000_000n,
}));
const seed = drawSeed({ chain, caseId: hash('a4'), round: 2, beacons: [bytes(64, 0x41), bytes(64, 0x42)] });
const decision = tally([{ arbitrator: key('31'), vote }], { size: 1, quorum: 1, decisionThreshold: 1 }, 1000n);

/** Name → bytes. */
export const goldenCourtBytes: Readonly<Record<string, Uint8Array>> = {
  ...Object.fromEntries(
    Object.entries(goldenCourtBodies).map(([kind, body]) => [`body ${kind}`, encodeBody(kind, body)]),
  ),
  'agreement id': fromHex(agreementId(stored)),
  'case id': fromHex(caseIdOf(agreement, 'uptime', 7)),
  'statement signing bytes': statementSigningBytes(chain, { agreement, obligation: 'uptime', period: 7 }, 300),
  'candidates root': fromHex(candidatesRoot(candidates)),
  'draw seed': fromHex(seed),
  'drawn panel': concatBytes(...drawPanel(candidates, 3, seed).map(fromHex)),
  'vote commitment': fromHex(
    voteCommitment({ chain, caseId: hash('a4'), round: 2, arbitrator: key('31'), vote, salt: bytes(32, 0x32) }),
  ),
  'reasons of a decision': typeof decision === 'string' ? bytes(0, 0) : fromHex(decision.reasons),
};

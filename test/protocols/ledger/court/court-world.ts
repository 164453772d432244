/** A chain with a court for the tests of this folder: two parties, fifteen arbitrators, an agreement, the `local` jurisdiction. */
import type { Genesis } from '../../../../src/protocols/ledger/genesis.ts';
import {
  agreementId,
  type AgreementTerms,
  type StoredAgreement,
} from '../../../../src/protocols/ledger/modules/court/agreement-terms.ts';
import { readAgreement } from '../../../../src/protocols/ledger/modules/court/agreement-state.ts';
import { caseIdOf, caseOf, type CaseRecord } from '../../../../src/protocols/ledger/modules/court/case-state.ts';
import type { GenesisCourt } from '../../../../src/protocols/ledger/modules/court/genesis-court.ts';
import { readPanel, seatedIn } from '../../../../src/protocols/ledger/modules/court/panel-state.ts';
import { type Statement, statementSigningBytes } from '../../../../src/protocols/ledger/modules/court/statements.ts';
import { type Vote, voteCommitment } from '../../../../src/protocols/ledger/modules/court/vote.ts';
import type { Digest, PublicKey } from '../../../../src/protocols/shared/brands.ts';
import { digest } from '../../../../src/protocols/shared/brands.ts';
import { genesisOf, keyOf, signWith, World } from '../ledger-world.ts';

export const unit = 1_000_000n;
export const acme = keyOf('acme');
export const provider = keyOf('provider');
export const probe = keyOf('probe');
export const arbitratorKeys: readonly PublicKey[] = Array.from({ length: 15 }, (_, index) =>
  keyOf(`arbitrator ${index}`),
).sort();
export const hashOf = (byte: string): Digest => digest(byte.repeat(32));

export const courtGenesis = (court: Partial<GenesisCourt> = {}, overrides: Partial<Genesis> = {}): Genesis => ({
  ...genesisOf({ accounts: ['acme', 'provider', 'stranger', 'hosting', 'delegate', 'probe'], balance: 10_000n * unit }),
  ...overrides,
  court: {
    arbitrators: arbitratorKeys.map((account, index) => ({
      account,
      bond: BigInt(100 + index) * unit,
      jurisdictions: ['local', 'delaware'],
      languages: ['en'],
      affiliations: [],
    })),
    jurisdictions: [],
    ...court,
  },
});

const start = 1_700_000_000_000;

/** A service agreement: the provider owes acme uptime in every minute (measured) and one delivery (judged by people). */
export function serviceTerms(change: Partial<AgreementTerms> = {}): AgreementTerms {
  const party = { isConsumer: false, representatives: [], threshold: 1, affiliates: [] };
  return {
    type: 'service',
    version: 1,
    previous: null,
    court: 'court-1',
    parties: [
      { ...party, account: acme, role: 'customer', country: 'DE', deposit: 0n },
      { ...party, account: provider, role: 'provider', country: 'FR', deposit: 500n * unit },
    ],
    jurisdiction: 'local',
    governingLaw: 'DE',
    seat: 'DE',
    language: 'en',
    legalFrameworkVersion: 'v1.0',
    acts: [],
    obligations: [
      {
        id: 'uptime',
        debtor: provider,
        creditor: acme,
        timing: { type: 'every', periodMs: 60_000 },
        evidenceRule: {
          metric: 'availability-ppm',
          comparison: 'at-least',
          bound: 999_000,
          sources: [probe, keyOf('probe 2')],
          needed: 1,
          missing: 'panel',
        },
        penaltyMax: 300n * unit,
      },
      {
        id: 'delivery',
        debtor: provider,
        creditor: acme,
        timing: { type: 'by', at: start + 20_000 },
        evidenceRule: null,
        penaltyMax: 400n * unit,
      },
    ],
    conditions: [],
    bindings: {
      tenants: [{ name: 'provider-tenant', account: provider }],
      workloads: [],
      clusters: [],
      countries: ['DE', 'FR'],
      dataClasses: ['Internal'],
    },
    enforcementRules: [
      { action: 'suspend-tenant', target: 'provider-tenant' },
      { action: 'flow-red', target: 'flow-1' },
      { action: 'notify', target: 'regulator' },
    ],
    dispute: { arbitrationThreshold: 200n * unit, panelSize: 3, quorum: 2, decisionThreshold: 2 },
    acceptWithinMs: 60_000,
    suspensionMaxMs: 30_000,
    noticeMs: 10_000,
    claimPeriodMs: 60_000,
    effective: start,
    expires: start + 600_000,
    ...change,
  };
}

export const voteFor = (penalty: bigint, actions: readonly number[] = [0]): Vote => ({
  decision: 'breach',
  penalty,
  actions,
  reasons: hashOf('7e'),
});
export const voteAgainst: Vote = { decision: 'no-breach', penalty: 0n, actions: [], reasons: hashOf('7f') };
const salt = new Uint8Array(32).fill(9);

export class CourtWorld extends World {
  agreement: Digest = hashOf('00');

  constructor(genesis: Genesis = courtGenesis()) {
    super(genesis);
  }

  /** One transaction in one block; its code. */
  send(from: PublicKey, kind: string, body: unknown): string {
    return this.run({ from, kind, body });
  }

  /** Empty blocks, a second apart, for at least so long. */
  pass(ms: number): void {
    const until = this.parent.time + ms;
    while (this.parent.time < until) this.commit();
  }

  draft(terms: AgreementTerms = serviceTerms(), from: PublicKey = acme): string {
    const agreement: StoredAgreement = { terms, content: hashOf('c0') };
    this.agreement = agreementId(agreement);
    return this.send(from, 'agreements.draft', agreement);
  }

  /** Draft, offer, signatures of both parties, escrow. */
  activate(terms: AgreementTerms = serviceTerms()): Digest {
    this.draft(terms);
    const body = { agreement: this.agreement };
    this.must(acme, 'agreements.offer', body);
    this.must(acme, 'agreements.sign', body);
    this.must(provider, 'agreements.sign', body);
    this.must(provider, 'agreements.fund', { ...body, amount: 500n * unit });
    return this.agreement;
  }

  must(from: PublicKey, kind: string, body: unknown): void {
    const code = this.send(from, kind, body);
    if (code !== 'ok') throw new Error(`${kind}: ${code}`);
  }

  lifeOf(id: Digest = this.agreement): string {
    return readAgreement(this.view, id)?.state ?? 'unknown';
  }

  case(id: Digest): CaseRecord {
    return caseOf(this.view, id);
  }

  statement(source: PublicKey, value: number, period = 0, obligation = 'uptime'): Statement {
    const subject = { agreement: this.agreement, obligation, period };
    return { source, value, signature: signWith(source, statementSigningBytes(this.chainId, subject, value)) };
  }

  notice(obligation = 'delivery', period = 0, from: PublicKey = acme, statements: readonly Statement[] = []): string {
    const body = { agreement: this.agreement, obligation, period, statements, grounds: hashOf('91') };
    return this.send(from, 'court.notice-breach', body);
  }

  caseId(obligation = 'delivery', period = 0): Digest {
    return caseIdOf(this.agreement, obligation, period);
  }

  /** Blocks until the case is in this stage. */
  until(id: Digest, stage: CaseRecord['stage'], blocksMax = 200): void {
    for (let block = 0; this.case(id).stage !== stage; block++) {
      if (block === blocksMax) throw new Error(`the case stays in ${this.case(id).stage}`);
      this.commit();
    }
  }

  /** A notice and, when its time has come, a claim. */
  file(amount: bigint, obligation = 'delivery', period = 0, actions: readonly number[] = [0]): Digest {
    if (obligation === 'delivery') this.pass(Math.max(0, start + 21_000 - this.parent.time));
    const code = this.notice(obligation, period);
    if (code !== 'ok') throw new Error(`notice: ${code}`);
    const id = this.caseId(obligation, period);
    this.until(id, 'filing');
    this.must(acme, 'court.file', { case: id, amount, actions, grounds: hashOf('92') });
    return id;
  }

  respond(id: Digest, admits = false): void {
    this.must(provider, 'court.respond', { case: id, admits, answer: hashOf('93') });
  }

  panel(id: Digest): readonly PublicKey[] {
    return seatedIn(readPanel(this.view, id));
  }

  commitment(id: Digest, arbitrator: PublicKey, vote: Vote): Digest {
    const { round } = this.case(id);
    return voteCommitment({ chain: this.chainId, caseId: id, round, arbitrator, vote, salt });
  }

  /** Everybody drawn accepts; blocks until voting begins. */
  seat(id: Digest): readonly PublicKey[] {
    this.until(id, 'challenge');
    for (const arbitrator of this.panel(id)) this.must(arbitrator, 'court.accept', { case: id });
    this.until(id, 'commit');
    return this.panel(id);
  }

  /** The panel's members vote in their order. */
  vote(id: Digest, votes: readonly Vote[]): void {
    const panel = this.panel(id);
    votes.forEach((vote, seat) => {
      const commitment = this.commitment(id, panel[seat]!, vote);
      this.must(panel[seat]!, 'court.commit-vote', { case: id, commitment });
    });
    if (votes.length < panel.length) this.until(id, 'reveal');
    votes.forEach((vote, seat) => this.must(panel[seat]!, 'court.reveal-vote', { case: id, vote, salt }));
  }

  /** A claim up to the point where a panel votes. */
  toVoting(amount: bigint): Digest {
    const id = this.file(amount);
    this.respond(id);
    this.seat(id);
    return id;
  }
}

/** What parties do about their agreements: draft, offer, sign, fund, change and end them, and notice that they are breached. */
import {
  type AgreementRecord,
  escrowOf,
  readAgreement,
} from '../../../protocols/ledger/modules/court/agreement-state.ts';
import {
  agreementId,
  type AgreementTerms,
  type StoredAgreement,
} from '../../../protocols/ledger/modules/court/agreement-terms.ts';
import { statementSigningBytes } from '../../../protocols/ledger/modules/court/statements.ts';
import { heldFor } from '../../../protocols/ledger/modules/accounts.ts';
import type { View } from '../../../protocols/ledger/view.ts';
import type { ChainId, Digest, PublicKey } from '../../../protocols/shared/brands.ts';
import type { Signer } from '../../../runtime/ports/signer.ts';
import type { Draw } from '../../draw.ts';
import { deposit, measuredPeriodMs, type Pair, termsOf } from './cast.ts';

/** What somebody may send now. */
export interface Option {
  readonly by: PublicKey;
  readonly kind: string;
  readonly body: unknown;
}

/** The chain as a client reads it from a node, which may lag behind. */
export interface Reading {
  readonly chainId: ChainId;
  readonly view: View;
  /** Header time of its last block, ms since 1970. */
  readonly time: number;
}

export const digestOf = (draw: Draw): Digest =>
  Array.from({ length: 32 }, () => draw.between(0, 255).toString(16).padStart(2, '0')).join('') as Digest;

/** Agreements of a pair: one is in force at a time, or replaced by its amendment. */
export class AgreementBusiness {
  readonly #pair: Pair;
  readonly #affiliate: Signer;
  readonly #draw: Draw;
  readonly #made = new Map<Digest, StoredAgreement>();
  #number = 0;
  #draftedAt = 0;

  constructor(pair: Pair, affiliate: Signer, draw: Draw) {
    this.#pair = pair;
    this.#affiliate = affiliate;
    this.#draw = draw;
  }

  options(reading: Reading): readonly Option[] {
    const standing = [...this.#made].map(([id, stored]) => ({ id, stored, record: readAgreement(reading.view, id) }));
    const last = standing.at(-1);
    const isForgotten = last?.record === undefined && reading.time > this.#draftedAt + 20_000;
    if (isForgotten || standing.every(({ record }) => record?.isSettled === true)) this.#conceive(reading.time);
    return [...this.#made].flatMap(([id, stored]) => this.#about(reading, id, stored));
  }

  #conceive(time: number): void {
    this.#number += 1;
    this.#draftedAt = time;
    const [pair, affiliate] = [this.#pair, this.#affiliate];
    const expires = time + 1000 * this.#draw.between(30, 120);
    this.#add(termsOf({ pair, number: this.#number, effective: time, expires, affiliate }));
  }

  #add(terms: AgreementTerms): void {
    const stored = { terms, content: digestOf(this.#draw) };
    this.#made.set(agreementId(stored), stored);
  }

  #about(reading: Reading, id: Digest, stored: StoredAgreement): readonly Option[] {
    const record = readAgreement(reading.view, id);
    const { previous } = stored.terms;
    const customer = this.#pair.customer.publicKey;
    if (record === undefined) {
      return [{ by: customer, kind: previous === null ? 'agreements.draft' : 'agreements.amend', body: stored }];
    }
    switch (record.state) {
      case 'draft':
        return [{ by: customer, kind: 'agreements.offer', body: { agreement: id } }];
      case 'offered':
      case 'signed':
        return this.#conclude(reading.view, id, record);
      case 'active':
      case 'suspended':
        return [...this.#change(reading, id, stored, record), ...this.#notice(reading, id, stored.terms)];
      default:
        return record.isSettled ? [] : this.#notice(reading, id, stored.terms);
    }
  }

  /** Some offers are left alone until they lapse, some escrows until later. */
  #conclude(view: View, id: Digest, { signatures }: AgreementRecord): readonly Option[] {
    const { customer, provider } = this.#pair;
    const body = { agreement: id };
    const unsigned = [customer, provider].filter(({ publicKey }) => !signatures.includes(publicKey));
    const options = unsigned.map(({ publicKey: by }): Option => ({ by, kind: 'agreements.sign', body }));
    const missing = deposit - heldFor(view, escrowOf(id, provider.publicKey));
    if (missing > 0n) {
      const amount = this.#draw.chance(0.8) ? missing : 1n + missing / 3n;
      options.push({ by: provider.publicKey, kind: 'agreements.fund', body: { ...body, amount } });
    }
    if (this.#draw.chance(0.01)) options.push({ by: customer.publicKey, kind: 'agreements.lapse', body });
    return options;
  }

  #change({ view, time }: Reading, id: Digest, { terms }: StoredAgreement, record: AgreementRecord): readonly Option[] {
    const draw = this.#draw;
    const { customer, provider } = this.#pair;
    const body = { agreement: id };
    const by = draw.pick([customer, provider]).publicKey;
    const { state, purpose, consents } = record;
    const options: Option[] = [];
    if (purpose !== 'none' && !consents.includes(by) && draw.chance(0.4))
      options.push({ by, kind: `agreements.${purpose}`, body });
    if (draw.chance(0.02)) options.push({ by, kind: 'agreements.suspend', body });
    if (state === 'suspended' && draw.chance(0.2)) options.push({ by, kind: 'agreements.resume', body });
    if (draw.chance(0.01)) options.push({ by, kind: 'agreements.terminate', body });
    if (draw.chance(0.02)) {
      const period = periodAt(terms, time);
      const discharged = { ...body, name: 'uptime', period, receipt: digestOf(draw) };
      options.push({ by: customer.publicKey, kind: 'agreements.discharge-obligation', body: discharged });
    }
    const low = heldFor(view, escrowOf(id, provider.publicKey)) < deposit;
    if (low && draw.chance(0.1))
      options.push({ by: provider.publicKey, kind: 'agreements.fund', body: { ...body, amount: deposit / 2n } });
    const isLast = [...this.#made.keys()].at(-1) === id;
    if (isLast && draw.chance(0.01)) this.#add({ ...terms, version: terms.version + 1, previous: id });
    return options;
  }

  #notice({ chainId, time }: Reading, agreement: Digest, terms: AgreementTerms): readonly Option[] {
    const draw = this.#draw;
    if (!draw.chance(0.3)) return [];
    const obligation = draw.pick(['uptime', 'uptime', 'delivery']);
    const period = obligation === 'uptime' ? draw.between(0, periodAt(terms, time) + 1) : 0;
    const subject = { agreement, obligation, period };
    const statements = obligation === 'uptime' ? this.statements(chainId, subject) : [];
    const by = draw.chance(0.9) ? this.#pair.customer.publicKey : this.#pair.provider.publicKey;
    return [{ by, kind: 'court.notice-breach', body: { ...subject, statements, grounds: digestOf(draw) } }];
  }

  /** Of either source or none: that the obligation was violated, that it was kept, or about another period than it says. */
  statements(chainId: ChainId, subject: { agreement: Digest; obligation: string; period: number }) {
    const draw = this.#draw;
    const told = this.#pair.sources.filter(() => draw.chance(0.5));
    return told.map((teller) => {
      const value = draw.chance(0.7) ? draw.between(0, 998_999) : draw.between(999_000, 1_000_000);
      const about = draw.chance(0.15) ? { ...subject, period: subject.period + 1 } : subject;
      return { source: teller.publicKey, value, signature: teller.sign(statementSigningBytes(chainId, about, value)) };
    });
  }
}

const periodAt = ({ effective }: AgreementTerms, time: number): number =>
  Math.max(0, Math.floor((time - effective) / measuredPeriodMs));

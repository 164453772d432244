/** Tenants whose agreements stay, so that their workloads run; now and then both parties suspend one for a while. */
import { type AgreementRecord, readAgreement } from '../../../protocols/ledger/modules/court/agreement-state.ts';
import { agreementId, type StoredAgreement } from '../../../protocols/ledger/modules/court/agreement-terms.ts';
import { View } from '../../../protocols/ledger/view.ts';
import type { ChainId, Digest, PublicKey } from '../../../protocols/shared/brands.ts';
import type { Clock } from '../../../runtime/ports/clock.ts';
import type { Signer } from '../../../runtime/ports/signer.ts';
import type { Draw } from '../../draw.ts';
import { atWork } from '../at-work.ts';
import { AccountHolder } from '../court/account-holder.ts';
import { digestOf } from '../court/agreement-business.ts';
import { type Pair, tenantOf, termsOf } from '../court/cast.ts';
import type { ValidatorNode } from '../validator-node.ts';

export interface TenantsOptions {
  readonly clock: Clock;
  readonly chainId: ChainId;
  readonly nodes: readonly ValidatorNode[];
  readonly draw: Draw;
  readonly pairs: readonly Pair[];
  readonly untilMs: number;
  readonly onAcknowledged: (hash: string, node: number) => void;
}

const hourMs = 3_600_000;
/** Between two looks, of half a second each. */
const suspends = 0.008;
const resumes = 0.08;

interface Standing {
  readonly stored: StoredAgreement;
  readonly id: Digest;
  readonly pair: Pair;
  isToBeSuspended: boolean;
}

export class Tenants {
  readonly #options: TenantsOptions;
  readonly #holders: ReadonlyMap<PublicKey, AccountHolder>;
  readonly #standing: readonly Standing[];

  constructor(options: TenantsOptions) {
    this.#options = options;
    const { pairs, draw, clock, chainId, onAcknowledged } = options;
    const people = pairs.flatMap(({ customer, provider }) => [customer, provider]);
    const holders = people.map((signer) => new AccountHolder({ chainId, signer, onAcknowledged }));
    this.#holders = new Map(holders.map((holder) => [holder.account, holder]));
    const effective = clock.now() - 1_000;
    this.#standing = pairs.map((pair, number) => {
      const affiliate = pair.sources[0] as Signer;
      const terms = termsOf({ pair, number, effective, expires: effective + hourMs, affiliate });
      const stored: StoredAgreement = {
        content: digestOf(draw),
        terms: {
          ...terms,
          parties: terms.parties.map((party) => ({ ...party, deposit: 0n })),
          obligations: terms.obligations
            .filter(({ evidenceRule }) => evidenceRule === null)
            .map((one) => ({ ...one, timing: { type: 'by', at: effective + hourMs } })),
          suspensionMaxMs: hourMs,
        },
      };
      return { stored, id: agreementId(stored), pair, isToBeSuspended: false };
    });
  }

  get names(): readonly string[] {
    return this.#options.pairs.map(tenantOf);
  }

  start(): void {
    atWork(this.#options, (node) => this.#work(node));
  }

  #work(node: ValidatorNode): void {
    const { clock, draw, untilMs } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const holder of this.#holders.values()) holder.carryOn(node, nowMs);
    const state = node.parts?.chain.state;
    if (state === undefined || nowMs > untilMs) return;
    for (const one of this.#standing) {
      const record = readAgreement(new View(state), one.id);
      if (record?.state === 'active' && draw.chance(suspends)) one.isToBeSuspended = true;
      if (record?.state === 'suspended' && draw.chance(resumes)) one.isToBeSuspended = false;
      this.#carryOn(one, record);
    }
  }

  /** The next that either party has to do, one thing at a time each. */
  #carryOn({ stored, id, pair, isToBeSuspended }: Standing, record: AgreementRecord | undefined): void {
    const { customer, provider } = pair;
    const both = [customer, provider];
    const act = (by: Signer, kind: string, body: unknown): void => {
      const holder = this.#holders.get(by.publicKey);
      if (holder?.isBusy === false) holder.begin(kind, body);
    };
    const named = { agreement: id };
    if (record === undefined) {
      act(customer, 'agreements.draft', stored);
      return;
    }
    const waiting = both.filter(({ publicKey }) => !record.consents.includes(publicKey));
    switch (record.state) {
      case 'draft': {
        act(customer, 'agreements.offer', named);
        return;
      }
      case 'offered':
        for (const by of both) if (!record.signatures.includes(by.publicKey)) act(by, 'agreements.sign', named);
        return;
      case 'active':
        if (isToBeSuspended) for (const by of waiting) act(by, 'agreements.suspend', named);
        return;
      case 'suspended':
        if (!isToBeSuspended) for (const by of waiting) act(by, 'agreements.resume', named);
        return;
      default:
    }
  }
}

/** The people of a court at work: each half second they read the chain from a node that runs, and some of them act on it. */
import { casesAt } from '../../../protocols/ledger/modules/court/court-queries.ts';
import { outagesBefore } from '../../../protocols/ledger/modules/court/court-clock.ts';
import type { CaseRecord } from '../../../protocols/ledger/modules/court/case-state.ts';
import { readService } from '../../../protocols/ledger/modules/registry.ts';
import { View } from '../../../protocols/ledger/view.ts';
import type { ChainId, PublicKey } from '../../../protocols/shared/brands.ts';
import type { Clock } from '../../../runtime/ports/clock.ts';
import type { Signer } from '../../../runtime/ports/signer.ts';
import type { Draw } from '../../draw.ts';
import { atWork } from '../at-work.ts';
import type { ValidatorNode } from '../validator-node.ts';
import { AccountHolder } from './account-holder.ts';
import { AgreementBusiness, type Option, type Reading } from './agreement-business.ts';
import { CaseBusiness, hostingService } from './case-business.ts';
import { type Cast, everybody } from './cast.ts';

export interface LitigantsOptions {
  readonly clock: Clock;
  readonly chainId: ChainId;
  readonly nodes: readonly ValidatorNode[];
  readonly cast: Cast;
  readonly draw: Draw;
  /** Nothing new is begun from then on. */
  readonly untilMs: number;
  readonly onAcknowledged: (hash: string, node: number) => void;
}

/** Of those who may do something, so many do it at once. */
const diligence = 0.6;

export class Litigants {
  readonly #options: LitigantsOptions;
  readonly #holders: ReadonlyMap<PublicKey, AccountHolder>;
  readonly #agreements: readonly AgreementBusiness[];
  readonly #cases: CaseBusiness;

  constructor(options: LitigantsOptions) {
    this.#options = options;
    const { cast, draw, chainId, onAcknowledged } = options;
    const holders = everybody(cast).map((signer) => new AccountHolder({ chainId, signer, onAcknowledged }));
    this.#holders = new Map(holders.map((holder) => [holder.account, holder]));
    this.#agreements = cast.pairs.map(
      (pair, index) =>
        new AgreementBusiness(pair, cast.arbitrators.at(-1 - index) as Signer, draw.fork(`agreements of ${index}`)),
    );
    const statements = (record: CaseRecord): readonly unknown[] => {
      const index = cast.pairs.findIndex(({ customer }) => customer.publicKey === record.claimant);
      return this.#agreements[index]?.statements(chainId, record) ?? [];
    };
    this.#cases = new CaseBusiness({ chainId, cast, draw: draw.fork('cases'), statements });
  }

  start(): void {
    atWork(this.#options, (node) => this.#work(node));
  }

  #work(node: ValidatorNode): void {
    const { clock, draw, untilMs } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const holder of this.#holders.values()) holder.carryOn(node, nowMs);
    if (nowMs >= untilMs) return;
    for (const [by, options] of this.#optionsAt(node)) {
      const holder = this.#holders.get(by);
      if (holder === undefined || holder.isBusy || !draw.chance(diligence)) continue;
      const { kind, body } = draw.pick(options);
      holder.begin(kind, body);
      holder.carryOn(node, nowMs);
    }
  }

  /** By account, in the order in which they first have something to do. */
  #optionsAt({ parts }: ValidatorNode): ReadonlyMap<PublicKey, readonly Option[]> {
    const { chainId, cast } = this.#options;
    const found = new Map<PublicKey, Option[]>();
    if (parts === null) return found;
    const { state, tip } = parts.chain;
    const reading: Reading = { chainId, view: new View(state), time: tip.time };
    const now = tip.time - outagesBefore(reading.view);
    const node = cast.hosting.publicKey;
    const about = { endpoints: [], region: 'EU', leaseMs: 3_600_000 };
    const registration = { id: hostingService, kind: 'hosting', node, ...about };
    const isThere = readService(reading.view, hostingService) !== undefined;
    const all = [
      ...(isThere ? [] : [{ by: node, kind: 'registry.register', body: registration }]),
      ...this.#agreements.flatMap((business) => business.options(reading)),
      ...casesAt(state).flatMap((each) => this.#cases.options(each, now)),
    ];
    for (const option of all) {
      const own = found.get(option.by);
      if (own === undefined) found.set(option.by, [option]);
      else own.push(option);
    }
    return found;
  }
}

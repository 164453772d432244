/**
 * What people do about a case: most of it in their turn, some of it twice, by somebody who may not, or not at all. Who is
 * negligent, and what an arbitrator thinks, is a function of the seed and the case.
 */
import type { CaseRecord } from '../../../protocols/ledger/modules/court/case-state.ts';
import type { CaseView } from '../../../protocols/ledger/modules/court/court-queries.ts';
import { type Vote, voteCommitment } from '../../../protocols/ledger/modules/court/vote.ts';
import type { ChainId, Digest, PublicKey } from '../../../protocols/shared/brands.ts';
import type { Draw } from '../../draw.ts';
import { digestOf, type Option } from './agreement-business.ts';
import type { Cast } from './cast.ts';

const unit = 1_000_000n;
export const hostingService = 'hosting-1';

/** The same evidence again and again: a second time it is refused. */
const exhibits = 3;

/** So long before the deadline, about, somebody who dawdles votes: a block decides whether it is too late. */
const dawdlesMs = [500, 1_500] as const;

export interface CaseBusinessOptions {
  readonly chainId: ChainId;
  readonly cast: Cast;
  readonly draw: Draw;
  /** Statements of the sources of a pair. */
  readonly statements: (record: CaseRecord) => readonly unknown[];
}

interface Thought {
  readonly vote: Vote;
  readonly salt: Uint8Array;
  readonly commits: boolean;
  readonly reveals: 'vote' | 'another' | 'nothing';
}

export class CaseBusiness {
  readonly #options: CaseBusinessOptions;

  constructor(options: CaseBusinessOptions) {
    this.#options = options;
  }

  /** `now`: the court's time, ms since 1970. */
  options(found: CaseView, now: number): readonly Option[] {
    const { draw } = this.#options;
    const ended = found.record.stage === 'closed';
    if (ended) return draw.chance(0.02) ? this.#outOfTurn(found) : [];
    const peace = found.record.stage === 'enforcement' ? [] : this.#peace(found);
    const strange = draw.chance(0.08) ? this.#outOfTurn(found) : [];
    return [...this.#inTurn(found, now), ...peace, ...strange];
  }

  #inTurn(found: CaseView, now: number): readonly Option[] {
    const { id, record } = found;
    const { draw, cast } = this.#options;
    const { claimant, respondent } = record;
    const does = (by: PublicKey, kind: string, body: object): Option => ({ by, kind, body: { case: id, ...body } });
    switch (record.stage) {
      case 'filing': {
        const amount = BigInt(draw.between(0, 60)) * unit;
        const actions = draw.pick([[], [0], [0, 1], [1]]);
        return [does(claimant, 'court.file', { amount, actions, grounds: digestOf(draw) })];
      }
      case 'response': {
        const isSilent = draw.fork(`${id} answers`).chance(0.25);
        const answer = { admits: draw.chance(0.1), answer: digestOf(draw) };
        return [...(isSilent ? [] : [does(respondent, 'court.respond', answer)]), ...this.#evidence(found)];
      }
      case 'evidence':
        return this.#evidence(found);
      case 'challenge':
        return this.#seating(found);
      case 'commit':
      case 'reveal':
        return this.#voting(found, now);
      case 'appeal': {
        const by = draw.pick([claimant, respondent]);
        const wants = draw.fork(`${id} ${record.level} appeals`).chance(0.4);
        return wants ? [does(by, 'court.appeal', { grounds: digestOf(draw) })] : [];
      }
      case 'enforcement': {
        const confirmation = { index: draw.between(0, 1), service: hostingService, receipt: digestOf(draw) };
        const isObedient = draw.fork(`${id} obeys`).chance(0.7);
        return isObedient ? [does(cast.hosting.publicKey, 'court.confirm-action', confirmation)] : [];
      }
      default:
        return [];
    }
  }

  #evidence({ id, record }: CaseView): readonly Option[] {
    const { draw, statements } = this.#options;
    if (!draw.chance(0.4)) return [];
    const evidence = digestOf(draw.fork(`exhibit ${draw.between(1, exhibits)}`));
    const by = draw.pick([record.claimant, record.respondent]);
    const body = { case: id, evidence, statements: record.obligation === 'uptime' ? statements(record) : [] };
    return [{ by, kind: 'court.submit-evidence', body }];
  }

  #seating({ id, record, panel }: CaseView): readonly Option[] {
    const { draw } = this.#options;
    const options = panel.seats.flatMap(({ arbitrator: by, hasAccepted }): readonly Option[] => {
      const own = draw.fork(`${id} ${record.round} ${by} sits`);
      const body = { case: id };
      if (hasAccepted || own.chance(0.08)) return [];
      return [{ by, kind: own.chance(0.06) ? 'court.recuse' : 'court.accept', body }];
    });
    const [seat] = panel.seats;
    if (seat === undefined || !draw.chance(0.05)) return options;
    const body = { case: id, arbitrator: draw.pick(panel.seats).arbitrator };
    return [
      ...options,
      { by: draw.pick([record.claimant, record.respondent]), kind: 'court.challenge-panelist', body },
    ];
  }

  #voting(found: CaseView, now: number): readonly Option[] {
    const { draw } = this.#options;
    const { id, record } = found;
    const { stage, round, due } = record;
    const isReveal = stage === 'reveal';
    const leftMs = due === null ? 0 : due.at - now;
    return found.panel.seats.flatMap(({ arbitrator, commitment, vote }): readonly Option[] => {
      const again = draw.chance(0.04);
      const own = draw.fork(`${id} ${round} ${stage} ${arbitrator} dawdles`);
      if (own.chance(0.25) && leftMs > own.between(...dawdlesMs)) return [];
      if (isReveal) return vote === null || again ? this.#reveal(found, arbitrator) : [];
      return commitment === null || again ? this.#commit(found, arbitrator, again) : [];
    });
  }

  #commit({ id, record }: CaseView, by: PublicKey, isChanged: boolean): readonly Option[] {
    const { chainId: chain } = this.#options;
    const { vote, salt, commits } = this.#thought(id, record.round, by);
    if (!commits) return [];
    const said = isChanged ? { ...vote, penalty: vote.penalty + 1n } : vote;
    const commitment = voteCommitment({ chain, caseId: id, round: record.round, arbitrator: by, vote: said, salt });
    return [{ by, kind: 'court.commit-vote', body: { case: id, commitment } }];
  }

  #reveal({ id, record }: CaseView, by: PublicKey): readonly Option[] {
    const { vote, salt, reveals } = this.#thought(id, record.round, by);
    if (reveals === 'nothing') return [];
    const said = reveals === 'vote' ? vote : { ...vote, penalty: vote.penalty + 7n };
    return [{ by, kind: 'court.reveal-vote', body: { case: id, vote: said, salt } }];
  }

  #thought(id: Digest, round: number, arbitrator: PublicKey): Thought {
    const own = this.#options.draw.fork(`${id} ${round} ${arbitrator} thinks`);
    const decision = own.pick(['breach', 'breach', 'partial', 'no-breach'] as const);
    const isBreach = decision !== 'no-breach';
    return {
      vote: {
        decision,
        penalty: isBreach ? BigInt(own.between(1, 70)) * unit : 0n,
        actions: isBreach ? own.pick([[0], [0, 1], []]) : [],
        reasons: digestOf(own),
      },
      salt: Uint8Array.from({ length: 32 }, () => own.between(0, 255)),
      commits: !own.chance(0.1),
      reveals: own.chance(0.85) ? 'vote' : own.pick(['another', 'nothing']),
    };
  }

  /** Proposals and withdrawals; the other side often agrees. */
  #peace({ id, record }: CaseView): readonly Option[] {
    const { draw } = this.#options;
    const { claimant, respondent, settlement, withdrawal } = record;
    const by = draw.pick([claimant, respondent]);
    if (settlement !== null && settlement.by !== by && draw.chance(0.3)) {
      const { penalty, terms } = settlement;
      return [{ by, kind: 'court.settle', body: { case: id, penalty, terms } }];
    }
    if (draw.chance(0.02)) {
      const penalty = BigInt(draw.between(0, 20)) * unit;
      return [{ by, kind: 'court.settle', body: { case: id, penalty, terms: digestOf(draw) } }];
    }
    const withdraws = draw.chance(withdrawal === null ? 0.01 : 0.2);
    return withdraws ? [{ by, kind: 'court.withdraw', body: { case: id } }] : [];
  }

  /** By somebody who may not, or at a time at which nobody may. */
  #outOfTurn(found: CaseView): readonly Option[] {
    const { draw, cast } = this.#options;
    const { id, record } = found;
    const outsider = draw.pick([cast.stranger.publicKey, record.respondent, draw.pick(cast.arbitrators).publicKey]);
    return draw.pick<readonly Option[]>([
      this.#commit(found, outsider, false),
      this.#reveal(found, outsider),
      [{ by: outsider, kind: 'court.accept', body: { case: id } }],
      [{ by: outsider, kind: 'court.file', body: { case: id, amount: unit, actions: [], grounds: digestOf(draw) } }],
      [{ by: record.respondent, kind: 'court.respond', body: { case: id, admits: false, answer: digestOf(draw) } }],
      [{ by: record.claimant, kind: 'court.appeal', body: { case: id, grounds: digestOf(draw) } }],
      [{ by: outsider, kind: 'court.settle', body: { case: id, penalty: 1n, terms: digestOf(draw) } }],
      this.#evidence(found),
    ]);
  }
}

/**
 * Panels: who may be drawn, that the draw can be done again from the chain, that those drawn vote once a round and as they
 * committed to, that a ruling is what the votes add up to, and that who does not vote loses a part of the bond.
 */
import { termsOf } from '../../../../protocols/ledger/modules/court/agreement-state.ts';
import { type AgreementTerms, obligationOf } from '../../../../protocols/ledger/modules/court/agreement-terms.ts';
import { type ListedArbitrator, readArbitrators } from '../../../../protocols/ledger/modules/court/arbitrators.ts';
import {
  caseOf,
  excludedFrom,
  frozenCandidates,
  rulesOf,
} from '../../../../protocols/ledger/modules/court/case-state.ts';
import { readDraw, readPanel, seatedIn } from '../../../../protocols/ledger/modules/court/panel-state.ts';
import { type Vote, voteCommitment } from '../../../../protocols/ledger/modules/court/vote.ts';
import type { ChainId, Digest, PublicKey } from '../../../../protocols/shared/brands.ts';
import { faultyCountMax } from '../../../../protocols/ledger/validator-set.ts';
import type { Genesis } from '../../../../protocols/ledger/genesis.ts';
import type { Act, BlockCheck, CourtBlock, Told } from './court-block.ts';
import { countAgain, drawAgain, seedAgain } from './drawn-again.ts';

/** What was seen of one case. */
interface Seen {
  openedAt: number;
  round: number;
  /** Who can no longer be drawn, as it was last. */
  gone: readonly PublicKey[];
  readonly accepted: Set<string>;
  /** Those who vote. */
  seats: readonly string[];
  readonly commitments: Map<string, string>;
  readonly votes: Map<string, Vote>;
}

export class PanelsCheck implements BlockCheck {
  readonly #chain: ChainId;
  readonly #validators: number;
  readonly #beacons = new Map<number, Uint8Array>();
  readonly #seen = new Map<string, Seen>();
  /** At the end of the block before. */
  #arbitrators: readonly ListedArbitrator[];

  constructor({ chainId, genesis }: { readonly chainId: ChainId; readonly genesis: Genesis }) {
    this.#chain = chainId;
    this.#validators = genesis.validators.length;
    this.#arbitrators = (genesis.court?.arbitrators ?? []).map((arbitrator) => ({ ...arbitrator, seats: 0 }));
  }

  onBlock(block: CourtBlock): string | null {
    this.#beacons.set(block.height, block.beacon);
    let next = 0;
    const eventsUntil = (index: number): string | null => {
      for (; next < block.events.length; next++) {
        const event = block.events[next] as Told;
        if (event.transaction === null || event.transaction > index) return null;
        const problem = this.#onEvent(event, block);
        if (problem !== null) return problem;
      }
      return null;
    };
    for (const [index, act] of [...block.acts].sort(([a], [b]) => a - b)) {
      const problem = this.#onAct(act, block) ?? eventsUntil(index);
      if (problem !== null) return problem;
    }
    for (const event of block.events.slice(next)) {
      const problem = this.#onEvent(event, block);
      if (problem !== null) return problem;
    }
    this.#arbitrators = readArbitrators(block.view);
    return null;
  }

  #of(id: string): Seen {
    let seen = this.#seen.get(id);
    if (seen === undefined) {
      seen = {
        ...{ openedAt: 0, round: 0, gone: [], accepted: new Set(), seats: [] },
        ...{ commitments: new Map(), votes: new Map() },
      };
      this.#seen.set(id, seen);
    }
    return seen;
  }

  #onAct({ kind, sender, body }: Act, block: CourtBlock): string | null {
    const id = String(body['case']);
    if (kind === 'court.file') return this.#wrongCandidates(id as Digest, block);
    const seen = this.#of(id);
    if (kind !== 'court.commit-vote' && kind !== 'court.reveal-vote') return null;
    if (!seen.seats.includes(sender)) return `${sender} votes in case ${id} and has no seat`;
    if (kind === 'court.commit-vote') {
      if (seen.commitments.has(sender)) return `${sender} commits twice in round ${seen.round} of case ${id}`;
      seen.commitments.set(sender, String(body['commitment']));
      return null;
    }
    if (seen.votes.has(sender)) return `${sender} votes twice in round ${seen.round} of case ${id}`;
    const vote = body['vote'] as Vote;
    const commitment = { chain: this.#chain, caseId: id as Digest, round: seen.round, arbitrator: sender, vote };
    const expected = voteCommitment({ ...commitment, salt: body['salt'] as Uint8Array });
    if (seen.commitments.get(sender) !== expected) return `${sender} votes otherwise than committed in case ${id}`;
    seen.votes.set(sender, vote);
    return null;
  }

  #onEvent({ module, kind, transaction, of }: Told, block: CourtBlock): string | null {
    if (module !== 'court') return null;
    const { case: id = '', arbitrator = '' } = of;
    switch (kind) {
      case 'accepted':
        this.#of(id).accepted.add(arbitrator);
        return null;
      case 'recused':
      case 'challenged':
        this.#of(id).accepted.delete(arbitrator);
        return null;
      case 'panel-drawn':
        return this.#wrongDraw(id as Digest, of, block);
      case 'ruling':
        return of['by'] === 'panel' ? this.#wrongRuling(id as Digest, of, block) : null;
      case 'stage':
        return this.#onStage(id as Digest, of['from'] ?? '', of['to'] ?? '', transaction === null, block);
      default:
        return null;
    }
  }

  #onStage(id: Digest, from: string, to: string, isByItself: boolean, block: CourtBlock): string | null {
    const seen = this.#of(id);
    const lapsed =
      isByItself && from === 'commit'
        ? this.#unpunished(id, (seat) => !seen.commitments.has(seat), block)
        : isByItself && from === 'reveal'
          ? this.#unpunished(id, (seat) => seen.commitments.has(seat) && !seen.votes.has(seat), block)
          : null;
    if (lapsed !== null) return lapsed;
    if (from === 'reveal' && to === 'panel-draw') {
      const decided = this.#expected(id, block);
      if (decided !== null) return `case ${id} goes to another panel, and its votes say ${decided.decision}`;
    }
    if (to === 'panel-draw') {
      seen.openedAt = block.height;
      if (from !== 'challenge' && from !== 'panel-draw') seen.accepted.clear();
    }
    if (to !== 'commit') return null;
    seen.seats = seatedIn(readPanel(block.view, id));
    seen.commitments.clear();
    seen.votes.clear();
    const stranger = seen.seats.find((seat) => !seen.accepted.has(seat));
    if (stranger !== undefined) return `${stranger} sits in case ${id} and has not accepted`;
    return seen.seats.length % 2 === 1 ? null : `${seen.seats.length} sit in case ${id}`;
  }

  /** Who did not do what it should have, and keeps its bond. */
  #unpunished(id: Digest, isLapsed: (seat: string) => boolean, { events }: CourtBlock): string | null {
    const punished = events.filter(({ kind, of }) => kind === 'arbitrator-penalised' && of['amount'] !== '0');
    const kept = this.#of(id).seats.find(
      (seat) => isLapsed(seat) && !punished.some(({ of }) => of['arbitrator'] === seat),
    );
    return kept === undefined ? null : `${kept} did not vote in case ${id} and keeps all of its bond`;
  }

  /** The list that is frozen, beside who may be on it. */
  #wrongCandidates(id: Digest, { view, acts }: CourtBlock): string | null {
    const known = [...acts.values()].every(({ kind }) => kind !== 'court.register-arbitrator');
    if (!known) return null;
    const { agreement } = caseOf(view, id);
    const rules = rulesOf(view, id);
    const terms = termsOf(view, agreement);
    const expected = this.#arbitrators
      .filter(({ bond, jurisdictions, languages, ...arbitrator }) => {
        const judges = jurisdictions.includes(terms.jurisdiction) && languages.includes(terms.language);
        return judges && bond >= rules.arbitratorBondMin && !isConcerned(terms, arbitrator);
      })
      .map(({ account, bond }) => `${account} ${bond}`)
      .sort();
    const found = frozenCandidates(view, id).map(({ arbitrator, weight }) => `${arbitrator} ${weight}`);
    return found.join() === expected.join()
      ? null
      : `case ${id} has ${found.length} candidates, and not those ${expected.length} who may judge it`;
  }

  #wrongDraw(id: Digest, of: Told['of'], { view, height }: CourtBlock): string | null {
    const seen = this.#of(id);
    const round = Number(of['round']);
    if (round <= seen.round) return `round ${round} of case ${id} was drawn after round ${seen.round}`;
    seen.round = round;
    const beacons: Uint8Array[] = [];
    for (let at = seen.openedAt + 1; at <= height; at++) beacons.push(this.#beacons.get(at) as Uint8Array);
    if (beacons.length !== faultyCountMax(this.#validators) + 1)
      return `the draw of case ${id} rests on ${beacons.length} beacons`;
    const seed = seedAgain(this.#chain, { caseId: id, round, beacons });
    const draw = readDraw(view, id, round);
    if (seed !== of['seed'] || draw?.seed !== seed) return `the seed of the draw of case ${id} is not ${seed}`;
    const excluded = excludedFrom(view, id);
    const before = excluded.slice(0, draw.excludedCount);
    if (seen.gone.join() !== excluded.slice(0, seen.gone.length).join()) return `who has gone from case ${id} is back`;
    const bonds = new Map<string, bigint>(readArbitrators(view).map(({ account, bond }) => [account, bond]));
    const able = before
      .slice(seen.gone.length)
      .find((key) => (bonds.get(key) ?? 0n) >= rulesOf(view, id).arbitratorBondMin);
    if (able !== undefined) return `${able} can be drawn for case ${id}, and was left out`;
    seen.gone = excluded;
    const lots = frozenCandidates(view, id).filter(({ arbitrator }) => !before.includes(arbitrator));
    const drawn = drawAgain(lots, draw.drawn.length, seed);
    if (drawn.join() !== draw.drawn.join()) return `the draw of case ${id}, done again, leads to others`;
    const seats = seatedIn(readPanel(view, id));
    const isSeated = drawn.every((arbitrator) => seats.includes(arbitrator)) && seats.length === Number(of['size']);
    return isSeated ? null : `others sit in case ${id} than were drawn`;
  }

  #wrongRuling(id: Digest, of: Told['of'], block: CourtBlock): string | null {
    const expected = this.#expected(id, block);
    if (expected === null) return `a panel ruled in case ${id}, and its votes decide nothing`;
    const { decision, penalty, actions } = expected;
    const told = `${of['decision']} for ${of['penalty']}`;
    if (told !== `${decision} for ${penalty}`)
      return `the ruling of case ${id} is ${told}, the votes say ${decision} for ${penalty}`;
    const { ruling } = caseOf(block.view, id);
    // Who appeals in the same block takes the ruling away.
    if (ruling === null || ruling.actions.join() === actions.join()) return null;
    return `the ruling of case ${id} orders ${ruling.actions.join()}, the votes ${actions.join()}`;
  }

  #expected(id: Digest, { view }: CourtBlock) {
    const { seats, votes } = this.#of(id);
    const { agreement, obligation, claim } = caseOf(view, id);
    const terms = termsOf(view, agreement);
    const cap = obligationOf(terms, obligation)?.penaltyMax ?? 0n;
    const claimed = claim?.amount ?? 0n;
    return countAgain([...votes.values()], seats.length, terms.dispute, claimed < cap ? claimed : cap);
  }
}

/** A party, one who acts for a party or belongs to it, or one who says so. */
function isConcerned(
  { parties }: AgreementTerms,
  { account, affiliations }: Pick<ListedArbitrator, 'account' | 'affiliations'>,
) {
  const own = parties.flatMap((party) => [party.account, ...party.representatives, ...party.affiliates]);
  return own.includes(account) || affiliations.some((affiliation) => own.includes(affiliation));
}

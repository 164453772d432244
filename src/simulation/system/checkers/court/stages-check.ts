/**
 * Stages of cases: each that is open has a deadline that is still to come, as far away as the jurisdiction says; nothing
 * happens by itself before it, and nothing that a stage is for is taken after it or in another stage.
 */
import { allCases, type CaseStage, readCase, rulesOf } from '../../../../protocols/ledger/modules/court/case-state.ts';
import { readLastSet } from '../../../../protocols/ledger/modules/validator-state.ts';
import { faultyCountMax } from '../../../../protocols/ledger/validator-set.ts';
import type { Digest } from '../../../../protocols/shared/brands.ts';
import type { Act, BlockCheck, CourtBlock, Told } from './court-block.ts';

interface Standing {
  readonly stage: CaseStage;
  /** A height in `panel-draw`, the court's time else; 0: none. */
  readonly due: number;
}

const beforeFinal: readonly CaseStage[] = [
  ...(['cure', 'negotiation', 'filing', 'response', 'evidence', 'panel-draw', 'challenge'] as const),
  ...(['commit', 'reveal', 'appeal'] as const),
];

/** When something may be done. */
const stagesOf: Readonly<Record<string, readonly CaseStage[]>> = {
  'court.file': ['filing'],
  'court.respond': ['response'],
  'court.submit-evidence': ['response', 'evidence'],
  'court.accept': ['challenge'],
  'court.recuse': ['challenge'],
  'court.challenge-panelist': ['challenge'],
  'court.commit-vote': ['commit'],
  'court.reveal-vote': ['reveal'],
  'court.appeal': ['appeal'],
  'court.settle': beforeFinal,
  'court.withdraw': beforeFinal.filter((stage) => !['commit', 'reveal', 'appeal'].includes(stage)),
  'court.confirm-action': ['enforcement'],
};

/** What may follow upon a stage; whatever is not final yet may be settled, which leads to enforcement or the end. */
const following: Readonly<Record<CaseStage, readonly CaseStage[]>> = {
  cure: ['cure', 'negotiation'],
  negotiation: ['filing'],
  filing: ['response'],
  response: ['evidence', 'appeal'],
  evidence: ['panel-draw', 'appeal'],
  'panel-draw': ['panel-draw', 'challenge'],
  challenge: ['panel-draw', 'commit'],
  commit: ['reveal', 'panel-draw'],
  reveal: ['appeal', 'panel-draw'],
  appeal: ['panel-draw'],
  enforcement: [],
  closed: [],
};

export class StagesCheck implements BlockCheck {
  readonly #standings = new Map<string, Standing>();

  onBlock(block: CourtBlock): string | null {
    const events = [...block.events];
    for (const [index, act] of [...block.acts].sort(([a], [b]) => a - b)) {
      const problem = this.#onAct(act, block);
      if (problem !== null) return problem;
      while (events[0]?.transaction !== null && (events[0]?.transaction ?? Number.POSITIVE_INFINITY) <= index) {
        const [event] = events.splice(0, 1) as [Told];
        const wrong = this.#onEvent(event, block);
        if (wrong !== null) return wrong;
      }
    }
    for (const event of events) {
      const problem = this.#onEvent(event, block);
      if (problem !== null) return problem;
    }
    return this.#compare(block);
  }

  #onAct({ kind, body }: Act, block: CourtBlock): string | null {
    const stages = stagesOf[kind];
    if (stages === undefined) return null;
    const id = String(body['case']);
    const standing = this.#standings.get(id);
    if (standing === undefined) return `${kind} was taken about case ${id}, which nobody noticed`;
    if (!stages.includes(standing.stage)) return `${kind} was taken in stage ${standing.stage} of case ${id}`;
    const isLate = kind !== 'court.confirm-action' && standing.stage !== 'panel-draw' && block.courtTime > standing.due;
    return isLate ? `${kind} was taken ${block.courtTime - standing.due} ms after its deadline, in case ${id}` : null;
  }

  #onEvent({ module, kind, transaction, of }: Told, block: CourtBlock): string | null {
    if (module !== 'court' || kind !== 'stage') return null;
    const { case: id = '', from, to, due: dueText } = of;
    const [stage, due] = [to as CaseStage, Number(dueText)];
    const before = this.#standings.get(id);
    this.#standings.set(id, { stage, due });
    if (before !== undefined) {
      if (before.stage !== from) return `case ${id} went from ${from} to ${to}, and was in ${before.stage}`;
      const mayEnd = beforeFinal.includes(before.stage) && (stage === 'closed' || stage === 'enforcement');
      if (!mayEnd && stage !== 'closed' && !following[before.stage].includes(stage))
        return `case ${id} went from ${before.stage} to ${stage}`;
      const now = before.stage === 'panel-draw' ? block.height : block.courtTime;
      if (transaction === null && before.due > now)
        return `stage ${before.stage} of case ${id} ended by itself ${before.due - now} before its deadline`;
    }
    if (stage === 'closed') return null;
    const lasts = this.#lasts(id as Digest, stage, block);
    return due === lasts ? null : `stage ${stage} of case ${id} is to end at ${due}, not at ${lasts}`;
  }

  /** When a stage that begins in this block must end. */
  #lasts(id: Digest, stage: Exclude<CaseStage, 'closed'>, { view, height, courtTime }: CourtBlock): number {
    // One beacon more than the faulty can withhold.
    if (stage === 'panel-draw') return height + faultyCountMax(readLastSet(view).validators.length) + 1;
    return courtTime + rulesOf(view, id).stages[stage];
  }

  #compare({ view, height, courtTime }: CourtBlock): string | null {
    for (const [id, { stage, due }] of allCases(view)) {
      const standing = this.#standings.get(id);
      if (standing?.stage !== stage)
        return `case ${id} is in ${stage}; what was told of it ends with ${standing?.stage}`;
      if (stage === 'closed') continue;
      if (due === null) return `stage ${stage} of case ${id} has no deadline`;
      const now = stage === 'panel-draw' ? height : courtTime;
      if (due.at <= now) return `stage ${stage} of case ${id} hangs: it was to end at ${due.at}, it is ${now}`;
    }
    const gone = [...this.#standings.keys()].find((id) => readCase(view, id as Digest) === undefined);
    return gone === undefined ? null : `case ${gone} is gone`;
  }
}

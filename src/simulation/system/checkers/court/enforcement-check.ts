/**
 * Enforcement: nothing that a ruling says takes effect before it is final, a ruling is final only where nobody can appeal
 * any more, nobody pays more than was claimed and agreed, and nothing is left of a case that is closed.
 */
import { termsOf } from '../../../../protocols/ledger/modules/court/agreement-state.ts';
import { obligationOf } from '../../../../protocols/ledger/modules/court/agreement-terms.ts';
import { allCases, caseOf, feeHolding, rulesOf } from '../../../../protocols/ledger/modules/court/case-state.ts';
import { readCausedConstraints } from '../../../../protocols/ledger/modules/court/constraints.ts';
import { readActions } from '../../../../protocols/ledger/modules/court/enforcement.ts';
import { debtsOf } from '../../../../protocols/ledger/modules/court/escrow.ts';
import { heldFor } from '../../../../protocols/ledger/modules/accounts.ts';
import type { Digest } from '../../../../protocols/shared/brands.ts';
import type { BlockCheck, CourtBlock, Told } from './court-block.ts';

interface Ruled {
  readonly decision: string;
  readonly penalty: bigint;
  readonly level: number;
  /** The court's time of the ruling, ms since 1970. */
  readonly at: number;
}

export class EnforcementCheck implements BlockCheck {
  readonly #rulings = new Map<string, Ruled>();
  readonly #final = new Set<string>();

  onBlock(block: CourtBlock): string | null {
    /** What was taken from a debtor for a creditor in this block, and what it owes since: by agreement. */
    const taken = new Map<string, bigint>();
    const due = new Map<string, bigint>();
    for (const event of block.events) {
      if (event.module !== 'court') continue;
      const problem = this.#onEvent(event, block, taken, due);
      if (problem !== null) return problem;
    }
    for (const [agreement, amount] of taken) {
      const ruled = due.get(agreement) ?? 0n;
      if (amount !== ruled) return `under ${agreement} ${amount} were taken, final rulings of this block say ${ruled}`;
    }
    for (const [agreement, amount] of due)
      if (!taken.has(agreement) && amount > 0n) return `under ${agreement} ${amount} are due, and nothing was taken`;
    return this.#compare(block);
  }

  #onEvent({ kind, of }: Told, block: CourtBlock, taken: Map<string, bigint>, due: Map<string, bigint>): string | null {
    const { case: id = '', agreement = '', amount = '0' } = of;
    switch (kind) {
      case 'ruling':
        this.#rulings.set(id, {
          ...{ decision: of['decision'] ?? '', level: Number(of['level']), at: block.courtTime },
          penalty: BigInt(of['penalty'] ?? '0'),
        });
        return this.#tooMuch(id as Digest, block);
      case 'appealed':
        this.#rulings.delete(id);
        return this.#final.has(id) ? `case ${id} was appealed against after it was final` : null;
      case 'final': {
        const ruled = this.#rulings.get(id);
        if (ruled === undefined) return `case ${id} is final without a ruling`;
        if (this.#final.has(id)) return `case ${id} became final twice`;
        this.#final.add(id);
        const under = caseOf(block.view, id as Digest).agreement;
        if (['breach', 'partial', 'settled'].includes(ruled.decision))
          due.set(under, (due.get(under) ?? 0n) + ruled.penalty);
        return this.#tooEarly(id as Digest, ruled, block);
      }
      case 'penalty-paid':
      case 'debt':
        taken.set(agreement, (taken.get(agreement) ?? 0n) + BigInt(amount));
        return null;
      case 'confirmed':
      case 'escalated':
      case 'notice':
        return this.#final.has(id) ? null : `${kind} in case ${id}, which is not final`;
      default:
        return null;
    }
  }

  /** Whether a ruling costs more than was claimed and agreed. What parties settle on is theirs. */
  #tooMuch(id: Digest, { view }: CourtBlock): string | null {
    const { decision, penalty } = this.#rulings.get(id) as Ruled;
    if (decision === 'settled') return null;
    const { agreement, obligation, claim } = caseOf(view, id);
    const cap = obligationOf(termsOf(view, agreement), obligation)?.penaltyMax ?? 0n;
    const claimed = claim?.amount ?? 0n;
    const most = claimed < cap ? claimed : cap;
    return penalty <= most ? null : `case ${id} costs ${penalty}, at most ${most} may be asked for`;
  }

  /** Whether somebody could still have appealed. */
  #tooEarly(id: Digest, { decision, level, at }: Ruled, { view, courtTime }: CourtBlock): string | null {
    const rules = rulesOf(view, id);
    if (decision === 'settled' || decision === 'dismissed' || level >= rules.appealsMax) return null;
    const waitedMs = courtTime - at;
    return waitedMs >= rules.stages.appeal ? null : `case ${id} was final ${waitedMs} ms after its ruling`;
  }

  #compare({ view }: CourtBlock): string | null {
    for (const { rule, agreement, cause } of readCausedConstraints(view)) {
      const name = `${rule.action} of ${rule.target}`;
      if (cause.type === 'case' && !this.#final.has(cause.id)) return `${name} is in force, and its case is not final`;
      if (cause.type === 'debt' && debtsOf(view, agreement, cause.debtor).length === 0)
        return `${name} is in force for a debt that nobody has`;
    }
    for (const [id, { stage, claim }] of allCases(view)) {
      const isEnforced = readActions(view, id).some(({ status }) => status !== 'pending');
      if (isEnforced && !this.#final.has(id)) return `case ${id} is enforced and not final`;
      const held = heldFor(view, feeHolding(id));
      if (stage === 'closed' && held > 0n) return `case ${id} is closed and still holds ${held}`;
      if (claim === null && held > 0n) return `case ${id} holds ${held} before anything was filed`;
    }
    return null;
  }
}

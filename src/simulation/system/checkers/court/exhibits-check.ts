/**
 * Evidence: no piece counts twice in a case, statements count only if their source signed them about this very breach, and
 * who is no creditor gives notice with statements that prove it only.
 */
import { termsOf } from '../../../../protocols/ledger/modules/court/agreement-state.ts';
import { obligationOf, partyOf } from '../../../../protocols/ledger/modules/court/agreement-terms.ts';
import { caseOf } from '../../../../protocols/ledger/modules/court/case-state.ts';
import {
  type Statement,
  type StatementSubject,
  statementSigningBytes,
} from '../../../../protocols/ledger/modules/court/statements.ts';
import type { ChainId, Digest } from '../../../../protocols/shared/brands.ts';
import type { Verifier } from '../../../../runtime/ports/signer.ts';
import type { Act, BlockCheck, CourtBlock } from './court-block.ts';

export class ExhibitsCheck implements BlockCheck {
  readonly #chain: ChainId;
  readonly #verifier: Pick<Verifier, 'verify'>;
  readonly #shown = new Set<string>();

  constructor({ chainId, verifier }: { readonly chainId: ChainId; readonly verifier: Pick<Verifier, 'verify'> }) {
    this.#chain = chainId;
    this.#verifier = verifier;
  }

  onBlock(block: CourtBlock): string | null {
    for (const act of block.acts.values()) {
      const problem =
        act.kind === 'court.submit-evidence'
          ? this.#onEvidence(act, block)
          : act.kind === 'court.notice-breach'
            ? this.#onNotice(act, block)
            : null;
      if (problem !== null) return problem;
    }
    return null;
  }

  #onEvidence({ body }: Act, { view }: CourtBlock): string | null {
    const id = body['case'] as Digest;
    const exhibit = `${id} ${String(body['evidence'])}`;
    if (this.#shown.has(exhibit)) return `evidence counts twice: ${exhibit}`;
    this.#shown.add(exhibit);
    return this.#unsigned(caseOf(view, id), body['statements'] as readonly Statement[]);
  }

  #onNotice({ sender, body }: Act, { view, time }: CourtBlock): string | null {
    const subject = body as unknown as StatementSubject & { readonly statements: readonly Statement[] };
    const { agreement, obligation: name, period, statements } = subject;
    const terms = termsOf(view, agreement);
    const obligation = obligationOf(terms, name);
    if (obligation === undefined) return `notice of ${name}, which nobody owes`;
    const { timing, creditor, evidenceRule } = obligation;
    const from = timing.type === 'by' ? timing.at : terms.effective + period * timing.periodMs;
    if (time < from) return `notice of ${name} before anything was owed`;
    const unsigned = this.#unsigned(subject, statements);
    if (unsigned !== null || partyOf(terms, sender)?.account === creditor) return unsigned;
    const against = statements.filter(({ value }) => value < (evidenceRule?.bound ?? 0));
    const isProved = evidenceRule !== null && against.length >= evidenceRule.needed;
    return isProved ? null : `${sender} gave notice of ${name} and neither is the creditor nor has proof`;
  }

  #unsigned(subject: StatementSubject, statements: readonly Statement[]): string | null {
    const { agreement, obligation, period } = subject;
    for (const { source, value, signature } of statements) {
      const signed = statementSigningBytes(this.#chain, { agreement, obligation, period }, value);
      if (!this.#verifier.verify(source, signed, signature)) return `${source} did not say this about period ${period}`;
    }
    return null;
  }
}

/** The court's rules from block to block: read anew where agreements or orders have changed, and an agreement's terms once for good. */
import { agreementRecordsPrefix, allAgreements, readStored } from '../ledger/modules/court/agreement-state.ts';
import type { AgreementTerms } from '../ledger/modules/court/agreement-terms.ts';
import { constraintsPrefix } from '../ledger/modules/court/constraints.ts';
import { type StateReader, stateKey, View } from '../ledger/view.ts';
import type { Digest } from '../shared/brands.ts';
import { equalBytes } from '../shared/bytes.ts';
import type { LightView } from '../traffic/inputs.ts';
import { CourtRules } from './court-rules.ts';

type Entry = readonly [key: Uint8Array, value: Uint8Array];

const watched = [stateKey(agreementRecordsPrefix), stateKey(constraintsPrefix)];

/** A reader hands out the same bytes for what has not changed, as a rule. */
const isSame = (a: Uint8Array, b: Uint8Array): boolean => a === b || equalBytes(a, b);

export class CourtBook {
  readonly #terms = new Map<Digest, AgreementTerms>();
  #entries: readonly Entry[] = [];
  #rules: CourtRules | null = null;

  /** As of the state that is read. */
  rulesOf(reader: StateReader): CourtRules {
    const entries = watched.flatMap((prefix) => [...reader.range(prefix)]);
    const isUnchanged =
      entries.length === this.#entries.length &&
      entries.every(([key, value], at) => {
        const [keyBefore, valueBefore] = this.#entries[at] as Entry;
        return isSame(key, keyBefore) && isSame(value, valueBefore);
      });
    if (this.#rules !== null && isUnchanged) return this.#rules;
    this.#entries = entries;
    const view = new View(reader);
    this.#rules = new CourtRules(view, allAgreements(view), (agreement) => this.#termsOf(view, agreement));
    return this.#rules;
  }

  /** What a light and a policy engine hold of it. */
  factsOf(reader: StateReader): Pick<LightView, 'constraintsOf' | 'isSuspended'> {
    const rules = this.rulesOf(reader);
    return {
      constraintsOf: (operation) => rules.constraintsOf(operation),
      isSuspended: (tenant) => rules.isSuspended(tenant),
    };
  }

  #termsOf(view: View, agreement: Digest): AgreementTerms | undefined {
    const known = this.#terms.get(agreement);
    if (known !== undefined) return known;
    const terms = readStored(view, agreement)?.terms;
    if (terms !== undefined) this.#terms.set(agreement, terms);
    return terms;
  }
}

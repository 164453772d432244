/**
 * Agreements: their bytes never change and are those of their name; none is in force that not everybody signed and
 * funded; and what is in escrow is what was paid in, less what was paid out.
 */
import { allAgreements, escrowOf, readStored } from '../../../../protocols/ledger/modules/court/agreement-state.ts';
import type { AgreementTerms } from '../../../../protocols/ledger/modules/court/agreement-terms.ts';
import { heldFor } from '../../../../protocols/ledger/modules/accounts.ts';
import { stateKey } from '../../../../protocols/ledger/view.ts';
import type { Digest, PublicKey } from '../../../../protocols/shared/brands.ts';
import { toHex } from '../../../../protocols/shared/bytes.ts';
import { taggedHash } from '../../../../protocols/shared/hash.ts';
import type { BlockCheck, CourtBlock, Told } from './court-block.ts';

const namesOf = (id: string, party: string): string => `${id}/${party}`;

export class AgreementsCheck implements BlockCheck {
  /** Bytes in the state by name, hexadecimal. */
  readonly #bytes = new Map<Digest, string>();
  readonly #signers = new Map<string, Set<PublicKey>>();
  /** By agreement and party, minor units. */
  readonly #escrow = new Map<string, bigint>();
  /** Agreement by case. */
  readonly #openCases = new Map<string, string>();

  onBlock(block: CourtBlock): string | null {
    for (const { kind, sender, body } of block.acts.values()) {
      if (kind === 'agreements.sign') this.#signed(body['agreement'] as string, sender);
    }
    for (const event of block.events) {
      const problem = this.#onEvent(event, block);
      if (problem !== null) return problem;
    }
    return this.#compare(block);
  }

  #signed(agreement: string, signer: PublicKey): void {
    const signers = this.#signers.get(agreement) ?? new Set();
    this.#signers.set(agreement, signers.add(signer));
  }

  #onEvent({ module, kind, of }: Told, block: CourtBlock): string | null {
    const { agreement = '', party = '', from = '', amount = '0', case: id = '' } = of;
    if (module === 'agreements') {
      if (kind === 'funded') this.#move(agreement, party, BigInt(amount));
      return kind === 'active' && from === 'signed' ? this.#notReady(agreement as Digest, block) : null;
    }
    if (module !== 'court') return null;
    if (kind === 'penalty-paid') this.#move(agreement, from, -BigInt(amount));
    if (kind === 'breach-noticed') this.#openCases.set(id, agreement);
    if (kind === 'closed') this.#openCases.delete(id);
    if (kind !== 'escrow-returned') return null;
    this.#move(agreement, from, -BigInt(amount));
    const isOpen = [...this.#openCases.values()].includes(agreement);
    return isOpen ? `the escrow of ${agreement} went back while a case about it was open` : null;
  }

  #move(agreement: string, party: string, by: bigint): void {
    const name = namesOf(agreement, party);
    this.#escrow.set(name, (this.#escrow.get(name) ?? 0n) + by);
  }

  /** Why it may not be in force, or null. */
  #notReady(id: Digest, { view, time }: CourtBlock): string | null {
    const terms = readStored(view, id)?.terms;
    if (terms === undefined) return `${id} is in force, and nobody knows its terms`;
    const missing = terms.parties.find((party) => !this.#hasSigned(id, party));
    if (missing !== undefined) return `${id} is in force, and ${missing.account} has not signed it`;
    const poor = terms.parties.find(({ account, deposit }) => (this.#escrow.get(namesOf(id, account)) ?? 0n) < deposit);
    if (poor !== undefined) return `${id} is in force, and the escrow of ${poor.account} is not full`;
    return time >= terms.effective && time < terms.expires ? null : `${id} is in force outside of its term`;
  }

  #hasSigned(id: Digest, { account, representatives, threshold }: AgreementTerms['parties'][number]): boolean {
    const may = representatives.length === 0 ? [account] : representatives;
    const signers = this.#signers.get(id);
    return may.filter((key) => signers?.has(key) === true).length >= threshold;
  }

  #compare({ view, state }: CourtBlock): string | null {
    for (const [id] of allAgreements(view)) {
      const bytes = state.get(stateKey(`agreements/stored/${id}`));
      if (bytes === undefined) return `the terms of agreement ${id} are gone`;
      const known = this.#bytes.get(id);
      if (known === undefined) {
        this.#bytes.set(id, toHex(bytes));
        if (taggedHash('bpci/court-agreement/v1', bytes) !== id)
          return `agreement ${id} is not what it is called after`;
      } else if (known !== toHex(bytes)) return `the bytes of agreement ${id} have changed`;
    }
    for (const [name, amount] of this.#escrow) {
      const [agreement = '', party = ''] = name.split('/');
      const held = heldFor(view, escrowOf(agreement as Digest, party as PublicKey));
      if (held !== amount) return `in escrow for ${name} are ${held}, paid in and not out were ${amount}`;
    }
    return null;
  }
}

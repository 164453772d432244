/**
 * The accounts, kept a second time and by the simplest means: transfers and bonds as they stand in the blocks, without
 * any code of the ledger. What the ledger says of an account must be what the book says.
 *
 * Of an account whose bond is forfeited, whose key changes, which takes back a bond that may be locked, or which has to do
 * with the court, the book knows only its nonces from then on: its value is left to the sum of everybody's, and to the
 * books of the court.
 */
import type { SignedTransaction } from '../../../protocols/ledger/admission.ts';
import { bodyCodec } from '../../../protocols/ledger/application.ts';
import type { Genesis } from '../../../protocols/ledger/genesis.ts';
import type { Account } from '../../../protocols/ledger/modules/accounts.ts';
import { unbondingsPerAccountMax } from '../../../protocols/ledger/modules/accounts.ts';
import { nonceWindow, transactionCodec, transactionSigningBytes } from '../../../protocols/ledger/transaction.ts';
import type { ChainId, PublicKey } from '../../../protocols/shared/brands.ts';
import { decode } from '../../../protocols/shared/codec.ts';
import type { Verifier } from '../../../runtime/ports/signer.ts';

type Transaction = SignedTransaction['value'];

interface Page {
  balance: bigint;
  bonded: bigint;
  /** On its way back. */
  unbondings: readonly { readonly amount: bigint; readonly releaseHeight: number }[];
  readonly nonces: Set<number>;
  /** Whether everything that moved its value is written here. */
  isComplete: boolean;
  /** Whether the account is there; otherwise only somebody may have sent it something. */
  isCertain: boolean;
  /** Whether a part of its bond may be locked. */
  mayBeLocked: boolean;
}

/** Fields of bodies that move value, or say whose is moved. */
interface Body {
  readonly to?: PublicKey;
  readonly amount?: bigint;
  readonly offender?: PublicKey;
  readonly candidate?: { readonly publicKey: PublicKey };
  readonly terms?: { readonly parties?: readonly { readonly account: PublicKey }[] } | string;
}

const emptyPage = (balance = 0n, bonded = 0n): Page => ({
  ...{ balance, bonded, unbondings: [], nonces: new Set() },
  ...{ isComplete: true, isCertain: true, mayBeLocked: bonded > 0n },
});

export class AccountBook {
  readonly #chainId: ChainId;
  readonly #verifier: Verifier;
  readonly #unbondingBlocks: number;
  readonly #pages = new Map<PublicKey, Page>();
  #height = 0;

  constructor(chain: ChainId, genesis: Genesis, verifier: Verifier) {
    this.#chainId = chain;
    this.#verifier = verifier;
    this.#unbondingBlocks = genesis.parameters.unbondingBlocks;
    for (const { publicKey, balance } of genesis.accounts) this.#pages.set(publicKey, emptyPage(balance));
    for (const { publicKey, bond } of genesis.validators) {
      this.#pages.set(publicKey, emptyPage(this.#pages.get(publicKey)?.balance, bond));
    }
  }

  get height(): number {
    return this.#height;
  }

  /** Writes down the next block. Returns what no ledger may have let in, or null. */
  write(transactions: readonly Uint8Array[]): string | null {
    this.#height += 1;
    for (const [index, bytes] of transactions.entries()) {
      const problem = this.#enter(decode(transactionCodec, bytes));
      if (problem !== null) return `block ${this.#height}, transaction ${index}: ${problem}`;
    }
    this.#release();
    return null;
  }

  /** Whether the ledger says the same of every account that the book knows all of. */
  compare(ledger: (key: PublicKey) => Account | undefined): string | null {
    for (const [key, page] of this.#pages) {
      const account = ledger(key);
      if (account === undefined && !page.isCertain) continue;
      if (account === undefined) return `account ${key} is not in the state after block ${this.#height}`;
      const problem = differenceOf(page, account);
      if (problem !== null) return `account ${key} after block ${this.#height}: ${problem}`;
    }
    return null;
  }

  #enter(transaction: Transaction): string | null {
    const { chainId, sender, nonce, expiryHeight, signature } = transaction;
    const page = this.#pages.get(sender);
    if (page === undefined) return `its sender ${sender} has no account`;
    if (chainId !== this.#chainId) return 'it is of another chain';
    if (expiryHeight < this.#height) return `it expired at height ${expiryHeight}`;
    if (page.nonces.has(nonce)) return `nonce ${nonce} of ${sender} was used before`;
    if (nonce >= lowestFree(page) + nonceWindow) return `nonce ${nonce} of ${sender} is beyond its window`;
    // Who has rotated a key signs with another one than the account's name.
    const isSigned = this.#verifier.verify(sender, transactionSigningBytes(transaction), signature);
    if (page.isComplete && !isSigned) return `${sender} did not sign it`;
    page.nonces.add(nonce);
    this.#move(page, transaction);
    return null;
  }

  #move(page: Page, { kind, body }: Transaction): void {
    const codec = bodyCodec(kind);
    if (codec === undefined) return;
    const said = decode(codec, body) as Body;
    const { amount = 0n } = said;
    const offender = said.offender === undefined ? undefined : this.#pages.get(said.offender);
    if (offender !== undefined) offender.isComplete = false;
    const candidate = said.candidate === undefined ? undefined : this.#pages.get(said.candidate.publicKey);
    if (candidate !== undefined) candidate.mayBeLocked = true;
    if (kind === 'accounts.rotate-key' || /^(agreements|court)\./.test(kind)) page.isComplete = false;
    for (const party of partiesOf(said)) {
      const own = this.#pages.get(party);
      if (own !== undefined) own.isComplete = false;
    }
    if (kind === 'accounts.transfer' && said.to !== undefined) this.#transfer(page, said.to, amount);
    if (kind === 'accounts.bond' && amount <= page.balance) {
      page.balance -= amount;
      page.bonded += amount;
    }
    if (kind === 'accounts.unbond') this.#unbond(page, amount);
  }

  #unbond(page: Page, amount: bigint): void {
    if (page.mayBeLocked) page.isComplete = false;
    if (amount === 0n || amount > page.bonded || page.unbondings.length >= unbondingsPerAccountMax) return;
    page.bonded -= amount;
    page.unbondings = [...page.unbondings, { amount, releaseHeight: this.#height + this.#unbondingBlocks }];
  }

  /** At the end of a block. */
  #release(): void {
    for (const page of this.#pages.values()) {
      const due = page.unbondings.filter(({ releaseHeight }) => releaseHeight <= this.#height);
      if (due.length === 0) continue;
      page.unbondings = page.unbondings.filter((unbonding) => !due.includes(unbonding));
      for (const { amount } of due) page.balance += amount;
    }
  }

  #transfer(from: Page, to: PublicKey, amount: bigint): void {
    if (amount === 0n || (!this.#pages.has(to) && !this.#verifier.isAdmissible(to))) return;
    const page = this.#pages.get(to) ?? { ...emptyPage(), isCertain: false };
    if (!from.isComplete) {
      // What it has is not known here any more, so neither is whether this goes through.
      page.isComplete = false;
    } else if (amount <= from.balance) {
      from.balance -= amount;
      page.balance += amount;
      page.isCertain = true;
    } else {
      return;
    }
    this.#pages.set(to, page);
  }
}

/** Of the agreement that a body is; the other side of a case may be paid without having sent anything. */
const partiesOf = ({ terms }: Body): readonly PublicKey[] =>
  typeof terms === 'object' ? (terms.parties ?? []).map(({ account }) => account) : [];

function lowestFree({ nonces }: Page): number {
  let free = 0;
  while (nonces.has(free)) free += 1;
  return free;
}

function differenceOf(page: Page, account: Account): string | null {
  const base = lowestFree(page);
  let used = 0n;
  for (const nonce of page.nonces) if (nonce > base) used |= 1n << BigInt(nonce - base);
  if (account.nonceBase !== base || account.nonceUsed !== used)
    return `the ledger's nonces begin at ${account.nonceBase}, those used at ${base}`;
  if (!page.isComplete) return null;
  if (account.balance !== page.balance)
    return `its balance is ${account.balance}, its transfers add up to ${page.balance}`;
  return account.bonded === page.bonded ? null : `its bond is ${account.bonded}, it has put down ${page.bonded}`;
}

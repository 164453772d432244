/**
 * The accounts, kept a second time and by the simplest means: transfers and bonds as they stand in the blocks, without
 * any code of the ledger. What the ledger says of an account must be what the book says.
 *
 * Of an account whose bond comes back or is forfeited, or whose key changes, the book knows only its nonces from then on:
 * its value is left to the sum of everybody's.
 */
import type { SignedTransaction } from '../../../protocols/ledger/admission.ts';
import { bodyCodec } from '../../../protocols/ledger/application.ts';
import type { Genesis } from '../../../protocols/ledger/genesis.ts';
import type { Account } from '../../../protocols/ledger/modules/accounts.ts';
import { nonceWindow, transactionCodec, transactionSigningBytes } from '../../../protocols/ledger/transaction.ts';
import type { ChainId, PublicKey } from '../../../protocols/shared/brands.ts';
import { decode } from '../../../protocols/shared/codec.ts';
import type { Verifier } from '../../../runtime/ports/signer.ts';

type Transaction = SignedTransaction['value'];

interface Page {
  balance: bigint;
  bonded: bigint;
  readonly nonces: Set<number>;
  /** Whether everything that moved its value is written here. */
  isComplete: boolean;
}

/** Fields of bodies that move value, or say whose is moved. */
interface Body {
  readonly to?: PublicKey;
  readonly amount?: bigint;
  readonly offender?: PublicKey;
}

const emptyPage = (balance = 0n, bonded = 0n): Page => ({ balance, bonded, nonces: new Set(), isComplete: true });

export class AccountBook {
  readonly #chainId: ChainId;
  readonly #verifier: Verifier;
  readonly #pages = new Map<PublicKey, Page>();
  #height = 0;

  constructor(chain: ChainId, genesis: Genesis, verifier: Verifier) {
    this.#chainId = chain;
    this.#verifier = verifier;
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
    return null;
  }

  /** Whether the ledger says the same of every account that the book knows all of. */
  compare(ledger: (key: PublicKey) => Account | undefined): string | null {
    for (const [key, page] of this.#pages) {
      const account = ledger(key);
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
    if (said.offender !== undefined) this.#page(said.offender).isComplete = false;
    if (kind === 'accounts.unbond' || kind === 'accounts.rotate-key') page.isComplete = false;
    if (kind === 'accounts.transfer' && said.to !== undefined) this.#transfer(page, said.to, said.amount ?? 0n);
    if (kind === 'accounts.bond' && said.amount !== undefined && said.amount <= page.balance) {
      page.balance -= said.amount;
      page.bonded += said.amount;
    }
  }

  #transfer(from: Page, to: PublicKey, amount: bigint): void {
    // What it has is not known here any more, so neither is whether this goes through.
    if (!from.isComplete) this.#page(to).isComplete = false;
    if (amount === 0n || amount > from.balance) return;
    if (!this.#pages.has(to) && !this.#verifier.isAdmissible(to)) return;
    from.balance -= amount;
    this.#page(to).balance += amount;
  }

  #page(key: PublicKey): Page {
    let page = this.#pages.get(key);
    if (page === undefined) this.#pages.set(key, (page = emptyPage()));
    return page;
  }
}

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

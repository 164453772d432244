/**
 * Accounts: balances, bonds, nonces and signing keys. Value only moves: balances, bonds, bonds on their way back, what is
 * held for a purpose and the treasury always add up to the genesis supply.
 *
 * An account's name is its first key and never changes; `rotate-key` changes the key that signs for it, for
 * transactions from the next block on.
 */
import { type ChainId, isHex64, type PublicKey } from '../../shared/brands.ts';
import { concatBytes, fromHex } from '../../shared/bytes.ts';
import { type Codec, publicKey32, struct, uint, uint64 } from '../../shared/codec.ts';
import { invariant } from '../../shared/errors.ts';
import { signingBytes } from '../../shared/hash.ts';
import { scheduleDeadline, sortable } from '../deadline-queue.ts';
import type { Genesis } from '../genesis.ts';
import { type JsonCodec, jsonAmount, jsonBytesExact, jsonKey, jsonStruct } from '../json-codec.ts';
import {
  type DueDeadline,
  kind,
  type LedgerModule,
  ok,
  type Outcome,
  refuse,
  type TransactionContext,
} from '../module.ts';
import { freshNonces } from '../nonces.ts';
import { type ReadView, readValue, type StateReader, table, type View } from '../view.ts';
import { readParameters } from './parameters.ts';

/** Bonds of one account on their way back at most. */
export const unbondingsPerAccountMax = 32;

export interface Account {
  /** Minor units, free to spend. */
  readonly balance: bigint;
  /** Minor units held as bond. */
  readonly bonded: bigint;
  /** The part of `bonded` that cannot be unbonded while the account is a validator. */
  readonly locked: bigint;
  /** The key that signs for the account. */
  readonly signingKey: PublicKey;
  readonly nonceBase: number;
  readonly nonceUsed: bigint;
}

interface Unbonding {
  readonly amount: bigint;
  readonly releaseHeight: number;
}

export const accountCodec: Codec<Account> = struct<Account>({
  balance: uint64,
  bonded: uint64,
  locked: uint64,
  signingKey: publicKey32,
  nonceBase: uint,
  nonceUsed: uint64,
});

const accounts = table('accounts/account/', accountCodec);
const unbondings = table('accounts/unbonding/', struct<Unbonding>({ amount: uint64, releaseHeight: uint }));
const treasuries = table('accounts/treasury/', uint64);
/** Value held for a purpose of another module, by the purpose's name. */
const holdings = table('accounts/holding/', uint64);

export const readAccount = (view: ReadView, key: PublicKey): Account | undefined => view.get(accounts, key);

/** The account as it was committed. */
export const committedAccount = (reader: StateReader, key: PublicKey): Account | undefined =>
  readValue(reader, accounts, key);

export const writeAccount = (view: View, key: PublicKey, account: Account): void => {
  view.set(accounts, key, account);
};

/** Forfeited value, minor units. */
export const treasuryBalance = (view: ReadView): bigint => view.get(treasuries, 'balance') ?? 0n;

const newAccount = (key: PublicKey): Account => ({
  balance: 0n,
  bonded: 0n,
  locked: 0n,
  signingKey: key,
  nonceBase: freshNonces.base,
  nonceUsed: freshNonces.used,
});

/** Everything there is: balances, bonds, bonds on their way back, holdings, treasury. Reads the whole state; for tests and audits. */
export function totalSupply(view: ReadView): bigint {
  let total = treasuryBalance(view);
  for (const [, account] of view.scan(accounts)) total += account.balance + account.bonded;
  for (const [, unbonding] of view.scan(unbondings)) total += unbonding.amount;
  for (const [, held] of view.scan(holdings)) total += held;
  return total;
}

const existing = (view: ReadView, key: PublicKey): Account => {
  const account = readAccount(view, key);
  invariant(account !== undefined, `account ${key} does not exist`);
  return account;
};

/** Minor units held as bond by an account that exists. */
export const bondOf = (view: ReadView, key: PublicKey): bigint => existing(view, key).bonded;

/** Sets what a validator may not unbond. The account exists and holds at least this bond. */
export function lockBond(view: View, key: PublicKey, locked: bigint): void {
  const account = existing(view, key);
  invariant(locked <= account.bonded, 'a lock above the bond');
  writeAccount(view, key, { ...account, locked });
}

/** Moves the whole bond, also what is on its way back, to the treasury. Returns the amount. */
export function forfeitBond(view: View, key: PublicKey): bigint {
  const account = existing(view, key);
  let amount = account.bonded;
  for (const [id, unbonding] of [...view.scan(unbondings, `${key}/`)]) {
    amount += unbonding.amount;
    view.delete(unbondings, id);
  }
  writeAccount(view, key, { ...account, bonded: 0n, locked: 0n });
  view.set(treasuries, 'balance', treasuryBalance(view) + amount);
  return amount;
}

/** Minor units held under this name. */
export const heldFor = (view: ReadView, purpose: string): bigint => view.get(holdings, purpose) ?? 0n;

function setHolding(view: View, purpose: string, amount: bigint): void {
  if (amount === 0n) view.delete(holdings, purpose);
  else view.set(holdings, purpose, amount);
}

/** Moves free value of an account into a holding; false, and nothing moved, where the account has too little. */
export function hold(view: View, key: PublicKey, purpose: string, amount: bigint): boolean {
  const account = existing(view, key);
  if (account.balance < amount) return false;
  writeAccount(view, key, { ...account, balance: account.balance - amount });
  setHolding(view, purpose, heldFor(view, purpose) + amount);
  return true;
}

/** Value of genesis that is held from the start for an account, which is made where it does not exist. */
export function seedHolding(view: View, key: PublicKey, purpose: string, amount: bigint): void {
  if (readAccount(view, key) === undefined) writeAccount(view, key, newAccount(key));
  setHolding(view, purpose, heldFor(view, purpose) + amount);
}

function takeFromHolding(view: View, purpose: string, amount: bigint): void {
  const held = heldFor(view, purpose);
  invariant(amount <= held, `${purpose} holds less than ${amount}`);
  setHolding(view, purpose, held - amount);
}

/** Pays out of a holding, which has so much, to an account that exists. */
export function payFromHolding(view: View, purpose: string, to: PublicKey, amount: bigint): void {
  takeFromHolding(view, purpose, amount);
  const account = existing(view, to);
  writeAccount(view, to, { ...account, balance: account.balance + amount });
}

/** Forfeits a part of a holding, which has so much. */
export function forfeitHolding(view: View, purpose: string, amount: bigint): void {
  takeFromHolding(view, purpose, amount);
  view.set(treasuries, 'balance', treasuryBalance(view) + amount);
}

interface Transfer {
  readonly to: PublicKey;
  readonly amount: bigint;
}
interface Amount {
  readonly amount: bigint;
}
interface KeyRotation {
  readonly newKey: PublicKey;
  /** Signature by newKey over {@link rotationSigningBytes}. */
  readonly possession: Uint8Array;
}

const transferCodec: JsonCodec<Transfer> = jsonStruct<Transfer>({ to: jsonKey, amount: jsonAmount });
const amountCodec: JsonCodec<Amount> = jsonStruct<Amount>({ amount: jsonAmount });
const rotationCodec: JsonCodec<KeyRotation> = jsonStruct<KeyRotation>({
  newKey: jsonKey,
  possession: jsonBytesExact(64),
});

/** What a new key signs to prove that the account's owner holds it. */
export const rotationSigningBytes = (chain: ChainId, account: PublicKey, newKey: PublicKey): Uint8Array =>
  signingBytes('bpci/key-rotation/v1', chain, concatBytes(fromHex(account), fromHex(newKey)));

function transfer({ to, amount }: Transfer, view: View, { sender, signatures }: TransactionContext): Outcome {
  if (amount === 0n) return refuse('amount-zero');
  const from = existing(view, sender);
  if (from.balance < amount) return refuse('insufficient-balance');
  const receiver = readAccount(view, to);
  // Value sent to a key that can never sign would be lost.
  if (receiver === undefined && !signatures.isAdmissible(to)) return refuse('inadmissible-key');
  writeAccount(view, sender, { ...from, balance: from.balance - amount });
  const target = readAccount(view, to) ?? newAccount(to);
  writeAccount(view, to, { ...target, balance: target.balance + amount });
  if (receiver === undefined) view.emit({ module: 'accounts', kind: 'account-created', attributes: { account: to } });
  view.emit({ module: 'accounts', kind: 'transferred', attributes: { from: sender, to, amount: amount.toString() } });
  return ok;
}

function bond({ amount }: Amount, view: View, { sender }: TransactionContext): Outcome {
  if (amount === 0n) return refuse('amount-zero');
  const account = existing(view, sender);
  if (account.balance < amount) return refuse('insufficient-balance');
  writeAccount(view, sender, { ...account, balance: account.balance - amount, bonded: account.bonded + amount });
  view.emit({ module: 'accounts', kind: 'bonded', attributes: { account: sender, amount: amount.toString() } });
  return ok;
}

function unbond({ amount }: Amount, view: View, { sender, height, hash }: TransactionContext): Outcome {
  if (amount === 0n) return refuse('amount-zero');
  const account = existing(view, sender);
  if (account.bonded < amount) return refuse('insufficient-bond');
  if (account.bonded - amount < account.locked) return refuse('bond-locked');
  const open = [...view.scan(unbondings, `${sender}/`)].length;
  if (open >= unbondingsPerAccountMax) return refuse('too-many-unbondings');
  const releaseHeight = height + readParameters(view).unbondingBlocks;
  const subject = `${sender}/${sortable(releaseHeight)}/${hash}`;
  writeAccount(view, sender, { ...account, bonded: account.bonded - amount });
  view.set(unbondings, subject, { amount, releaseHeight });
  scheduleDeadline(view, 'height', releaseHeight, { module: 'accounts', action: 'release', subject });
  view.emit({
    module: 'accounts',
    kind: 'unbonding',
    attributes: { account: sender, amount: amount.toString(), releaseHeight: String(releaseHeight) },
  });
  return ok;
}

function rotateKey(
  { newKey, possession }: KeyRotation,
  view: View,
  { sender, chainId, signatures }: TransactionContext,
): Outcome {
  const account = existing(view, sender);
  if (account.signingKey === newKey) return refuse('same-key');
  if (!signatures.verify(newKey, rotationSigningBytes(chainId, sender, newKey), possession)) {
    return refuse('bad-possession');
  }
  writeAccount(view, sender, { ...account, signingKey: newKey });
  view.emit({ module: 'accounts', kind: 'key-rotated', attributes: { account: sender, signingKey: newKey } });
  return ok;
}

/** A returned bond; nothing where it was forfeited meanwhile. */
function release(due: DueDeadline, view: View): void {
  const unbonding = view.get(unbondings, due.subject);
  if (unbonding === undefined) return;
  const key = due.subject.slice(0, 64);
  invariant(isHex64(key), 'an unbonding names its account');
  const account = existing(view, key as PublicKey);
  view.delete(unbondings, due.subject);
  writeAccount(view, key as PublicKey, { ...account, balance: account.balance + unbonding.amount });
  view.emit({
    module: 'accounts',
    kind: 'unbonded',
    attributes: { account: key, amount: unbonding.amount.toString() },
  });
}

/** Accounts of genesis, and an account for every validator and governor. */
function genesis(document: Genesis, view: View): void {
  const ensured = (key: PublicKey): Account => readAccount(view, key) ?? newAccount(key);
  for (const { publicKey, balance } of document.accounts)
    writeAccount(view, publicKey, { ...newAccount(publicKey), balance });
  for (const { publicKey, bond: held } of document.validators) {
    writeAccount(view, publicKey, { ...ensured(publicKey), bonded: held, locked: held });
  }
  for (const governor of document.governors) writeAccount(view, governor, ensured(governor));
}

export const accountsModule: LedgerModule = {
  name: 'accounts',
  kinds: new Map([
    ['transfer', kind<Transfer>({ body: transferCodec, execute: transfer })],
    ['bond', kind<Amount>({ body: amountCodec, execute: bond })],
    ['unbond', kind<Amount>({ body: amountCodec, execute: unbond })],
    ['rotate-key', kind<KeyRotation>({ body: rotationCodec, execute: rotateKey })],
  ]),
  genesis,
  roles: (account, view) => (readAccount(view, account) === undefined ? [] : ['member']),
  onDeadline: release,
};

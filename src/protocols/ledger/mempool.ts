/**
 * Transactions that wait for a block. Source: ledger design, "Transaction".
 *
 * Bounded in count and bytes, per account and in all; only accounts that exist; one transaction a nonce; each within
 * the nonce window, so that everything in the pool can be executed now, in any order. Those that this node has
 * acknowledged (`own`) leave only by being final or never possible again; the others are also held by whoever
 * acknowledged them, and give way where the pool is full.
 *
 * Pure: signatures are verified before, accounts are read through a function. Every refusal has a reason code.
 */
import type { Digest, PublicKey } from '../shared/brands.ts';
import { accepted, ignored, invariant, rejected, type Verdict } from '../shared/errors.ts';
import { accountRefusal, type SignedTransaction } from './admission.ts';
import { transactionBodyBytes } from './block-limits.ts';
import type { Account } from './modules/accounts.ts';
import { nonceState } from './nonces.ts';
import { nonceWindow } from './transaction.ts';

export interface MempoolLimits {
  readonly countMax: number;
  readonly bytesMax: number;
  /** At most the nonce window has any effect. */
  readonly accountCountMax: number;
  readonly accountBytesMax: number;
  /** Transactions of one account among the candidates for one block. */
  readonly accountBlockQuota: number;
}

export const defaultMempoolLimits: MempoolLimits = {
  countMax: 50_000,
  bytesMax: 64 * 1024 * 1024,
  accountCountMax: nonceWindow,
  accountBytesMax: 1024 * 1024,
  accountBlockQuota: nonceWindow,
};

export type MempoolRefusal =
  | 'expired'
  | 'unknown-account'
  | 'wrong-signer'
  | 'nonce-used'
  | 'nonce-too-far'
  /** Another transaction of this account and nonce waits. */
  | 'nonce-taken'
  | 'account-full'
  | 'mempool-full';

/** Why a transaction left. */
export type Departure = 'final' | 'expired' | 'nonce-used' | 'wrong-signer' | 'unknown-account' | 'refused' | 'evicted';

export interface Departed {
  readonly hash: Digest;
  readonly own: boolean;
  readonly reason: Departure;
}

export interface Addition {
  readonly verdict: Verdict<'known', MempoolRefusal>;
  /** Those that gave way; also where that was not enough. */
  readonly departed: readonly Departed[];
}

export type AccountSource = (key: PublicKey) => Account | undefined;

/** The height of the next block, and accounts as they are before it. */
export interface PoolMoment {
  readonly height: number;
  readonly account: AccountSource;
}

export interface PendingTransaction {
  readonly transaction: SignedTransaction;
  /** Order of arrival. */
  readonly sequence: number;
  /** Acknowledged by this node. */
  readonly own: boolean;
}

interface Lane {
  readonly byNonce: Map<number, PendingTransaction>;
  bytes: number;
  foreign: number;
}

export class Mempool {
  readonly #limits: MempoolLimits;
  readonly #byHash = new Map<Digest, PendingTransaction>();
  readonly #lanes = new Map<PublicKey, Lane>();
  /** Accounts by how many foreign transactions of theirs wait, so that the largest is found at once. */
  readonly #sendersByForeign: Set<PublicKey>[] = [];
  readonly #hashesByExpiry = new Map<number, Set<Digest>>();
  #bytes = 0;
  #sequence = 0;

  constructor(limits: MempoolLimits = defaultMempoolLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#byHash.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Transactions taken so far: the sequence number of the next one. */
  get arrivals(): number {
    return this.#sequence;
  }

  get(hash: Digest): PendingTransaction | undefined {
    return this.#byHash.get(hash);
  }

  /** In the order of arrival. */
  *own(): Generator<PendingTransaction> {
    for (const pending of this.#byHash.values()) if (pending.own) yield pending;
  }

  /** Lowest nonce that is neither used on chain nor taken here. */
  nextNonce(sender: PublicKey, account: Account): number {
    const taken = this.#lanes.get(sender)?.byNonce;
    let nonce = account.nonceBase;
    const window = { base: account.nonceBase, used: account.nonceUsed };
    while (taken?.has(nonce) === true || nonceState(window, nonce) === 'used') nonce += 1;
    return nonce;
  }

  /** Takes a transaction whose signature holds under `signer`. A known one becomes own where `own` says so. */
  add(transaction: SignedTransaction, own: boolean, moment: PoolMoment): Addition {
    const known = this.#byHash.get(transaction.hash);
    if (known !== undefined) {
      if (own && !known.own) this.#adopt(known);
      return { verdict: ignored('known'), departed: [] };
    }
    const refusal = this.#refusal(transaction, moment);
    if (refusal !== null) return { verdict: rejected(refusal), departed: [] };
    const departed: Departed[] = [];
    while (!this.#hasRoom(transaction)) {
      const victim = this.#victim(transaction.value.sender);
      if (victim === undefined) return { verdict: rejected('mempool-full'), departed };
      departed.push(this.#remove(victim, 'evicted'));
    }
    this.#insert({ transaction, own, sequence: this.#sequence++ });
    return { verdict: accepted, departed };
  }

  #refusal(transaction: SignedTransaction, { height, account }: PoolMoment): MempoolRefusal | null {
    const { sender, nonce, expiryHeight } = transaction.value;
    if (expiryHeight < height) return 'expired';
    const holder = account(sender);
    const refusal = accountRefusal(transaction, holder?.signingKey, holder);
    if (refusal !== null) return refusal;
    const lane = this.#lanes.get(sender);
    if (lane === undefined) return null;
    if (lane.byNonce.has(nonce)) return 'nonce-taken';
    const isFull =
      lane.byNonce.size >= this.#limits.accountCountMax ||
      lane.bytes + transaction.bytes.length > this.#limits.accountBytesMax;
    return isFull ? 'account-full' : null;
  }

  #hasRoom({ bytes }: SignedTransaction): boolean {
    return this.count + 1 <= this.#limits.countMax && this.#bytes + bytes.length <= this.#limits.bytesMax;
  }

  /**
   * The newest foreign transaction of the account that has the most of them, where it has more than the newcomer's
   * account would hold; undefined where nobody has.
   */
  #victim(newcomer: PublicKey): PendingTransaction | undefined {
    const share = (this.#lanes.get(newcomer)?.byNonce.size ?? 0) + 1;
    for (let count = this.#sendersByForeign.length - 1; count > share; count--) {
      for (const sender of this.#sendersByForeign[count] ?? []) {
        const pending = [...(this.#lanes.get(sender)?.byNonce.values() ?? [])];
        return pending.filter(({ own }) => !own).sort((a, b) => b.sequence - a.sequence)[0];
      }
    }
    return undefined;
  }

  /**
   * Candidates for the next block: one of each account in turn, accounts in the order of their oldest transaction, each
   * account's by nonce, at most its quota; those that do not fit any more are passed over.
   */
  candidates(limits: { readonly count: number; readonly bytes: number; readonly height: number }): SignedTransaction[] {
    const lanes: { readonly pending: readonly PendingTransaction[]; readonly oldest: number }[] = [];
    for (const { byNonce } of this.#lanes.values()) {
      const pending = [...byNonce.values()].filter(
        ({ transaction }) => transaction.value.expiryHeight >= limits.height,
      );
      if (pending.length === 0) continue;
      pending.sort((a, b) => a.transaction.value.nonce - b.transaction.value.nonce);
      lanes.push({ pending, oldest: Math.min(...pending.map(({ sequence }) => sequence)) });
    }
    lanes.sort((a, b) => a.oldest - b.oldest);
    const chosen: SignedTransaction[] = [];
    let bytes = 0;
    for (let turn = 0; turn < this.#limits.accountBlockQuota; turn++) {
      let isLast = true;
      for (const { pending } of lanes) {
        const transaction = pending[turn]?.transaction;
        if (transaction === undefined) continue;
        isLast = false;
        if (chosen.length === limits.count) return chosen;
        const size = transactionBodyBytes(transaction.bytes);
        if (bytes + size > limits.bytes) continue;
        bytes += size;
        chosen.push(transaction);
      }
      if (isLast) break;
    }
    return chosen;
  }

  /**
   * After a block became final: takes out what was in it, what its senders' accounts rule out now, and what expired.
   *
   * @param moment of the next block
   */
  onBlock(included: readonly Digest[], senders: Iterable<PublicKey>, moment: PoolMoment): readonly Departed[] {
    const departed = included.flatMap((hash) => this.remove(hash, 'final'));
    for (const sender of new Set(senders)) departed.push(...this.#recheck(sender, moment.account(sender)));
    departed.push(...this.#expire(moment.height));
    return departed;
  }

  /** Checks everything again, as after a start or a jump of the state. */
  revalidate(moment: PoolMoment): readonly Departed[] {
    const departed = [...this.#lanes.keys()].flatMap((sender) => this.#recheck(sender, moment.account(sender)));
    departed.push(...this.#expire(moment.height));
    return departed;
  }

  /** What was there under this hash. */
  remove(hash: Digest, reason: Departure): Departed[] {
    const pending = this.#byHash.get(hash);
    return pending === undefined ? [] : [this.#remove(pending, reason)];
  }

  #recheck(sender: PublicKey, account: Account | undefined): readonly Departed[] {
    const lane = this.#lanes.get(sender);
    if (lane === undefined) return [];
    const departed: Departed[] = [];
    for (const pending of [...lane.byNonce.values()]) {
      const refusal = accountRefusal(pending.transaction, account?.signingKey, account);
      // A window never goes back, except where the state did: the transaction's turn will come again.
      if (refusal !== null && refusal !== 'nonce-too-far') departed.push(this.#remove(pending, refusal));
    }
    return departed;
  }

  #expire(height: number): readonly Departed[] {
    const departed: Departed[] = [];
    for (const [expiry, hashes] of this.#hashesByExpiry) {
      if (expiry >= height) continue;
      for (const hash of [...hashes]) departed.push(...this.remove(hash, 'expired'));
    }
    return departed;
  }

  #adopt(pending: PendingTransaction): void {
    const { hash, value } = pending.transaction;
    const lane = this.#laneOf(value.sender);
    const own = { ...pending, own: true };
    this.#byHash.set(hash, own);
    lane.byNonce.set(value.nonce, own);
    this.#countForeign(value.sender, lane, -1);
  }

  #insert(pending: PendingTransaction): void {
    const { value, hash, bytes } = pending.transaction;
    if (!this.#lanes.has(value.sender)) this.#lanes.set(value.sender, { byNonce: new Map(), bytes: 0, foreign: 0 });
    const lane = this.#laneOf(value.sender);
    this.#byHash.set(hash, pending);
    lane.byNonce.set(value.nonce, pending);
    if (!pending.own) this.#countForeign(value.sender, lane, 1);
    lane.bytes += bytes.length;
    this.#bytes += bytes.length;
    const expiring = this.#hashesByExpiry.get(value.expiryHeight);
    if (expiring === undefined) this.#hashesByExpiry.set(value.expiryHeight, new Set([hash]));
    else expiring.add(hash);
  }

  #remove({ transaction, own }: PendingTransaction, reason: Departure): Departed {
    const { value, hash, bytes } = transaction;
    const lane = this.#laneOf(value.sender);
    this.#byHash.delete(hash);
    lane.byNonce.delete(value.nonce);
    if (!own) this.#countForeign(value.sender, lane, -1);
    lane.bytes -= bytes.length;
    this.#bytes -= bytes.length;
    if (lane.byNonce.size === 0) this.#lanes.delete(value.sender);
    const expiring = this.#hashesByExpiry.get(value.expiryHeight);
    expiring?.delete(hash);
    if (expiring?.size === 0) this.#hashesByExpiry.delete(value.expiryHeight);
    return { hash, own, reason };
  }

  #laneOf(sender: PublicKey): Lane {
    const lane = this.#lanes.get(sender);
    invariant(lane !== undefined, 'a waiting transaction is in its account’s lane');
    return lane;
  }

  #countForeign(sender: PublicKey, lane: Lane, by: 1 | -1): void {
    this.#sendersByForeign[lane.foreign]?.delete(sender);
    lane.foreign += by;
    if (lane.foreign > 0) (this.#sendersByForeign[lane.foreign] ??= new Set()).add(sender);
  }
}

/**
 * Keeps the transactions that wait for a block: checks and acknowledges those of clients, exchanges them with the
 * validators' mempools, offers them to the block maker, forgets them when they are final.
 *
 * An acknowledgement is given only when the transaction is durable here. What is acknowledged is offered to the
 * validators at once, again when a validator's link comes up, and again from time to time, also after a restart, until
 * it is final or expired.
 */
import type { DecodedTransaction, SignedTransaction } from '../protocols/ledger/admission.ts';
import { defaultMempoolLimits, type Departed, Mempool } from '../protocols/ledger/mempool.ts';
import type { Digest, PublicKey } from '../protocols/shared/brands.ts';
import type { ActorDefinition } from '../runtime/ports/actors.ts';
import { StoreError } from '../runtime/ports/store.ts';
import type { Counter } from '../runtime/ports/telemetry.ts';
import { Intake, momentOf } from './mempool/intake.ts';
import type { MempoolContext, MempoolDependencies, MempoolMessage, MempoolReader } from './mempool/messages.ts';
import { Offers } from './mempool/offers.ts';
import { MempoolStore } from './mempool/store.ts';

export type { MempoolMessage, MempoolReader };

class MempoolKeeper {
  readonly pool: Mempool;
  readonly intake: Intake;
  readonly offers: Offers;
  readonly #dependencies: MempoolDependencies;
  readonly #store: MempoolStore;
  readonly #outcomes: Counter;

  constructor(dependencies: MempoolDependencies) {
    this.#dependencies = dependencies;
    this.pool = new Mempool(dependencies.limits ?? defaultMempoolLimits);
    this.offers = new Offers(dependencies, this.pool);
    this.#store = new MempoolStore(dependencies.store);
    this.#outcomes = dependencies.telemetry.counter('bpci.mempool.transactions', 'Transactions by what became of them');
    this.intake = new Intake(dependencies, {
      pool: this.pool,
      store: this.#store,
      offers: this.offers,
      count: (source, outcome) => this.#outcomes.add(1, { source, outcome }),
      forget: (departed) => this.#forget(departed),
    });
  }

  async start(context: MempoolContext): Promise<void> {
    this.#dependencies.traces.abandon();
    await this.intake.reload();
    this.offers.offer(
      [...this.pool.own()].map(({ transaction }) => transaction),
      context,
    );
    this.offers.remind(context);
    if (this.pool.count > 0) this.#dependencies.onAvailable();
  }

  candidates(count: number, bytes: number): readonly SignedTransaction[] {
    return this.pool.candidates({ count, bytes, height: momentOf(this.#dependencies).height });
  }

  /** A block is final. */
  committed(transactions: readonly DecodedTransaction[]): void {
    const senders = transactions.map(({ value }) => value.sender);
    const hashes = transactions.map(({ hash }) => hash);
    this.#forget(this.pool.onBlock(hashes, senders, momentOf(this.#dependencies)));
  }

  stateReplaced(): void {
    this.#forget(this.pool.revalidate(momentOf(this.#dependencies)));
  }

  /** What the executor refused, where the reason does not pass with the next block. */
  refused(refusals: readonly { readonly hash: Digest; readonly reason: string }[]): void {
    const lasting = refusals.filter(({ reason }) => reason !== 'nonce-too-far' && reason !== 'unknown-account');
    this.#forget(lasting.flatMap(({ hash }) => this.pool.remove(hash, 'refused')));
  }

  nextNonce(sender: PublicKey): number {
    const account = this.#dependencies.account(sender);
    return account === undefined ? 0 : this.pool.nextNonce(sender, account);
  }

  #forget(departed: readonly Departed[]): void {
    for (const { hash, reason } of departed) {
      this.#outcomes.add(1, { source: 'pool', outcome: reason });
      this.#dependencies.traces.leave(hash, reason);
    }
    const gone = departed.filter(({ own }) => own).map(({ hash }) => hash);
    try {
      this.#store.commit({ acknowledged: [], gone });
    } catch (error) {
      // A record that stays is looked at again, and dropped, at the next start.
      if (!(error instanceof StoreError) || error.code !== 'full') throw error;
    }
  }
}

/** The actor, and what its node reads of it without asking. */
export function mempoolActor(dependencies: MempoolDependencies): {
  readonly definition: ActorDefinition<MempoolKeeper, MempoolMessage>;
  readonly reader: MempoolReader;
} {
  let current: MempoolKeeper | null = null;
  const definition: ActorDefinition<MempoolKeeper, MempoolMessage> = {
    name: 'mempool',
    initial: async (context) => {
      const keeper = new MempoolKeeper(dependencies);
      await keeper.start(context);
      current = keeper;
      return keeper;
    },
    receive: (keeper, message, context) => {
      receive(keeper, message, context);
      return keeper;
    },
  };
  const reader: MempoolReader = {
    pending: (hash) => current?.pool.get(hash)?.transaction.bytes,
    nextNonce: (account) => current?.nextNonce(account) ?? dependencies.account(account)?.nonceBase ?? 0,
    size: () => ({ count: current?.pool.count ?? 0, bytes: current?.pool.bytes ?? 0 }),
    hasTransactions: (beside = []) => {
      const pool = current?.pool;
      if (pool === undefined || pool.count === 0) return false;
      return (
        pool.count > beside.length || beside.filter(({ hash }) => pool.get(hash) !== undefined).length < pool.count
      );
    },
  };
  return { definition, reader };
}

function receive(keeper: MempoolKeeper, message: MempoolMessage, context: MempoolContext): void {
  switch (message.type) {
    case 'submit':
      keeper.intake.submit(message.transactions, message.replyTo, context);
      return;
    case 'gossip':
      keeper.intake.gossip(message, context);
      return;
    case 'verified':
      keeper.intake.finish(message.batch, message.verdicts, context);
      return;
    case 'durable':
      keeper.intake.durable(message.answer, message.failure, context);
      return;
    case 'candidates':
      context.reply(message.replyTo, keeper.candidates(message.count, message.bytes));
      return;
    case 'committed':
      keeper.committed(message.transactions);
      return;
    case 'state-replaced':
      keeper.stateReplaced();
      return;
    case 'refused':
      keeper.refused(message.refused);
      return;
    case 'linked':
      keeper.offers.linked(message.peer, context);
      return;
    case 'flush':
      keeper.offers.flush(context);
      return;
    case 'remind':
      keeper.offers.remind(context);
  }
}

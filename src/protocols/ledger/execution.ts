/** The transition of the state by one block: its transactions, the deadlines that are due, the end of each module. */
import type { PublicKey } from '../shared/brands.ts';
import { decode } from '../shared/codec.ts';
import { invariant } from '../shared/errors.ts';
import { accountRefusal, type AdmissionRefusal, type SignedTransaction, statelessRefusal } from './admission.ts';
import type { Application } from './application.ts';
import { type DeadlineOrder, takeDueDeadlines } from './deadline-queue.ts';
import type { BlockContext, Outcome, TransactionContext } from './module.ts';
import { readAccount, writeAccount } from './modules/accounts.ts';
import { useNonce } from './nonces.ts';
import { isPermitted } from './permissions.ts';
import type { TransactionResult } from './results.ts';
import type { View } from './view.ts';

/** Executes a block transaction by transaction; {@link BlockExecution.end} closes it. */
export class BlockExecution {
  readonly #application: Application;
  readonly #view: View;
  readonly #context: BlockContext;
  readonly #signingKeys = new Map<PublicKey, PublicKey | undefined>();
  readonly #results: TransactionResult[] = [];

  /** `view` is over the parent's state and has not been written. */
  constructor(application: Application, view: View, context: BlockContext) {
    this.#application = application;
    this.#view = view;
    this.#context = context;
  }

  get results(): readonly TransactionResult[] {
    return this.#results;
  }

  /** The keys as they were before this block; asked before the first transaction is executed. */
  readSigningKeys(transactions: readonly SignedTransaction[]): void {
    invariant(this.#results.length === 0, 'signing keys are those of the parent state');
    for (const { value } of transactions) {
      if (this.#signingKeys.has(value.sender)) continue;
      this.#signingKeys.set(value.sender, readAccount(this.#view, value.sender)?.signingKey);
    }
  }

  /** Why this transaction cannot be next in this block, or null. */
  refusal(transaction: SignedTransaction): AdmissionRefusal | null {
    const { chainId, height } = this.#context;
    const { sender } = transaction.value;
    return (
      statelessRefusal(transaction, { chainId, height, application: this.#application }) ??
      accountRefusal(transaction, this.#signingKeys.get(sender), readAccount(this.#view, sender))
    );
  }

  /** A transaction without {@link refusal}. Whatever its module says, it is in the block and its nonce is used. */
  execute(transaction: SignedTransaction): TransactionResult {
    const { sender, nonce } = transaction.value;
    const account = readAccount(this.#view, sender);
    invariant(account !== undefined, 'an admitted transaction has an account');
    const nonces = useNonce({ base: account.nonceBase, used: account.nonceUsed }, nonce);
    writeAccount(this.#view, sender, { ...account, nonceBase: nonces.base, nonceUsed: nonces.used });
    this.#view.begin(this.#results.length);
    const { code } = this.#dispatch(transaction);
    let events = 0;
    if (code === 'ok') events = this.#view.commit();
    else this.#view.rollback();
    const result = { code, events };
    this.#results.push(result);
    return result;
  }

  #dispatch({ value, hash }: SignedTransaction): Outcome {
    const known = this.#application.kinds.get(value.kind);
    invariant(known !== undefined, 'an admitted transaction has a known kind');
    const context: TransactionContext = { ...this.#context, sender: value.sender, hash };
    const body = decode(known.definition.body, value.body);
    const roles = this.#application.modules.flatMap((module) => module.roles?.(value.sender, this.#view) ?? []);
    const related = known.definition.relation?.(body, this.#view, context) ?? [];
    if (!isPermitted(value.kind, [...roles, ...related])) return { code: 'not-permitted' };
    return known.definition.execute(body, this.#view, context);
  }

  /** Deadlines by height, then by time, then the modules' ends. */
  end(): void {
    this.#handleDeadlines('height', this.#context.height);
    this.#handleDeadlines('time', this.#context.time);
    for (const module of this.#application.modules) module.endBlock?.(this.#view, this.#context);
  }

  #handleDeadlines(order: DeadlineOrder, now: number): void {
    for (const deadline of takeDueDeadlines(this.#view, order, now)) {
      const module = this.#application.modules.find(({ name }) => name === deadline.module);
      invariant(module?.onDeadline !== undefined, `a deadline of ${deadline.module}, which handles none`);
      module.onDeadline(deadline, this.#view, this.#context);
    }
  }
}

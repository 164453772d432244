/**
 * Spans about blocks. A block is part of the trace of its first transaction that somebody traces, and links to those of
 * the others; its proposal carries that trace to the other validators. Blocks without such transactions have none.
 */
import type { Block } from '../../protocols/ledger/block.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import type { Span, Telemetry } from '../../runtime/ports/telemetry.ts';
import type { TransactionTraces } from '../transaction-traces.ts';

/** Blocks of one height whose trace is remembered. */
const blocksMax = 16;

export interface TracedBlock {
  readonly digest: Digest;
  readonly block: Pick<Block, 'header' | 'transactions'>;
  /** Those of it that are decoded: none where it was not looked into. */
  readonly transactions: readonly { readonly hash: Digest }[];
}

export class BlockTraces {
  readonly #telemetry: Pick<Telemetry, 'span'>;
  readonly #transactions: TransactionTraces;
  /** By digest: what the next span about the block belongs under. */
  readonly #blocks = new Map<string, string>();

  constructor(telemetry: Pick<Telemetry, 'span'>, transactions: TransactionTraces) {
    this.#telemetry = telemetry;
    this.#transactions = transactions;
  }

  /** A peer's message about a block came as part of a trace. */
  came(digest: Digest, traceparent: string | undefined): void {
    if (traceparent === undefined || this.#blocks.has(digest) || this.#blocks.size >= blocksMax) return;
    this.#blocks.set(digest, traceparent);
  }

  of(digest: Digest): string | undefined {
    return this.#blocks.get(digest);
  }

  /** Undefined where nobody traces the block. What is done about it next is part of this span. */
  begin(name: string, { digest, block, transactions }: TracedBlock, startedAt?: number): Span | undefined {
    if (this.#blocks.size === 0 && this.#transactions.isEmpty) return undefined;
    const followed = this.#transactions.of(transactions);
    const traceparent = this.#blocks.get(digest) ?? followed[0];
    if (traceparent === undefined) return undefined;
    const span = this.#telemetry.span(name, {
      traceparent,
      attributes: {
        'bpci.block.height': block.header.height,
        'bpci.block.digest': digest,
        'bpci.block.transactions': block.transactions.length,
      },
      ...(startedAt === undefined ? {} : { startedAt }),
    });
    const own = traceOf(traceparent);
    for (const other of followed) if (traceOf(other) !== own) span.addLink(other);
    this.#blocks.set(digest, span.traceparent ?? traceparent);
    return span;
  }

  /** The block is decided: whoever follows one of its transactions finds `span`. */
  decided({ transactions }: TracedBlock, span: Span): void {
    this.#transactions.included(transactions, span);
  }

  clear(): void {
    this.#blocks.clear();
  }
}

/** The trace's own id within a traceparent. */
const traceOf = (traceparent: string): string => traceparent.slice(3, 35);

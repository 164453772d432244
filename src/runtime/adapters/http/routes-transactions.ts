/** Sending transactions and finding them again. */
import { Type } from 'typebox';
import { decode, bytesMax, CodecError, list } from '../../../protocols/shared/codec.ts';
import { fromHex } from '../../../protocols/shared/bytes.ts';
import { transactionBytesMax } from '../../../protocols/ledger/transaction.ts';
import type { ChainApi, SubmitOutcome, TransactionView } from '../../ports/chain-api.ts';
import type { Application } from './application.ts';
import { json } from './openapi.ts';
import { HttpProblem, notFound } from './problem.ts';
import { batchTransactionsMax, hash64, lookupBody, submitBody, throughHeight } from './schemas.ts';

export interface WaitLimits {
  /** How long `wait=final` waits where `timeout` is absent, and at most. */
  readonly waitDefaultMs: number;
  readonly waitMaxMs: number;
  /** Transactions that requests wait for at once. */
  readonly waitingMax: number;
}

type Body = { readonly transaction: string } | { readonly transactions: readonly string[] } | Uint8Array;

interface Query {
  readonly wait?: 'final';
  readonly timeout?: number;
}

/** What came, as bytes, and whether it came as a batch. */
interface Submission {
  readonly transactions: readonly Uint8Array[];
  readonly isBatch: boolean;
}

const batchCodec = list(bytesMax(transactionBytesMax + 1_024), batchTransactionsMax);

export function registerTransactions(application: Application, api: ChainApi, limits: WaitLimits): void {
  registerLookup(application, api);
  registerLookups(application, api);
  const waiting = new WaitingRoom(api, limits.waitingMax, application.stopping.signal);
  application.app.route<{ Body: Body; Querystring: Query }>({
    method: 'POST',
    url: '/v1/transactions',
    config: { access: 'self-authenticating' },
    schema: {
      operationId: 'submitTransactions',
      summary: 'Submits one signed transaction or a batch',
      description:
        'JSON carries hex; octets are one transaction; msgpack is one transaction or an array of byte strings. 202: ' +
        'stored durably by this node and on its way. With `wait=final` the answer is 200 once everything taken is ' +
        'final, and still 202 when the time is over first: the transactions stay submitted.',
      tags: ['transactions'],
      querystring: Type.Object(
        {
          wait: Type.Optional(Type.Literal('final')),
          timeout: Type.Optional(
            Type.Integer({ minimum: 1, maximum: limits.waitMaxMs, description: 'milliseconds to wait' }),
          ),
        },
        { additionalProperties: false },
      ),
      body: {
        content: {
          'application/json': { schema: submitBody },
          'application/octet-stream': { schema: Type.Unsafe<Uint8Array>({}) },
          'application/msgpack': { schema: Type.Unsafe<Uint8Array>({}) },
        },
      },
      response: {
        200: {
          description: 'Final (with wait=final)',
          content: { 'application/json': { schema: { anyOf: [{ $ref: 'Transaction#' }, { $ref: 'Batch#' }] } } },
        },
        202: {
          description: 'Taken; not final yet',
          content: { 'application/json': { schema: { anyOf: [{ $ref: 'Submission#' }, { $ref: 'Batch#' }] } } },
        },
      },
    },
    handler: async (request, reply) => {
      const { transactions, isBatch } = toSubmission(request.body, request.headers['content-type'] ?? '');
      const traceparent = application.traceOf(request);
      const outcomes = await api.submit(transactions, { traceparent });
      const taken = outcomes.filter((outcome) => outcome.outcome !== 'rejected');
      if (taken.length === 0) throw rejection(outcomes, isBatch);
      const timeoutMs = request.query.timeout ?? limits.waitDefaultMs;
      const hashes = taken.map(({ hash }) => hash);
      const span =
        request.query.wait === 'final' && traceparent !== undefined
          ? application.telemetry.span('transaction.wait', { traceparent })
          : undefined;
      const final =
        request.query.wait === 'final' ? await waiting.allFinal(hashes, timeoutMs, request.raw.socket) : null;
      span?.end();
      const isFinal = final !== null && taken.every(({ hash }) => final.has(hash));
      reply.code(isFinal ? 200 : 202).type('application/json');
      if (isBatch) return reply.send({ results: outcomes.map((outcome) => toEntry(outcome, final)) });
      const [first] = taken;
      if (first === undefined) throw rejection(outcomes, isBatch);
      return reply.send(final?.get(first.hash) ?? { hash: first.hash, outcome: first.outcome, status: 'pending' });
    },
  });
}

function registerLookup({ app }: Application, api: ChainApi): void {
  app.route<{ Params: { hash: string }; Querystring: { proof?: boolean; through?: number } }>({
    method: 'GET',
    url: '/v1/transactions/:hash',
    config: { access: 'read' },
    schema: {
      operationId: 'getTransaction',
      summary: 'A transaction with its result, and its proof bundle where asked for',
      description:
        'With `through` the bundle passes through the header at that height, for a reader who trusts it (it is proved ' +
        'under that header where it is later than the transaction). `proof` is null where there is no such bundle.',
      tags: ['transactions'],
      params: Type.Object({ hash: hash64 }),
      querystring: Type.Object(
        { proof: Type.Optional(Type.Boolean({ default: false })), through: Type.Optional(throughHeight) },
        { additionalProperties: false },
      ),
      response: { 200: json('The transaction', 'Transaction') },
    },
    handler: ({ params, query }, reply) => {
      const transaction = api.transaction(params.hash);
      if (transaction === null) throw notFound('this transaction');
      reply.type('application/json');
      const { through } = query;
      if (query.proof !== true && through === undefined) return reply.send(transaction);
      const options = through === undefined ? {} : { through };
      const proof = transaction.status === 'final' ? api.transactionProof(params.hash, options) : null;
      return reply.send({ ...transaction, proof });
    },
  });
}

function registerLookups({ app }: Application, api: ChainApi): void {
  app.route<{ Body: { hashes: readonly string[] } }>({
    method: 'POST',
    url: '/v1/transactions/lookup',
    config: { access: 'read' },
    schema: {
      operationId: 'lookUpTransactions',
      summary: 'What became of many transactions, by hash and in order',
      description: 'Without content, events and proofs: those are of `GET /v1/transactions/{hash}`.',
      tags: ['transactions'],
      body: { content: { 'application/json': { schema: lookupBody } } },
      response: { 200: json('One entry for each hash', 'Lookup') },
    },
    handler: ({ body }, reply) =>
      reply.type('application/json').send({
        transactions: body.hashes.map((hash) => {
          const { status, height, index, result } = api.transaction(hash) ?? unknownTransaction;
          return { hash, status, height, index, code: result?.code ?? null };
        }),
      }),
  });
}

const unknownTransaction = { status: 'unknown', height: null, index: null, result: null } as const;

/** Throws HttpProblem `invalid-transaction-bytes`. */
function toSubmission(body: Body, contentType: string): Submission {
  if (body instanceof Uint8Array) {
    if (body.length === 0) throw new HttpProblem('empty-body', { status: 400, detail: 'the body is empty' });
    // A transaction is never an array of byte strings (its nonce is a number), so the two cannot be mistaken.
    const batch = contentType.startsWith('application/msgpack') ? tryBatch(body) : null;
    return batch === null
      ? { transactions: [Uint8Array.from(body)], isBatch: false }
      : { transactions: batch, isBatch: true };
  }
  return 'transaction' in body
    ? { transactions: [hexField(body.transaction, 'body/transaction')], isBatch: false }
    : {
        transactions: body.transactions.map((text, index) => hexField(text, `body/transactions/${index}`)),
        isBatch: true,
      };
}

function tryBatch(body: Uint8Array): readonly Uint8Array[] | null {
  try {
    const batch = decode(batchCodec, body);
    return batch.length === 0 ? null : batch;
  } catch (error) {
    if (error instanceof CodecError) return null;
    throw error;
  }
}

function hexField(text: string, field: string): Uint8Array {
  if (text.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(text)) return fromHex(text);
  const message = 'is not an even number of hex digits';
  throw new HttpProblem('invalid-transaction-bytes', {
    status: 400,
    detail: `${field} ${message}`,
    errors: [{ field, message }],
  });
}

/** Reasons that pass by themselves; everything else is wrong with the transaction. */
const passingReasons: ReadonlySet<string> = new Set([
  'mempool-full',
  'account-full',
  'not-ready',
  'store-full',
  'store-failed',
  'stopping',
]);

function rejection(outcomes: readonly SubmitOutcome[], isBatch: boolean): HttpProblem {
  const rejected = outcomes.filter((outcome) => outcome.outcome === 'rejected');
  const [first] = rejected;
  const status = rejected.length > 0 && rejected.every(({ reason }) => passingReasons.has(reason)) ? 503 : 422;
  const headers: Record<string, string> = status === 503 ? { 'retry-after': '2' } : {};
  if (!isBatch && first !== undefined) {
    return new HttpProblem(first.reason, {
      status,
      detail: first.detail,
      title: 'The transaction was refused',
      headers,
      extensions: { hash: first.hash },
    });
  }
  return new HttpProblem('transactions-rejected', {
    status,
    detail: `all ${outcomes.length} were refused`,
    headers,
    extensions: { results: outcomes.map((outcome) => toEntry(outcome, null)) },
  });
}

const toEntry = (outcome: SubmitOutcome, final: ReadonlyMap<string, TransactionView> | null): object => ({
  ...outcome,
  ...(final === null || outcome.outcome === 'rejected' ? {} : { transaction: final.get(outcome.hash) ?? null }),
});

/** Bounded waiting for finality. A caller that hangs up, and the closing server, end the wait. */
class WaitingRoom {
  readonly #api: ChainApi;
  readonly #max: number;
  readonly #stopping: AbortSignal;
  #count = 0;

  constructor(api: ChainApi, max: number, stopping: AbortSignal) {
    this.#api = api;
    this.#max = max;
    this.#stopping = stopping;
  }

  /** The transactions that became final in time, by hash. Waits not at all where too many wait already. */
  async allFinal(
    hashes: readonly string[],
    timeoutMs: number,
    socket: NodeJS.EventEmitter,
  ): Promise<ReadonlyMap<string, TransactionView>> {
    const hangUp = new AbortController();
    const onClose = (): void => hangUp.abort();
    socket.once('close', onClose);
    const signal = AbortSignal.any([hangUp.signal, this.#stopping]);
    const isRoom = this.#count + hashes.length <= this.#max;
    if (isRoom) this.#count += hashes.length;
    try {
      const views = await Promise.all(
        hashes.map((hash) =>
          isRoom ? this.#api.whenFinal(hash, timeoutMs, signal) : Promise.resolve(this.#api.transaction(hash)),
        ),
      );
      const final = new Map<string, TransactionView>();
      for (const view of views) if (view?.status === 'final') final.set(view.hash, view);
      return final;
    } finally {
      if (isRoom) this.#count -= hashes.length;
      socket.removeListener('close', onClose);
    }
  }
}

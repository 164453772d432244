/**
 * JSON Schemas of everything that the interface takes and gives: the source of `/openapi.json` and of request
 * validation. They restate `ports/chain-api.ts`; the tests hold every answer against them.
 */
import { Type, type TSchema } from 'typebox';
import { transactionBytesMax } from '../../../protocols/ledger/transaction.ts';

/** Most transactions in one request. */
export const batchTransactionsMax = 1_000;
/** Largest body of a request, bytes. Hex doubles a transaction; a batch may carry two blocks' worth. */
export const bodyBytesMax = 8 * 1024 * 1024;

const closed = { additionalProperties: false };
const object = (id: string, properties: Record<string, TSchema>, description?: string): TSchema =>
  Type.Object(properties, { $id: id, ...closed, ...(description === undefined ? {} : { description }) });

/** Refers to a schema registered under its name. */
export const ref = (id: string): TSchema => Type.Unsafe<unknown>({ $ref: `${id}#` });
const nullable = (schema: TSchema): TSchema => Type.Union([schema, Type.Null()]);
const array = (schema: TSchema): TSchema => Type.Array(schema);

export const hash64 = Type.String({ pattern: '^[0-9a-f]{64}$', description: '32 bytes, lower-case hex' });
/** Asks for a proof bundle too. */
export const throughHeight = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'asks for the proof bundle, and for one that passes through the header at this height',
});
const hex = Type.String({ pattern: '^([0-9a-f]{2})*$', description: 'bytes, lower-case hex' });
const amount = Type.String({ pattern: '^[0-9]+$', description: 'minor units, decimal' });
const natural = Type.Integer({ minimum: 0 });
const time = Type.Integer({ minimum: 0, description: 'milliseconds since 1970' });
const anyJson = Type.Unknown();

export const eventIdPattern = '^(0|[1-9][0-9]{0,15})-(0|[1-9][0-9]{0,15})$';

const event = object('Event', {
  id: Type.String({ pattern: eventIdPattern }),
  height: natural,
  index: natural,
  module: Type.String(),
  kind: Type.String(),
  transaction: nullable(hash64),
  attributes: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()])),
});

const transactionFields = {
  hash: hash64,
  status: Type.Union([Type.Literal('pending'), Type.Literal('final')]),
  height: nullable(natural),
  index: nullable(natural),
  result: nullable(Type.Object({ code: Type.String(), events: array(ref('Event')) }, closed)),
  transaction: Type.Object(
    {
      sender: hash64,
      nonce: natural,
      expiryHeight: natural,
      kind: Type.String(),
      body: anyJson,
      bytes: hex,
    },
    closed,
  ),
  proof: Type.Optional(
    Type.Unknown({
      description:
        'Proof bundle, where it was asked for; null while pending, or where none passes through the height asked for',
    }),
  ),
};

const rejection = {
  reason: Type.String({ description: 'code of the refusal' }),
  detail: Type.String(),
};

const submission = object('Submission', {
  hash: hash64,
  outcome: Type.Union([Type.Literal('accepted'), Type.Literal('known')]),
  status: Type.Literal('pending'),
});

const batchEntry = object('BatchEntry', {
  outcome: Type.Union([Type.Literal('accepted'), Type.Literal('known'), Type.Literal('rejected')]),
  hash: nullable(hash64),
  reason: Type.Optional(rejection.reason),
  detail: Type.Optional(rejection.detail),
  transaction: Type.Optional(nullable(ref('Transaction'))),
});

const problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String(),
    errors: Type.Optional(array(Type.Object({ field: Type.String(), message: Type.String() }, closed))),
  },
  { $id: 'Problem', description: 'RFC 9457 problem details' },
);

const peer = Type.Object(
  {
    publicKey: hash64,
    name: Type.String(),
    self: Type.Boolean(),
    link: Type.String(),
    height: nullable(natural),
    round: nullable(natural),
    step: nullable(Type.String()),
    lag: nullable(Type.Number()),
    rttMs: nullable(Type.Number()),
    clockOffsetMs: nullable(Type.Number()),
    lastError: Type.String(),
  },
  closed,
);

const consensus = object('Consensus', {
  height: natural,
  round: natural,
  step: Type.String(),
  validators: natural,
  quorum: natural,
  faultyMax: natural,
  proposer: Type.String(),
  missing: array(Type.Object({ kind: Type.String(), needed: natural, from: array(Type.String()) }, closed)),
  waitingFor: Type.String(),
  nextTimeoutMs: nullable(Type.Number()),
  lastBlockTime: time,
  lastBlockAgeMs: Type.Number(),
  problems: array(
    Type.Object({ code: Type.String(), message: Type.String(), validator: nullable(Type.String()) }, closed),
  ),
  peers: array(peer),
});

const network = object('Network', {
  chainId: hash64,
  chainName: Type.String(),
  genesisHash: hash64,
  protocolVersion: natural,
  height: natural,
  parameters: Type.Record(Type.String(), Type.Number()),
  validators: array(Type.Object({ publicKey: hash64, name: Type.String(), addresses: array(Type.String()) }, closed)),
});

const block = object('Block', {
  height: natural,
  digest: hash64,
  header: Type.Record(Type.String(), anyJson),
  transactions: array(hash64),
  commit: Type.Object(
    { round: natural, seals: array(Type.Object({ validator: hash64, signature: hex }, closed)) },
    closed,
  ),
  storedAt: nullable(time),
});

const health = object('Health', {
  ok: Type.Boolean(),
  checks: array(Type.Object({ name: Type.String(), ok: Type.Boolean(), detail: Type.String() }, closed)),
});

const logLevelFields = {
  level: Type.Union([Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error')]),
};

/** Registered by name in the server and published under `components.schemas`. */
export const namedSchemas: readonly TSchema[] = [
  problem,
  event,
  object('Transaction', transactionFields),
  submission,
  batchEntry,
  object('Lookup', {
    transactions: array(
      Type.Object(
        {
          hash: hash64,
          status: Type.Union([Type.Literal('pending'), Type.Literal('final'), Type.Literal('unknown')]),
          height: nullable(natural),
          index: nullable(natural),
          code: nullable(Type.String({ description: 'result of a final one' })),
        },
        closed,
      ),
    ),
  }),
  object('Batch', { results: array(ref('BatchEntry')) }),
  object('EventPage', { events: array(ref('Event')), lastEventId: nullable(Type.String()) }),
  block,
  network,
  consensus,
  health,
  object('Account', { publicKey: hash64, signingKey: hash64, balance: amount, bond: amount, nextNonce: natural }),
  object('StatePage', {
    height: natural,
    time,
    entries: array(Type.Object({ key: Type.String(), value: hex }, closed)),
    more: Type.Boolean(),
  }),
  object('StateChanges', {
    height: natural,
    sealed: anyJson,
    setChanges: array(anyJson),
    entries: array(Type.Object({ key: Type.String(), value: nullable(hex) }, closed)),
    next: nullable(hash64),
  }),
  object('State', {
    module: Type.String(),
    key: Type.String(),
    height: natural,
    value: nullable(hex),
    decoded: anyJson,
    proof: nullable(Type.Object({ commitment: hex, root: hash64, bundle: anyJson }, closed)),
  }),
  object('Validator', {
    publicKey: hash64,
    vrfPublicKey: hash64,
    name: nullable(Type.String({ description: 'null in the set of a height that is already decided' })),
    bond: nullable(amount),
    jailed: nullable(Type.Boolean()),
  }),
  object('ValidatorList', { validators: array(ref('Validator')) }),
  object('Service', {
    id: Type.String(),
    kind: Type.String(),
    owner: Type.String(),
    endpoint: Type.String(),
    leaseUntil: time,
  }),
  object('ServiceList', { services: array(ref('Service')) }),
  object('Mempool', { count: natural, bytes: natural }),
  object('PermissionTable', {
    roles: array(Type.String()),
    kinds: array(Type.Object({ kind: Type.String(), roles: array(Type.String()) }, closed)),
  }),
  object('Refusals', { refusals: Type.Record(Type.String(), natural) }),
  object('LogLevel', logLevelFields),
];

export const logLevelBody = Type.Object(logLevelFields, closed);

const transactionHex = Type.String({
  minLength: 2,
  maxLength: 2 * (transactionBytesMax + 1024),
  description: 'canonical bytes of a signed transaction, hex',
});

export const lookupBody = Type.Object(
  { hashes: Type.Array(hash64, { minItems: 1, maxItems: batchTransactionsMax }) },
  closed,
);

/** Exactly one of the two: a single transaction or a batch. */
export const submitBody = Type.Object(
  {
    transaction: Type.Optional(transactionHex),
    transactions: Type.Optional(Type.Array(transactionHex, { minItems: 1, maxItems: batchTransactionsMax })),
  },
  { ...closed, minProperties: 1, maxProperties: 1 },
);

/** Everything of the chain that is only read: network, blocks, state, accounts, validators, consensus, services. */
import { Type, type TSchema } from 'typebox';
import type { RouteHandlerMethod } from 'fastify';
import { permissionRows, roles } from '../../../protocols/ledger/permissions.ts';
import type { ChainApi, StateChangesQuery } from '../../ports/chain-api.ts';
import type { Application } from './application.ts';
import { json } from './openapi.ts';
import { notFound } from './problem.ts';
import { hash64, throughHeight } from './schemas.ts';

interface ReadRoute {
  readonly url: string;
  readonly operationId: string;
  readonly summary: string;
  readonly tag: string;
  readonly answer: Record<string, unknown>;
  readonly params?: TSchema;
  readonly querystring?: TSchema;
  readonly access?: 'public' | 'read';
  readonly read: (input: { readonly params: Input; readonly query: Input }) => unknown;
}

type Input = Readonly<Record<string, unknown>>;

const heightQuery = Type.Object(
  { height: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })) },
  { additionalProperties: false },
);
const height = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const noQuery = Type.Object({}, { additionalProperties: false });

export function registerChainRoutes(application: Application, api: ChainApi): void {
  addRoutes(application, [...networkRoutes(api), ...blockAndStateRoutes(api)]);
  registerOpenApi(application);
}

/** The description of the interface itself. */
export function registerOpenApi(application: Application): void {
  const { app } = application;
  addRoutes(application, [
    {
      url: '/openapi.json',
      operationId: 'getOpenApi',
      summary: 'This description',
      tag: 'node',
      access: 'public',
      answer: { description: 'OpenAPI 3.1', content: { 'application/json': { schema: Type.Object({}) } } },
      read: () => app.swagger(),
    },
  ]);
}

function addRoutes({ app }: Application, routes: readonly ReadRoute[]): void {
  for (const route of routes) {
    const handler: RouteHandlerMethod = (request, reply) => {
      const answer = route.read({ params: request.params as Input, query: request.query as Input });
      return reply.type('application/json').send(answer);
    };
    app.route({
      method: 'GET',
      url: route.url,
      config: { access: route.access ?? 'read' },
      schema: {
        operationId: route.operationId,
        summary: route.summary,
        tags: [route.tag],
        ...(route.params === undefined ? {} : { params: route.params }),
        querystring: route.querystring ?? noQuery,
        response: { 200: route.answer },
      },
      handler,
    });
  }
}

const networkRoutes = (api: ChainApi): readonly ReadRoute[] => [
  {
    url: '/v1/network',
    operationId: 'getNetwork',
    summary: 'What a new node needs: chain id, genesis hash, validators and their link addresses',
    tag: 'network',
    answer: json('The network', 'Network'),
    read: () => api.network(),
  },
  {
    url: '/v1/genesis',
    operationId: 'getGenesis',
    summary: 'The genesis document',
    tag: 'network',
    answer: { description: 'genesis.json', content: { 'application/json': { schema: Type.Object({}) } } },
    read: () => api.genesis(),
  },
  {
    url: '/v1/permissions',
    operationId: 'getPermissions',
    summary: 'Which roles may send which kind of transaction',
    tag: 'network',
    answer: json('The table', 'PermissionTable'),
    read: () => ({
      roles,
      kinds: permissionRows().map(({ kind, allowed }) => ({ kind, roles: roles.filter((role) => allowed[role]) })),
    }),
  },
  {
    url: '/v1/validators',
    operationId: 'getValidators',
    summary: 'The validators that decide the next block, or decided the one at `height`',
    tag: 'network',
    querystring: heightQuery,
    answer: json('The validators, in order of their keys', 'ValidatorList'),
    read: ({ query }) => {
      const height = query['height'] as number | undefined;
      const validators = height === undefined ? api.validators() : api.validators(height);
      if (validators === null) throw notFound('the validator set of this height');
      return { validators };
    },
  },
  {
    url: '/v1/consensus',
    operationId: 'getConsensus',
    summary: 'Where consensus is, what it waits for, and why it may stand still',
    tag: 'network',
    answer: json('Consensus as this node sees it', 'Consensus'),
    read: () => api.consensus(),
  },
  {
    url: '/v1/services',
    operationId: 'getServices',
    summary: 'Services and clusters that registered, with their health',
    tag: 'network',
    answer: json('The registry', 'ServiceList'),
    read: () => ({ services: api.services() }),
  },
  {
    url: '/v1/mempool',
    operationId: 'getMempool',
    summary: 'Transactions that wait on this node',
    tag: 'transactions',
    answer: json('Count and bytes', 'Mempool'),
    read: () => api.mempool(),
  },
];

const blockAndStateRoutes = (api: ChainApi): readonly ReadRoute[] => [
  {
    url: '/v1/blocks/:height',
    operationId: 'getBlock',
    summary: 'A final block with its commit',
    tag: 'blocks',
    params: Type.Object({ height: Type.String({ pattern: '^(latest|0|[1-9][0-9]{0,14})$', maxLength: 16 }) }),
    answer: json('The block', 'Block'),
    read: ({ params }) => {
      const text = params['height'] as string;
      const block = api.block(text === 'latest' ? 'latest' : Number(text));
      if (block === null) throw notFound(`block ${text}`);
      return block;
    },
  },
  {
    url: '/v1/accounts/:key',
    operationId: 'getAccount',
    summary: 'Balance, bond and next free nonce of an account',
    tag: 'state',
    params: Type.Object({ key: hash64 }),
    answer: json('The account', 'Account'),
    read: ({ params }) => {
      const account = api.account(params['key'] as string);
      if (account === null) throw notFound('this account');
      return account;
    },
  },
  {
    url: '/v1/state/:module',
    operationId: 'getStateEntries',
    summary: 'Entries of a module at the tip, by key, a page at a time',
    tag: 'state',
    params: Type.Object({ module: Type.String({ pattern: '^[a-z][a-z0-9-]{0,63}$' }) }),
    querystring: Type.Object(
      {
        after: Type.Optional(Type.String({ maxLength: 512 })),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 1_000 })),
      },
      { additionalProperties: false },
    ),
    answer: json('The entries and the height at which they were read', 'StatePage'),
    read: ({ params, query }) => {
      const after = (query['after'] as string | undefined) ?? null;
      const page = api.stateEntries(params['module'] as string, after, (query['limit'] as number | undefined) ?? 1_000);
      if (page === null) throw notFound('this module');
      return page;
    },
  },
  {
    url: '/v1/state-changes',
    operationId: 'getStateChanges',
    summary: 'What of the state differs between two heights, a page at a time, with what proves the later one',
    tag: 'state',
    querystring: Type.Object(
      {
        from: Type.Optional(height),
        to: Type.Optional(height),
        trusted: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0 })),
        after: Type.Optional(hash64),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, default: 2_000 })),
      },
      { additionalProperties: false },
    ),
    answer: json('The changes; without `from` everything', 'StateChanges'),
    read: ({ query }) => {
      const { from = null, to = null, after = null, trusted = 0, limit = 2_000 } = query;
      const changes = api.stateChanges({ from, to, after, trusted, limit } as StateChangesQuery);
      if (changes === null) throw notFound('the state of these heights');
      return changes;
    },
  },
  {
    url: '/v1/state/:module/:key',
    operationId: 'getState',
    summary: 'A value of the state, or its absence, with an ICS-23 proof where asked for',
    tag: 'state',
    params: Type.Object({
      module: Type.String({ pattern: '^[a-z][a-z0-9-]{0,63}$' }),
      key: Type.String({ minLength: 1, maxLength: 1_024 }),
    }),
    querystring: Type.Object(
      {
        proof: Type.Optional(Type.Boolean({ default: false })),
        height: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
        through: Type.Optional(throughHeight),
      },
      { additionalProperties: false },
    ),
    answer: json('The value at the height that was read', 'State'),
    read: ({ params, query }) => {
      const height = query['height'] as number | undefined;
      const through = query['through'] as number | undefined;
      const key = params['key'] as string;
      const state = api.state(params['module'] as string, key, {
        proof: query['proof'] === true || through !== undefined,
        ...(height === undefined ? {} : { height }),
        ...(through === undefined ? {} : { through }),
      });
      if (state === null) throw notFound('state of this module, key form or height');
      return state;
    },
  },
];

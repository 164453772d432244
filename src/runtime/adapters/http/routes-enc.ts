/** The interface of execution clusters: workloads, why they are where they are, receipts, the clusters themselves. */
import type { FastifyRequest } from 'fastify';
import { type TSchema, Type } from 'typebox';
import type { EncAnswer, EncApi } from '../../ports/enc-api.ts';
import type { Application } from './application.ts';
import { HttpProblem } from './problem.ts';
import { hash64 } from './schemas.ts';

const anyJson = { content: { 'application/json': { schema: Type.Unknown() } } };
const document = (description: string): Record<string, unknown> => ({ description, ...anyJson });
const idParams = Type.Object({ id: hash64 });
const viewerOf = (request: FastifyRequest): string | null => request.caller?.account ?? null;
const idOf = (request: FastifyRequest): string => (request.params as { readonly id: string }).id;

const statusOf: Readonly<Record<string, number>> = {
  'invalid-workload': 400,
  'not-found': 404,
  'not-anchored': 409,
  'wrong-state': 409,
  'too-many-workloads': 429,
  'not-ready': 503,
  'not-kept': 503,
};

function valueOf(answer: EncAnswer<unknown>): unknown {
  if (answer.kind === 'answer') return answer.value;
  const { reason, detail, place } = answer;
  const status = statusOf[reason] ?? 409;
  throw new HttpProblem(reason, {
    ...{ status, detail, title: 'The clusters refused' },
    ...(place === null
      ? {}
      : { errors: [{ field: place === '' ? 'body' : `body/${place.replaceAll('.', '/')}`, message: detail }] }),
    ...(status === 503 || status === 429 ? { headers: { 'retry-after': '1' } } : {}),
  });
}

interface Route {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly access: 'read' | 'administration';
  readonly operationId: string;
  readonly summary: string;
  readonly tag: 'workloads' | 'clusters';
  readonly querystring?: TSchema;
  readonly body?: TSchema;
  readonly work: (request: FastifyRequest) => Promise<unknown>;
}

const workloadRoutes = (api: EncApi): readonly Route[] => [
  {
    ...{ method: 'POST', url: '/v1/workloads', access: 'read', operationId: 'submitWorkload', tag: 'workloads' },
    summary: 'Takes a workload; answers once it is durable. The same workload again is the one that is there',
    body: Type.Unknown(),
    work: async (request) => valueOf(await api.submit(request.body, viewerOf(request))),
  },
  {
    ...{ method: 'GET', url: '/v1/workloads', access: 'read', operationId: 'listWorkloads', tag: 'workloads' },
    summary: 'Workloads, by id',
    work: async (request) => ({ workloads: await api.workloads(viewerOf(request)) }),
  },
  {
    ...{ method: 'GET', url: '/v1/workloads/:id', access: 'read', operationId: 'getWorkload', tag: 'workloads' },
    summary: 'A workload and its executions',
    work: async (request) => valueOf(await api.workload(idOf(request), viewerOf(request))),
  },
  {
    ...{ method: 'GET', url: '/v1/workloads/:id/why', access: 'read', operationId: 'whyWorkload', tag: 'workloads' },
    summary: 'Why it is where it is, or nowhere: each step of its admission, and of each cluster why not',
    work: async (request) => valueOf(await api.why(idOf(request), viewerOf(request))),
  },
  {
    ...{ method: 'POST', url: '/v1/workloads/:id/stop', access: 'read', operationId: 'stopWorkload', tag: 'workloads' },
    summary: 'Stops it for good; answers once that is durable',
    work: async (request) => valueOf(await api.stop(idOf(request), viewerOf(request))),
  },
  {
    ...{ method: 'GET', url: '/v1/workloads/:id/receipts', access: 'read', operationId: 'listReceipts' },
    ...{ tag: 'workloads', summary: 'Receipts of its executions, the oldest first' },
    work: async (request) => valueOf(await api.receipts(idOf(request), viewerOf(request))),
  },
  {
    ...{ method: 'GET', url: '/v1/workloads/:id/receipts/proof', access: 'read', operationId: 'proveReceipt' },
    ...{ tag: 'workloads', summary: 'The proof of a receipt, for bpci verify: docs/formats/execution-receipt.md' },
    querystring: Type.Object({ index: Type.Integer({ minimum: 0, default: 0 }) }, { additionalProperties: false }),
    work: async (request) => {
      const { index } = request.query as { readonly index: number };
      return valueOf(await api.receiptProof(idOf(request), index, viewerOf(request)));
    },
  },
];

const clusterRoutes = (api: EncApi): readonly Route[] => [
  {
    ...{ method: 'GET', url: '/v1/clusters', access: 'read', operationId: 'listClusters', tag: 'clusters' },
    summary: 'The clusters of this operator: state on chain, capacity that is left',
    work: async () => ({ clusters: await api.clusters() }),
  },
  {
    ...{ method: 'POST', url: '/v1/drain', access: 'administration', operationId: 'drainCluster', tag: 'clusters' },
    summary: 'Empties a cluster, or lets it take workloads again',
    body: Type.Object(
      { cluster: Type.String({ maxLength: 63 }), isOver: Type.Optional(Type.Boolean()) },
      { additionalProperties: false },
    ),
    work: async (request) => {
      const { cluster, isOver = false } = request.body as { readonly cluster: string; readonly isOver?: boolean };
      return valueOf(await api.drain(cluster, isOver));
    },
  },
  {
    ...{ method: 'GET', url: '/v1/status', access: 'read', operationId: 'getEncStatus', tag: 'clusters' },
    summary: 'Whether a cluster is active',
    work: () => api.status(),
  },
];

export function registerEnc({ app }: Application, api: EncApi): void {
  for (const route of [...workloadRoutes(api), ...clusterRoutes(api)]) {
    const { method, url, access, operationId, summary, tag, body, querystring, work } = route;
    app.route({
      method,
      url,
      config: { access },
      schema: {
        ...{ operationId, summary, tags: [tag] },
        ...(url.includes(':id') ? { params: idParams } : {}),
        ...(body === undefined ? {} : { body: { content: { 'application/json': { schema: body } } } }),
        ...(querystring === undefined ? {} : { querystring }),
        response: { 200: document('The answer') },
      },
      handler: async (request, reply) => reply.send(await work(request)),
    });
  }
}

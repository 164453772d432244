/** The policy engine's interface: evaluations, published sets, their differences, facts, publication. Requests are checked behind `PolicyApi`. */
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import {
  type Evaluation,
  type PolicyApi,
  PolicyServiceError,
  type PolicyServiceErrorCode,
} from '../../ports/policy-api.ts';
import type { Application } from './application.ts';
import { HttpProblem } from './problem.ts';
import { hash64 } from './schemas.ts';

/** Requests of one batch at most. */
export const batchMax = 1000;
/** Random inputs of a check at most, and by default. */
const randomMax = 100_000;
const randomDefault = 10_000;

const anyJson = { content: { 'application/json': { schema: Type.Unknown() } } };
const document = (description: string): Record<string, unknown> => ({ description, ...anyJson });
const body = { content: { 'application/json': { schema: Type.Unknown() } } };
const day = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description: 'Facts as of this day' });
const contentText = Type.String({ minLength: 2, description: 'The set as it is published: one JSON text' });
const closed = { additionalProperties: false };

const statusOf: Readonly<Record<PolicyServiceErrorCode, number>> = {
  'invalid-request': 400,
  'invalid-set': 422,
  'unknown-set': 404,
  'unknown-tenant': 404,
  'content-not-here': 503,
  'not-published': 422,
  refused: 422,
  'not-ready': 503,
  overload: 429,
  'time-out': 503,
  unavailable: 503,
};

export const viewerOf = (request: FastifyRequest): string | null => request.caller?.account ?? null;

export function problemOf({ code, message, place }: PolicyServiceError): HttpProblem {
  const status = statusOf[code];
  return new HttpProblem(code, {
    ...{ status, detail: message, title: 'The policy engine refused' },
    ...(place === null ? {} : { errors: [{ field: `body/${place.replaceAll('.', '/')}`, message }] }),
    ...(status === 429 || status === 503 ? { headers: { 'retry-after': '1' } } : {}),
  });
}

/** Answers, or the problem in the place of one. */
export async function answered<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof PolicyServiceError ? problemOf(error) : error;
  }
}

/** JSON of cell counts, which are beyond 2^53: as texts. */
const withTexts = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item)));

export function registerPolicy(application: Application, api: PolicyApi): void {
  registerEvaluations(application, api);
  registerSets(application, api);
  registerStudies(application, api);
  application.app.route({
    method: 'GET',
    url: '/v1/status',
    config: { access: 'read' },
    schema: {
      operationId: 'getPolicyStatus',
      summary: 'The active set, and what this service attests',
      tags: ['node'],
      response: { 200: document('The status') },
    },
    handler: async (_request, reply) => reply.send(await answered(api.status())),
  });
}

const view = (one: Evaluation | PolicyServiceError): unknown =>
  one instanceof PolicyServiceError ? { refused: problemOf(one).document } : one;

interface Explained {
  Body: unknown;
  Querystring: { explain?: boolean; asOf?: string; set?: string };
}

function registerEvaluations({ app }: Application, api: PolicyApi): void {
  app.route<Explained>({
    method: 'POST',
    url: '/v1/evaluate',
    config: { access: 'read' },
    schema: {
      operationId: 'evaluate',
      summary: 'The state of one flow, or of a list of them, and why',
      description:
        'The flow is that of docs/formats/traffic-request.schema.json. Treat anything but `state` `Green`, and every error, as Red until ' +
        'its obligations are proved. `explain` adds missing conditions and counterfactuals; `asOf` takes the facts as of a day, `set` ' +
        'another published set: both of one request only, without what tightens the active set since.',
      tags: ['evaluation'],
      body,
      querystring: Type.Object(
        { explain: Type.Optional(Type.Boolean()), asOf: Type.Optional(day), set: Type.Optional(hash64) },
        closed,
      ),
      response: { 200: document('The evaluation; of a list, one each, with `refused` where there is none') },
    },
    handler: async (request, reply) => {
      const { explain = false, ...options } = request.query;
      const viewer = viewerOf(request);
      const isStudy = explain || options.asOf !== undefined || options.set !== undefined;
      if (!Array.isArray(request.body)) {
        if (isStudy) return reply.send(await answered(api.study(request.body, options, viewer)));
        const [only] = await answered(api.evaluate([request.body], viewer));
        if (only === undefined || only instanceof PolicyServiceError)
          throw problemOf(only ?? new PolicyServiceError('unavailable', 'no answer'));
        return reply.send(only);
      }
      const requests = request.body as readonly unknown[];
      if (requests.length === 0 || requests.length > batchMax || isStudy)
        throw new HttpProblem('invalid-request', {
          status: 400,
          detail: `body: 1 to ${batchMax} requests, one alone with explain, asOf or set`,
        });
      return reply.send({ evaluations: (await answered(api.evaluate(requests, viewer))).map(view) });
    },
  });
}

function registerSets({ app }: Application, api: PolicyApi): void {
  app.route({
    method: 'GET',
    url: '/v1/policies',
    config: { access: 'read' },
    schema: {
      operationId: 'listPolicySets',
      summary: 'Published sets, the newest first: active, waiting for attestations, superseded',
      tags: ['sets'],
      response: { 200: document('The sets') },
    },
    handler: async (request, reply) => reply.send({ sets: await answered(api.sets(viewerOf(request))) }),
  });
  app.route<{ Body: { content: string; transaction: string } }>({
    method: 'POST',
    url: '/v1/policies',
    // The transaction is signed by whoever publishes.
    config: { access: 'self-authenticating' },
    schema: {
      operationId: 'publishPolicySet',
      summary: 'Relays a signed publication and keeps the bytes that it names',
      tags: ['sets'],
      body: Type.Object(
        { content: contentText, transaction: Type.String({ description: 'Signed transaction, lower-case hex' }) },
        closed,
      ),
      response: { 200: document('The names of what was published') },
    },
    handler: async ({ body: { content, transaction } }, reply) =>
      reply.send(await answered(api.publish(content, transaction))),
  });
  app.route<{ Params: { set: string } }>({
    method: 'GET',
    url: '/v1/policies/:set/content',
    config: { access: 'read' },
    schema: {
      operationId: 'getPolicyContent',
      summary: 'The published bytes of a set, named by its publication, its content or its policy set',
      tags: ['sets'],
      params: Type.Object({ set: hash64 }),
      response: { 200: { description: 'The bytes', content: { 'application/octet-stream': { schema: Type.Any() } } } },
    },
    handler: async (request, reply) => {
      const bytes = await answered(api.content(request.params.set, viewerOf(request)));
      return reply
        .type('application/octet-stream')
        .serializer((payload: unknown) => payload as string)
        .send(Buffer.from(bytes));
    },
  });
  app.route<{ Params: { before: string; after: string }; Querystring: { asOf?: string } }>({
    method: 'GET',
    url: '/v1/policies/:before/diff/:after',
    config: { access: 'read' },
    schema: {
      operationId: 'diffPolicySets',
      summary: 'Where two published sets differ, exactly, regime by regime',
      tags: ['sets'],
      params: Type.Object({ before: hash64, after: hash64 }),
      querystring: Type.Object({ asOf: Type.Optional(day) }, closed),
      response: { 200: document('The differences') },
    },
    handler: async (request, reply) => {
      const { before, after } = request.params;
      return reply.send(withTexts(await answered(api.diff(before, after, request.query.asOf, viewerOf(request)))));
    },
  });
}

function registerStudies({ app }: Application, api: PolicyApi): void {
  app.route<{ Body: { content: string; asOf?: string; random?: number } }>({
    method: 'POST',
    url: '/v1/check',
    config: { access: 'read' },
    schema: {
      operationId: 'checkPolicySet',
      summary: 'Validates, compiles and analyses a set, and compares it with Cedar',
      tags: ['sets'],
      body: Type.Object(
        {
          content: contentText,
          asOf: Type.Optional(day),
          random: Type.Optional(Type.Integer({ minimum: 0, maximum: randomMax })),
        },
        closed,
      ),
      response: { 200: document('What was found') },
    },
    handler: async (request, reply) => {
      const { content, asOf, random = randomDefault } = request.body;
      const options = { random, ...(asOf === undefined ? {} : { asOf }) };
      return reply.send(withTexts(await answered(api.check(content, options))));
    },
  });
  app.route<{ Querystring: { asOf?: string; set?: string } }>({
    method: 'GET',
    url: '/v1/facts',
    config: { access: 'read' },
    schema: {
      operationId: 'listFacts',
      summary: 'Facts that hold on a day, revoked ones marked',
      tags: ['sets'],
      querystring: Type.Object({ asOf: Type.Optional(day), set: Type.Optional(hash64) }, closed),
      response: { 200: document('The facts') },
    },
    handler: async (request, reply) => reply.send(await answered(api.facts(request.query, viewerOf(request)))),
  });
}

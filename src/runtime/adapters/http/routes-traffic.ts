/** The traffic light's interface: decisions, their proofs, the quarantine, a stream. Requests are checked by the protocol, with the path of what is wrong. */
import type { FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';
import { Type } from 'typebox';
import type { ReviewRequest, TrafficAnswer, TrafficApi, TrafficFilter } from '../../ports/traffic-api.ts';
import type { Application } from './application.ts';
import { HttpProblem } from './problem.ts';
import { hash64 } from './schemas.ts';

/** Requests of one batch at most. */
const batchMax = 1000;
const listMax = 500;
const streamsMax = 64;
const streamBacklogBytesMax = 1024 * 1024;

const anyJson = { content: { 'application/json': { schema: Type.Unknown() } } };
const document = (description: string): Record<string, unknown> => ({ description, ...anyJson });
const idParams = Type.Object({ id: hash64 });
const signature128 = Type.String({ pattern: '^[0-9a-f]{128}$', description: 'Ed25519 signature, lower-case hex' });

const statusOf: Readonly<Record<string, number>> = {
  'invalid-request': 400,
  'flow-too-large': 400,
  'not-ready': 503,
  unavailable: 503,
  overload: 429,
  'request-id-reused': 409,
  'unknown-decision': 404,
  'unknown-receipt': 404,
  'unknown-obligation': 409,
  'not-held': 409,
  'too-late': 409,
  'obligations-pending': 409,
  'wrong-role': 403,
  'by-requester': 403,
  'bad-signature': 422,
};

const viewerOf = (request: FastifyRequest): string | null => request.caller?.account ?? null;

function problemOf(answer: Extract<TrafficAnswer<unknown>, { kind: 'refused' }>): HttpProblem {
  const { reason, detail, place } = answer;
  const status = statusOf[reason] ?? 500;
  return new HttpProblem(reason, {
    ...{ status, detail, title: 'The traffic light refused' },
    ...(place === null ? {} : { errors: [{ field: `body/${place.replaceAll('.', '/')}`, message: detail }] }),
    ...(status === 429 || status === 503 ? { headers: { 'retry-after': '1' } } : {}),
  });
}

function answerOrThrow(answer: TrafficAnswer<unknown>): unknown {
  if (answer.kind === 'refused') throw problemOf(answer);
  return answer.value;
}

const refusalView = (answer: TrafficAnswer<unknown>): unknown =>
  answer.kind === 'answer' ? answer.value : { refused: problemOf(answer).document };

export function registerTraffic(application: Application, api: TrafficApi): void {
  registerDecisions(application, api);
  registerReads(application, api);
  registerQuarantine(application, api);
  registerStream(application, api);
}

function registerDecisions({ app, traceOf }: Application, api: TrafficApi): void {
  app.route<{ Body: unknown }>({
    method: 'POST',
    url: '/v1/decisions',
    config: { access: 'read' },
    schema: {
      operationId: 'decide',
      summary: 'Decides one request, or a list of them',
      description:
        'A request is docs/formats/traffic-request.schema.json. The answer comes once the decision is durable. Treat ' +
        'anything but `enforcementAction` `none` or `log`, and every error, as Red. The same `requestId` gets the same decision.',
      tags: ['decisions'],
      body: { content: { 'application/json': { schema: Type.Unknown() } } },
      response: { 200: document('The decision; of a list, one answer each, with `refused` where there is none') },
    },
    handler: async (request, reply) => {
      const { body } = request;
      const isBatch = Array.isArray(body);
      const requests: readonly unknown[] = isBatch ? (body as unknown[]) : [body];
      if (requests.length === 0 || requests.length > batchMax)
        throw new HttpProblem('invalid-request', { status: 400, detail: `body: 1 to ${batchMax} requests` });
      const answers = await api.decide(requests, viewerOf(request), traceOf(request));
      const [first] = answers;
      if (isBatch || first === undefined) return reply.send({ decisions: answers.map(refusalView) });
      return reply.send(answerOrThrow(first));
    },
  });
}

interface Read {
  readonly url: string;
  readonly operationId: string;
  readonly summary: string;
  readonly read: (id: string, viewer: string | null) => Promise<TrafficAnswer<unknown>>;
}

function registerReads({ app }: Application, api: TrafficApi): void {
  app.route<{ Querystring: { state?: string; tenant?: string; limit?: number } }>({
    method: 'GET',
    url: '/v1/decisions',
    config: { access: 'read' },
    schema: {
      operationId: 'listDecisions',
      summary: 'Decisions, the newest first',
      tags: ['decisions'],
      querystring: Type.Object(
        {
          state: Type.Optional(Type.Union([Type.Literal('Green'), Type.Literal('Yellow'), Type.Literal('Red')])),
          tenant: Type.Optional(Type.String({ maxLength: 128 })),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: listMax, default: 100 })),
        },
        { additionalProperties: false },
      ),
      response: { 200: document('The decisions') },
    },
    handler: async (request, reply) => {
      const { limit = 100, ...query } = request.query;
      const filter: TrafficFilter = { ...query, limit };
      return reply.send({ decisions: await api.decisions(filter, viewerOf(request)) });
    },
  });
  const reads: readonly Read[] = [
    {
      url: '/v1/decisions/:id',
      operationId: 'getDecision',
      summary: 'A decision',
      read: (id, viewer) => api.decision(id, viewer),
    },
    {
      ...{ url: '/v1/decisions/:id/proof', operationId: 'getDecisionProof' },
      summary: 'Its proof: docs/formats/traffic-decision.md',
      read: (id, viewer) => api.proof(id, viewer),
    },
    {
      ...{ url: '/v1/decisions/:id/replay', operationId: 'replayDecision' },
      summary: 'Makes it again from its log entry and compares the bytes',
      read: (id, viewer) => api.replay(id, viewer),
    },
    {
      ...{ url: '/v1/obeyed/:id/proof', operationId: 'getObeyedProof' },
      summary:
        'Proof of the receipt by which an order of the court was confirmed: docs/formats/obeyed-proof.schema.json',
      read: (id) => api.obeyedProof(id),
    },
  ];
  for (const { url, operationId, summary, read } of reads) {
    const handler: RouteHandlerMethod = async (request, reply) =>
      reply.send(answerOrThrow(await read((request.params as { id: string }).id, viewerOf(request))));
    const schema = {
      operationId,
      summary,
      tags: ['decisions'],
      params: idParams,
      response: { 200: document(summary) },
    };
    app.route({ method: 'GET', url, config: { access: 'read' }, schema, handler });
  }
  app.route({
    method: 'GET',
    url: '/v1/status',
    config: { access: 'read' },
    schema: {
      operationId: 'getTrafficStatus',
      summary: 'The log, its anchor, the quarantine, the active policy set',
      tags: ['node'],
      response: { 200: document('The status') },
    },
    handler: async (_request, reply) => reply.send(await api.status()),
  });
}

function registerQuarantine({ app }: Application, api: TrafficApi): void {
  app.route({
    method: 'GET',
    url: '/v1/quarantine',
    config: { access: 'read' },
    schema: {
      operationId: 'listQuarantine',
      summary: 'What is held, and what is awaited after release, with deadlines',
      tags: ['quarantine'],
      response: { 200: document('The items') },
    },
    handler: async (request, reply) => reply.send({ items: await api.quarantine(viewerOf(request)) }),
  });
  for (const how of ['discharge', 'release', 'reject'] as const) {
    const obligation = how === 'discharge' ? { obligation: Type.String({ minLength: 1, maxLength: 1024 }) } : {};
    app.route<{ Params: { id: string }; Body: { by: string; signature: string; obligation?: string } }>({
      method: 'POST',
      url: `/v1/quarantine/:id/${how}`,
      // The proof is signed by the key that has the role.
      config: { access: 'self-authenticating' },
      bodyLimit: 8192,
      schema: {
        operationId: `${how}Quarantined`,
        summary:
          how === 'discharge'
            ? 'Takes a proof of one obligation'
            : `${how === 'release' ? 'Releases' : 'Rejects'} by a person's signature`,
        tags: ['quarantine'],
        params: idParams,
        body: Type.Object({ by: hash64, signature: signature128, ...obligation }, { additionalProperties: false }),
        response: { 200: document('`release`: the new decision, once nothing is left to prove') },
      },
      handler: async ({ params, body }, reply) => {
        const review: ReviewRequest = {
          how,
          obligation: body.obligation ?? null,
          by: body.by,
          signature: body.signature,
        };
        return reply.send(answerOrThrow(await api.review(params.id, review)));
      },
    });
  }
}

/** Decisions as they are made. A reader that is too slow is cut. */
function registerStream({ app, stopping }: Application, api: TrafficApi): void {
  let streams = 0;
  app.route({
    method: 'GET',
    url: '/v1/stream',
    config: { access: 'read' },
    schema: {
      operationId: 'streamDecisions',
      summary: 'Decisions as server-sent events, from now on',
      tags: ['decisions'],
      response: { 200: { description: 'The stream', content: { 'text/event-stream': { schema: Type.String() } } } },
    },
    handler: (request: FastifyRequest, reply: FastifyReply) => {
      if (streams >= streamsMax)
        throw new HttpProblem('too-many-streams', { status: 503, detail: `at most ${streamsMax} streams` });
      streams += 1;
      const viewer = viewerOf(request);
      void reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      raw.write(': decisions\n\n');
      const unsubscribe = api.onDecision((decision, parties) => {
        if (viewer !== null && !parties.includes(viewer)) return;
        if (raw.writableLength > streamBacklogBytesMax) raw.destroy();
        else raw.write(`event: decision\ndata: ${JSON.stringify(decision)}\n\n`);
      });
      const end = (): void => void raw.destroy();
      stopping.signal.addEventListener('abort', end, { once: true });
      raw.once('close', () => {
        streams -= 1;
        unsubscribe();
        stopping.signal.removeEventListener('abort', end);
      });
    },
  });
}

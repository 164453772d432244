/**
 * OpenID AuthZEN Authorization API 1.0: access evaluation, single and batch. The subject is a workload of a tenant, the action an
 * operation, the resource a flow of data with its contents and places. `decision` is true for Green alone; Yellow is false, with
 * its obligations in `context`: what is conditional is not permitted until the conditions are proved.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { type Evaluation, type PolicyApi, PolicyServiceError } from '../../ports/policy-api.ts';
import type { Application } from './application.ts';
import { answered, batchMax, problemOf, viewerOf } from './routes-policy.ts';

type Json = Readonly<Record<string, unknown>>;

const entity = Type.Object({
  type: Type.String({ minLength: 1 }),
  id: Type.String({ minLength: 1 }),
  properties: Type.Optional(Type.Object({})),
});
const action = Type.Object({ name: Type.String({ minLength: 1 }), properties: Type.Optional(Type.Object({})) });
const context = Type.Object({});
const single = Type.Object({ subject: entity, action, resource: entity, context: Type.Optional(context) });
const partial = {
  subject: Type.Optional(entity),
  action: Type.Optional(action),
  resource: Type.Optional(entity),
  context: Type.Optional(context),
};
const semantics = ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'] as const;
const batch = Type.Object({
  ...partial,
  evaluations: Type.Optional(Type.Array(Type.Object(partial), { maxItems: batchMax })),
  options: Type.Optional(
    Type.Object({ evaluations_semantic: Type.Optional(Type.Union(semantics.map((name) => Type.Literal(name)))) }),
  ),
});
const decision = Type.Object({ decision: Type.Boolean(), context: Type.Optional(Type.Object({})) });

interface Entity {
  readonly type: string;
  readonly id: string;
  readonly properties?: Json;
}
interface Access {
  readonly subject?: Entity;
  readonly action?: { readonly name: string; readonly properties?: Json };
  readonly resource?: Entity;
  readonly context?: Json;
}
interface BatchAccess extends Access {
  readonly evaluations?: readonly Access[];
  readonly options?: { readonly evaluations_semantic?: (typeof semantics)[number] };
}

interface AccessDecision {
  readonly decision: boolean;
  readonly context: Json;
}

const knownTypes: readonly (readonly ['subject' | 'resource', string])[] = [
  ['subject', 'workload'],
  ['resource', 'flow'],
];

/** The flow that is meant, as `readRequest` takes it. Throws PolicyServiceError for types that mean no flow. */
function toFlow(access: Access): Json {
  const { subject, action: act, resource, context: given = {} } = access;
  if (subject === undefined || act === undefined || resource === undefined)
    throw new PolicyServiceError('invalid-request', 'subject, action and resource are needed', 'subject');
  for (const [name, type] of knownTypes) {
    const found = access[name]?.type;
    if (found !== type)
      throw new PolicyServiceError(
        'invalid-request',
        `${name}.type: ${String(found)}; there is: ${type}`,
        `${name}.type`,
      );
  }
  // What says who and what is never taken from the context, whatever it holds.
  return {
    ...given,
    ...resource.properties,
    subject: { tenant: subject.properties?.['tenant'] ?? subject.id, workload: subject.id },
    operation: act.name,
  };
}

function toDecision(one: Evaluation | PolicyServiceError): AccessDecision {
  if (one instanceof PolicyServiceError) {
    const { status, document } = problemOf(one);
    return { decision: false, context: { state: 'Red', error: { status, message: document.detail, code: one.code } } };
  }
  return { decision: one.state === 'Green', context: one };
}

const echoId = (request: FastifyRequest, reply: FastifyReply): void => {
  const id = request.headers['x-request-id'];
  if (typeof id === 'string' && /^[\x21-\x7e]{1,128}$/.test(id)) reply.header('x-request-id', id);
};

async function decideOne(api: PolicyApi, access: Access, viewer: string | null): Promise<AccessDecision> {
  try {
    const [one] = await api.evaluate([toFlow(access)], viewer);
    return toDecision(one ?? new PolicyServiceError('unavailable', 'no answer'));
  } catch (error) {
    if (!(error instanceof PolicyServiceError)) throw error;
    return toDecision(error);
  }
}

/** In order; as far as the semantic asks. */
async function decideEach(
  api: PolicyApi,
  all: readonly Access[],
  semantic: (typeof semantics)[number],
  viewer: string | null,
): Promise<readonly AccessDecision[]> {
  const decisions: AccessDecision[] = [];
  for (const access of all) {
    const one = await decideOne(api, access, viewer);
    decisions.push(one);
    if (semantic === 'deny_on_first_deny' && !one.decision) break;
    if (semantic === 'permit_on_first_permit' && one.decision) break;
  }
  return decisions;
}

async function decideSingle(api: PolicyApi, access: Access, viewer: string | null): Promise<AccessDecision> {
  try {
    const [one] = await answered(api.evaluate([toFlow(access)], viewer));
    if (one instanceof PolicyServiceError) throw problemOf(one);
    return toDecision(one ?? new PolicyServiceError('unavailable', 'no answer'));
  } catch (error) {
    throw error instanceof PolicyServiceError ? problemOf(error) : error;
  }
}

export function registerAuthZen({ app }: Application, api: PolicyApi): void {
  app.route<{ Body: Access }>({
    method: 'POST',
    url: '/access/v1/evaluation',
    config: { access: 'read' },
    schema: {
      operationId: 'evaluateAccess',
      summary: 'AuthZEN access evaluation',
      tags: ['authzen'],
      body: single,
      response: { 200: { description: 'The decision', content: { 'application/json': { schema: decision } } } },
    },
    handler: async (request, reply) => {
      echoId(request, reply);
      return reply.send(await decideSingle(api, request.body, viewerOf(request)));
    },
  });
  app.route<{ Body: BatchAccess }>({
    method: 'POST',
    url: '/access/v1/evaluations',
    config: { access: 'read' },
    schema: {
      operationId: 'evaluateAccesses',
      summary: 'AuthZEN access evaluations: a batch with defaults',
      tags: ['authzen'],
      body: batch,
      response: {
        200: {
          description: 'The decisions in order; without `evaluations` in the request, one decision',
          content: { 'application/json': { schema: Type.Unknown() } },
        },
      },
    },
    handler: async (request, reply) => {
      echoId(request, reply);
      const { evaluations = [], options, ...defaults } = request.body;
      const viewer = viewerOf(request);
      if (evaluations.length === 0) return reply.send(await decideSingle(api, defaults, viewer));
      // A member that an evaluation has replaces the default as a whole.
      const all = evaluations.map((own) => ({ ...defaults, ...own }));
      const semantic = options?.evaluations_semantic ?? 'execute_all';
      return reply.send({ evaluations: await decideEach(api, all, semantic, viewer) });
    },
  });
  app.route({
    method: 'GET',
    url: '/.well-known/authzen-configuration',
    config: { access: 'public' },
    schema: {
      operationId: 'getAuthZenConfiguration',
      summary: 'Where the access evaluation endpoints are',
      tags: ['authzen'],
      response: { 200: { description: 'The metadata', content: { 'application/json': { schema: Type.Unknown() } } } },
    },
    handler: (request, reply) => {
      const base = `${request.protocol}://${request.host}`;
      return reply.send({
        policy_decision_point: base,
        access_evaluation_endpoint: `${base}/access/v1/evaluation`,
        access_evaluations_endpoint: `${base}/access/v1/evaluations`,
      });
    },
  });
}

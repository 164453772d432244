/** The OpenAPI 3.1 document: made from the routes' own schemas, so that it cannot disagree with them. */
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import { ref } from './schemas.ts';

export interface ApiDescription {
  readonly title: string;
  /** A sentence or two. */
  readonly text: string;
  /** Second part of the audience of tokens. */
  readonly service: string;
}

export const nodeDescription: ApiDescription = {
  title: 'bpci node',
  text: 'Blocks, transactions, state, proofs and events of one chain.',
  service: 'bpci',
};

export const openApiOptions = ({ title, text, service }: ApiDescription): FastifyDynamicSwaggerOptions => ({
  openapi: {
    openapi: '3.1.0',
    info: {
      title,
      version: '1',
      description:
        `${text} Every error is an RFC 9457 problem document. ` +
        '`x-bpci-access` says who may call: `public` and `self-authenticating` anyone; `read` anyone on a loopback ' +
        'listener and any account of the chain elsewhere; `administration` operators and validators only.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    components: {
      securitySchemes: {
        account: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description:
            `EdDSA JWT signed by an account key: sub = account (hex), aud = "<chain id>:${service}", exp at most 15 minutes ` +
            'ahead; writes also need iat and a jti of their own.',
        },
      },
    },
  },
  refResolver: {
    buildLocalReference: (json, _base, _fragment, index) =>
      typeof json['$id'] === 'string' ? json['$id'] : `schema-${index}`,
  },
});

/** What every operation can answer beside its own. */
const commonProblems: Readonly<Record<string, string>> = {
  '4XX': 'The request was refused',
  '5XX': 'The node cannot serve the request now',
};

/** Adds the problem answers, the access level and the security requirement to every route's schema. */
export function describeRoute(this: FastifyInstance, route: RouteOptions): void {
  if (route.schema === undefined) return;
  const access = route.config?.access ?? 'public';
  const problemContent = { 'application/problem+json': { schema: ref('Problem') } };
  const response = { ...(route.schema.response as Record<string, unknown> | undefined) };
  for (const [status, description] of Object.entries(commonProblems)) {
    response[status] ??= { description, content: problemContent };
  }
  route.schema = {
    ...route.schema,
    response,
    ...(access === 'read' ? { security: [{}, { account: [] }] } : {}),
    ...(access === 'administration' ? { security: [{ account: [] }] } : {}),
    'x-bpci-access': access,
  } as FastifySchema;
}

/** A JSON answer with a description, in the form that fastify and OpenAPI both read. */
export const json = (description: string, schema: string): Record<string, unknown> => ({
  description,
  content: { 'application/json': { schema: ref(schema) } },
});

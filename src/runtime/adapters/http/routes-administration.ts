/** What operators and validators may see and change of a running node. */
import type { Application } from './application.ts';
import { json } from './openapi.ts';
import { notFound } from './problem.ts';
import { logLevelBody } from './schemas.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Administration {
  logLevel(): LogLevel;
  /** `by` null: asked on the machine itself, without a token. */
  setLogLevel(level: LogLevel, by: string | null): void;
}

export function registerAdministration(
  { app }: Application,
  administration: Administration | null,
  refusals: ReadonlyMap<string, number>,
): void {
  const needed = (): Administration => {
    if (administration === null) throw notFound('administration of this node');
    return administration;
  };
  const config = { access: 'administration' } as const;
  const tags = ['administration'];
  app.route({
    method: 'GET',
    url: '/v1/node/refusals',
    config,
    schema: {
      operationId: 'getRefusals',
      summary: 'Requests and connections refused since the start, by reason',
      tags,
      response: { 200: json('Counts', 'Refusals') },
    },
    handler: (_request, reply) => reply.send({ refusals: Object.fromEntries([...refusals].sort()) }),
  });
  app.route({
    method: 'GET',
    url: '/v1/node/log-level',
    config,
    schema: {
      operationId: 'getLogLevel',
      summary: 'How much the node logs',
      tags,
      response: { 200: json('The level', 'LogLevel') },
    },
    handler: (_request, reply) => reply.send({ level: needed().logLevel() }),
  });
  app.route<{ Body: { level: LogLevel } }>({
    method: 'POST',
    url: '/v1/node/log-level',
    config,
    bodyLimit: 1_024,
    schema: {
      operationId: 'setLogLevel',
      summary: 'Changes how much the node logs until it stops',
      tags,
      body: { content: { 'application/json': { schema: logLevelBody } } },
      response: { 200: json('The level now', 'LogLevel') },
    },
    handler: ({ body, caller }, reply) => {
      needed().setLogLevel(body.level, caller?.account ?? null);
      return reply.send({ level: needed().logLevel() });
    },
  });
}

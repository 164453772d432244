/** Events of the chain: a page as JSON, or a stream of server-sent events that resumes where it was cut. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { ChainApi, EventFilter } from '../../ports/chain-api.ts';
import type { Application } from './application.ts';
import { EventStream, type StreamLimits } from './event-stream.ts';
import { HttpProblem, invalidField } from './problem.ts';
import { eventIdPattern, ref } from './schemas.ts';

const pageMax = 1_000;

interface Query {
  readonly module?: string;
  readonly kind?: string;
  readonly after?: string;
  readonly limit?: number;
}

export function registerEvents(application: Application, api: ChainApi, limits: StreamLimits): void {
  const streams = new Set<EventStream>();
  const closeAll = (): void => {
    for (const stream of streams) stream.close();
  };
  application.stopping.signal.addEventListener('abort', closeAll, { once: true });
  application.app.route<{ Querystring: Query }>({
    method: 'GET',
    url: '/v1/events',
    config: { access: 'read' },
    schema: {
      operationId: 'getEvents',
      summary: 'Events, as a stream or (with `Accept: application/json`) as a page',
      description:
        'The stream begins after `Last-Event-ID`, else after `after` (`start` is the first event of the chain), else ' +
        'with what happens next. Each message is one Event; ids only grow, so a client that reconnects with the last ' +
        'id it saw misses nothing and sees nothing twice. A message without data only moves the id on.',
      tags: ['events'],
      querystring: Type.Object(
        {
          module: Type.Optional(Type.String({ pattern: '^[a-z][a-z0-9-]{0,63}$' })),
          kind: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
          after: Type.Optional(Type.String({ pattern: `^start$|${eventIdPattern}` })),
          limit: Type.Optional(
            Type.Integer({ minimum: 1, maximum: pageMax, default: 100, description: 'events of a page' }),
          ),
        },
        { additionalProperties: false },
      ),
      response: {
        200: {
          description: 'The events',
          content: {
            'text/event-stream': { schema: Type.String() },
            'application/json': { schema: ref('EventPage') },
          },
        },
      },
    },
    handler: (request, reply) => {
      const { module, kind } = request.query;
      const filter: EventFilter = {
        ...(module === undefined ? {} : { module }),
        ...(kind === undefined ? {} : { kind }),
      };
      const accept = request.headers.accept ?? '';
      if (accept.includes('application/json') && !accept.includes('text/event-stream')) {
        const after = startOf(request, null);
        const events = api.eventsAfter(after, filter, request.query.limit ?? pageMax);
        return reply.type('application/json').send({ events, lastEventId: api.lastEventId() });
      }
      if (streams.size >= limits.streamsMax) {
        throw new HttpProblem('too-many-streams', {
          status: 503,
          detail: `this node serves at most ${limits.streamsMax} event streams`,
          headers: { 'retry-after': '10' },
        });
      }
      const stream = openStream(api, request, reply, filter, limits);
      streams.add(stream);
      stream.whenClosed(() => streams.delete(stream));
      stream.start();
      return reply;
    },
  });
}

function openStream(
  api: ChainApi,
  request: FastifyRequest,
  reply: FastifyReply,
  filter: EventFilter,
  limits: StreamLimits,
): EventStream {
  const after = startOf(request as FastifyRequest<{ Querystring: Query }>, api.lastEventId());
  const headers = reply.getHeaders();
  reply.hijack();
  reply.raw.writeHead(200, {
    ...(headers as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  return new EventStream({
    api,
    filter,
    after,
    out: reply.raw,
    limits,
    // A stream does not outlive the token that opened it.
    expiresAt: request.caller?.expiresAt ?? null,
  });
}

/** The id after which events are wanted; null is the beginning of the chain. */
function startOf(request: FastifyRequest<{ Querystring: Query }>, otherwise: string | null): string | null {
  const header = request.headers['last-event-id'];
  if (header !== undefined && header !== '') {
    if (typeof header !== 'string' || !new RegExp(eventIdPattern).test(header)) {
      throw invalidField('headers/last-event-id', 'is no event id (<height>-<index>)');
    }
    return header;
  }
  const { after } = request.query;
  if (after === undefined) return otherwise;
  return after === 'start' ? null : after;
}

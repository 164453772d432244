/** The transparency log as C2SP tlog-tiles: a checkpoint and tiles, to be cached by anyone for ever. */
import { Type } from 'typebox';
import type { FastifyReply } from 'fastify';
import { parseTilePath } from '../../../protocols/ledger/log-tiles.ts';
import type { ChainApi } from '../../ports/chain-api.ts';
import type { Application } from './application.ts';
import { notFound } from './problem.ts';

export function registerLog({ app }: Application, api: ChainApi): void {
  const binary = (description: string, type: string): Record<string, unknown> => ({
    200: { description, content: { [type]: { schema: Type.String() } } },
  });
  const send = (reply: FastifyReply, path: string, type: string): FastifyReply => {
    const file = api.logFile(path);
    if (file === null) throw notFound(`the log file ${path}`);
    return reply
      .type(type)
      .header('cache-control', file.immutable ? 'public, max-age=31536000, immutable' : 'no-cache')
      .send(Buffer.from(file.bytes.buffer, file.bytes.byteOffset, file.bytes.byteLength));
  };
  app.route({
    method: 'GET',
    url: '/v1/log/checkpoint',
    config: { access: 'read' },
    schema: {
      operationId: 'getCheckpoint',
      summary: 'Newest checkpoint of the log: a signed note that validators cosign',
      tags: ['log'],
      response: binary('The note', 'text/plain'),
    },
    handler: (_request, reply) => send(reply, 'checkpoint', 'text/plain; charset=utf-8'),
  });
  app.route<{ Params: { '*': string } }>({
    method: 'GET',
    url: '/v1/log/tile/*',
    config: { access: 'read' },
    schema: {
      operationId: 'getTile',
      summary: 'A tile of hashes (`0/000`, `1/x001/234.p/5`) or of entries (`entries/000`)',
      tags: ['log'],
      params: Type.Object({ '*': Type.String({ maxLength: 64, description: 'path of the tile; contains slashes' }) }),
      response: binary('The tile', 'application/octet-stream'),
    },
    handler: ({ params }, reply) => {
      const path = params['*'];
      const full = `tile/${path}`;
      if (parseTilePath(full) === null) throw notFound('a log file of this path');
      return send(reply, full, 'application/octet-stream');
    },
  });
}

/** Liveness, readiness and, on the metrics port, the metrics. */
import { Type } from 'typebox';
import type { ChainApi, HealthView } from '../../ports/chain-api.ts';
import type { Application } from './application.ts';
import { json } from './openapi.ts';

export function registerHealth(
  { app }: Application,
  api: Pick<ChainApi, 'health' | 'readiness'>,
  metricsText?: () => Promise<string>,
): void {
  const health = (url: string, operationId: string, summary: string, read: () => HealthView): void => {
    app.route({
      method: 'GET',
      url,
      config: { access: 'read' },
      schema: {
        operationId,
        summary,
        tags: ['node'],
        response: { 200: json('All checks hold', 'Health'), 503: json('A check fails; `checks` says which', 'Health') },
      },
      handler: (_request, reply) => {
        const view = read();
        return reply.code(view.ok ? 200 : 503).send(view);
      },
    });
  };
  health('/healthz', 'getHealth', 'Whether the process works', () => api.health());
  health('/readyz', 'getReadiness', 'Whether the node follows the chain and can serve', () => api.readiness());
  if (metricsText === undefined) return;
  app.route({
    method: 'GET',
    url: '/metrics',
    config: { access: 'read' },
    schema: {
      operationId: 'getMetrics',
      summary: 'Metrics in the Prometheus text format',
      tags: ['node'],
      response: { 200: { description: 'Metrics', content: { 'text/plain': { schema: Type.String() } } } },
    },
    handler: async (_request, reply) => {
      const text = await metricsText();
      return reply.type('text/plain; version=0.0.4; charset=utf-8').send(text);
    },
  });
}

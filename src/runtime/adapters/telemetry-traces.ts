/** Traces: spans of one node's own tracer, sent to an OTLP/HTTP collector. Loaded only where one is configured. */
import { createRequire } from 'node:module';
import { type Context, ROOT_CONTEXT, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api';
import type * as Exporter from '@opentelemetry/exporter-trace-otlp-http';
import type * as Sdk from '@opentelemetry/sdk-trace-base';
import type { Span, Telemetry } from '../ports/telemetry.ts';
import { fixedResource } from './telemetry-resource.ts';

export interface Traces extends Pick<Telemetry, 'span'> {
  close(): Promise<void>;
}

export interface SpanContextFields {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

const traceparentPattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Reads a W3C traceparent of version 00; null for anything else. */
export function readTraceparent(text: string): SpanContextFields | null {
  const match = traceparentPattern.exec(text);
  const [, traceId = '', spanId = '', flags = ''] = match ?? [];
  if (match === null || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return null;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) };
}

export const writeTraceparent = ({ traceId, spanId, traceFlags }: SpanContextFields): string =>
  `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;

export function createTraces(resource: Readonly<Record<string, string>>, endpoint: string): Traces {
  const load = createRequire(import.meta.url);
  const { BasicTracerProvider, BatchSpanProcessor } = load('@opentelemetry/sdk-trace-base') as typeof Sdk;
  const { OTLPTraceExporter } = load('@opentelemetry/exporter-trace-otlp-http') as typeof Exporter;
  const url = endpoint.endsWith('/v1/traces') ? endpoint : `${endpoint.replace(/\/$/, '')}/v1/traces`;
  const provider = new BasicTracerProvider({
    resource: fixedResource(resource),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url, timeoutMillis: 5_000 }))],
  });
  const tracer = provider.getTracer('bpci');
  return {
    span(name, options = {}): Span {
      const { traceparent, attributes, startedAt } = options;
      const span = tracer.startSpan(
        name,
        { attributes: { ...attributes }, ...(startedAt === undefined ? {} : { startTime: startedAt }) },
        parentOf(traceparent),
      );
      const context = span.spanContext();
      let isEnded = false;
      return {
        traceparent: (context.traceFlags & TraceFlags.SAMPLED) === 0 ? undefined : writeTraceparent(context),
        setAttributes: (more) => void span.setAttributes({ ...more }),
        addLink: (other) => {
          const linked = readTraceparent(other);
          if (linked !== null) span.addLink({ context: linked });
        },
        end: (outcome = 'ok') => {
          if (isEnded) return;
          isEnded = true;
          if (outcome === 'error') span.setStatus({ code: SpanStatusCode.ERROR });
          span.end();
        },
      };
    },
    close: () => provider.shutdown(),
  };
}

function parentOf(traceparent: string | undefined): Context {
  const parent = traceparent === undefined ? null : readTraceparent(traceparent);
  return parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true });
}

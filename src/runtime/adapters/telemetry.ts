/**
 * The Telemetry port of a node: metrics and traces through the OpenTelemetry API, logs through pino. Every node has
 * providers of its own; nothing is registered globally, so that several nodes live in one process without mixing.
 *
 * @example
 * const { telemetry, metricsText, close } = createTelemetry({
 *   name: 'validator-1', role: 'validator', logTo: 'stdout', logLevel: 'info', dataDir: './data', otlpEndpoint: null,
 * });
 */
import { noSpan } from '../ports/no-telemetry.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { createLog, type LogLevel, type LogTarget } from './telemetry-log.ts';
import { createMetrics } from './telemetry-metrics.ts';
import { observeProcess } from './telemetry-process.ts';
import { createTraces } from './telemetry-traces.ts';

export interface TelemetryOptions {
  /** Of the node: `service.instance.id`, and the name of its log file. */
  readonly name: string;
  readonly role: string;
  /** `file` writes `<dataDir>/logs/<name>.log`, rotated by size. */
  readonly logTo: LogTarget;
  readonly logLevel: LogLevel;
  readonly dataDir: string;
  /** Base URL of an OTLP/HTTP collector for traces; null makes no spans at all. */
  readonly otlpEndpoint: string | null;
}

export interface RunningTelemetry {
  readonly telemetry: Telemetry;
  /** Prometheus text format, version 0.0.4. */
  readonly metricsText: () => Promise<string>;
  readonly logLevel: () => LogLevel;
  readonly setLogLevel: (level: LogLevel) => void;
  /** Flushes logs and spans; leaves no timer and no handle. */
  readonly close: () => Promise<void>;
}

export function createTelemetry(options: TelemetryOptions): RunningTelemetry {
  const resource = {
    'service.name': 'bpci',
    'service.instance.id': options.name,
    'bpci.role': options.role,
  };
  const logs = createLog(options);
  const metrics = createMetrics(resource);
  const traces = options.otlpEndpoint === null ? null : createTraces(resource, options.otlpEndpoint);
  const stopObserving = observeProcess(metrics.meter);
  metrics.meter
    .createObservableCounter('bpci.log.lost', { description: 'Log lines that could not be written' })
    .addCallback((result) => result.observe(logs.lost()));
  return {
    telemetry: {
      log: logs.log,
      counter: metrics.counter,
      histogram: metrics.histogram,
      gauge: metrics.gauge,
      span: traces?.span ?? (() => noSpan),
    },
    metricsText: metrics.text,
    logLevel: logs.level,
    setLogLevel: logs.setLevel,
    close: async () => {
      stopObserving();
      await Promise.all([metrics.close(), traces?.close()]);
      await logs.close();
    },
  };
}

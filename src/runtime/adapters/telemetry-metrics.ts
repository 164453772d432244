/** Metrics: instruments of one node's own meter, read as Prometheus text. */
import type { Meter, ObservableGauge } from '@opentelemetry/api';
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import type { Counter, Histogram, Telemetry } from '../ports/telemetry.ts';
import { fixedResource } from './telemetry-resource.ts';

/** Bounds of the buckets, by unit. Durations from 10 µs to a minute. */
export const bucketBounds: Readonly<Record<'s' | 'By' | '1', readonly number[]>> = {
  s: [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1, 2.5, 5, 10, 30, 60,
  ],
  By: [64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216],
  '1': [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000],
};

/** The exporter may bring its own copy of the SDK; the shape is the same. */
type Serializable = Parameters<PrometheusSerializer['serialize']>[0];

/** Collects when asked; never by itself. */
class OnDemandReader extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }
  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}

export interface Metrics extends Pick<Telemetry, 'counter' | 'histogram' | 'gauge'> {
  readonly meter: Meter;
  readonly text: () => Promise<string>;
  readonly close: () => Promise<void>;
}

export function createMetrics(resource: Readonly<Record<string, string>>): Metrics {
  const reader = new OnDemandReader();
  const provider = new MeterProvider({ readers: [reader], resource: fixedResource(resource) });
  const meter = provider.getMeter('bpci');
  const serializer = new PrometheusSerializer(undefined, false, undefined, false, true);
  const serialize = (metrics: unknown): string => serializer.serialize(metrics as Serializable);
  const counters = new Map<string, Counter>();
  const histograms = new Map<string, Histogram>();
  const gauges = new Map<string, ObservableGauge>();
  return {
    meter,
    counter(name, description) {
      const known = counters.get(name);
      if (known !== undefined) return known;
      const made = meter.createCounter(name, { description });
      counters.set(name, made);
      return made;
    },
    histogram(name, description, unit) {
      const known = histograms.get(name);
      if (known !== undefined) return known;
      const advice = { explicitBucketBoundaries: [...bucketBounds[unit]] };
      const made = meter.createHistogram(name, { description, unit, advice });
      histograms.set(name, made);
      return made;
    },
    gauge(name, description, read) {
      const gauge = gauges.get(name) ?? meter.createObservableGauge(name, { description });
      gauges.set(name, gauge);
      gauge.addCallback((result) => {
        for (const { value, attributes } of read()) result.observe(value, attributes);
      });
    },
    async text() {
      const { resourceMetrics, errors } = await reader.collect();
      const [error] = errors as readonly unknown[];
      // One gauge that cannot be read must not hide the rest; it is named in a comment that scrapers skip.
      const note = error === undefined ? '' : `# incomplete: ${errors.length} callbacks failed\n`;
      return note + serialize(resourceMetrics);
    },
    close: () => provider.shutdown(),
  };
}

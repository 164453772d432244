/**
 * Metrics of the process. All but two are read only when somebody asks; the two are one timer a second (lateness of
 * the event loop) and the engine's own notice of each collection, so that an idle node stays idle.
 */
import { performance, PerformanceObserver } from 'node:perf_hooks';
import type { Meter } from '@opentelemetry/api';
import { bucketBounds } from './telemetry-metrics.ts';

const sampleMs = 1_000;
/** `kind` of a collection in the engine's notices. */
const collectionKinds: Readonly<Record<number, string>> = {
  1: 'minor',
  2: 'minor',
  4: 'major',
  8: 'incremental',
  16: 'weak',
};

/** Returns the function that stops observing. */
export function observeProcess(meter: Meter): () => void {
  meter
    .createObservableGauge('process.memory.usage', { description: 'Resident memory of the process', unit: 'By' })
    .addCallback((result) => result.observe(process.memoryUsage.rss()));
  meter
    .createObservableGauge('nodejs.heap.used', { description: 'Heap in use', unit: 'By' })
    .addCallback((result) => result.observe(process.memoryUsage().heapUsed));
  meter
    .createObservableCounter('process.cpu.time', { description: 'Processor time used', unit: 's' })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe(user / 1e6, { mode: 'user' });
      result.observe(system / 1e6, { mode: 'system' });
    });
  meter
    .createObservableGauge('process.uptime', { description: 'Age of the process', unit: 's' })
    .addCallback((result) => result.observe(process.uptime()));
  let last = performance.eventLoopUtilization();
  meter
    .createObservableGauge('nodejs.eventloop.utilization', {
      description: 'Busy share since the last reading',
      unit: '1',
    })
    .addCallback((result) => {
      const now = performance.eventLoopUtilization();
      result.observe(performance.eventLoopUtilization(now, last).utilization);
      last = now;
    });
  const stopDelay = observeDelay(meter);
  const stopCollections = observeCollections(meter);
  return () => {
    stopDelay();
    stopCollections();
  };
}

function observeDelay(meter: Meter): () => void {
  const delay = meter.createHistogram('nodejs.eventloop.delay', {
    description: 'How late a timer fires, sampled once a second',
    unit: 's',
    advice: { explicitBucketBoundaries: [...bucketBounds.s] },
  });
  let due = performance.now() + sampleMs;
  const timer = setInterval(() => {
    const now = performance.now();
    delay.record(Math.max(0, now - due) / 1000);
    due = now + sampleMs;
  }, sampleMs);
  timer.unref();
  return () => clearInterval(timer);
}

function observeCollections(meter: Meter): () => void {
  const duration = meter.createHistogram('v8js.gc.duration', {
    description: 'Garbage collections by kind',
    unit: 's',
    advice: { explicitBucketBoundaries: [...bucketBounds.s] },
  });
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { detail } = entry as unknown as { readonly detail?: { readonly kind?: number } };
      duration.record(entry.duration / 1000, { 'v8js.gc.type': collectionKinds[detail?.kind ?? 0] ?? 'other' });
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
}

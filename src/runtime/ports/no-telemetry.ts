/** Telemetry that goes nowhere: for embedding, tests and the simulator. */
import type { Counter, Histogram, Log, Span, Telemetry } from './telemetry.ts';

const nothing = (): void => undefined;

export const noLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => noLog };
const noCounter: Counter = { add: nothing };
const noHistogram: Histogram = { record: nothing };
export const noSpan: Span = { setAttributes: nothing, addLink: nothing, end: nothing, traceparent: undefined };

export const noTelemetry: Telemetry = {
  log: noLog,
  counter: () => noCounter,
  histogram: () => noHistogram,
  gauge: nothing,
  span: () => noSpan,
};

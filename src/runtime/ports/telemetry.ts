/** Logs, metrics and traces as an output. Metric names are OpenTelemetry dotted names, durations in seconds. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface Log {
  debug(message: string, fields?: Attributes): void;
  info(message: string, fields?: Attributes): void;
  warn(message: string, fields?: Attributes): void;
  error(message: string, fields?: Attributes & { readonly error?: never }, cause?: unknown): void;
  child(fields: Attributes): Log;
}

export interface Counter {
  add(value: number, attributes?: Attributes): void;
}
export interface Histogram {
  record(value: number, attributes?: Attributes): void;
}

export interface Span {
  setAttributes(attributes: Attributes): void;
  /** Names other work (a W3C traceparent) that this span is about as well: one more transaction of a block, say. */
  addLink(traceparent: string): void;
  /** Idempotent. */
  end(outcome?: 'ok' | 'error'): void;
  /** W3C traceparent of this span, to be carried to where the work goes on; undefined where it is not sampled. */
  readonly traceparent: string | undefined;
}

interface SpanOptions {
  readonly traceparent?: string | undefined;
  readonly attributes?: Attributes;
  /** When the work began, ms since 1970, where that was before the span is made. */
  readonly startedAt?: number;
}

export interface Telemetry {
  readonly log: Log;
  counter(name: string, description: string): Counter;
  /** `unit` is `s` for durations, `By` for bytes. Buckets start at 10 µs. */
  histogram(name: string, description: string, unit: 's' | 'By' | '1'): Histogram;
  /** `read` is called when metrics are collected. */
  gauge(name: string, description: string, read: () => readonly { value: number; attributes?: Attributes }[]): void;
  /** A span whose parent is named by `traceparent` where given. */
  span(name: string, options?: SpanOptions): Span;
}

/** Telemetry that keeps what it is given, for tests to look at. */
import type { Attributes, Log, Span, Telemetry } from '../../../src/runtime/ports/telemetry.ts';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Attributes;
  readonly cause: unknown;
}

export interface RecordedSpan {
  readonly name: string;
  readonly parent: string | undefined;
  readonly traceparent: string;
  readonly links: string[];
  outcome: 'ok' | 'error' | undefined;
}

export class QuietTelemetry implements Telemetry {
  readonly lines: LogLine[] = [];
  readonly counts = new Map<string, number>();
  /** How often a histogram was given a value, by its name and the values of its attributes. */
  readonly recorded = new Map<string, number>();
  readonly gauges = new Map<string, () => readonly { value: number; attributes?: Attributes }[]>();
  readonly spans: RecordedSpan[] = [];
  readonly log: Log = this.#log({});

  counter(name: string): { add: (value: number) => void } {
    return { add: (value) => this.counts.set(name, (this.counts.get(name) ?? 0) + value) };
  }

  histogram(name: string): { record: (value: number, attributes?: Attributes) => void } {
    return {
      record: (_value, attributes = {}) => {
        const key = [name, ...Object.values(attributes)].join(' ');
        this.recorded.set(key, (this.recorded.get(key) ?? 0) + 1);
      },
    };
  }

  gauge(name: string, _description: string, read: () => readonly { value: number; attributes?: Attributes }[]): void {
    this.gauges.set(name, read);
  }

  span(name: string, options: { readonly traceparent?: string | undefined } = {}): Span {
    const number = String(this.spans.length + 1);
    const trace = options.traceparent?.slice(3, 35) ?? number.padStart(32, '0');
    const traceparent = `00-${trace}-${number.padStart(16, '0')}-01`;
    const span: RecordedSpan = { name, parent: options.traceparent, traceparent, links: [], outcome: undefined };
    this.spans.push(span);
    return {
      traceparent,
      setAttributes: () => undefined,
      addLink: (other) => void span.links.push(other),
      end: (outcome = 'ok') => {
        span.outcome ??= outcome;
      },
    };
  }

  #log(fields: Attributes): Log {
    const write =
      (level: LogLine['level']) =>
      (message: string, more: Attributes = {}, cause?: unknown): void => {
        this.lines.push({ level, message, fields: { ...fields, ...more }, cause });
      };
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: (more) => this.#log({ ...fields, ...more }),
    };
  }
}

/**
 * The stages of a decision, measured, and traced where somebody traces the request: one operation, its stages below it. What a
 * stage throws ends it and the decision: there is no answer, and enforcement points treat that as Red.
 */
import type { RunStage, Stage } from '../../protocols/traffic/decide.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import type { Histogram, Telemetry } from '../../runtime/ports/telemetry.ts';

export class Stages {
  readonly #telemetry: Telemetry;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #duration: Histogram;
  /** Of the request in hand; undefined: nobody traces it. */
  #traceparent: string | undefined;

  constructor(telemetry: Telemetry, clock: Pick<Clock, 'monotonicMs'>) {
    this.#telemetry = telemetry;
    this.#clock = clock;
    this.#duration = telemetry.histogram('bpci.traffic.stage.duration', 'Time in a stage of a decision', 's');
  }

  /** Then every stage is run, not remembered from an equal request before. */
  get isTraced(): boolean {
    return this.#traceparent !== undefined;
  }

  /** Stages within `work` belong to this trace. */
  within<T>(traceparent: string | undefined, work: () => T): T {
    this.#traceparent = traceparent;
    try {
      return work();
    } finally {
      this.#traceparent = undefined;
    }
  }

  readonly run: RunStage = (stage, work) => {
    const traceparent = this.#traceparent;
    const span = traceparent === undefined ? null : this.#telemetry.span(`compliance.${stage}`, { traceparent });
    const startedMs = this.#clock.monotonicMs();
    try {
      const result = work();
      span?.setAttributes({ 'bpci.state': result?.state ?? 'Red' });
      span?.end();
      return result;
    } catch (error) {
      span?.end('error');
      throw error;
    } finally {
      this.record(stage, startedMs);
    }
  };

  /** @param startedMs monotonic */
  record(stage: Stage | 'log' | 'answer', startedMs: number): void {
    this.#duration.record((this.#clock.monotonicMs() - startedMs) / 1000, { stage });
  }
}

/** Telemetry of simulated nodes: counts what is worth having happened in a run, and passes log lines on. */
import { noTelemetry } from '../../runtime/ports/no-telemetry.ts';
import type { Attributes, Log, Telemetry } from '../../runtime/ports/telemetry.ts';
import type { EventContent, OnEvent } from '../events.ts';
import { loggedEvent } from './sometimes.ts';

export interface LogLine {
  readonly atMs: number;
  readonly node: number;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Attributes;
  readonly cause: unknown;
}

/** Counters by name, and the attribute that tells their kinds apart. */
const counted: ReadonlyMap<string, string> = new Map([
  ['bpci.consensus.rounds', 'cause'],
  ['bpci.consensus.guard_refusals', 'reason'],
  ['bpci.consensus.equivocations', 'kind'],
]);

export class Observer {
  readonly counts = new Map<string, number>();
  /** Tells who watches the run what happens now; null where nobody does. */
  readonly tell: ((event: EventContent) => void) | null;
  readonly #now: () => number;
  readonly #onLog: (line: LogLine) => void;

  constructor(now: () => number, onLog: (line: LogLine) => void, onEvent: OnEvent | null = null) {
    this.#now = now;
    this.#onLog = onLog;
    this.tell = onEvent === null ? null : (event) => onEvent({ atMs: now(), ...event });
  }

  count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  telemetry(node: number): Telemetry {
    return {
      ...noTelemetry,
      log: this.#log(node, {}),
      counter: (name) => {
        const attribute = counted.get(name);
        if (attribute === undefined) return { add: () => undefined };
        return { add: (_value, attributes = {}) => this.count(`${name} ${String(attributes[attribute])}`) };
      },
    };
  }

  #onLine(line: LogLine): void {
    const rare = loggedEvent(line.message);
    if (rare !== undefined) this.count(rare);
    this.#onLog(line);
  }

  #log(node: number, common: Attributes): Log {
    const line =
      (level: LogLine['level']) =>
      (message: string, fields: Attributes = {}, cause?: unknown): void =>
        this.#onLine({ atMs: this.#now(), node, level, message, fields: { ...common, ...fields }, cause });
    return {
      debug: line('debug'),
      info: line('info'),
      warn: line('warn'),
      error: line('error'),
      child: (fields) => this.#log(node, { ...common, ...fields }),
    };
  }
}

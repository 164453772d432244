/** A run as a picture shows it: what befell each node and when, which messages flew, what was violated. Plain data. */
import type { OnEvent, SimulationEvent } from './events.ts';
import { type Fault, nodesHitBy } from './system/faults/index.ts';
import type { LogLine } from './system/observer.ts';

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface TimelineMessage {
  readonly from: number;
  readonly to: number;
  readonly sentMs: number;
  /** Null where it never arrived. */
  readonly arrivedMs: number | null;
  readonly kind: string;
  readonly height: number | null;
  readonly round: number | null;
  readonly text: string;
}

export interface Timeline {
  readonly scenario: string;
  readonly expects: string;
  readonly seed: string;
  readonly traceHash: string;
  /** The command that runs it again. */
  readonly again: string;
  readonly nodes: number;
  readonly endMs: number;
  readonly messages: readonly TimelineMessage[];
  /** Down or paused. */
  readonly absences: readonly (Span & { readonly node: number; readonly state: 'down' | 'paused' })[];
  /** Rounds of nodes, as far as their signatures and final blocks tell. */
  readonly rounds: readonly (Span & { readonly node: number; readonly height: number; readonly round: number })[];
  readonly signatures: readonly Extract<SimulationEvent, { type: 'signed' }>[];
  readonly finals: readonly Extract<SimulationEvent, { type: 'final' }>[];
  readonly faults: readonly (Span & {
    readonly kind: string;
    readonly nodes: readonly number[];
    /** What else happens for it, and when. */
    readonly marks: readonly { readonly name: string; readonly atMs: number }[];
    readonly text: string;
  })[];
  readonly warnings: readonly { readonly atMs: number; readonly node: number; readonly text: string }[];
  readonly violations: readonly { readonly atMs: number; readonly checker: string; readonly detail: string }[];
}

/** Of the run, known when it is over. */
export type TimelineTitle = Pick<Timeline, 'scenario' | 'expects' | 'seed' | 'traceHash' | 'again' | 'nodes' | 'endMs'>;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Listens to a run; afterwards `timeline` tells it. */
export class TimelineRecorder {
  readonly #messages: Mutable<TimelineMessage>[] = [];
  /** On their way, by pair of nodes and content, the earliest first. */
  readonly #flying = new Map<string, Mutable<TimelineMessage>[]>();
  readonly #absences: Mutable<Timeline['absences'][number]>[] = [];
  readonly #rounds: Mutable<Timeline['rounds'][number]>[] = [];
  readonly #signatures: Timeline['signatures'][number][] = [];
  readonly #finals: Timeline['finals'][number][] = [];
  readonly #faults: Timeline['faults'][number][] = [];
  readonly #warnings: Timeline['warnings'][number][] = [];
  readonly #violations: Timeline['violations'][number][] = [];
  readonly #absent = new Map<number, Mutable<Timeline['absences'][number]>>();
  readonly #inRound = new Map<number, Mutable<Timeline['rounds'][number]>>();

  readonly onEvent: OnEvent = (event) => {
    switch (event.type) {
      case 'sent':
      case 'arrived':
        this.#onMessage(event);
        return;
      case 'started':
      case 'resumed':
        this.#onBack(event.node, event.atMs);
        return;
      case 'down':
      case 'paused':
        this.#onAbsent(event.node, event.type, event.atMs);
        return;
      case 'signed':
        this.#signatures.push(event);
        this.#enterRound(event.node, event.height, event.round, event.atMs);
        return;
      case 'final':
        this.#finals.push(event);
        this.#enterRound(event.node, event.height + 1, 0, event.atMs);
        return;
      case 'fault':
        this.#faults.push(faultSpan(event.fault));
        return;
      case 'violated':
        this.#violations.push(event);
    }
  };

  onLog({ atMs, node, level, message, fields }: LogLine): void {
    if (level !== 'warn' && level !== 'error') return;
    const details = Object.entries(fields).map(([name, value]) => `${name} ${String(value)}`);
    this.#warnings.push({ atMs, node, text: [message, ...details].join(', ') });
  }

  timeline(title: TimelineTitle): Timeline {
    const { endMs } = title;
    for (const open of [...this.#absent.values(), ...this.#inRound.values()]) open.toMs = endMs;
    return {
      ...title,
      ...{ messages: this.#messages, absences: this.#absences, rounds: this.#rounds },
      ...{ signatures: this.#signatures, finals: this.#finals, faults: this.#faults },
      ...{ warnings: this.#warnings, violations: this.#violations },
    };
  }

  #onMessage({ type, from, to, id, label, atMs }: Extract<SimulationEvent, { type: 'sent' | 'arrived' }>): void {
    const key = `${from} ${to} ${id}`;
    const flying = this.#flying.get(key) ?? [];
    if (type === 'arrived') {
      const first = flying.shift();
      if (first !== undefined) first.arrivedMs = atMs;
      if (flying.length === 0) this.#flying.delete(key);
      return;
    }
    const message = { from, to, sentMs: atMs, arrivedMs: null, ...label };
    this.#messages.push(message);
    this.#flying.set(key, [...flying, message]);
  }

  #onAbsent(node: number, state: 'down' | 'paused', atMs: number): void {
    this.#onBack(node, atMs);
    const absence = { node, state, fromMs: atMs, toMs: atMs };
    this.#absences.push(absence);
    this.#absent.set(node, absence);
    if (state === 'down') this.#leaveRound(node, atMs);
  }

  #onBack(node: number, atMs: number): void {
    const absence = this.#absent.get(node);
    if (absence !== undefined) absence.toMs = atMs;
    this.#absent.delete(node);
  }

  #enterRound(node: number, height: number, round: number, atMs: number): void {
    const current = this.#inRound.get(node);
    const isLater =
      current === undefined || height > current.height || (height === current.height && round > current.round);
    if (!isLater) return;
    this.#leaveRound(node, atMs);
    const entered = { node, height, round, fromMs: atMs, toMs: atMs };
    this.#rounds.push(entered);
    this.#inRound.set(node, entered);
  }

  #leaveRound(node: number, atMs: number): void {
    const current = this.#inRound.get(node);
    if (current !== undefined) current.toMs = atMs;
    this.#inRound.delete(node);
  }
}

function faultSpan(fault: Fault): Timeline['faults'][number] {
  const { kind, atMs, forMs, ...fields } = fault;
  const own = Object.entries(fields);
  const marks = own.flatMap(([name, value]) =>
    name.endsWith('AtMs') && typeof value === 'number' ? [{ name: name.slice(0, -'AtMs'.length), atMs: value }] : [],
  );
  const text = own.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(', ');
  return { kind, fromMs: atMs, toMs: atMs + forMs, nodes: [...new Set(nodesHitBy(fault))], marks, text };
}

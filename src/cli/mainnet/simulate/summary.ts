/** What came of many runs: counts, what happened how often, and the seeds that failed. */
import { formatElapsed, formatTable, type Terminal } from '../../terminal.ts';
import { type AnyResult, isPassed, type RunReport } from './run-one.ts';

export interface FailedSeed {
  readonly seed: string;
  readonly checkers: readonly string[];
  readonly again: string;
}

interface Tally {
  total: number;
  runs: number;
}

/** After so many runs of a swarm everything in its table should have happened. */
const tellingRuns = 200;

export class Summary {
  readonly failed: FailedSeed[] = [];
  readonly #results: AnyResult[] = [];
  readonly #tallies = new Map<string, Tally>();
  readonly #startedMs = performance.now();
  readonly #asked: number;
  #runs = 0;
  #simulatedMs = 0;
  /** Null as long as there were only actors that are not ours: they have no chain. */
  #heights: number | null = null;
  #events = 0;
  #untelling = 0;

  /** `asked`: how many runs there are to be. */
  constructor(asked: number) {
    this.#asked = asked;
  }

  get runs(): number {
    return this.#runs;
  }

  add(report: RunReport, again: string): void {
    const { result } = report;
    this.#runs += 1;
    this.#simulatedMs += result.simulatedMs;
    if ('heights' in result) {
      this.#heights = (this.#heights ?? 0) + result.heights;
      if (!result.isTelling) this.#untelling += 1;
    } else this.#events += result.events.length;
    for (const [name, count] of Object.entries(result.counts)) {
      const tally = this.#tallies.get(name) ?? { total: 0, runs: 0 };
      tally.total += count;
      tally.runs += count > 0 ? 1 : 0;
      this.#tallies.set(name, tally);
    }
    // A list of ten thousand runs is for programs; what they need of each is small.
    const kept = { log: [], counts: {} };
    this.#results.push('heights' in result ? { ...result, ...kept } : { ...result, ...kept, events: [] });
    if (isPassed(report)) return;
    const violated = result.verdicts.filter(({ outcome }) => outcome === 'violated').map(({ checker }) => checker);
    const checkers = report.otherTrace === null ? violated : [...violated, 'not repeatable'];
    this.failed.push({ seed: result.seed, checkers, again });
  }

  print(terminal: Terminal): void {
    const wallMs = performance.now() - this.#startedMs;
    const left = this.#asked - this.#runs;
    terminal.out();
    const rows = [...this.#tallies].sort(([a], [b]) => (a < b ? -1 : 1));
    const heading = ['what happened', 'times', 'in runs'].map((cell) => terminal.paint('bold', cell));
    const table = rows.map(([name, { total, runs }]) => {
      return [total === 0 ? terminal.paint('yellow', name) : name, String(total), String(runs)];
    });
    for (const line of formatTable([heading, ...table])) terminal.out(line);
    const never = rows.filter(([, { total }]) => total === 0).map(([name]) => name);
    if (never.length > 0 && this.#runs >= tellingRuns) {
      terminal.out(terminal.paint('red', `never happened in ${this.#runs} runs: ${never.join(', ')}`));
    }
    terminal.out();
    const speed = Math.round(this.#simulatedMs / wallMs);
    const failures = terminal.paint(this.failed.length === 0 ? 'green' : 'red', `${this.failed.length} failed`);
    const came = this.#heights === null ? `${this.#events} events` : `${this.#heights} blocks`;
    terminal.out(
      `${this.#runs} runs, ${failures}; ${came}; ${formatElapsed(this.#simulatedMs)} simulated in ` +
        `${formatElapsed(wallMs)}, ${speed} simulated seconds a second`,
    );
    if (this.#untelling > 0) {
      terminal.out(`${this.#untelling} of them decided fewer than 20 blocks, and say little`);
    }
    if (left > 0) terminal.out(terminal.paint('yellow', `${left} of ${this.#asked} runs were not done`));
    for (const { seed, checkers, again } of this.failed) {
      terminal.out(`  seed ${seed}  ${terminal.paint('red', checkers.join(', '))}  again: ${again}`);
    }
  }

  /** For programs. */
  toJson(): unknown {
    return {
      ...{ asked: this.#asked, runs: this.#runs, failed: this.failed },
      ...(this.#heights === null ? { events: this.#events } : { heights: this.#heights }),
      ...{ simulatedMs: this.#simulatedMs, wallMs: Math.round(performance.now() - this.#startedMs) },
      counts: Object.fromEntries([...this.#tallies].sort(([a], [b]) => (a < b ? -1 : 1))),
      results: this.#results,
    };
  }
}

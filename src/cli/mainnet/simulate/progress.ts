/** A line at the foot of the terminal that is written over and over. Where standard error is no terminal there is none. */
import { formatElapsed } from '../../terminal.ts';

const widthChars = 24;
const everyMs = 100;

export class Progress {
  readonly #isShown = process.stderr.isTTY;
  readonly #startedMs = performance.now();
  #writtenMs = -everyMs;
  #written = false;

  get isShown(): boolean {
    return this.#isShown;
  }

  /** `done` of `total`, and what else is worth knowing. */
  show(done: number, total: number, rest: string): void {
    const nowMs = performance.now();
    if (!this.#isShown || (nowMs - this.#writtenMs < everyMs && done < total)) return;
    this.#writtenMs = nowMs;
    const filled = Math.floor((widthChars * done) / Math.max(1, total));
    const bar = '#'.repeat(filled) + '.'.repeat(widthChars - filled);
    const leftMs = done === 0 ? null : ((nowMs - this.#startedMs) / done) * (total - done);
    const left = leftMs === null ? '' : `, ${formatElapsed(leftMs)} left`;
    this.#write(`[${bar}] ${done} of ${total}${rest === '' ? '' : `, ${rest}`}${left}`);
  }

  /** Before anything else is printed. */
  clear(): void {
    if (!this.#written) return;
    process.stderr.write('\r\u001b[K');
    this.#written = false;
  }

  #write(line: string): void {
    const columns = process.stderr.columns > 0 ? process.stderr.columns : 80;
    process.stderr.write(`\r\u001b[K${line.slice(0, columns - 1)}`);
    this.#written = true;
  }
}

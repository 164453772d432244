/** What commands print: plain lines; colour only on a terminal and never with NO_COLOR; errors on standard error with what to do next. */
import { stripVTControlCharacters } from 'node:util';
import { CodedError } from '../protocols/shared/errors.ts';

/** 0: done. 1: it failed. 2: the command or its input was wrong. */
export const exitCodes = { done: 0, failed: 1, usage: 2 } as const;

/** A failure that a person can act on. `next` says how. */
export class CommandError extends CodedError<'failed' | 'usage'> {
  override readonly name = 'CommandError';
  readonly next: readonly string[];

  constructor(code: 'failed' | 'usage', message: string, next: readonly string[] = [], cause?: unknown) {
    super(code, message, cause === undefined ? {} : { cause });
    this.next = next;
  }
}

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
const styleCodes: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

export interface Terminal {
  readonly out: (line?: string) => void;
  readonly err: (line?: string) => void;
  /** JSON for programs: one document, indented. */
  readonly json: (value: unknown) => void;
  readonly paint: (style: Style, text: string) => string;
  /** Aborts when a write finds that nobody reads any more: a command that goes on for ever ends then. */
  readonly readerGone: AbortSignal;
}

/**
 * A reader that went away (`| head`) ends the output, not the command: what it has begun is finished. Output that is
 * lost in another way (a full disk) is a failure, whatever the command came to.
 */
function watchOutput(): AbortSignal {
  const readerGone = new AbortController();
  let lost: Error | null = null;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    readerGone.abort();
    if (error.code !== 'EPIPE') lost ??= error;
  });
  process.stderr.on('error', () => undefined);
  process.once('exit', (code) => {
    if (lost === null) return;
    process.stderr.write(`error: the output could not be written: ${lost.message}\n`);
    if (code === exitCodes.done) process.exitCode = exitCodes.failed;
  });
  return readerGone.signal;
}

/** Of this process: made once. */
export function processTerminal(): Terminal {
  const coloured =
    (process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb') ||
    ((process.env['FORCE_COLOR'] ?? '0') !== '0' && (process.env['NO_COLOR'] ?? '') === '');
  return {
    readerGone: watchOutput(),
    out: (line = '') => process.stdout.write(`${line}\n`),
    err: (line = '') => process.stderr.write(`${line}\n`),
    json: (value) => process.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
    paint: (style, text) => {
      const [open, close] = styleCodes[style];
      return coloured ? `\u001b[${open}m${text}\u001b[${close}m` : text;
    },
  };
}

/** Rows as columns of equal width; the first row is the heading. Colour codes do not count. */
export function formatTable(rows: readonly (readonly string[])[]): readonly string[] {
  const visible = (cell: string): number => stripVTControlCharacters(cell).length;
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, visible(cell))));
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - visible(cell)))
      .join('  ')
      .trimEnd(),
  );
}

/** `3 d 4 h`, `5 min`, `12 s`, `340 ms`. */
export function formatElapsed(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  const hours = Math.round(seconds / 3600);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Prints a failure and gives the exit code for it. `--json` callers get an object on standard error too. */
export function reportFailure(terminal: Terminal, cause: unknown, asJson: boolean): number {
  const usage = cause instanceof CodedError && ['usage', 'invalid-manifest'].includes(String(cause.code));
  const message = cause instanceof Error ? cause.message : String(cause);
  const next = cause instanceof CommandError ? cause.next : [];
  if (asJson) {
    // What a command says of an operation's failure is of that failure's code.
    const coded = cause instanceof CommandError && cause.cause instanceof CodedError ? cause.cause : cause;
    const code = coded instanceof CodedError ? String(coded.code) : 'failed';
    terminal.err(JSON.stringify({ error: { code, message, next } }));
  } else {
    terminal.err(`${terminal.paint('red', 'error')}: ${message}`);
    for (const line of next) terminal.err(`  ${line}`);
    // An error without a code is a mistake of ours: its stack is what a report of it needs.
    if (cause instanceof Error && !(cause instanceof CodedError) && cause.stack !== undefined) {
      terminal.err(terminal.paint('dim', cause.stack.split('\n').slice(1).join('\n')));
    }
  }
  return usage ? exitCodes.usage : exitCodes.failed;
}

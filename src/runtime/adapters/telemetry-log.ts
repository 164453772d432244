/** Logs: JSON lines through pino, to a file that rotates by size, to standard output, or nowhere. */
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { destination as openDestination, pino, type DestinationStream } from 'pino';
import type { Attributes, Log } from '../ports/telemetry.ts';
import { noLog } from '../ports/no-telemetry.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogTarget = 'file' | 'stdout' | 'silent';

export interface LogOptions {
  readonly name: string;
  readonly role: string;
  readonly logTo: LogTarget;
  readonly logLevel: LogLevel;
  readonly dataDir: string;
  /** A file that has grown beyond this is set aside. Default 16 MiB. */
  readonly fileBytesMax?: number;
  /** Files set aside that are kept: `<name>.log.1` is the newest. Default 4. */
  readonly filesKept?: number;
  /** Another file than `<dataDir>/logs/<name>.log`. */
  readonly openFile?: string;
}

export interface NodeLog {
  readonly log: Log;
  readonly level: () => LogLevel;
  readonly setLevel: (level: LogLevel) => void;
  /** Lines that could not be written (full disk). */
  readonly lost: () => number;
  readonly close: () => Promise<void>;
}

const ranks: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50 };

export const logFileOf = (dataDir: string, name: string): string => join(dataDir, 'logs', `${name}.log`);

export function createLog(options: LogOptions): NodeLog {
  let level = options.logLevel;
  const levels = {
    level: () => level,
    setLevel: (next: LogLevel) => {
      level = next;
    },
  };
  if (options.logTo === 'silent') {
    return { ...levels, log: noLog, lost: () => 0, close: () => Promise.resolve() };
  }
  const output = options.logTo === 'stdout' ? openStandardOutput() : openRotating(options);
  const logger = pino(
    {
      level: 'debug',
      base: { node: options.name, role: options.role },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: 'message',
      errorKey: 'error',
    },
    output.stream,
  );
  // Children share the level that is in force now, which pino's own children would not.
  const wrap = (target: pino.Logger): Log => {
    const write = (at: LogLevel, message: string, fields: Attributes = {}, cause?: unknown): void => {
      if (ranks[at] < ranks[level]) return;
      target[at](cause === undefined ? fields : { ...fields, error: cause }, message);
    };
    return {
      debug: (message, fields) => write('debug', message, fields),
      info: (message, fields) => write('info', message, fields),
      warn: (message, fields) => write('warn', message, fields),
      error: (message, fields, cause) => write('error', message, fields, cause),
      child: (fields) => wrap(target.child(fields)),
    };
  };
  return { ...levels, log: wrap(logger), lost: output.lost, close: output.close };
}

interface Output {
  readonly stream: DestinationStream;
  readonly lost: () => number;
  readonly close: () => Promise<void>;
}

function openStandardOutput(): Output {
  const sink = openDestination({ dest: 1, sync: false, maxLength: 8 * 1024 * 1024 });
  let lost = 0;
  // A reader that went away must not stop the node: lines are dropped and counted.
  sink.on('error', () => lost++);
  sink.on('drop', () => lost++);
  return {
    stream: sink,
    lost: () => lost,
    close: () =>
      new Promise((resolve) => {
        sink.flush(() => resolve());
      }),
  };
}

/**
 * Lines are given to the operating system one by one, so that a process that is killed loses none and that a file is
 * set aside exactly between two lines. What cannot be written (a full disk) is counted, and tried again with the next.
 */
function openRotating(options: LogOptions): Output {
  const { dataDir, name, fileBytesMax = 16 * 1024 * 1024, filesKept = 4 } = options;
  const file = options.openFile ?? logFileOf(dataDir, name);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  let descriptor: number | null = null;
  let bytes = 0;
  let lost = 0;
  const open = (): number => {
    const opened = openSync(file, 'a', 0o600);
    bytes = fstatSync(opened).size;
    return opened;
  };
  const close = (): void => {
    if (descriptor !== null) closeSync(descriptor);
    descriptor = null;
  };
  return {
    lost: () => lost,
    close: () => {
      close();
      return Promise.resolve();
    },
    stream: {
      write(line: string) {
        try {
          descriptor ??= open();
          if (bytes > fileBytesMax) {
            close();
            rotate(file, filesKept);
            descriptor = open();
          }
          bytes += writeSync(descriptor, line);
        } catch {
          // There is nowhere to report it but the metric that counts it.
          lost++;
        }
      },
    },
  };
}

/** `x.log` → `x.log.1` → … → `x.log.<kept>`, which is overwritten. */
function rotate(file: string, kept: number): void {
  for (let index = kept - 1; index >= 0; index--) {
    const from = index === 0 ? file : `${file}.${index}`;
    if (existsSync(from)) renameSync(from, `${file}.${index + 1}`);
  }
}

/** `mainnet logs`: the newest lines of the nodes' logs, for people; `-f` goes on with what comes. */
import { createReadStream, existsSync, readFileSync, type Stats, statSync, watchFile, unwatchFile } from 'node:fs';
import { createInterface } from 'node:readline';
import { logFileOf } from '../../runtime/adapters/telemetry-log.ts';
import { type LoadedManifest } from '../../runtime/manifest.ts';
import { nearest } from '../../runtime/manifest-problems.ts';
import { networkDirectory } from '../../runtime/network-directory.ts';
import { CommandError, exitCodes, type Terminal } from '../terminal.ts';

export interface LogsOptions {
  readonly loaded: LoadedManifest;
  /** Node names, group names before the replica number, or roles; all where empty. */
  readonly names: readonly string[];
  readonly lines: number;
  readonly follow: boolean;
  readonly json: boolean;
  /** What the processes wrote beside their logs (crashes), instead of the logs. */
  readonly output: boolean;
}

interface Source {
  readonly name: string;
  readonly file: string;
}

export async function showLogs(options: LogsOptions, terminal: Terminal): Promise<number> {
  const sources = selectSources(options);
  const present = sources.filter((source) => existsSync(source.file));
  if (present.length === 0 && !options.follow) {
    throw new CommandError('failed', 'there are no logs yet', ['start the network: mainnet up']);
  }
  const newest = present.flatMap((source) => newestLines(source, options.lines));
  const ordered = options.output ? newest : newest.sort((a, b) => a.time - b.time).slice(-options.lines);
  for (const line of ordered) printLine(terminal, line.source, line.text, options.json);
  if (!options.follow) return exitCodes.done;
  const stops = sources.map((source) => follow(source, (text) => printLine(terminal, source, text, options.json)));
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    terminal.readerGone.addEventListener('abort', () => resolve());
    if (terminal.readerGone.aborted) resolve();
  });
  for (const stop of stops) stop();
  return exitCodes.done;
}

function selectSources(options: LogsOptions): readonly Source[] {
  const { nodes, manifest } = options.loaded;
  const directory = networkDirectory(manifest.spec.defaults.dataDir);
  const matches = (name: string): readonly string[] => {
    const found = nodes.filter((node) => {
      const group = manifest.spec.nodes[Number(/\d+/.exec(node.path)?.[0] ?? -1)]?.name;
      return node.name === name || group === name || node.roles.some((role) => role === name) || node.process === name;
    });
    if (found.length > 0) return found.map((node) => node.name);
    const known = nodes.map((node) => node.name);
    const suggestion = nearest(name, known);
    throw new CommandError(
      'usage',
      `no node is named ${name}${suggestion === null ? '' : `; did you mean ${suggestion}?`}`,
      [`nodes: ${known.join(', ')}`],
    );
  };
  const names = options.names.length === 0 ? nodes.map((node) => node.name) : options.names.flatMap(matches);
  const chosen = nodes.filter((node) => names.includes(node.name));
  if (options.output) {
    const processes = [...new Set(chosen.map((node) => node.process))];
    return processes.map((name) => ({ name, file: directory.processOutputFile(name) }));
  }
  return chosen.map((node) => ({ name: node.name, file: logFileOf(directory.node(node.name).root, node.name) }));
}

function newestLines(source: Source, count: number): readonly { source: Source; text: string; time: number }[] {
  const lines = readFileSync(source.file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.slice(-count).map((text) => ({ source, text, time: timeOf(text) }));
}

function parseLine(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function timeOf(text: string): number {
  const time = parseLine(text)?.['time'];
  return typeof time === 'number' ? time : typeof time === 'string' ? Date.parse(time) : 0;
}

const levelNames: Readonly<Partial<Record<number, string>>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};
const levelStyles: Readonly<Partial<Record<string, 'yellow' | 'red'>>> = { warn: 'yellow', error: 'red', fatal: 'red' };
/** Said by the line's own columns, or the same on every line. */
const hiddenFields = new Set(['time', 'level', 'message', 'pid', 'hostname', 'name', 'node']);

function printLine(terminal: Terminal, source: Source, text: string, asJson: boolean): void {
  const entry = parseLine(text);
  if (asJson) {
    terminal.out(entry === null ? JSON.stringify({ node: source.name, text }) : text);
    return;
  }
  if (entry === null) {
    terminal.out(`${source.name}  ${text}`);
    return;
  }
  const time = timeOf(text);
  const level = typeof entry['level'] === 'number' ? (levelNames[entry['level']] ?? 'info') : String(entry['level']);
  const style = levelStyles[level] ?? 'dim';
  const fields = Object.entries(entry)
    .filter(([name]) => !hiddenFields.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const clock = Number.isFinite(time) && time > 0 ? new Date(time).toISOString().slice(11, 23) : '-';
  terminal.out(
    [
      terminal.paint('dim', clock),
      source.name,
      terminal.paint(style, level.padEnd(5)),
      typeof entry['message'] === 'string' ? entry['message'] : '',
      terminal.paint('dim', fields.join(' ')),
    ]
      .join('  ')
      .trimEnd(),
  );
}

/** Calls back for every whole line that is appended, across rotation. Returns what ends it. */
function follow(source: Source, onLine: (text: string) => void): () => void {
  let position = existsSync(source.file) ? statSync(source.file).size : 0;
  let reading = Promise.resolve();
  const onChange = (current: Stats): void => {
    const from = current.size < position ? 0 : position;
    position = current.size;
    if (current.size === from) return;
    reading = reading.then(async () => {
      const input = createReadStream(source.file, { start: from, end: current.size - 1 });
      for await (const line of createInterface({ input })) if (line !== '') onLine(line);
    });
  };
  watchFile(source.file, { interval: 250 }, onChange);
  return () => unwatchFile(source.file, onChange);
}

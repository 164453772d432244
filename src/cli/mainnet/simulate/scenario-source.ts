/** Where a simulation comes from: a shipped scenario, a file of one's own, or a saved schedule. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ActorScenario, Scenario, ScenarioError } from '../../../simulation.ts';
import { protocolScheduleOf, type SavedProtocolSchedule } from '../../../simulation/protocol/schedule-json.ts';
import { parseSchedule, type ScheduleDocument, ScheduleFileError } from '../../../simulation/schedule-file.ts';
import {
  type ActorSchedule,
  actorScheduleOf,
  type SystemSchedule,
  systemScheduleOf,
} from '../../../simulation/system-schedule.ts';
import { CommandError } from '../../terminal.ts';
import { importScenarioFile } from './import-file.ts';

/** Plain data: a child process loads the same. */
export interface ScenarioSource {
  /** A file, or the name of a shipped scenario; null where the schedule says everything. */
  readonly scenario: string | null;
  readonly replay: string | null;
}

/** Of validators, or of a scenario's own actors. */
export type WrittenScenario = Scenario | ActorScenario<unknown>;

export interface LoadedScenario {
  readonly scenario: WrittenScenario;
  readonly schedule: SystemSchedule | ActorSchedule | null;
}

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const shipped = join(root, 'simulations');
/** The same, compiled: there where this package was built. */
const compiled = fileURLToPath(new URL('../../../simulations', import.meta.url));

export const shippedNames = (): readonly string[] =>
  existsSync(shipped)
    ? readdirSync(shipped)
        .filter((file) => file.endsWith('.ts'))
        .map((file) => basename(file, '.ts'))
        .sort()
    : [];

/** Throws CommandError that says what is wrong and where. */
export async function loadSource({ scenario, replay }: ScenarioSource): Promise<LoadedScenario> {
  if (replay === null) return { scenario: await loadScenario(scenario ?? ''), schedule: null };
  const document = readSchedule(replay);
  // What a file cannot hold, a program of one's own for example, is the scenario's; the schedule says the rest.
  const base = scenario === null ? null : await loadScenario(scenario);
  const isOfActors = base !== null && 'start' in base;
  if (document.kind === 'actors') {
    if (isOfActors) {
      const schedule = explained(() => actorScheduleOf(document, base));
      return { scenario: schedule.run.scenario, schedule };
    }
    throw new CommandError('usage', `${replay} is of actors of one’s own: their scenario belongs before it`, [
      `mainnet simulate ./my-actors.ts --replay ${replay}`,
    ]);
  }
  if (isOfActors) throw new CommandError('usage', `${replay} is of validators; ${String(scenario)} is of other actors`);
  const schedule = explained(() => systemScheduleOf(document));
  return { scenario: { ...base, ...schedule.run.scenario }, schedule };
}

/** Throws CommandError. */
function readSchedule(file: string): ScheduleDocument {
  return explained(() => parseSchedule(readText(file), file));
}

/** Null where the file holds one of whole nodes, whatever runs on them. Throws CommandError. */
export function readProtocolSchedule(file: string): SavedProtocolSchedule | null {
  const document = readSchedule(file);
  return document.kind === 'protocol' ? explained(() => protocolScheduleOf(document)) : null;
}

function explained<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ScheduleFileError)) throw error;
    throw new CommandError('usage', error.message, [], error);
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new CommandError('usage', `${file} cannot be read: ${code}`, [], error);
  }
}

const isFile = (name: string): boolean => /[/\\]|\.[cm]?[jt]s$/.test(name);

/** A file's default export, or that of a shipped file by its name. */
async function loadScenario(name: string): Promise<WrittenScenario> {
  const file = isFile(name) ? resolve(name) : join(shipped, `${name}.ts`);
  if (!existsSync(file)) {
    throw new CommandError('usage', isFile(name) ? `there is no file ${file}` : `there is no scenario "${name}"`, [
      `those that come along: ${shippedNames().join(', ')}`,
      'one of your own: mainnet simulate ./my-scenario.ts',
    ]);
  }
  const loaded = await importScenarioFile(compiledTwin(file) ?? file, root);
  const scenario = (loaded as { readonly default?: unknown }).default;
  if (typeof scenario !== 'object' || scenario === null) {
    throw new CommandError('usage', `${file} exports no scenario`, [
      'export default { name: …, … } satisfies Scenario;',
    ]);
  }
  return scenario as WrittenScenario;
}

/** What the build made of a shipped scenario, unless that was changed since. */
function compiledTwin(file: string): string | null {
  if (dirname(file) !== resolve(shipped)) return null;
  const twin = join(compiled, `${basename(file, '.ts')}.js`);
  return existsSync(twin) && statSync(twin).mtimeMs >= statSync(file).mtimeMs ? twin : null;
}

/** What is wrong with a scenario, with the line of its file where that can be found. */
export function explainScenarioError(error: ScenarioError, source: ScenarioSource): CommandError {
  const file = source.scenario !== null && isFile(source.scenario) ? source.scenario : null;
  const line = file === null || source.replay !== null ? null : lineOfProblem(readText(file), error);
  const place = line === null ? '' : `${String(file)}:${line}: `;
  return new CommandError('usage', `${place}${error.message}`, [], error);
}

/** The line of a field: the one that holds the value which the problem quotes, else the field's only occurrence. */
function lineOfProblem(text: string, { where, problem }: ScenarioError): number | null {
  const quoted = /^"([^"]+)"/.exec(problem)?.[1];
  const field = /([A-Za-z]+)$/.exec(where)?.[1];
  const lines = text.split('\n');
  for (const wanted of [quoted, field]) {
    if (wanted === undefined) continue;
    const found = lines.flatMap((line, index) => (new RegExp(`\\b${wanted}\\b`).test(line) ? [index + 1] : []));
    if (found.length === 1) return found[0] ?? null;
  }
  return null;
}

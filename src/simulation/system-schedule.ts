/** Saved runs of whole nodes: a scenario without code, the faults in it, a seed, and what the run showed. */
import { type Fields, formatSchedule, isFields, fieldPath, type ScheduleDocument } from './schedule-file.ts';
import type { SimulationCase } from './shrink.ts';
import type { Fault } from './system/faults/index.ts';
import { type ActorScenario, checkActorFaults, checkActorScenario } from './system/actors/actor-scenario.ts';
import { checkFaults, checkScenario, ScenarioError } from './system/scenario.ts';
import type { Violation } from './system/violation.ts';

export interface SystemSchedule {
  readonly run: SimulationCase;
  /** What was violated when it was saved; null where nothing was. */
  readonly found: Violation | null;
  /** In a person's words: what it showed, and of which code. Empty where nobody wrote any. */
  readonly note: string;
}

/** A run of actors of one's own: what of it is data. */
export interface ActorSchedule extends Pick<SystemSchedule, 'found' | 'note'> {
  readonly run: SimulationCase<ActorScenario<unknown>>;
}

/** The text of a file. Throws ScenarioError where the run could not be read back. */
export function formatSystemSchedule({ run, found, note }: SystemSchedule): string {
  const { faults, ...scenario } = run.scenario;
  check(run.scenario);
  return formatSchedule('system', { note, seed: run.seed, scenario, faults, found });
}

/** Throws ScheduleFileError that names the line of what is wrong. */
export function systemScheduleOf(document: ScheduleDocument): SystemSchedule {
  const { seed, scenario, faults, found, note } = contentOf(document);
  const whole = { ...scenario, faults } as unknown as SimulationCase['scenario'];
  explained(document, () => check(whole));
  return { run: { scenario: whole, seed }, found, note };
}

/** The text of a file. Actors and checkers are code: whoever runs it again brings the scenario. */
export function formatActorSchedule({ run, found, note }: ActorSchedule): string {
  const { name, durationMs, faults } = run.scenario;
  return formatSchedule('actors', { note, seed: run.seed, scenario: { name, durationMs }, faults, found });
}

/** `given` is the scenario that it was saved of. Throws ScheduleFileError that names the line of what is wrong. */
export function actorScheduleOf(document: ScheduleDocument, given: ActorScenario<unknown>): ActorSchedule {
  const { seed, scenario, faults, found, note } = contentOf(document);
  const { name, durationMs } = scenario;
  if (name !== given.name) {
    return document.refuse(['scenario', 'name'], `${JSON.stringify(name)} was saved; "${given.name}" is given`);
  }
  const whole = { ...given, durationMs, faults } as SimulationCase<ActorScenario<unknown>>['scenario'];
  explained(document, () => {
    checkActorScenario(whole);
    checkActorFaults(whole, whole.faults, whole.durationMs);
  });
  return { run: { scenario: whole, seed }, found, note };
}

interface Content extends Pick<SystemSchedule, 'found' | 'note'> {
  readonly seed: string;
  readonly scenario: Fields;
  readonly faults: readonly Fault[];
}

/** The fields themselves; neither scenario nor faults have been looked at. */
function contentOf({ fields, refuse }: ScheduleDocument): Content {
  const { seed, scenario, faults, found, note } = fields;
  if (typeof note !== 'string') return refuse(['note'], 'a text is expected');
  if (typeof seed !== 'string' || seed === '') return refuse(['seed'], 'a text is expected, such as "42"');
  if (!isFields(scenario)) return refuse(['scenario'], 'an object is expected');
  if (!Array.isArray(faults)) return refuse(['faults'], 'a list is expected');
  if (found !== null && !isViolation(found)) {
    return refuse(['found'], 'null, or what was violated: {"checker": …, "atMs": …, "detail": …}');
  }
  return { seed, scenario, faults: faults as readonly Fault[], found, note };
}

function explained({ refuse }: ScheduleDocument, read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    const path = fieldPath(error.where);
    refuse(path[0] === 'faults' ? path : ['scenario', ...path], error.problem);
  }
}

function check(scenario: SimulationCase['scenario']): void {
  checkScenario(scenario);
  for (const field of ['validators', 'standbys', 'transfersPerSecond'] as const) {
    if (Array.isArray(scenario[field]))
      throw new ScenarioError(scenario.name, field, 'a number: a schedule leaves nothing to draw');
  }
  checkFaults(scenario, scenario.faults, scenario.durationMs);
}

const isViolation = (value: unknown): value is Violation =>
  isFields(value) &&
  typeof value['checker'] === 'string' &&
  typeof value['atMs'] === 'number' &&
  typeof value['detail'] === 'string';

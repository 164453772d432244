/** Saved runs of the system level: a scenario without code, the faults in it, a seed, and what the run showed. */
import { formatSchedule, isFields, fieldPath, type ScheduleDocument } from './schedule-file.ts';
import type { SimulationCase } from './shrink.ts';
import { checkFaults, checkScenario, ScenarioError } from './system/scenario.ts';
import type { Violation } from './system/violation.ts';

export interface SystemSchedule {
  readonly run: SimulationCase;
  /** What was violated when it was saved; null where nothing was. */
  readonly found: Violation | null;
  /** In a person's words: what it showed, and of which code. Empty where nobody wrote any. */
  readonly note: string;
}

/** The text of a file. Throws ScenarioError where the run could not be read back. */
export function formatSystemSchedule({ run, found, note }: SystemSchedule): string {
  const { faults, ...scenario } = run.scenario;
  check(run.scenario);
  return formatSchedule('system', { note, seed: run.seed, scenario, faults, found });
}

/** Throws ScheduleFileError that names the line of what is wrong. */
export function systemScheduleOf({ fields, refuse }: ScheduleDocument): SystemSchedule {
  const { seed, scenario, faults, found, note } = fields;
  if (typeof note !== 'string') return refuse(['note'], 'a text is expected');
  if (typeof seed !== 'string' || seed === '') return refuse(['seed'], 'a text is expected, such as "42"');
  if (!isFields(scenario)) return refuse(['scenario'], 'an object is expected');
  if (!Array.isArray(faults)) return refuse(['faults'], 'a list is expected');
  if (found !== null && !isViolation(found)) {
    return refuse(['found'], 'null, or what was violated: {"checker": …, "atMs": …, "detail": …}');
  }
  const whole = { ...scenario, faults } as unknown as SimulationCase['scenario'];
  try {
    check(whole);
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    const path = fieldPath(error.where);
    return refuse(path[0] === 'faults' ? path : ['scenario', ...path], error.problem);
  }
  return { run: { scenario: whole, seed }, found, note };
}

function check(scenario: SimulationCase['scenario']): void {
  checkScenario(scenario);
  checkFaults(scenario, scenario.faults, scenario.durationMs);
}

const isViolation = (value: unknown): value is Violation =>
  isFields(value) &&
  typeof value['checker'] === 'string' &&
  typeof value['atMs'] === 'number' &&
  typeof value['detail'] === 'string';

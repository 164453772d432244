/**
 * Saved schedules: what happened in a run that showed something, as a file that can be run again for ever. A file says its
 * format, version and kind first, then what its kind needs; it holds no code.
 *
 *     { "format": "bpci-schedule", "version": 1, "kind": "system", … }
 */
import { CodedError } from '../protocols/shared/errors.ts';
import { JsonError, parsePlacedJson, type Path } from './json-places.ts';

const format = 'bpci-schedule';
const version = 1;

/**
 * `system`: faults against whole validators. `actors`: faults against actors of one's own, whose code is elsewhere.
 * `protocol`: choices of a scheduler of consensus machines.
 */
const scheduleKinds = ['system', 'actors', 'protocol'] as const;
export type ScheduleKind = (typeof scheduleKinds)[number];

/** A schedule file that cannot be run. The message names file, line and field. */
export class ScheduleFileError extends CodedError<'bad-schedule'> {
  override readonly name = 'ScheduleFileError';

  constructor(place: string, problem: string) {
    super('bad-schedule', `${place}: ${problem}`);
  }
}

export type Fields = Readonly<Record<string, unknown>>;

export interface ScheduleDocument {
  readonly file: string;
  readonly kind: ScheduleKind;
  /** Everything in the file; only format, version and kind have been looked at. */
  readonly fields: Fields;
  /** Throws ScheduleFileError that names the line of this field. */
  readonly refuse: (path: Path, problem: string) => never;
}

/** `file` is for errors only. Throws ScheduleFileError. */
export function parseSchedule(text: string, file: string): ScheduleDocument {
  const placed = parse(text, file);
  const refuse = (path: Path, problem: string): never => {
    const field = path.length === 0 ? '' : `${fieldName(path)}: `;
    throw new ScheduleFileError(`${file}:${placed.lineOf(path)}`, `${field}${problem}`);
  };
  const fields = isFields(placed.value) ? placed.value : refuse([], 'an object is expected');
  if (fields['format'] !== format) refuse(['format'], `"${format}" is expected: this is no saved schedule`);
  if (fields['version'] !== version) {
    const found = 'version' in fields ? JSON.stringify(fields['version']) : 'none';
    refuse(['version'], `${found} is another version of the format: this program reads version ${version}`);
  }
  const kind = scheduleKinds.find((known) => known === fields['kind']);
  if (kind === undefined) return refuse(['kind'], `one of ${scheduleKinds.join(', ')}`);
  return { file, kind, fields, refuse };
}

/** The text of a file, one fault or choice a line. */
export function formatSchedule(kind: ScheduleKind, content: Fields): string {
  const all: Fields = { format, version, kind, ...content };
  const fields = Object.entries(all).filter(([, value]) => value !== undefined);
  const lines = fields.map(([name, value]) => `  ${JSON.stringify(name)}: ${formatValue(value)}`);
  return `{\n${lines.join(',\n')}\n}\n`;
}

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `faults[3].kind`, as errors name it. */
export function fieldName(path: Path): string {
  return path.reduce<string>((name, step) => {
    if (typeof step === 'number') return `${name}[${step}]`;
    return name === '' ? step : `${name}.${step}`;
  }, '');
}

/** The other way: the path that such a name stands for. */
export function fieldPath(name: string): Path {
  return [...name.matchAll(/\[([0-9]+)\]|([^.[\]]+)/g)].map(([, index, key]) =>
    index === undefined ? (key as string) : Number(index),
  );
}

function parse(text: string, file: string): ReturnType<typeof parsePlacedJson> {
  try {
    return parsePlacedJson(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new ScheduleFileError(`${file}:${error.line}`, `not JSON: ${error.message}`);
  }
}

function formatValue(value: unknown): string {
  if (Array.isArray(value) && value.length > 0 && value.some(isFields)) {
    return `[\n${value.map((member) => `    ${JSON.stringify(member)}`).join(',\n')}\n  ]`;
  }
  if (!isFields(value) || Object.keys(value).length === 0) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{\n${members.map(([name, member]) => `    ${JSON.stringify(name)}: ${JSON.stringify(member)}`).join(',\n')}\n  }`;
}

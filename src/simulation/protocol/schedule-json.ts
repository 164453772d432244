/** Saved runs of the protocol level (`kind: "protocol"` of schedule-file.ts): the schedule and what it showed. */
import { formatSchedule, isFields, type Fields, type ScheduleDocument } from '../schedule-file.ts';
import type { Path } from '../json-places.ts';
import { type ProtocolCheck, protocolCheckNames, type ProtocolViolation } from './checks.ts';
import {
  type BlockName,
  type Calm,
  type Cast,
  type Choice,
  type Forgery,
  instancesOf,
  type MessageName,
  protocolRuleNames,
  type ProtocolSchedule,
} from './schedule.ts';

export interface SavedProtocolSchedule {
  readonly schedule: ProtocolSchedule;
  /** What was violated when it was saved; null where nothing was. */
  readonly found: ProtocolViolation | null;
  /** In a person's words: what it shows, and of which rules. Empty where nobody wrote any. */
  readonly note: string;
}

/** The text of a file, one choice a line. */
export function formatProtocolSchedule({ schedule, found, note }: SavedProtocolSchedule): string {
  const { choices, ...rest } = schedule;
  return formatSchedule('protocol', { note, ...rest, found, choices });
}

const validatorsMax = 31;
const roundMax = 0x7fffffff;
const kinds = ['proposal', 'prepare', 'commit', 'round-change'] as const;
const timers = ['proposal-due', 'round', 'resend', 'proposal-held'] as const;

/** Reads a value, or refuses it with the path of the field that is wrong. */
type Reader<T> = (value: unknown, path: Path, refuse: Refuse) => T;
type Refuse = ScheduleDocument['refuse'];

const whole =
  (least: number, most: number): Reader<number> =>
  (value, path, refuse) =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
      ? value
      : refuse(path, `a whole number from ${least} to ${most} is expected`);

const oneOf =
  <const Names extends readonly string[]>(names: Names): Reader<Names[number]> =>
  (value, path, refuse) =>
    names.find((name) => name === value) ?? refuse(path, `one of ${names.join(', ')} is expected`);

const text: Reader<string> = (value, path, refuse) =>
  typeof value === 'string' ? value : refuse(path, 'a text is expected');

const truth: Reader<boolean> = (value, path, refuse) =>
  typeof value === 'boolean' ? value : refuse(path, 'true or false is expected');

const onlyTrue: Reader<true> = (value, path, refuse) =>
  value === true ? true : refuse(path, 'true is expected, or no such field');

const listOf =
  <T>(read: Reader<T>): Reader<readonly T[]> =>
  (value, path, refuse) =>
    Array.isArray(value)
      ? value.map((member, index) => read(member, [...path, index], refuse))
      : refuse(path, 'a list is expected');

const nullOr =
  <T>(read: Reader<T>): Reader<T | null> =>
  (value, path, refuse) =>
    value === null ? null : read(value, path, refuse);

function fieldsOf(value: unknown, path: Path, refuse: Refuse): Fields {
  return isFields(value) ? value : refuse(path, 'an object is expected');
}

/** A reader of the fields of one object. */
function reading(value: unknown, path: Path, refuse: Refuse) {
  const fields = fieldsOf(value, path, refuse);
  return {
    get: <T>(name: string, read: Reader<T>): T => read(fields[name], [...path, name], refuse),
    /** Nothing where the field is not there. */
    maybe: <Name extends string, T>(name: Name, read: Reader<T>): { readonly [Field in Name]?: T } =>
      fields[name] === undefined
        ? {}
        : ({ [name]: read(fields[name], [...path, name], refuse) } as { readonly [Field in Name]?: T }),
  };
}

// --- choices -----------------------------------------------------------------------------------------------------

const height = whole(1, 1_000_000);
const round = whole(0, roundMax);

const messageName =
  (instance: Reader<number>): Reader<MessageName> =>
  (value, path, refuse) => {
    const { get, maybe } = reading(value, path, refuse);
    const place = { kind: get('kind', oneOf(kinds)), height: get('height', height), round: get('round', round) };
    return { from: get('from', instance), ...place, ...maybe('nth', whole(0, roundMax)) };
  };

const blockName =
  (instance: Reader<number>): Reader<BlockName> =>
  (value, path, refuse) => {
    if (!('salt' in fieldsOf(value, path, refuse))) return messageName(instance)(value, path, refuse);
    const { get, maybe } = reading(value, path, refuse);
    return { salt: get('salt', whole(0, roundMax)), valid: get('valid', truth), ...maybe('stray', onlyTrue) };
  };

const forgery =
  (instance: Reader<number>): Reader<Forgery> =>
  (value, path, refuse) => {
    const { get, maybe } = reading(value, path, refuse);
    const names = listOf(messageName(instance));
    return {
      ...{ kind: get('kind', oneOf(kinds)), height: get('height', height), round: get('round', round) },
      block: get('block', nullOr(blockName(instance))),
      ...maybe('preparedRound', round),
      ...maybe('roundChanges', names),
      ...maybe('prepares', names),
    };
  };

const actions = ['deliver', 'expire', 'answer', 'sync', 'crash', 'restart', 'adopt', 'link', 'forge'] as const;

const choice =
  (instance: Reader<number>): Reader<Choice> =>
  (value, path, refuse) => {
    const { get, maybe } = reading(value, path, refuse);
    const action = get('do', oneOf(actions));
    const pending = maybe('later', onlyTrue);
    const count = whole(0, roundMax);
    if (action === 'deliver') {
      const name = messageName(instance)(value, path, refuse);
      return { do: action, to: get('to', instance), ...name, ...pending };
    }
    if (action === 'forge') {
      const message = get('message', forgery(instance));
      return { do: action, by: get('by', instance), to: get('to', listOf(instance)), message };
    }
    const host = get('host', instance);
    switch (action) {
      case 'expire':
        return { do: action, host, timer: get('timer', oneOf(timers)), ...pending };
      case 'crash':
        return { do: action, host, writes: get('writes', count), blocks: get('blocks', count) };
      case 'adopt':
        return { do: action, host, from: get('from', instance), ...pending };
      case 'link':
        return { do: action, host, live: get('live', listOf(instance)), ...pending };
      case 'sync':
        return { do: action, host };
      case 'answer':
      case 'restart':
        return { do: action, host, ...pending };
    }
  };

// --- the whole ---------------------------------------------------------------------------------------------------

const cast: Reader<Cast> = (value, path, refuse) => {
  const { get } = reading(value, path, refuse);
  const validators = get('validators', whole(1, validatorsMax));
  const members = listOf(whole(0, validators - 1));
  return { validators, twins: get('twins', members), adversaries: get('adversaries', members) };
};

const calm =
  (instance: Reader<number>): Reader<Calm> =>
  (value, path, refuse) => {
    const { get, maybe } = reading(value, path, refuse);
    const within = { ...maybe('keepsLinks', onlyTrue), ...maybe('withinMs', whole(1, 1e12)) };
    return { seed: get('seed', text), dead: get('dead', listOf(instance)), ...within };
  };

const violation: Reader<ProtocolViolation> = (value, path, refuse) => {
  const { get } = reading(value, path, refuse);
  return { check: get<ProtocolCheck>('check', oneOf(protocolCheckNames)), detail: get('detail', text) };
};

const proposers =
  (member: Reader<number>): Reader<readonly number[]> =>
  (value, path, refuse) => {
    const order = listOf(member)(value, path, refuse);
    return order.length > 0 ? order : refuse(path, 'null, or at least one validator is expected');
  };

/** Throws ScheduleFileError that names the line of what is wrong. */
export function protocolScheduleOf({ fields, refuse }: ScheduleDocument): SavedProtocolSchedule {
  const { get } = reading(fields, [], refuse);
  const players = get('cast', cast);
  const instance = whole(0, instancesOf(players) - 1);
  const member = whole(0, players.validators - 1);
  const schedule: ProtocolSchedule = {
    rules: get('rules', oneOf(protocolRuleNames)),
    cast: players,
    heights: get('heights', height),
    quorum: get('quorum', nullOr(whole(1, players.validators))),
    proposerOrder: get('proposerOrder', nullOr(proposers(member))),
    blocks: get('blocks', oneOf(['at-once', 'later'])),
    choices: get('choices', listOf(choice(instance))),
    calm: get('calm', nullOr(calm(instance))),
  };
  return { schedule, found: get('found', nullOr(violation)), note: get('note', text) };
}

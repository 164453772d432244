/** Runs a schedule: choice after choice, then the calm. Every choice is found by name, so any part of a schedule runs. */
import { calmDown } from './calm.ts';
import type { ProtocolViolation } from './checks.ts';
import { forge } from './forge.ts';
import { MessageBook } from './message-book.ts';
import type { Choice, ProtocolSchedule } from './schedule.ts';
import { instancesOf } from './schedule.ts';
import { type Rules, type Setting, settingOf } from './setting.ts';
import { isAuthentic } from './signatures.ts';
import { ProtocolWorld } from './world.ts';

export interface ReplayResult {
  readonly violations: readonly ProtocolViolation[];
  /** 16 hexadecimal digits over every step. */
  readonly traceHash: string;
  readonly delivered: number;
  /** Heights decided. */
  readonly heights: number;
  /** Choices that did something, in order: the others may be left out. */
  readonly effective: readonly Choice[];
  /** From the calm to the next decision, ms; null where there is no calm, or it came to none. */
  readonly recoveryMs: number | null;
}

export function settingOfSchedule(schedule: ProtocolSchedule, rules: Rules): Setting {
  const { cast, heights, quorum, proposerOrder, blocks } = schedule;
  const setting = settingOf(cast.validators, { rules, heightsMax: heights, proposerOrder, blocks });
  return quorum === null ? setting : { ...setting, set: { ...setting.set, quorum } };
}

/** `onChoice` is told of each choice that does something, after it. */
export function replayProtocol(
  schedule: ProtocolSchedule,
  rules: Rules,
  onChoice: (choice: Choice, world: ProtocolWorld) => void = () => undefined,
): ReplayResult {
  const book = new MessageBook();
  const { cast, calm } = schedule;
  const world = new ProtocolWorld(cast, settingOfSchedule(schedule, rules), (from, _to, message) => {
    book.add(from, message);
  });
  world.start();
  const effective: Choice[] = [];
  for (const choice of schedule.choices) {
    if (world.isBroken) break;
    const before = world.trace.toString();
    make(world, book, choice);
    if (world.trace.toString() === before) continue;
    effective.push(choice);
    onChoice(choice, world);
  }
  const recoveryMs = calm === null || world.isBroken ? null : calmDown(world, calm);
  return {
    violations: world.checks.violations,
    traceHash: world.trace.toString(),
    delivered: world.delivered,
    heights: world.checks.heights,
    effective,
    recoveryMs,
  };
}

function make(world: ProtocolWorld, book: MessageBook, choice: Choice): void {
  const hosts = instancesOf(world.cast);
  const isThere = (instance: number): boolean => instance >= 0 && instance < hosts;
  const later = 'later' in choice;
  switch (choice.do) {
    case 'deliver': {
      const message = book.find(choice);
      if (message !== null && isThere(choice.to)) world.deliver(choice.from, choice.to, message, later);
      return;
    }
    case 'forge':
      inject(world, book, choice);
      return;
    case 'expire':
      if (isThere(choice.host)) world.expire(choice.host, choice.timer, later);
      return;
    case 'answer':
      if (isThere(choice.host)) world.answer(choice.host, later);
      return;
    case 'sync':
      if (isThere(choice.host)) world.sync(choice.host);
      return;
    case 'crash':
      if (isThere(choice.host)) world.crash(choice.host, choice);
      return;
    case 'restart':
      if (isThere(choice.host) && !world.cast.adversaries.includes(choice.host)) world.restart(choice.host, later);
      return;
    case 'adopt':
      if (isThere(choice.host) && isThere(choice.from)) world.adopt(choice.host, choice.from, later);
      return;
    case 'link':
      if (isThere(choice.host)) world.link(choice.host, choice.live.filter(isThere), later);
      return;
  }
}

/** What the adversary makes is checked like everything that arrives: what does not hold goes no further. */
function inject(world: ProtocolWorld, book: MessageBook, choice: Extract<Choice, { do: 'forge' }>): void {
  const { by, to, message: forgery } = choice;
  if (!world.cast.adversaries.includes(by)) return;
  const parent = world.checks.decidedAt(forgery.height - 1);
  const { blockTimeMs } = world.setting.parameters;
  const message = forge(forgery, { book, by, parent, blockTimeMs });
  if (message === null || !isAuthentic(message)) return;
  book.add(by, message);
  world.inject(by, to, message);
}

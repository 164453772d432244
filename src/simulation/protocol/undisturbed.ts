/**
 * No fault but patience: every message arrives once, in any order, sooner or later, and no round times out nor is anything
 * sent again. Then everyone decides every height in round 0, however far ahead of the others some are, and hands on
 * every seal that comes after the decision.
 */
import { SeededRandom } from '../../runtime/simulated/seeded-random.ts';
import { Draw } from '../draw.ts';
import type { ConsensusMessage } from '../../protocols/ibft/messages.ts';
import type { HostState } from './host-state.ts';
import { MessageBag } from './bag.ts';
import type { ProtocolViolation } from './checks.ts';
import { type Rules, settingOf } from './setting.ts';
import { ProtocolWorld } from './world.ts';

export interface UndisturbedRun {
  readonly violations: readonly ProtocolViolation[];
  readonly delivered: number;
}

export interface UndisturbedOptions {
  /** 1 to 31. */
  readonly validators: number;
  /** As many as a machine keeps messages of, and one more, can be decided in any order. */
  readonly heights: number;
  readonly rules: Rules;
}

/** One run of one seed. */
export function runUndisturbed({ validators, heights, rules }: UndisturbedOptions, seed: string): UndisturbedRun {
  const random = new SeededRandom(seed);
  const draw = new Draw(random.fork('choices'));
  const order = draw.pick(['random', 'oldest', 'newest'] as const);
  const bag = new MessageBag();
  const setting = settingOf(validators, { rules, heightsMax: heights });
  const world = new ProtocolWorld({ validators, twins: [], adversaries: [] }, setting, (from, receivers, message) => {
    for (const to of receivers) bag.add({ from, to, message, name: null });
  });
  world.start();
  while (!world.isBroken) {
    if (draw.chance(0.1) && propose(world)) continue;
    if (bag.size > 0) {
      const { from, to, message } = bag.take(order, random);
      const isLate = isLateSeal(world.host(to), message);
      const before = world.counts.lateSeals;
      world.deliver(from, to, message);
      if (isLate && world.counts.lateSeals === before)
        world.checks.violate('seals', `validator ${to} drops the seal of validator ${from}, which comes late`);
    } else if (!propose(world)) break;
  }
  const late = world.hosts.find(({ stored }) => stored.blocks.length < heights);
  if (!world.isBroken && late !== undefined)
    world.checks.violate(
      'liveness',
      `validator ${late.member} got every message once, and has decided ${late.stored.blocks.length} of ${heights} heights`,
    );
  return { violations: world.checks.violations, delivered: world.delivered };
}

/** Whether this is a seal of the last block that is not among those that decided it. */
function isLateSeal({ machine, stored }: HostState, { type, payload }: ConsensusMessage): boolean {
  const last = stored.blocks.at(-1);
  if (type !== 'commit' || last === undefined || machine?.facts.height !== last.height + 1) return false;
  const { commit, digest, round } = last;
  const isOfIt = payload.height === last.height && payload.round === round && payload.digest === digest;
  return isOfIt && commit.seals.every(({ validator }) => validator !== payload.author);
}

/** A block time has passed; false where nobody waits for one. */
function propose(world: ProtocolWorld): boolean {
  for (const [instance, { timers }] of world.hosts.entries()) {
    const timer = timers['proposal-due'] === null ? 'proposal-held' : 'proposal-due';
    if (timers[timer] === null) continue;
    world.expire(instance, timer);
    return true;
  }
  return false;
}

/**
 * Calm weather: every fault has ended but up to f dead or Byzantine validators. All links come up at once, messages take
 * some milliseconds, timers fire when they are due, those behind sync from those ahead. The next block must be decided
 * by everyone alive within two block times and (f + 1) round time-outs. Source: consensus design, "Recovery".
 */
import type { TimerKind, Verified } from '../../protocols/ibft/machine-types.ts';
import type { ConsensusMessage } from '../../protocols/ibft/messages.ts';
import { faultyCountMax } from '../../protocols/ledger/validator-set.ts';
import { SeededRandom } from '../../runtime/simulated/seeded-random.ts';
import { isWaitingForSync, nothingKept } from './host.ts';
import { type Calm, isFaulty } from './schedule.ts';
import type { ProtocolWorld } from './world.ts';

const delayLeastMs = 1;
const delayMostMs = 20;
const heartbeatMs = 1000;
const timers: readonly TimerKind[] = ['proposal-due', 'round', 'resend', 'proposal-held'];

interface Flight {
  readonly atMs: number;
  readonly order: number;
  readonly from: number;
  readonly to: number;
  readonly message: Verified<ConsensusMessage>;
}

class CalmRun {
  readonly #world: ProtocolWorld;
  readonly #random: SeededRandom;
  readonly #alive: readonly number[];
  /** The soonest first. */
  readonly #flights: Flight[] = [];
  readonly #keepsLinks: boolean;
  #sent = 0;

  constructor(world: ProtocolWorld, { seed, dead, keepsLinks }: Calm) {
    this.#world = world;
    this.#keepsLinks = keepsLinks ?? false;
    this.#random = new SeededRandom(`calm/${seed}`);
    this.#alive = world.hosts.flatMap(({ member }, instance) =>
      dead.includes(instance) || world.cast.adversaries.includes(member) ? [] : [instance],
    );
  }

  /** Milliseconds until everyone correct and alive has decided one more height, or null where that takes too long. */
  run(boundMs: number): number | null {
    const world = this.#world;
    const startMs = world.nowMs;
    const goal = Math.min(world.checks.heights + 1, world.setting.heightsMax);
    const awaited = this.#alive.filter((instance) => !isFaulty(world.cast, world.host(instance).member));
    this.#connect();
    let heartbeatAtMs = startMs + delayMostMs;
    const isUneven = (): boolean => {
      const heights = this.#alive.map((instance) => world.host(instance).stored.blocks.length);
      return heights.some((height) => height !== heights[0]);
    };
    while (!world.isBroken) {
      this.#answerAll();
      if (awaited.every((instance) => world.host(instance).stored.blocks.length >= goal)) return world.nowMs - startMs;
      const [flight] = this.#flights;
      const timer = this.#nextTimer();
      const atMs = Math.max(
        world.nowMs,
        Math.min(flight?.atMs ?? Infinity, timer?.dueMs ?? Infinity, isUneven() ? heartbeatAtMs : Infinity),
      );
      if (atMs > startMs + boundMs) return null;
      world.nowMs = atMs;
      if (flight !== undefined && flight.atMs <= atMs) {
        this.#flights.shift();
        world.deliver(flight.from, flight.to, flight.message);
      } else if (timer !== null && timer.dueMs <= atMs) world.expire(timer.instance, timer.kind);
      else {
        this.#syncBlocks();
        heartbeatAtMs = atMs + heartbeatMs;
      }
    }
    return null;
  }

  /** A message is on its way. */
  send(from: number, to: readonly number[], message: Verified<ConsensusMessage>): void {
    for (const instance of to) {
      if (!this.#alive.includes(instance)) continue;
      const delayMs = delayLeastMs + (this.#random.uint32() % (delayMostMs - delayLeastMs + 1));
      this.#insert({ atMs: this.#world.nowMs + delayMs, order: this.#sent++, from, to: instance, message });
    }
  }

  #insert(flight: Flight): void {
    let at = this.#flights.length;
    while (at > 0 && (this.#flights[at - 1] as Flight).atMs > flight.atMs) at -= 1;
    this.#flights.splice(at, 0, flight);
  }

  /** The dead die, the others start; everyone has lost its links before, and gets them back. */
  #connect(): void {
    const world = this.#world;
    if (this.#keepsLinks) {
      for (const instance of this.#alive) this.#syncAll(instance);
      return;
    }
    for (let instance = 0; instance < world.hosts.length; instance++) {
      this.#syncAll(instance);
      if (!this.#alive.includes(instance)) world.crash(instance, nothingKept);
      world.link(instance, []);
    }
    for (const instance of this.#alive) world.restart(instance);
    this.#answerAll();
    this.#flights.length = 0;
    for (const instance of this.#alive) world.link(instance, this.#alive);
  }

  /** Nothing is left unsynced; from here on every step syncs at once. */
  #syncAll(instance: number): void {
    while (!this.#world.isBroken && isWaitingForSync(this.#world.host(instance))) this.#world.sync(instance);
  }

  /** Work on blocks takes no time here. */
  #answerAll(): void {
    for (const instance of this.#alive)
      while (this.#world.host(instance).answers.length > 0) this.#world.answer(instance);
  }

  #nextTimer(): { readonly instance: number; readonly kind: TimerKind; readonly dueMs: number } | null {
    let next: { instance: number; kind: TimerKind; dueMs: number } | null = null;
    for (const instance of this.#alive) {
      const running = this.#world.host(instance).timers;
      for (const kind of timers) {
        const dueMs = running[kind]?.dueMs;
        if (dueMs !== undefined && (next === null || dueMs < next.dueMs)) next = { instance, kind, dueMs };
      }
    }
    return next;
  }

  #syncBlocks(): void {
    for (const instance of this.#alive) for (const from of this.#alive) this.#world.adopt(instance, from);
  }
}

/** Two block times and (f + 1) round time-outs, for the validators of a world. */
function recoveryBoundMs({ cast, setting }: ProtocolWorld): number {
  const { blockTimeMs, roundTimeoutBaseMs } = setting.parameters;
  return 2 * blockTimeMs + (faultyCountMax(cast.validators) + 1) * roundTimeoutBaseMs;
}

/** From the calm to the next decision of everyone alive, ms. Where that is not within the bound: a violation, and null. */
export function calmDown(world: ProtocolWorld, calm: Calm): number | null {
  const run = new CalmRun(world, calm);
  world.divert((from, to, message) => {
    run.send(from, to, message);
  });
  const boundMs = calm.withinMs ?? recoveryBoundMs(world);
  const tookMs = run.run(boundMs);
  if (tookMs === null && !world.isBroken)
    world.checks.violate('liveness', `nothing decided within ${boundMs} ms of a linked quorum`);
  return tookMs;
}

/**
 * A scheduler that a seed decides: any message next, any timer at any moment, losses, duplicates, partitions, crashes
 * between any two effects, forgeries. It can write down what it does as a schedule that needs no seed.
 */
import type { MachineState, TimerKind, Verified } from '../../protocols/ibft/machine-types.ts';
import type { ConsensusMessage } from '../../protocols/ibft/messages.ts';
import { proposerOfRound } from '../../protocols/ibft/draft.ts';
import { round as toRound } from '../../protocols/shared/brands.ts';
import { SeededRandom } from '../../runtime/simulated/seeded-random.ts';
import { Draw } from '../draw.ts';
import { Adversary, type Place } from './adversary.ts';
import { MessageBag } from './bag.ts';
import { forge } from './forge.ts';
import { isWaitingForSync } from './host.ts';
import { MessageBook } from './message-book.ts';
import type { Mix } from './mix.ts';
import { Reach } from './reach.ts';
import type { Choice } from './schedule.ts';
import type { Setting } from './setting.ts';
import { isAuthentic } from './signatures.ts';
import { ProtocolWorld } from './world.ts';

/** More messages than that are lost: a run is about few that matter. */
const inFlightMax = 4000;
const timerKinds: readonly TimerKind[] = ['proposal-due', 'round', 'proposal-held', 'resend'];

export class Chaos {
  readonly world: ProtocolWorld;
  /** What was done; empty unless asked for. */
  readonly choices: Choice[] = [];
  readonly #mix: Mix;
  readonly #random: SeededRandom;
  readonly #draw: Draw;
  readonly #bag = new MessageBag();
  readonly #reach: Reach;
  readonly #adversary: Adversary | null;
  /** Needed to write down, and to forge. */
  readonly #book: MessageBook | null;
  readonly #isRecording: boolean;
  readonly #instances: number;
  /** Nothing can be done any more: everyone has decided the last height. */
  #isIdle = false;

  constructor(seed: string, mix: Mix, setting: Setting, isRecording: boolean) {
    const random = new SeededRandom(seed);
    this.#mix = mix;
    this.#random = random.fork('scheduler');
    this.#draw = new Draw(this.#random);
    this.#isRecording = isRecording;
    this.world = new ProtocolWorld(mix.cast, setting, (from, to, message) => {
      this.#send(from, to, message);
    });
    this.#instances = this.world.hosts.length;
    this.#reach = new Reach(new Draw(random.fork('reach')), this.#instances, mix.patternedRounds);
    const { adversaries } = mix.cast;
    this.#adversary =
      adversaries.length === 0 ? null : new Adversary(new Draw(random.fork('adversary')), adversaries, this.#instances);
    this.#book = isRecording || this.#adversary !== null ? new MessageBook() : null;
    this.world.start();
  }

  /** Makes the mix' number of choices, or fewer where a check fails or everything is decided. */
  run(): void {
    for (let step = 0; step < this.#mix.steps && !this.world.isBroken && !this.#isIdle; step++) this.#choose();
  }

  // --- choosing --------------------------------------------------------------------------------------------------

  #chance(probability: number): boolean {
    return probability > 0 && this.#random.uint32() < probability * 0x1_0000_0000;
  }

  #choose(): void {
    const mix = this.#mix;
    if (this.#chance(mix.crashChance)) this.#crash();
    if (this.#chance(mix.restartChance)) this.#restart();
    if (this.#chance(mix.partitionChance)) this.#repartition();
    if (this.#chance(mix.adoptChance)) this.#adopt(this.#anyone(), this.#anyone());
    if (this.#chance(mix.forgeChance)) this.#forge();
    if (this.#chance(mix.laterChance * mix.syncChance)) this.#sync(this.#anyone());
    if (mix.blocks === 'later' && this.#chance(0.4)) this.#answer(this.#anyone());
    if (this.#bag.size > 0 && !this.#chance(mix.timeOutChance)) this.#deliver();
    else this.#fireTimer();
  }

  #anyone(): number {
    return this.#random.uint32() % this.#instances;
  }

  #isLater(): boolean {
    return this.#chance(this.#mix.laterChance);
  }

  #note(choice: Choice): void {
    if (this.#isRecording) this.choices.push(choice);
  }

  // --- messages --------------------------------------------------------------------------------------------------

  #send(from: number, to: readonly number[], message: Verified<ConsensusMessage>): void {
    const name = this.#book?.add(from, message) ?? null;
    if (name !== null) this.#adversary?.hear(name, message);
    const { height, round } = message.payload;
    const { adversaries } = this.#mix.cast;
    for (const instance of to) {
      if (adversaries.length > 0 && adversaries.includes(instance)) continue;
      if (!this.#reach.isHeard(message.type, height, round, from, instance)) continue;
      if (this.#chance(this.#mix.lossChance)) continue;
      if (this.#bag.size < inFlightMax) this.#bag.add({ from, to: instance, message, name });
    }
  }

  #deliver(): void {
    const entry = this.#bag.take(this.#mix.order, this.#random);
    const { from, to, message, name } = entry;
    if (!this.#reach.isLinked(from, to)) return;
    if (this.#chance(this.#mix.duplicateChance)) this.#bag.add(entry);
    const later = this.#isLater();
    if (name !== null) this.#note({ do: 'deliver', to, ...name, ...(later ? { later } : {}) });
    this.world.deliver(from, to, message, later);
  }

  #forge(): void {
    const target = this.world.host(this.#anyone()).machine;
    if (this.#adversary === null || this.#book === null || target === null) return;
    const choice = this.#adversary.speak(placeOf(target, this.#mix.cast.adversaries));
    const parent = this.world.checks.decidedAt(choice.message.height - 1);
    const { blockTimeMs } = this.world.setting.parameters;
    const message = forge(choice.message, { book: this.#book, by: choice.by, parent, blockTimeMs });
    if (message === null || !isAuthentic(message)) return;
    this.#note(choice);
    this.#adversary.hear(this.#book.add(choice.by, message), message);
    this.world.inject(choice.by, choice.to, message);
  }

  // --- timers, blocks, disks -------------------------------------------------------------------------------------

  /** Any timer; where nothing else can happen, the ones that move things on are likelier. */
  #fireTimer(): void {
    const first = this.#anyone();
    const isQuiet = this.#bag.size === 0;
    const resends = this.#chance(isQuiet ? 0.3 : this.#mix.resendChance);
    for (let offset = 0; offset < this.#instances; offset++) {
      const instance = (first + offset) % this.#instances;
      const timers = this.world.host(instance).timers;
      for (const timer of timerKinds) {
        const running = timers[timer];
        if (running === null || (timer === 'resend' && !resends)) continue;
        if (timer === 'round' && running.round >= this.#mix.roundsMax) continue;
        this.#expire(instance, timer);
        return;
      }
    }
    if (isQuiet) this.#wake();
  }

  #expire(host: number, timer: TimerKind): void {
    const later = this.#isLater();
    this.#note({ do: 'expire', host, timer, ...(later ? { later } : {}) });
    this.world.expire(host, timer, later);
  }

  /** No message, no timer but resends: what is pending goes on, and who is down starts. */
  #wake(): void {
    let isPending = false;
    for (let instance = 0; instance < this.#instances; instance++) {
      const host = this.world.host(instance);
      const isAdversary = this.#mix.cast.adversaries.includes(host.member);
      isPending ||= (!host.isUp && !isAdversary) || host.held.length > 0 || host.answers.length > 0;
      isPending ||= host.timers.resend !== null;
      this.#sync(instance);
      this.#answer(instance);
    }
    if (this.#mix.crashChance > 0) this.#restart();
    this.#isIdle = !isPending;
  }

  #answer(host: number): void {
    if (this.world.host(host).answers.length === 0) return;
    const later = this.#isLater();
    this.#note({ do: 'answer', host, ...(later ? { later } : {}) });
    this.world.answer(host, later);
  }

  #sync(host: number): void {
    if (!isWaitingForSync(this.world.host(host))) return;
    this.#note({ do: 'sync', host });
    this.world.sync(host);
  }

  // --- lives and links -------------------------------------------------------------------------------------------

  #crash(): void {
    const host = this.#anyone();
    const { isUp, unsynced } = this.world.host(host);
    if (!isUp) return;
    const writes = this.#draw.between(0, unsynced.writes.length);
    const blocks = this.#draw.between(0, unsynced.blocks.length);
    this.#note({ do: 'crash', host, writes, blocks });
    this.world.crash(host, { writes, blocks });
  }

  #restart(): void {
    const first = this.#anyone();
    for (let offset = 0; offset < this.#instances; offset++) {
      const host = (first + offset) % this.#instances;
      const { isUp, member } = this.world.host(host);
      if (isUp || this.#mix.cast.adversaries.includes(member)) continue;
      const later = this.#isLater();
      this.#note({ do: 'restart', host, ...(later ? { later } : {}) });
      this.world.restart(host, later);
      return;
    }
  }

  #repartition(): void {
    for (const [host, live] of this.#reach.repartition().entries()) {
      this.#note({ do: 'link', host, live });
      this.world.link(host, live);
    }
  }

  #adopt(host: number, from: number): void {
    if (!this.#reach.isLinked(from, host)) return;
    const { isUp, stored } = this.world.host(host);
    if (!isUp || this.world.host(from).durable.blocks.length <= stored.blocks.length) return;
    const later = this.#isLater();
    this.#note({ do: 'adopt', host, from, ...(later ? { later } : {}) });
    this.world.adopt(host, from, later);
  }
}

/** Where a validator is, and whether one of the adversary's proposes there soon. */
function placeOf(state: MachineState, adversaries: readonly number[]): Place {
  const { height } = state.facts;
  for (let round = state.round; round < state.round + 3; round++) {
    const by = proposerOfRound(state, toRound(round));
    if (adversaries.includes(by)) return { height, round: state.round, turn: { round, by } };
  }
  return { height, round: state.round, turn: null };
}

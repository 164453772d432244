/** What one seed of a search does: its own mix of faults, so that rare combinations occur. */
import { faultyCountMax } from '../../protocols/ledger/validator-set.ts';
import { Draw } from '../draw.ts';
import { SeededRandom } from '../../runtime/simulated/seeded-random.ts';
import type { Calm, Cast } from './schedule.ts';

/** Which faults a search may draw. Messages are always delivered in any order, and timers fire at any moment. */
export interface ProtocolFaults {
  /** Lost, duplicated, cut off by round and kind, partitioned. */
  readonly messages: boolean;
  /** At any effect, with any part of the unsynced writes kept. */
  readonly crashes: boolean;
  /** At most so many validators run as twins, and so many are played by an adversary; together at most f. */
  readonly twins: number;
  readonly adversaries: number;
  /** Whether the calm may begin with dead validators; with the Byzantine ones at most f. */
  readonly dead: boolean;
}

/** Some time-outs at their cap of a minute, and the next decision after them. */
const keptLinksMs = 600_000;

export const allFaults: ProtocolFaults = { messages: true, crashes: true, twins: 31, adversaries: 31, dead: true };

/** Chances are for each step. */
export interface Mix {
  readonly cast: Cast;
  /** Choices made before the calm. */
  readonly steps: number;
  readonly lossChance: number;
  readonly duplicateChance: number;
  /** Of a timer that fires though messages are on their way. */
  readonly timeOutChance: number;
  readonly resendChance: number;
  readonly partitionChance: number;
  readonly crashChance: number;
  readonly restartChance: number;
  readonly adoptChance: number;
  readonly forgeChance: number;
  /** That a step ends without a sync; of a pending sync. */
  readonly laterChance: number;
  readonly syncChance: number;
  /** Of rounds below this, each kind of message reaches a set of its own; 0: all rounds are alike. */
  readonly patternedRounds: number;
  /** Before the calm no round of this number or above times out. */
  readonly roundsMax: number;
  /** Which message is delivered next. */
  readonly order: 'random' | 'oldest' | 'newest';
  readonly blocks: 'at-once' | 'later';
  readonly calm: Calm;
}

export interface MixOptions {
  readonly validators: number;
  readonly faults: ProtocolFaults;
  /** Choices before the calm at most. */
  readonly stepsMax: number;
  readonly roundsMax: number;
}

export function drawMix(seed: string, { validators, faults, stepsMax, roundsMax }: MixOptions): Mix {
  const draw = new Draw(new SeededRandom(`${seed}/mix`));
  const faultyMax = faultyCountMax(validators);
  const shuffled = draw.shuffle(Array.from({ length: validators }, (_, member) => member));
  const twinCount = draw.between(0, Math.min(faults.twins, faultyMax));
  const adversaryCount = draw.between(0, Math.min(faults.adversaries, faultyMax - twinCount));
  const twins = shuffled.splice(0, twinCount).sort((a, b) => a - b);
  const adversaries = shuffled.splice(0, adversaryCount).sort((a, b) => a - b);
  const deadMax = faults.dead ? faultyMax - twinCount - adversaryCount : 0;
  const dead = shuffled.slice(0, draw.between(0, deadMax)).sort((a, b) => a - b);
  const { messages, crashes } = faults;
  const rate = (probability: number, most: number): number =>
    draw.chance(probability) ? (most * draw.between(1, 64)) / 64 : 0;
  const crashChance = crashes ? rate(0.6, 0.03) : 0;
  const partitionChance = messages ? rate(0.3, 0.02) : 0;
  // Where links were never lost, time-outs may have grown up to their cap.
  const keepsLinks = crashChance === 0 && partitionChance === 0 && dead.length === 0 && draw.chance(0.5);
  return {
    cast: { validators, twins, adversaries },
    steps: draw.between(Math.min(20, stepsMax), stepsMax),
    lossChance: messages ? rate(0.5, 0.7) : 0,
    duplicateChance: messages ? rate(0.4, 0.3) : 0,
    timeOutChance: rate(0.7, 0.15),
    resendChance: rate(0.5, 0.02),
    partitionChance,
    crashChance,
    restartChance: crashChance * draw.between(1, 4),
    adoptChance: rate(0.5, 0.02),
    forgeChance: adversaries.length > 0 ? rate(1, 0.3) : 0,
    laterChance: crashChance > 0 ? rate(0.7, 1) : 0,
    syncChance: rate(1, 0.5),
    patternedRounds: messages && draw.chance(0.6) ? draw.between(1, 6) : 0,
    roundsMax,
    order: draw.pick(['random', 'random', 'oldest', 'newest']),
    blocks: draw.chance(0.3) ? 'later' : 'at-once',
    calm: keepsLinks ? { seed, dead, keepsLinks, withinMs: keptLinksMs } : { seed, dead },
  };
}

/** What a traffic light rests on: its ports, its log at start, and the facts that it reads from the chain's state after each block. */
import type { ReviewerRole } from '../../protocols/ledger/modules/traffic/bodies.ts';
import { type CounterRecord, readCounters, readLight } from '../../protocols/ledger/modules/traffic/traffic.ts';
import { awaitedConfirmations } from '../../protocols/ledger/modules/court/enforcement.ts';
import { readReviews } from '../../protocols/ledger/modules/traffic/relayed-reviews.ts';
import { View } from '../../protocols/ledger/view.ts';
import type { CourtBook } from '../../protocols/court/court-book.ts';
import type { Digest, PublicKey } from '../../protocols/shared/brands.ts';
import { toHex, toUtf8 } from '../../protocols/shared/bytes.ts';
import type { TrafficDecision } from '../../protocols/traffic/receipt.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import type { Random } from '../../runtime/ports/random.ts';
import type { Signer, Verifier } from '../../runtime/ports/signer.ts';
import type { Store } from '../../runtime/ports/store.ts';
import type { Log, Telemetry } from '../../runtime/ports/telemetry.ts';
import type { ChainFeed, FollowedState } from './chain-feed.ts';
import { Gathering, type GatherLimits } from './gathering.ts';
import { DecisionLog, type LogAnchor } from './decision-log.ts';
import { type ChainFacts, Light } from './light.ts';
import { leasesAsSpent } from './light-memory.ts';
import type { PolicyLibrary } from '../policy/policy-library.ts';
import type { ServiceListing } from '../../protocols/registry/listing.ts';
import type { Stages } from './stages.ts';

export interface TrafficLightLimits {
  /** Budget of a decision up to its place in the log, ms. */
  readonly decisionLatencyMs: number;
  /** State older than this decides nothing, ms. */
  readonly stateAgeMsMax: number;
  readonly quarantineMax: number;
  /** Decisions that share an fsync are gathered so; null: each group is written at once. */
  readonly gather: GatherLimits | null;
  readonly underWayMax: number;
}

export const defaultTrafficLightLimits: TrafficLightLimits = {
  decisionLatencyMs: 10,
  stateAgeMsMax: 30_000,
  quarantineMax: 10_000,
  gather: null,
  underWayMax: 8192,
};

/** How decisions are grouped: each at once, or several under one write. */
export type PipelineMode = 'real-time' | 'batch';

/** In batches a decision waits for others during half of its budget at most: the rest is for the write. */
export const pipelineLimits = (
  mode: PipelineMode,
  decisionLatencyMs: number,
): Pick<TrafficLightLimits, 'decisionLatencyMs' | 'gather'> => ({
  decisionLatencyMs,
  gather: mode === 'batch' ? { entriesMax: 1024, delayMs: decisionLatencyMs / 2 } : null,
});

export interface TrafficLightDependencies {
  readonly feed: ChainFeed;
  readonly store: Store;
  readonly signer: Signer;
  readonly verifier: Pick<Verifier, 'verify'>;
  readonly library: PolicyLibrary;
  /** Of the delay in which decisions are gathered. */
  readonly clock: Clock;
  /** Who may sign proofs, told at registration. */
  readonly reviewers: readonly ReviewerRole[];
  /** How the registry lists it. */
  readonly listing: ServiceListing;
  readonly telemetry: Telemetry;
  readonly limits: TrafficLightLimits;
  /** Told of every decision that was answered, and who may see it. */
  readonly onDecision: (decision: TrafficDecision, parties: readonly string[]) => void;
}

/** In the registry. */
export const serviceKind = 'traffic';

const metaTable = 'traffic-meta';
const saltKey = toUtf8('salt');

/** As of the block on which a light is opened. */
interface KnownOfChain {
  readonly anchor: LogAnchor | null;
  readonly facts: ChainFacts;
  /** Leases of this light. */
  readonly counters: readonly CounterRecord[];
}

/** Rejects with StoreError or DecisionLogError. */
export async function openLight(
  { store, signer, feed, verifier, clock, limits }: TrafficLightDependencies,
  { anchor, facts, counters }: KnownOfChain,
  random: Random,
  stages: Stages,
): Promise<Light> {
  const { chainId } = feed;
  const uponNewEpoch = leasesAsSpent(counters);
  const log = await DecisionLog.open({ store, chainId, signer, anchor, uponNewEpoch });
  if (limits.gather !== null) log.gather(new Gathering(clock, limits.gather));
  const options = { chainId, store, log, salt: lightSalt(store, random), quarantineMax: limits.quarantineMax, stages };
  return new Light({ ...options, check: (key, message, signature) => verifier.verify(key, message, signature) }, facts);
}

/** Commits to identities where callers give no salt: made once, kept on this disk only. */
function lightSalt(store: Store, random: Random): string {
  const stored = store.get(metaTable, saltKey);
  if (stored !== undefined) return toHex(stored);
  const salt = random.bytes(32);
  store.commit([{ table: metaTable, key: saltKey, value: salt }]);
  return toHex(salt);
}

/**
 * What the chain tells this light to do: reviewers' words, and orders of the court, which are obeyed from `follow` on. Returns
 * whether the log has grown. Throws DecisionLogError.
 */
export function heed(
  { signer }: Pick<TrafficLightDependencies, 'signer'>,
  light: Light,
  { reader }: FollowedState,
  now: number,
  log: Log,
): boolean {
  const view = new View(reader);
  const { size } = light.log;
  for (const { review, reason } of light.hear(readReviews(view, signer.publicKey), now)) {
    const { how, decision, by, transaction } = review;
    log.warn('a word of a reviewer is not taken', { how, decision, by, transaction, reason });
  }
  light.obey(awaitedConfirmations(view, serviceKind), now);
  return light.log.size > size;
}

/** As of a block. Sets that wait for their attestations are compiled ahead. */
export function factsOf(
  { library, limits, signer }: TrafficLightDependencies,
  court: CourtBook,
  followed: FollowedState,
): ChainFacts {
  const view = new View(followed.reader);
  const record = readLight(view, signer.publicKey);
  const roles = new Set((record?.roles ?? []).map(({ role, key }) => `${key} ${role}`));
  const counters = new Map(
    readCounters(view, signer.publicKey).map((one) => [`${one.subject}/${one.counter}/${one.window}`, one]),
  );
  return {
    ...court.factsOf(followed.reader),
    height: followed.height,
    stateTime: followed.time,
    stateAgeMsMax: limits.stateAgeMsMax,
    policy: library.follow(view),
    lease: (subject: Digest, counter, window) => {
      const found = counters.get(`${subject}/${counter}/${window}`);
      return found === undefined
        ? { total: 0, granted: 0 }
        : { total: found.total, granted: found.spent + found.lease };
    },
    hasRole: (key: PublicKey, role: string) => roles.has(`${key} ${role}`),
  };
}

/**
 * All that a decision depends on, nothing personal in it. What the log keeps is exactly what `decide` gets, live and in a
 * replay, so that both give the same bytes.
 */
import type { Digest, PublicKey } from '../shared/brands.ts';
import {
  boolean,
  type Codec,
  digest32,
  encode,
  list,
  nullable,
  publicKey32,
  struct,
  textMax,
  uint,
} from '../shared/codec.ts';
import { taggedHash } from '../shared/hash.ts';
import type { CompiledSet } from '../policy/compile.ts';
import { certifiedOf } from '../policy/input.ts';
import type { InForce, OutsideOf, Overlay } from '../policy/overlay.ts';
import { counterNames, type CounterName } from '../policy/vocabulary.ts';
import { utcDay } from './calendar.ts';
import { concerns, constraintCodec, constraintsMax, type CourtConstraint, type Operation } from './constraints.ts';
import { counterSubject, type CounterStanding, type CounterValue, valuesOf } from './counters.ts';
import { flowBytesMax, flowCodec, type FlowRecord } from './flow.ts';
import { onceEncoded } from './once-encoded.ts';

/** The active set as the light holds it. */
export interface PolicyTables {
  readonly inForce: InForce;
  readonly overlayHash: Digest;
  /** A tenant's own stricter set, by tenant. */
  readonly tenantSets: ReadonlyMap<string, CompiledSet>;
  /** Tenants whose own set is not here: nothing of theirs is decided on the network's alone. */
  readonly missingTenants: ReadonlySet<string>;
  readonly outsideOf: OutsideOf;
}

/** Names what a decision was made with. */
export interface PolicyIdentity {
  /** Of the network's set with its facts. */
  readonly compiledHash: Digest;
  readonly overlayHash: Digest;
  readonly tenantSetHash: Digest | null;
}

/** Of the chain's state, as of a block. */
export interface LightView {
  readonly height: number;
  /** Header time of that block, ms since 1970. */
  readonly stateTime: number;
  /** State older than this decides nothing, ms. */
  readonly stateAgeMsMax: number;
  /** null: the active set is not here yet. */
  readonly policy: PolicyTables | null;
  /** At most {@link constraintsMax}. */
  readonly constraintsOf: (operation: Operation) => readonly CourtConstraint[];
  readonly isSuspended: (tenant: string) => boolean;
  readonly counter: (subject: Digest, counter: CounterName, window: string) => CounterStanding;
}

/** Schemes under which the recipient is certified, as the facts of each set say. */
interface Certified {
  readonly base: readonly string[];
  readonly tightened: readonly string[];
  readonly tenant: readonly string[];
}

/** What the state of a moment says to one flow of one tenant: the same for each of its requests until the next block. */
export interface StateInputs {
  readonly height: number;
  readonly stateTime: number;
  readonly stateAgeMsMax: number;
  readonly policy: PolicyIdentity | null;
  readonly certified: Certified;
  readonly isSuspended: boolean;
  /** Those that concern the flow. */
  readonly constraints: readonly CourtConstraint[];
}

export interface DecisionInputs {
  /** ms since 1970. */
  readonly time: number;
  readonly minHeight: number | null;
  readonly enforcementPoint: PublicKey | null;
  /** Commitment to tenant, workload and recipient. */
  readonly identity: Digest;
  readonly flow: FlowRecord;
  readonly state: StateInputs;
  readonly counters: readonly CounterValue[];
  /** The decision that this one may release. */
  readonly releases: Digest | null;
  /** Obligations whose proofs are logged. */
  readonly discharged: readonly string[];
  /** Whether the quarantine takes one more. */
  readonly hasRoom: boolean;
  /** The budget was exhausted before the decision: nothing was evaluated. */
  readonly isLate: boolean;
}

const words = list(textMax(1024), 64);
const stateBytesMax = 0x3000;

const stateCodec: Codec<StateInputs> = struct<StateInputs>({
  ...{ height: uint, stateTime: uint, stateAgeMsMax: uint },
  policy: nullable(
    struct<PolicyIdentity>({ compiledHash: digest32, overlayHash: digest32, tenantSetHash: nullable(digest32) }),
  ),
  certified: struct<Certified>({ base: words, tightened: words, tenant: words }),
  isSuspended: boolean,
  constraints: list(constraintCodec, constraintsMax),
});

export const inputsCodec: Codec<DecisionInputs> = struct<DecisionInputs>({
  ...{ time: uint, minHeight: nullable(uint), enforcementPoint: nullable(publicKey32), identity: digest32 },
  flow: onceEncoded(flowCodec, flowBytesMax),
  state: onceEncoded(stateCodec, stateBytesMax),
  counters: list(
    struct<CounterValue>({
      ...{ counter: textMax(64) as Codec<CounterName>, value: uint, window: textMax(16), persons: uint },
      isLeased: boolean,
    }),
    counterNames.length,
  ),
  releases: nullable(digest32),
  discharged: words,
  hasRoom: boolean,
  isLate: boolean,
});

/** Who receives, and whose flow it is: in clear in the light's memory only. */
export interface FlowParties {
  readonly tenant: string;
  readonly workload: string;
  readonly recipient: string | null;
}

function certifiedIn(
  compiled: CompiledSet | null | undefined,
  recipient: string | null,
  time: number,
): readonly string[] {
  if (compiled === null || compiled === undefined || recipient === null) return [];
  const destination = { region: 'Global' as const, country: null, recipient, recipientKinds: [] };
  return certifiedOf({ destination }, compiled.facts, utcDay(time));
}

const noCounters: Readonly<Record<CounterName, number>> = Object.fromEntries(
  counterNames.map((name) => [name, 0]),
) as Record<CounterName, number>;

/** Counter names with these numbers, 0 where none is given. */
export const countersWith = (
  values: readonly { readonly counter: CounterName; readonly value: number }[],
): Readonly<Record<CounterName, number>> =>
  values.length === 0
    ? noCounters
    : { ...noCounters, ...Object.fromEntries(values.map(({ counter, value }) => [counter, value])) };

/** The state of the moment, cut down to what concerns this flow. */
export function resolveState(view: LightView, flow: FlowRecord, parties: FlowParties, time: number): StateInputs {
  const { height, stateTime, stateAgeMsMax, policy } = view;
  const { tenant, workload, recipient } = parties;
  const { classification } = flow;
  const operation = { tenant, workload, country: flow.destination.country, classification };
  const tenantSet = policy?.tenantSets.get(tenant);
  return {
    ...{ height, stateTime, stateAgeMsMax },
    policy:
      policy === null || policy.missingTenants.has(tenant)
        ? null
        : {
            compiledHash: policy.inForce.base.compiledHash,
            overlayHash: policy.overlayHash,
            tenantSetHash: tenantSet?.compiledHash ?? null,
          },
    certified: {
      base: certifiedIn(policy?.inForce.base, recipient, time),
      tightened: certifiedIn(policy?.inForce.tightened, recipient, time),
      tenant: certifiedIn(tenantSet, recipient, time),
    },
    isSuspended: view.isSuspended(tenant),
    constraints: view.constraintsOf(operation).filter((constraint) => concerns(constraint, flow)),
  };
}

/** The counters that the flow declares, as they would stand after it. */
export function resolveCounters(
  { persons }: FlowRecord,
  tenant: string,
  time: number,
  counter: LightView['counter'],
): readonly CounterValue[] {
  if (persons.length === 0) return [];
  const subject = counterSubject(tenant);
  const declared = countersWith(persons.map(({ counter: name, count }) => ({ counter: name, value: count })));
  return valuesOf(declared, time, (name, window) => counter(subject, name, window));
}

const overlayCodec: Codec<Overlay> = struct<Overlay>({
  revokedFacts: list(textMax(1024), 4096),
  retiredRules: list(textMax(1024), 4096),
  suspendedTenants: list(textMax(1024), 100_000),
});

/** Of an overlay's facts and rules; who is suspended is in each decision's own inputs. */
export const overlayHash = ({ revokedFacts, retiredRules }: Overlay): Digest =>
  taggedHash(
    'bpci/policy-overlay/v1',
    encode(overlayCodec, {
      revokedFacts: [...revokedFacts].sort(),
      retiredRules: [...retiredRules].sort(),
      suspendedTenants: [],
    }),
  );

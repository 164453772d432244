/** Bodies of the kinds `traffic.*`. Who sends a light's transactions is the light: the key that signs its checkpoints is its account. */
import type { Digest, PublicKey } from '../../../shared/brands.ts';
import { personsMax } from '../../../traffic/counters.ts';
import { counterNames, type CounterName } from '../../../policy/vocabulary.ts';
import {
  jsonBytesExact,
  jsonDigest,
  jsonKey,
  jsonList,
  jsonNullable,
  jsonPattern,
  jsonStruct,
  jsonText,
  jsonUint,
  type JsonCodec,
} from '../../json-codec.ts';

/** Who may sign which proofs for a light: one entry a key and role. */
export interface ReviewerRole {
  /** `reviewer`, `data-protection-officer`, …: as the obligations name it. */
  readonly role: string;
  readonly key: PublicKey;
}

export interface RegisterBody {
  /** Of epoch 1. */
  readonly logId: Digest;
  readonly roles: readonly ReviewerRole[];
}

export interface OpenEpochBody {
  readonly logId: Digest;
  readonly epoch: number;
}

export interface AnchorBody {
  readonly logId: Digest;
  readonly size: number;
  readonly root: Digest;
  /** From the last anchored size; empty where that is 0. */
  readonly consistency: readonly Uint8Array[];
}

export interface ForkBody {
  readonly light: PublicKey;
  readonly logId: Digest;
  /** Signed notes of one size and two roots; `second` null: against what is anchored. */
  readonly first: string;
  readonly second: string | null;
}

export interface LeaseBody {
  readonly subject: Digest;
  readonly counter: CounterName;
  readonly window: string;
  /** Spent by this light in the window, all in all. */
  readonly spent: number;
  /** Persons that it may spend beyond that: at least what it leased before and did not spend. */
  readonly lease: number;
}

/** About a decision of a light, by one of its reviewers. */
export interface ReviewBody {
  readonly light: PublicKey;
  readonly decision: Digest;
}

export interface DischargeBody extends ReviewBody {
  readonly request: Digest;
  readonly obligation: string;
  readonly policySetHash: Digest;
}

const epochsMax = 1_000_000;
const rolesMax = 64;

const roles: JsonCodec<readonly ReviewerRole[]> = jsonList(
  jsonStruct<ReviewerRole>({ role: jsonPattern(/^[a-z][a-z0-9-]{0,62}$/, 63), key: jsonKey }),
  rolesMax,
);

export const registerBodyCodec = jsonStruct<RegisterBody>({ logId: jsonDigest, roles });
export const rolesBodyCodec = jsonStruct<{ readonly roles: readonly ReviewerRole[] }>({ roles });
export const openEpochBodyCodec = jsonStruct<OpenEpochBody>({ logId: jsonDigest, epoch: jsonUint(epochsMax, 2) });
export const anchorBodyCodec = jsonStruct<AnchorBody>({
  logId: jsonDigest,
  size: jsonUint(Number.MAX_SAFE_INTEGER, 1),
  root: jsonDigest,
  consistency: jsonList(jsonBytesExact(32), 128),
});
export const forkBodyCodec = jsonStruct<ForkBody>({
  light: jsonKey,
  logId: jsonDigest,
  first: jsonText(4096),
  second: jsonNullable(jsonText(4096)),
});

const counterPattern = new RegExp(`^(${counterNames.join('|')})$`);
export const leaseBodyCodec = jsonStruct<LeaseBody>({
  subject: jsonDigest,
  counter: jsonPattern(counterPattern, 64) as JsonCodec<CounterName>,
  window: jsonPattern(/^[0-9]{4}(-(0[1-9]|1[0-2]))?$/, 7),
  spent: jsonUint(personsMax),
  lease: jsonUint(personsMax),
});
export const reviewBodyCodec = jsonStruct<ReviewBody>({ light: jsonKey, decision: jsonDigest });
export const dischargeBodyCodec = jsonStruct<DischargeBody>({
  light: jsonKey,
  decision: jsonDigest,
  request: jsonDigest,
  obligation: jsonText(200),
  policySetHash: jsonDigest,
});

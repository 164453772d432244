/**
 * A flow as the log holds it: everything that decides, in clear; who it is about, as one salted commitment. Personal data, and
 * the names of tenants, workloads and recipients, never enter a log.
 */
import { type Digest, digest, isHex64, type PublicKey } from '../shared/brands.ts';
import { concatBytes, fromHex } from '../shared/bytes.ts';
import { type Codec, digest32, encode, list, nullable, publicKey32, struct, textMax, uint } from '../shared/codec.ts';
import { taggedHash } from '../shared/hash.ts';
import { PolicyError } from '../policy/policy-error.ts';
import {
  type Destination,
  type Origin,
  type PolicyEvaluationRequest,
  readRequest,
  type Source,
} from '../policy/request.ts';
import { counterNames, type CounterName } from '../policy/vocabulary.ts';
import { personsMax } from './counters.ts';
import { onceEncoded } from './once-encoded.ts';
import { TrafficError } from './traffic-error.ts';

/** What a caller asks. */
export interface TrafficRequest {
  /** Chosen by the caller; a retry with the same id gets the logged decision. 1 to 128 characters. */
  readonly requestId: string;
  readonly flow: PolicyEvaluationRequest;
  /** Height that the light's state must have reached, or null. */
  readonly minHeight: number | null;
  /** 32 bytes of the tenant's, hex: opens the commitment. null: the light's own. */
  readonly salt: string | null;
  /** Whether a signed receipt is wanted. */
  readonly receipt: boolean;
}

export interface FlowRecord {
  readonly operation: string;
  readonly classification: string;
  readonly contents: readonly string[];
  readonly purpose: string;
  readonly source: Source;
  readonly destination: Omit<Destination, 'recipient'>;
  readonly dataSubjects: readonly string[];
  readonly origin: readonly Origin[];
  readonly bases: readonly string[];
  readonly safeguards: readonly string[];
  readonly circumstances: readonly string[];
  /** Counters with persons, as declared. */
  readonly persons: readonly Persons[];
}

interface Persons {
  readonly counter: CounterName;
  readonly count: number;
}

const word = textMax(128);
const words = list(word, 128);
const region = word as Codec<Source['region']>;
export const flowCodec: Codec<FlowRecord> = struct<FlowRecord>({
  operation: word,
  classification: word,
  contents: words,
  purpose: word,
  source: struct<Source>({ region, country: nullable(word) }),
  destination: struct<FlowRecord['destination']>({ region, country: nullable(word), recipientKinds: words }),
  dataSubjects: words,
  origin: list(struct<Origin>({ decision: digest32, regimes: words }), 64),
  bases: words,
  safeguards: words,
  circumstances: words,
  persons: list(struct<Persons>({ counter: word as Codec<CounterName>, count: uint }), counterNames.length),
});

interface Identity {
  readonly tenant: string;
  readonly workload: string;
  readonly recipient: string | null;
}
const identityCodec: Codec<Identity> = struct<Identity>({
  tenant: textMax(512),
  workload: textMax(512),
  recipient: nullable(textMax(1024)),
});

/** What a tenant opens with its salt (32 bytes). */
export function identityCommitment({ subject, destination }: PolicyEvaluationRequest, salt: Uint8Array): Digest {
  const identity = { tenant: subject.tenant, workload: subject.workload, recipient: destination.recipient };
  return taggedHash('bpci/traffic-identity/v1', concatBytes(salt, encode(identityCodec, identity)));
}

/** `flow` in canonical form, as `readRequest` gives it. */
export function toFlowRecord(flow: PolicyEvaluationRequest): FlowRecord {
  const { region, country, recipientKinds } = flow.destination;
  const persons: Persons[] = [];
  for (const counter of counterNames) {
    const count = flow.counters[counter];
    if (count > 0) persons.push({ counter, count });
  }
  return {
    operation: flow.operation,
    classification: flow.classification,
    contents: flow.contents,
    purpose: flow.purpose,
    source: flow.source,
    destination: { region, country, recipientKinds },
    dataSubjects: flow.dataSubjects,
    origin: flow.origin,
    bases: flow.bases,
    safeguards: flow.safeguards,
    circumstances: flow.circumstances,
    persons,
  };
}

const keyDecoder = new TextDecoder('latin1');

/** The same text for the same flow. Throws {@link TrafficError} for one that is too large for a log entry. */
export function flowKey(flow: FlowRecord): string {
  // Not remembered: most flows are looked up once, and found under the bytes of an equal one.
  const bytes = encode(flowCodec, flow);
  if (bytes.length > flowBytesMax) return refuse('flow', `at most ${flowBytesMax} bytes`);
  return keyDecoder.decode(bytes);
}

/** Stands for the names, which no rule looks at. */
const nobody = { tenant: 'nobody', workload: 'nobody' };

/** The request that the policies see: nobody is named in it. `counters` are the values that decide. */
export function toPolicyRequest(
  flow: FlowRecord,
  counters: PolicyEvaluationRequest['counters'],
): PolicyEvaluationRequest {
  const { persons: _persons, destination, ...rest } = flow;
  return { ...rest, subject: nobody, destination: { ...destination, recipient: null }, counters };
}

/** Longest canonical bytes of a flow. */
export const flowBytesMax = 0x8000;

interface Bound {
  readonly enforcementPoint: PublicKey | null;
  readonly identity: Digest;
  readonly flow: FlowRecord;
}
const boundCodec: Codec<Bound> = struct<Bound>({
  enforcementPoint: nullable(publicKey32),
  identity: digest32,
  flow: onceEncoded(flowCodec, flowBytesMax),
});

/** What a decision is bound to: the flow, whose it is, and who enforces. */
export const trafficRequestDigest = (bound: Bound): Digest =>
  taggedHash('bpci/traffic-request/v1', encode(boundCodec, bound));

const fields = ['requestId', 'flow', 'minHeight', 'salt', 'receipt'];
const refuse = (place: string, problem: string): never => {
  throw new TrafficError('invalid-request', place, problem);
};

function flowAt(value: unknown): PolicyEvaluationRequest {
  try {
    const flow = readRequest(value);
    const large = counterNames.find((name) => flow.counters[name] > personsMax);
    return large === undefined ? flow : refuse(`flow.counters.${large}`, `at most ${personsMax}`);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return refuse(error.place === '$' ? 'flow' : `flow.${error.place}`, error.message.slice(error.place.length + 2));
  }
}

/** Throws {@link TrafficError} with the path of what is wrong. */
export function readTrafficRequest(value: unknown): TrafficRequest {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse('$', 'an object is needed');
  const json = value as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(json).find((name) => !fields.includes(name));
  if (unknown !== undefined) return refuse(unknown, 'unknown field');
  const { requestId, minHeight = null, salt = null, receipt = false } = json;
  if (typeof requestId !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(requestId))
    return refuse('requestId', '1 to 128 printable characters without spaces are needed');
  if (minHeight !== null && (typeof minHeight !== 'number' || !Number.isSafeInteger(minHeight) || minHeight < 0))
    return refuse('minHeight', 'a height is needed');
  if (salt !== null && (typeof salt !== 'string' || !isHex64(salt)))
    return refuse('salt', '32 bytes in lower-case hex are needed');
  if (typeof receipt !== 'boolean') return refuse('receipt', 'true or false is needed');
  return { requestId, flow: flowAt(json['flow']), minHeight, salt, receipt };
}

export const saltBytes = (salt: string): Uint8Array => fromHex(digest(salt));

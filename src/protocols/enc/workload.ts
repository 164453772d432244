/**
 * A workload as its tenant asks for it. Its name on chain is the digest of its canonical bytes; the salt in it keeps the chain from
 * telling two tenants that run the same. docs/formats/workload.schema.json.
 */
import { jsonCountry, jsonName } from '../ledger/modules/court/agreement-terms.ts';
import {
  jsonBytesExact,
  jsonChoice,
  type JsonCodec,
  jsonList,
  jsonNullable,
  jsonPattern,
  jsonStruct,
  jsonText,
  jsonUint,
  readJson,
} from '../ledger/json-codec.ts';
import { PolicyError } from '../policy/policy-error.ts';
import { type PolicyEvaluationRequest, readRequest } from '../policy/request.ts';
import type { Digest } from '../shared/brands.ts';
import { encode } from '../shared/codec.ts';
import { type IsolationClass, isolationClasses } from '../shared/containers.ts';
import { taggedHash } from '../shared/hash.ts';
import { EncError } from './enc-error.ts';

export interface WorkloadResources {
  /** Thousandths of a core. */
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly storageMiB: number;
  readonly pids: number;
}

/** Where it may run; what is empty or null asks for nothing. */
export interface WorkloadPlacement {
  readonly architecture: string | null;
  /** ISO 3166-1; a cluster's country or the country of its subdivision. */
  readonly countries: readonly string[];
  readonly regions: readonly string[];
  readonly certifications: readonly string[];
  readonly clusters: readonly string[];
}

/** What it does with data, in the words of the policy engine. */
export interface WorkloadData {
  readonly operation: string;
  readonly classification: 'Public' | 'Internal' | 'Confidential' | 'Restricted';
  readonly contents: readonly string[];
  readonly purpose: string;
  /** Where the data is before. */
  readonly source: string;
  readonly dataSubjects: readonly string[];
  readonly bases: readonly string[];
  readonly safeguards: readonly string[];
}

export interface Workload {
  readonly name: string;
  /** A job runs to an end; a service is kept running. */
  readonly kind: 'job' | 'service';
  /** By its name in agreements. */
  readonly tenant: string;
  /** `sha256:…` of the image's manifest, or of the module. */
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly isolationClass: IsolationClass;
  readonly resources: WorkloadResources;
  /** Of one execution; null: none. */
  readonly wallTimeMs: number | null;
  /** Between TERM and KILL. */
  readonly graceMs: number;
  /** Port that is published; null: none. */
  readonly port: number | null;
  readonly placement: WorkloadPlacement;
  readonly data: WorkloadData;
  /** Random. */
  readonly salt: Uint8Array;
}

const words = jsonList(jsonText(128), 64);

export const workloadCodec: JsonCodec<Workload> = jsonStruct<Workload>({
  name: jsonName,
  kind: jsonChoice('job', 'service'),
  tenant: jsonPattern(/^[\x21-\x7e]{1,128}$/, 128),
  image: jsonPattern(/^sha256:[0-9a-f]{64}$/, 71),
  args: jsonList(jsonText(4096), 256),
  env: jsonList(jsonPattern(/^[A-Za-z_][A-Za-z0-9_]{0,127}=[^\0]*$/, 4096), 256),
  isolationClass: jsonChoice(...isolationClasses),
  resources: jsonStruct<WorkloadResources>({
    cpuMillis: jsonUint(1_000_000, 10),
    memoryMiB: jsonUint(2 ** 24, 1),
    storageMiB: jsonUint(2 ** 30),
    pids: jsonUint(1_000_000, 1),
  }),
  wallTimeMs: jsonNullable(jsonUint(366 * 86_400_000, 1)),
  graceMs: jsonUint(600_000),
  port: jsonNullable(jsonUint(65_535, 1)),
  placement: jsonStruct<WorkloadPlacement>({
    architecture: jsonNullable(jsonName),
    countries: jsonList(jsonCountry, 64),
    regions: jsonList(jsonPattern(/^[A-Za-z0-9-]{1,32}$/, 32), 16),
    certifications: jsonList(jsonName, 32),
    clusters: jsonList(jsonName, 32),
  }),
  data: jsonStruct<WorkloadData>({
    operation: jsonText(128),
    classification: jsonChoice('Public', 'Internal', 'Confidential', 'Restricted'),
    contents: words,
    purpose: jsonText(128),
    source: jsonCountry,
    dataSubjects: words,
    bases: words,
    safeguards: words,
  }),
  salt: jsonBytesExact(32),
});

export const workloadId = (workload: Workload): Digest =>
  taggedHash('bpci/workload/v1', encode(workloadCodec, workload));

/** Country of an ISO 3166-1 or 3166-2 code. */
export const countryOf = (code: string): string => code.slice(0, 2);

/** What policies and lights are asked about it, were it to run in a cluster. Throws PolicyError for words that there are not. */
export function flowOf(
  { name, tenant, data }: Workload,
  cluster: { readonly id: string; readonly country: string },
): PolicyEvaluationRequest {
  const { source, ...rest } = data;
  return readRequest({
    ...rest,
    subject: { tenant, workload: name },
    source: { country: source },
    destination: { country: countryOf(cluster.country), recipient: `cluster:${cluster.id}` },
  });
}

const optional: Readonly<Record<string, unknown>> = {
  ...{ args: [], env: [], wallTimeMs: null, graceMs: 10_000, port: null, placement: {}, isolationClass: 'container' },
};
const optionalPlacement = { architecture: null, countries: [], regions: [], certifications: [], clusters: [] };
const optionalData = { dataSubjects: [], bases: [], safeguards: [], purpose: 'other' };

const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

/** A workload as a person writes it: what is left out is what the schema says. Throws {@link EncError} with everything that is wrong. */
export function readWorkload(json: unknown): Workload {
  const given = { ...optional, ...objectOf(json) };
  const read = readJson(workloadCodec, {
    ...given,
    placement: { ...optionalPlacement, ...objectOf(given['placement']) },
    data: { ...optionalData, ...objectOf(given['data']) },
  });
  if ('problems' in read) {
    const [first] = read.problems;
    const all = read.problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
    throw new EncError('invalid-workload', first?.path ?? '', all);
  }
  try {
    flowOf(read.value, { id: 'any', country: read.value.data.source });
  } catch (error) {
    if (error instanceof PolicyError) throw new EncError('invalid-workload', 'data', error.message);
    throw error;
  }
  return read.value;
}

/**
 * What is asked of the policy engine. Text lists are sets: their canonical form is sorted and without repetitions, and the
 * request's digest is that of its canonical form.
 */
import type { Digest } from '../shared/brands.ts';
import { compareText } from '../shared/bytes.ts';
import { type Codec, decode, digest32, encode, list, nullable, struct, textMax, uint } from '../shared/codec.ts';
import { taggedHash } from '../shared/hash.ts';
import { PolicyError } from './policy-error.ts';
import {
  bases,
  circumstances,
  classifications,
  contentKinds,
  counterNames,
  type CounterName,
  dpvBases,
  operations,
  purposes,
  recipientKinds,
  safeguards,
} from './vocabulary.ts';

/** Coarse; the rules work on countries. `EU` means the EEA; `Global` is the worst over every listed country. */
export const regions = ['US', 'EU', 'APAC', 'Global'] as const;
export type Region = (typeof regions)[number];

export interface Source {
  readonly region: Region;
  /** ISO 3166-1 alpha-2; null: not known, the worst over the region. */
  readonly country: string | null;
}

export interface Destination extends Source {
  /** Identifies the recipient in the fact set's certificates; null where it is not named. */
  readonly recipient: string | null;
  readonly recipientKinds: readonly string[];
}

/** An earlier decision on the same data: the regimes that applied to it apply to what is done with the data later. */
export interface Origin {
  readonly decision: Digest;
  readonly regimes: readonly string[];
}

export interface PolicyEvaluationRequest {
  readonly subject: { readonly tenant: string; readonly workload: string };
  readonly operation: string;
  readonly classification: string;
  readonly contents: readonly string[];
  readonly purpose: string;
  readonly source: Source;
  readonly destination: Destination;
  /** Countries (or `US-CA`) of the persons whom the data is about. */
  readonly dataSubjects: readonly string[];
  readonly origin: readonly Origin[];
  readonly bases: readonly string[];
  readonly safeguards: readonly string[];
  readonly circumstances: readonly string[];
  readonly counters: Readonly<Record<CounterName, number>>;
}

const word = textMax(128);
const words = list(word, 128);
const place = { region: word as Codec<Region>, country: nullable(word) };

/** Canonical: fields in this order, sets sorted. */
const requestCodec: Codec<PolicyEvaluationRequest> = struct<PolicyEvaluationRequest>({
  subject: struct<PolicyEvaluationRequest['subject']>({ tenant: word, workload: word }),
  operation: word,
  classification: word,
  contents: words,
  purpose: word,
  source: struct<Source>(place),
  destination: struct<Destination>({ ...place, recipient: nullable(textMax(256)), recipientKinds: words }),
  dataSubjects: words,
  origin: list(struct<Origin>({ decision: digest32, regimes: words }), 64),
  bases: words,
  safeguards: words,
  circumstances: words,
  counters: struct<Record<CounterName, number>>(
    Object.fromEntries(counterNames.map((name) => [name, uint])) as Record<CounterName, Codec<number>>,
  ),
});

const canonicalWords = (values: readonly string[]): readonly string[] => [...new Set(values)].sort(compareText);

function toCanonical(request: PolicyEvaluationRequest): PolicyEvaluationRequest {
  const { destination, origin } = request;
  return {
    ...request,
    contents: canonicalWords(request.contents),
    destination: { ...destination, recipientKinds: canonicalWords(destination.recipientKinds) },
    dataSubjects: canonicalWords(request.dataSubjects),
    origin: origin
      .map(({ decision, regimes }) => ({ decision, regimes: canonicalWords(regimes) }))
      .sort((a, b) => compareText(a.decision, b.decision)),
    bases: canonicalWords(request.bases),
    safeguards: canonicalWords(request.safeguards),
    circumstances: canonicalWords(request.circumstances),
  };
}

/** The canonical bytes of a request. */
export const encodeRequest = (request: PolicyEvaluationRequest): Uint8Array =>
  encode(requestCodec, toCanonical(request));

export const decodeRequest = (bytes: Uint8Array): PolicyEvaluationRequest => decode(requestCodec, bytes);

export const requestDigest = (request: PolicyEvaluationRequest): Digest =>
  taggedHash('bpci/policy-request/v1', encodeRequest(request));

type Json = Readonly<Record<string, unknown>>;
const refuse = (at: string, problem: string): never => {
  throw new PolicyError('invalid-request', at, problem);
};

function objectAt(value: unknown, at: string, known: readonly string[]): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(at, 'an object is needed');
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  return unknown === undefined ? (value as Json) : refuse(`${at}.${unknown}`, 'unknown field');
}

const textAt = (value: unknown, at: string): string =>
  typeof value === 'string' && value !== '' && value.length <= 128
    ? value
    : refuse(at, 'a text of 1 to 128 characters is needed');

function wordAt(value: unknown, at: string, vocabulary: readonly string[]): string {
  const text = textAt(value, at);
  return vocabulary.includes(text) ? text : refuse(at, `unknown word ${text}; there are: ${vocabulary.join(', ')}`);
}

const listAt = (value: unknown, at: string): readonly unknown[] =>
  value === undefined
    ? []
    : Array.isArray(value) && value.length <= 128
      ? (value as unknown[])
      : refuse(at, 'a list is needed');

const wordsAt = (value: unknown, at: string, vocabulary: readonly string[]): readonly string[] =>
  listAt(value, at).map((item, index) => wordAt(item, `${at}[${index}]`, vocabulary));

const countryAt = (value: unknown, at: string): string => {
  const text = textAt(value, at);
  return /^[A-Z]{2}(-[A-Z0-9]{1,3})?$/.test(text) ? text : refuse(at, `${text} is not an ISO 3166 code`);
};

function sourceAt(value: unknown, at: string, more: readonly string[] = []): Source & { readonly json: Json } {
  const json = objectAt(value, at, ['region', 'country', ...more]);
  const country =
    json['country'] === undefined || json['country'] === null ? null : countryAt(json['country'], `${at}.country`);
  const region =
    json['region'] === undefined && country !== null ? 'Global' : wordAt(json['region'], `${at}.region`, regions);
  return { region: region as Region, country, json };
}

function countersAt(value: unknown): PolicyEvaluationRequest['counters'] {
  const json = objectAt(value ?? {}, 'counters', counterNames);
  const entries = counterNames.map((name) => {
    const count = json[name] ?? 0;
    if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0)
      return refuse(`counters.${name}`, 'a number of persons, 0 or more, is needed');
    return [name, count] as const;
  });
  return Object.fromEntries(entries) as Record<CounterName, number>;
}

/** Names of an identifier of the DPV for a basis become the basis. */
const basisOf = (value: unknown): unknown => (typeof value === 'string' ? (dpvBases.get(value) ?? value) : value);

const originsAt = (value: unknown): readonly Origin[] =>
  listAt(value, 'origin').map((item, index) => {
    const at = `origin[${index}]`;
    const { decision, regimes } = objectAt(item, at, ['decision', 'regimes']);
    if (typeof decision !== 'string' || !/^[0-9a-f]{64}$/.test(decision))
      return refuse(`${at}.decision`, 'the digest of a decision is needed: 64 hexadecimal digits');
    const names = listAt(regimes, `${at}.regimes`).map((regime, i) => textAt(regime, `${at}.regimes[${i}]`));
    return { decision: decision as Digest, regimes: names };
  });

const requestFields = [
  ...[
    'subject',
    'operation',
    'classification',
    'contents',
    'purpose',
    'source',
    'destination',
    'dataSubjects',
    'origin',
  ],
  ...['bases', 'safeguards', 'circumstances', 'counters'],
];

/** A request as JSON, in canonical form. Throws {@link PolicyError} with the path of what is wrong. */
export function readRequest(value: unknown): PolicyEvaluationRequest {
  const json = objectAt(value, '$', requestFields);
  const { tenant, workload } = objectAt(json['subject'], 'subject', ['tenant', 'workload']);
  const { json: to, ...destination } = sourceAt(json['destination'], 'destination', ['recipient', 'recipientKinds']);
  const { json: _from, ...source } = sourceAt(json['source'], 'source');
  const contents = wordsAt(json['contents'], 'contents', contentKinds);
  if (contents.length === 0) return refuse('contents', `at least one of: ${contentKinds.join(', ')}`);
  return toCanonical({
    subject: { tenant: textAt(tenant, 'subject.tenant'), workload: textAt(workload, 'subject.workload') },
    operation: wordAt(json['operation'], 'operation', operations),
    classification: wordAt(json['classification'], 'classification', classifications),
    contents,
    purpose: wordAt(json['purpose'] ?? 'other', 'purpose', purposes),
    source,
    destination: {
      ...destination,
      recipient:
        to['recipient'] === undefined || to['recipient'] === null
          ? null
          : textAt(to['recipient'], 'destination.recipient'),
      recipientKinds: wordsAt(to['recipientKinds'], 'destination.recipientKinds', recipientKinds),
    },
    dataSubjects: listAt(json['dataSubjects'], 'dataSubjects').map((item, i) => countryAt(item, `dataSubjects[${i}]`)),
    origin: originsAt(json['origin']),
    bases: wordsAt(listAt(json['bases'], 'bases').map(basisOf), 'bases', bases),
    safeguards: wordsAt(json['safeguards'], 'safeguards', safeguards),
    circumstances: wordsAt(json['circumstances'], 'circumstances', circumstances),
    counters: countersAt(json['counters']),
  });
}

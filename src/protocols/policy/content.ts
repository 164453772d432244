/** A policy pack as it is published: one JSON text, named on chain by the SHA-256 of its bytes, kept and served off chain. */
import type { Digest } from '../shared/brands.ts';
import { toUtf8 } from '../shared/bytes.ts';
import { sha256, toDigest } from '../shared/hash.ts';
import { type Day, factSetHash, type FactSet, isDay, readFactSet } from './facts.ts';
import { PolicyError } from './policy-error.ts';
import { type PolicySet, readPolicySet } from './policy-set.ts';
import type { CedarPolicyJson, ObligationKind } from './rules.ts';

export interface PolicyContent {
  readonly set: PolicySet;
  readonly facts: FactSet;
  readonly asOf: Day;
}

/** What a publication names. */
export interface ContentNames {
  readonly policySet: Digest;
  readonly factSet: Digest;
  readonly asOf: Day;
  readonly content: Digest;
}

export function encodeContent({ set, facts, asOf }: PolicyContent): Uint8Array {
  const { name, version, schema, obligations, rules } = set;
  const policies = rules.map(({ policy }) => policy);
  // As fact files are written: what is not known is left out.
  const written = facts.facts.map(({ recheck, ...fact }) => (recheck === null ? fact : { ...fact, recheck }));
  const factSet = { ...facts, facts: written };
  return toUtf8(JSON.stringify({ name, version, schema, obligations, policies, facts: factSet, asOf }));
}

export const namesOf = ({ set, facts, asOf }: PolicyContent, bytes: Uint8Array): ContentNames => ({
  policySet: set.hash,
  factSet: factSetHash(facts),
  asOf,
  content: toDigest(sha256(bytes)),
});

/** Throws {@link PolicyError}: bytes that somebody published are not to be believed. */
export function decodeContent(bytes: Uint8Array): PolicyContent {
  const refuse = (problem: string): never => {
    throw new PolicyError('invalid-policy', '$', problem);
  };
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    if (cause instanceof SyntaxError || cause instanceof TypeError) return refuse('not JSON');
    throw cause;
  }
  if (typeof json !== 'object' || json === null) return refuse('an object is needed');
  const { name, version, schema, obligations, policies, facts, asOf } = json as Readonly<Record<string, unknown>>;
  if (typeof name !== 'string' || typeof version !== 'string' || typeof schema !== 'string')
    return refuse('name, version and schema are texts');
  if (!Array.isArray(obligations) || !Array.isArray(policies)) return refuse('obligations and policies are lists');
  if (!isDay(asOf)) return refuse('asOf is a day');
  const set = readPolicySet({
    ...{ name, version, schema },
    obligations: (obligations as unknown[]).map(obligationAt),
    policies: (policies as unknown[]).map(policyAt),
  });
  return { set, facts: readFactSet(facts), asOf };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function obligationAt(value: unknown, index: number): ObligationKind {
  const at = `obligations[${index}]`;
  const refuse = (problem: string): never => {
    throw new PolicyError('invalid-policy', at, problem);
  };
  if (!isObject(value)) return refuse('an object is needed');
  const { kind, phase, deadlineSeconds, proofBy } = value;
  if (typeof kind !== 'string' || (phase !== 'before' && phase !== 'with' && phase !== 'after'))
    return refuse('kind and phase are needed');
  if (deadlineSeconds !== null && (typeof deadlineSeconds !== 'number' || !Number.isSafeInteger(deadlineSeconds)))
    return refuse('deadlineSeconds is a number or null');
  if (proofBy !== null && typeof proofBy !== 'string') return refuse('proofBy is a role or null');
  return { kind, phase, deadlineSeconds, proofBy };
}

/** The shape that the compiler reads; conditions are checked by it. */
function policyAt(value: unknown, index: number): CedarPolicyJson {
  const at = `policies[${index}]`;
  const isScope = (scope: unknown): boolean => isObject(scope) && typeof scope['op'] === 'string';
  if (!isObject(value) || typeof value['effect'] !== 'string' || !Array.isArray(value['conditions']))
    throw new PolicyError('invalid-policy', at, 'a policy in JSON form is needed');
  if (!isScope(value['principal']) || !isScope(value['action']) || !isScope(value['resource']))
    throw new PolicyError('invalid-policy', at, 'a policy has a principal, an action and a resource');
  if (!(value['conditions'] as unknown[]).every((one) => isObject(one) && typeof one['kind'] === 'string'))
    throw new PolicyError('invalid-policy', `${at}.conditions`, 'conditions have a kind and a body');
  return value as unknown as CedarPolicyJson;
}

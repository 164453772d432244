/** A policy set: what is published, hashed, compared. Rules with their policies in JSON form, and the kinds of obligations. */
import type { Digest } from '../shared/brands.ts';
import { compareText } from '../shared/bytes.ts';
import { encode, list, struct, textMax } from '../shared/codec.ts';
import { taggedHash } from '../shared/hash.ts';
import { PolicyError } from './policy-error.ts';
import { type CedarPolicyJson, type ObligationKind, readRule, type Rule } from './rules.ts';

export interface PolicySet {
  readonly name: string;
  readonly version: string;
  /** Cedar's schema, as text. */
  readonly schema: string;
  readonly obligations: readonly ObligationKind[];
  /** Sorted by id. */
  readonly rules: readonly Rule[];
  readonly hash: Digest;
}

/** JSON with sorted names and no spaces: one text for one value. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).sort(([a], [b]) => compareText(a, b));
    return `{${entries.map(([name, item]) => `${JSON.stringify(name)}:${canonicalJson(item)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

const text = textMax(1 << 20);
interface Published {
  readonly name: string;
  readonly version: string;
  readonly schema: string;
  readonly obligations: readonly string[];
  readonly policies: readonly string[];
}
const publishedCodec = struct<Published>({
  ...{ name: text, version: text, schema: text },
  obligations: list(text, 1024),
  policies: list(text, 4096),
});

/** Throws {@link PolicyError} with a rule as place. The same hash for the same policies, in whatever order and layout. */
export function readPolicySet(parts: {
  readonly name: string;
  readonly version: string;
  readonly schema: string;
  readonly obligations: readonly ObligationKind[];
  readonly policies: readonly CedarPolicyJson[];
}): PolicySet {
  const { name, version, schema } = parts;
  const kinds = new Map(parts.obligations.map((obligation) => [obligation.kind, obligation]));
  const rules = parts.policies.map((policy) => readRule(policy, kinds)).sort((a, b) => compareText(a.id, b.id));
  rules.forEach(({ id }, index) => {
    if (rules[index + 1]?.id === id)
      throw new PolicyError('invalid-policy', `rule ${id}`, 'two policies have this @id');
  });
  const obligations = parts.obligations.toSorted((a, b) => compareText(a.kind, b.kind));
  const published = {
    ...{ name, version, schema },
    obligations: obligations.map(canonicalJson),
    policies: rules.map(({ policy }) => canonicalJson(policy)),
  };
  const hash = taggedHash('bpci/policy-set/v1', encode(publishedCodec, published));
  return { name, version, schema, obligations, rules, hash };
}

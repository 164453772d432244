/** The policies' part of a genesis document: who attests, and the set that is in force from the first block. */
import type { Digest, PublicKey } from '../../../shared/brands.ts';
import { compareText } from '../../../shared/bytes.ts';
import {
  type JsonCodec,
  jsonDigest,
  jsonKey,
  jsonList,
  jsonNullable,
  type JsonProblem,
  jsonStruct,
  jsonUint,
} from '../../json-codec.ts';
import { type Publication, publicationFields } from './publication.ts';

export const evaluatorsMax = 64;

/** Who attests, and how many have to. */
export interface AttestationRule {
  readonly evaluators: readonly PublicKey[];
  readonly attestationsMin: number;
}

export const attestationRuleCodec: JsonCodec<AttestationRule> = jsonStruct<AttestationRule>({
  evaluators: jsonList<PublicKey>(jsonKey, evaluatorsMax),
  attestationsMin: jsonUint(evaluatorsMax, 1),
});

interface GenesisPolicySet extends Publication {
  readonly author: PublicKey;
  /** What it compiles to. */
  readonly compiled: Digest;
}

export interface GenesisPolicies {
  /** Null: governors attest. */
  readonly rule: AttestationRule | null;
  /** The network's first set; null: none. */
  readonly network: GenesisPolicySet | null;
}

export const genesisPoliciesCodec: JsonCodec<GenesisPolicies> = jsonStruct<GenesisPolicies>({
  rule: jsonNullable(attestationRuleCodec),
  network: jsonNullable(jsonStruct<GenesisPolicySet>({ ...publicationFields, author: jsonKey, compiled: jsonDigest })),
});

/** What is wrong beside the shape. */
export function genesisPoliciesProblems({ rule, network }: GenesisPolicies): readonly JsonProblem[] {
  const problems: JsonProblem[] = [];
  const evaluators = rule?.evaluators ?? [];
  if (evaluators.some((key, index) => index > 0 && compareText(evaluators[index - 1] ?? '', key) >= 0)) {
    problems.push({ path: 'policies.rule.evaluators', message: 'not in ascending order, each once' });
  }
  if (rule !== null && rule.attestationsMin > evaluators.length) {
    problems.push({ path: 'policies.rule.attestationsMin', message: 'more than there are evaluators' });
  }
  if (network !== null && network.tenant !== null) {
    problems.push({ path: 'policies.network.tenant', message: 'the network’s set is nobody’s own' });
  }
  return problems;
}

/** The canonical bytes of a result: what a decision's log entry holds. */
import { type Codec, digest32, list, nullable, struct, textMax, uint } from '../shared/codec.ts';
import type { Obligation, PolicyEvaluationResult, RegimeState } from './evaluate.ts';
import type { DeterminingRule } from './rules.ts';

const word = textMax(1024);
const words = list(word, 1024);
const oneOf = <T extends string>(): Codec<T> => word as unknown as Codec<T>;

/** Fields in this order. */
export const resultCodec: Codec<PolicyEvaluationResult> = struct<PolicyEvaluationResult>({
  state: oneOf(),
  regimes: list(struct<RegimeState>({ regime: word, state: oneOf(), rules: words }), 256),
  rules: list(struct<DeterminingRule>({ id: word, version: word, regime: word, state: oneOf(), citation: word }), 1024),
  obligations: list(
    struct<Obligation>({
      ...{ id: word, kind: word, phase: oneOf<Obligation['phase']>() },
      deadlineSeconds: nullable(uint),
      proofBy: nullable(word),
      rules: words,
    }),
    256,
  ),
  places: struct<PolicyEvaluationResult['places']>({ source: word, destination: word }),
  faults: list(oneOf<PolicyEvaluationResult['faults'][number]>(), 16),
  ...{ policySetHash: digest32, factSetHash: digest32, asOf: word },
});

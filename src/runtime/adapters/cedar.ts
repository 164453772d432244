/**
 * Cedar (cedar-wasm) behind a port: validation, policies as JSON, and evaluation of single rules.
 *
 * What is to be known of it: a `forbid` whose evaluation errors is skipped, so any error is reported here as a failure; `reason`
 * names the permits or the forbids, never both, so the two are asked apart; ids in text are ignored, so policies are passed as
 * a map; what is preparsed under an id stays in memory for ever, so ids are used again.
 */
import {
  checkParseSchema,
  type DetailedError,
  policyToJson,
  preparsePolicySet,
  preparseSchema,
  statefulIsAuthorized,
  validate,
  type Context,
  type PolicyJson,
} from '@cedar-policy/cedar-wasm/nodejs';
import type { OutsideRules } from '../../protocols/policy/evaluate.ts';
import { type FactView, type PolicyInput, toContext } from '../../protocols/policy/input.ts';
import type { PolicySet } from '../../protocols/policy/policy-set.ts';
import type { CedarPolicyJson, Rule } from '../../protocols/policy/rules.ts';
import { CodedError } from '../../protocols/shared/errors.ts';

/** Where in its text something is wrong; `offset` in UTF-8 bytes. */
export interface CedarProblem {
  /** null: the schema. */
  readonly policy: string | null;
  readonly offset: number;
  readonly message: string;
}

class CedarError extends CodedError<'invalid-policy-set'> {
  override readonly name = 'CedarError';
}

const toProblem = (policy: string | null, { message, help, sourceLocations }: DetailedError): CedarProblem => ({
  policy,
  offset: sourceLocations?.[0]?.start ?? 0,
  message: help === null ? message : `${message} (${help})`,
});

/** Parsed, or what is wrong with it. */
export function parsePolicy(
  name: string,
  text: string,
): { policy: CedarPolicyJson } | { problems: readonly CedarProblem[] } {
  const answer = policyToJson(text);
  return answer.type === 'success'
    ? { policy: answer.json as unknown as CedarPolicyJson }
    : { problems: answer.errors.map((error) => toProblem(name, error)) };
}

/** Everything that is wrong with policies (by name) that parse, against their schema; warnings count. */
export function validatePolicies(schema: string, policies: Readonly<Record<string, string>>): readonly CedarProblem[] {
  const parsed = checkParseSchema(schema);
  if (parsed.type === 'failure') return parsed.errors.map((error) => toProblem(null, error));
  const answer = validate({ schema, policies: { staticPolicies: { ...policies } } });
  if (answer.type === 'failure') return answer.errors.map((error) => toProblem(null, error));
  const found = [...answer.validationErrors, ...answer.validationWarnings];
  return found.map(({ policyId, error }) => toProblem(policyId, error));
}

/** The same of a set in JSON form, by the ids of its rules: for bytes that came without their text. */
export function validatePolicySet({ schema, rules }: PolicySet): readonly string[] {
  const parsed = checkParseSchema(schema);
  if (parsed.type === 'failure') return parsed.errors.map(({ message }) => `schema: ${message}`);
  const answer = validate({ schema, policies: { staticPolicies: asPolicies(rules) } });
  if (answer.type === 'failure') return answer.errors.map(({ message }) => message);
  const found = [...answer.validationErrors, ...answer.validationWarnings];
  return found.map(({ policyId, error }) => `rule ${policyId}: ${error.message}`);
}

const typeNames = { principal: 'Workload', resource: 'Flow' } as const;
let slotsUsed = 0;
/** Slots that were closed, to be overwritten. */
const freeSlots: number[] = [];

function asPolicies(rules: readonly Rule[]): Record<string, PolicyJson> {
  return Object.fromEntries(rules.map(({ id, policy }) => [id, policy as unknown as PolicyJson]));
}

/** Rules that Cedar evaluates. */
export interface CedarRules {
  readonly matching: OutsideRules;
  /** What was preparsed may be overwritten after this. */
  close(): void;
}

/** Preparses once (tens of milliseconds for a hundred rules). Throws {@link CedarError}. */
export function prepareCedarRules({ schema, rules }: Pick<PolicySet, 'schema' | 'rules'>): CedarRules {
  const slot = freeSlots.pop() ?? slotsUsed++;
  const preparsed = (['permit', 'forbid'] as const).map((effect) => {
    const own = rules.filter(({ policy }) => policy.effect === effect);
    const id = `${effect}-${slot}`;
    const answer = preparsePolicySet(id, { staticPolicies: asPolicies(own) });
    if (answer.type === 'failure')
      throw new CedarError('invalid-policy-set', answer.errors.map(({ message }) => message).join('; '));
    return id;
  });
  const schemaName = `schema-${slot}`;
  const answer = preparseSchema(schemaName, schema);
  if (answer.type === 'failure')
    throw new CedarError('invalid-policy-set', answer.errors.map(({ message }) => message).join('; '));
  return {
    matching: (input, facts) => askCedar(preparsed, schemaName, input, facts),
    close: () => void freeSlots.push(slot),
  };
}

function askCedar(
  policySets: readonly string[],
  schemaName: string,
  input: PolicyInput,
  facts: FactView,
): ReturnType<OutsideRules> {
  const context = toContext(input, facts) as Context;
  const matched: string[] = [];
  let failed = false;
  for (const preparsedPolicySetId of policySets) {
    const answer = statefulIsAuthorized({
      principal: { type: typeNames.principal, id: 'workload' },
      action: { type: 'Action', id: input.texts.operation },
      resource: { type: typeNames.resource, id: 'flow' },
      context,
      preparsedSchemaName: schemaName,
      validateRequest: true,
      preparsedPolicySetId,
      entities: [],
    });
    if (answer.type === 'failure') return { matched: [], failed: true };
    const { reason, errors } = answer.response.diagnostics;
    matched.push(...reason);
    if (errors.length > 0) failed = true;
  }
  return { matched: matched.sort(), failed };
}

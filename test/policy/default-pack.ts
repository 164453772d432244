/** The default pack, read and compiled once, and short ways to ask it. */
import { resolve } from 'node:path';
import { compilePolicySet } from '../../src/protocols/policy/compile.ts';
import {
  evaluateRequest,
  type EvaluationOptions,
  type PolicyEvaluationResult,
} from '../../src/protocols/policy/evaluate.ts';
import { type PolicySet, readPolicySet } from '../../src/protocols/policy/policy-set.ts';
import { type PolicyEvaluationRequest, readRequest } from '../../src/protocols/policy/request.ts';
import { parsePolicy } from '../../src/runtime/adapters/cedar.ts';
import { readPolicyPack } from '../../src/runtime/adapters/policy-pack.ts';

export const packDirectory = resolve('packs/default');
export const pack = readPolicyPack(packDirectory);
export const compiled = compilePolicySet(pack.set, pack.facts, pack.asOf);

/** A personal, confidential transfer, changed. */
export const requestOf = (
  from: string,
  to: string,
  more: Readonly<Record<string, unknown>> = {},
): PolicyEvaluationRequest =>
  readRequest({
    subject: { tenant: 'acme', workload: 'orders' },
    ...{ operation: 'transfer', classification: 'Confidential', contents: ['personal'], purpose: 'service-provision' },
    source: { country: from },
    destination: { country: to },
    ...more,
  });

export const decide = (request: PolicyEvaluationRequest, options: EvaluationOptions = {}): PolicyEvaluationResult =>
  evaluateRequest(compiled, request, options);

/** A set of the default pack's schema and obligations with these policies. */
export function setOf(...policies: readonly string[]): PolicySet {
  const parsed = policies.map((text, index) => {
    const found = parsePolicy(String(index), text);
    if ('problems' in found) throw new Error(found.problems.map(({ message }) => message).join('; '));
    return found.policy;
  });
  const { schema, obligations } = pack.set;
  return readPolicySet({ name: 'test', version: '1', schema, obligations, policies: parsed });
}

/** The text of a rule with a condition. */
export const ruleText = (id: string, state: 'green' | 'yellow' | 'red', condition: string, regime = 'gdpr'): string =>
  `@id("${id}") @regime("${regime}") @state("${state}") @obligation("log") @citation("test")
   ${state === 'red' ? 'forbid' : 'permit'} (principal, action, resource) when { ${condition} };`;

export const appliesText = (condition: string, regime = 'gdpr'): string =>
  `@id("applies-${regime}") @regime("${regime}") @role("applies")
   permit (principal, action, resource) when { ${condition} };`;

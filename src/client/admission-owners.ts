/** The owners of an admission's steps over HTTP: court, policy engine and light of the network. What does not answer as it must is no answer. */
import type { AdmissionOwners } from '../actors/enc/owners.ts';
import type { BoundDecision } from '../protocols/enc/admission.ts';
import type { PolicyEvaluationRequest } from '../protocols/policy/request.ts';
import type { PolicyState } from '../protocols/policy/rules.ts';
import { type Digest, isHex64 } from '../protocols/shared/brands.ts';
import { ClientError } from './client-error.ts';
import { askService, type ServiceClientOptions } from './service-request.ts';

export interface AdmissionEndpoints {
  readonly court: ServiceClientOptions;
  readonly policy: ServiceClientOptions;
  readonly traffic: ServiceClientOptions;
}

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new ClientError('bad-answer', 'an object was expected');
};
const states: readonly string[] = ['Green', 'Yellow', 'Red'];
const stateOf = (value: unknown): PolicyState => (states.includes(value as string) ? (value as PolicyState) : 'Red');
const textsOf = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];

/** Light and engine may be a block behind the operator. */
const attemptsMax = 12;
const pauseMs = 250;

function decisionOf(json: unknown): BoundDecision {
  const { id, state, enforcementAction, policy, reasons, expires } = fieldsOf(json);
  if (typeof id !== 'string' || !isHex64(id)) throw new ClientError('bad-answer', 'a decision has an id');
  const policySet = policy === null || policy === undefined ? null : fieldsOf(policy)['policySetHash'];
  return {
    id: id as Digest,
    state: stateOf(state),
    action: typeof enforcementAction === 'string' ? enforcementAction : 'block',
    policySet: typeof policySet === 'string' && isHex64(policySet) ? (policySet as Digest) : null,
    reasons: textsOf(reasons),
    expires: typeof expires === 'number' ? expires : null,
  };
}

const complianceOf = async (
  court: ServiceClientOptions,
  operation: object,
): Promise<{ complies: boolean; reasons: readonly string[] }> => {
  const { state, reasons } = fieldsOf(await askService(court, '/v1/compliance/check', operation));
  // What a person has to look at first is held by the light.
  return { complies: stateOf(state) !== 'Red', reasons: textsOf(reasons) };
};

export function createAdmissionOwners({ court, policy, traffic }: AdmissionEndpoints): AdmissionOwners {
  return {
    court: async ({ tenant, workload, classification, countries }) => {
      const answers = await Promise.all(
        countries.map((country) => complianceOf(court, { tenant, workload, country, classification })),
      );
      const problems = [...new Set(answers.flatMap(({ reasons }) => reasons))];
      return { complies: answers.some(({ complies }) => complies), problems };
    },
    policy: async (requests, minHeight) =>
      (await evaluated(policy, requests, minHeight)).map(({ state }) => stateOf(state)),
    traffic: async (request) => {
      await caughtUp(traffic, request.minHeight);
      const { decision } = fieldsOf(await askService(traffic, '/v1/decisions', { ...request, receipt: false }));
      return decisionOf(decision);
    },
    released: async (held, tenant) => {
      const query = new URLSearchParams({ tenant, limit: '500' }).toString();
      const { decisions } = fieldsOf(await askService(traffic, `/v1/decisions?${query}`));
      const all = Array.isArray(decisions) ? (decisions as unknown[]) : [];
      const found = all.map(fieldsOf).find(({ releases, state }) => releases === held && state !== 'Red');
      return found === undefined ? null : decisionOf(found);
    },
  };
}

/** A light that is a block behind would log a Red for it: it is waited for. */
async function caughtUp(traffic: ServiceClientOptions, minHeight: number): Promise<void> {
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    const { height } = fieldsOf(await askService(traffic, '/v1/status'));
    if (typeof height === 'number' && height >= minHeight) return;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** On a state that the engine had at this height or later. */
async function evaluated(
  policy: ServiceClientOptions,
  requests: readonly PolicyEvaluationRequest[],
  minHeight: number,
): Promise<readonly Fields[]> {
  for (let attempt = 1; ; attempt++) {
    const { evaluations } = fieldsOf(await askService(policy, '/v1/evaluate', requests));
    const answers = Array.isArray(evaluations) ? (evaluations as unknown[]).map(fieldsOf) : [];
    const isThere =
      answers.length === requests.length &&
      answers.every(({ height }) => typeof height === 'number' && height >= minHeight);
    if (isThere) return answers;
    if (attempt === attemptsMax)
      throw new ClientError('unavailable', `the policy engine is behind height ${minHeight}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

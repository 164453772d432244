/** What a policy service answers for: requests beyond its regions and classes are refused, never guessed. */
import {
  type Region,
  readRequest,
  regions,
  type PolicyEvaluationRequest,
  type Source,
} from '../../protocols/policy/request.ts';
import { classifications, counterNames } from '../../protocols/policy/vocabulary.ts';
import { personsMax } from '../../protocols/traffic/counters.ts';
import { PolicyServiceError } from '../../runtime/ports/policy-api.ts';

export interface ServedDomain {
  readonly regions: readonly Region[];
  readonly classifications: readonly string[];
}

export const wholeDomain: ServedDomain = { regions, classifications };

const refuse = (place: string, problem: string): never => {
  throw new PolicyServiceError('invalid-request', `${place}: ${problem}`, place);
};

/** A country that is named is served where `Global` is, or the region that the request puts it in. */
function checkPlace(place: string, { region, country }: Source, served: readonly Region[]): void {
  if (served.includes('Global') || served.includes(region)) return;
  const found = country === null ? region : `${country} (${region})`;
  refuse(place, `${found} is not served here; there are: ${served.join(', ')}`);
}

/** Throws {@link PolicyServiceError} for what is not served, PolicyError for what is no request. */
export function readServedRequest(
  json: unknown,
  { regions: served, classifications: classes }: ServedDomain,
): PolicyEvaluationRequest {
  const request = readRequest(json);
  checkPlace('source', request.source, served);
  checkPlace('destination', request.destination, served);
  if (!classes.includes(request.classification))
    refuse('classification', `${request.classification} is not served here; there are: ${classes.join(', ')}`);
  const large = counterNames.find((name) => request.counters[name] > personsMax);
  if (large !== undefined) refuse(`counters.${large}`, `at most ${personsMax}`);
  return request;
}

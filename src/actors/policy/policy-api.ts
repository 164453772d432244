/** `PolicyApi` over the engine, the contents and the workshop: JSON in, checked, asked, JSON out. */
import { decodeContent, namesOf } from '../../protocols/policy/content.ts';
import { factSetHash, holdsOn, isDay } from '../../protocols/policy/facts.ts';
import { PolicyError } from '../../protocols/policy/policy-error.ts';
import { noTightening } from '../../protocols/policy/published.ts';
import { type PolicyEvaluationRequest, requestDigest } from '../../protocols/policy/request.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import { toUtf8 } from '../../protocols/shared/bytes.ts';
import { utcDay } from '../../protocols/traffic/calendar.ts';
import { ActorError, type ActorRef, type ActorSystem, type ReplyTo } from '../../runtime/ports/actors.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import {
  type Evaluation,
  type PolicyApi,
  PolicyServiceError,
  type StudyOptions,
} from '../../runtime/ports/policy-api.ts';
import { contentBytesMax } from './content-store.ts';
import type { Evaluated, KnownSets, PolicyEngineMessage } from './messages.ts';
import { PublishedSets } from './published-sets.ts';
import { publishContent, type PublishOptions } from './publishing.ts';
import { readServedRequest, type ServedDomain } from './served-domain.ts';
import { type PolicyWorkshop, WorkshopError } from './workshop.ts';

const askTimeoutMs = 10_000;
const dayShape = 'a day as YYYY-MM-DD is needed';

export interface PolicyApiOptions extends Omit<PublishOptions, 'content' | 'transaction'> {
  readonly system: ActorSystem;
  readonly engine: ActorRef<PolicyEngineMessage>;
  readonly clock: Pick<Clock, 'now'>;
  readonly workshop: PolicyWorkshop;
  readonly bytesOf: (content: Digest) => Promise<Uint8Array>;
  readonly domain: ServedDomain;
  /** Whether an account may see the sets of tenants that it is not: lights, governors, evaluators. */
  readonly isOfficial: (account: string) => boolean;
}

/** What is shown of an evaluation. */
function toEvaluation(
  { outcome, policy, height, stateTime, time }: Evaluated,
  request: PolicyEvaluationRequest,
): Evaluation {
  const { state, reasons, obligations, compliance, policy: result } = outcome;
  return {
    ...{ state, reasons, compliance, obligations },
    ...{ rules: result?.rules ?? [], regimes: result?.regimes ?? [], faults: result?.faults ?? [] },
    places: result?.places ?? null,
    ...{ policySetHash: result?.policySetHash ?? null, factSetHash: result?.factSetHash ?? null },
    ...{ asOf: result?.asOf ?? null, policy, height, stateTime, evaluationTime: time },
    requestDigest: requestDigest(request),
  };
}

function toServiceError(error: unknown): PolicyServiceError {
  if (error instanceof PolicyServiceError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const options = { cause: error };
  if (error instanceof PolicyError)
    return error.code === 'invalid-request'
      ? new PolicyServiceError('invalid-request', message, error.place, options)
      : new PolicyServiceError('invalid-set', message, error.place, options);
  if (error instanceof WorkshopError || error instanceof ActorError) {
    const code = error.code === 'mailbox-full' || error.code === 'overload' ? 'overload' : null;
    return new PolicyServiceError(
      code ?? (error.code === 'time-out' ? 'time-out' : 'unavailable'),
      message,
      null,
      options,
    );
  }
  throw error;
}

async function within<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toServiceError(error);
  }
}

type Ask = <Reply>(make: (replyTo: ReplyTo<Reply>) => PolicyEngineMessage) => Promise<Reply>;

function dayOf(asOf: string | undefined): string | null {
  const day: unknown = asOf;
  if (day === undefined) return null;
  if (!isDay(day)) throw new PolicyServiceError('invalid-request', dayShape, 'asOf');
  return day;
}

export function createPolicyApi(options: PolicyApiOptions): PolicyApi {
  const { system, engine, workshop, domain, isOfficial } = options;
  const ask: Ask = (make) => system.ask(engine, make, { timeoutMs: askTimeoutMs });
  const published = new PublishedSets({
    ...{ isOfficial, bytesOf: options.bytesOf },
    known: () => ask<KnownSets | null>((replyTo) => ({ type: 'sets', replyTo })),
  });
  /** Who asks as a tenant that has its own set sees something of it. */
  const readFor = async (json: unknown, viewer: string | null): Promise<PolicyEvaluationRequest> => {
    const request = readServedRequest(json, domain);
    if (await published.mayAskFor(request.subject.tenant, viewer)) return request;
    throw new PolicyServiceError('unknown-tenant', 'there is no such tenant', 'subject.tenant');
  };
  return {
    evaluate: (requests, viewer) => within(() => evaluateAll(ask, readFor, requests, viewer)),
    study: (json, how, viewer) =>
      within(async () => studyOne(ask, options, published, await readFor(json, viewer), how, viewer)),
    sets: (viewer) => within(() => published.list(viewer)),
    content: (name, viewer) => within(async () => published.bytesOf((await published.find(name, viewer)).set)),
    facts: (asked, viewer) => within(() => factsOf(published, workshop, asked, viewer)),
    check: (content, { asOf, random }) =>
      within(() => {
        const day = dayOf(asOf);
        const bytes = bytesFrom(content);
        return workshop.do('check', { bytes, random, seed: 1, ...(day === null ? {} : { asOf: day }) });
      }),
    diff: (before, after, asOf, viewer) =>
      within(async () => {
        const day = dayOf(asOf);
        const [first, second] = [await published.find(before, viewer), await published.find(after, viewer)];
        const bytes = { before: await published.bytesOf(first.set), after: await published.bytesOf(second.set) };
        return workshop.do('diff', { ...bytes, ...(day === null ? {} : { asOf: day }) });
      }),
    publish: (content, transaction) =>
      within(() => {
        const bytes = bytesFrom(content);
        return publishContent({ ...options, content: bytes, transaction }, namesOf(decodeContent(bytes), bytes));
      }),
    status: () => within(() => ask((replyTo) => ({ type: 'status', replyTo }))),
  };
}

/** What is in force is asked of the engine; the worker says why, and answers for other sets and days. */
async function studyOne(
  ask: Ask,
  { workshop, clock }: Pick<PolicyApiOptions, 'workshop' | 'clock'>,
  published: PublishedSets,
  request: PolicyEvaluationRequest,
  { asOf, set: name }: StudyOptions,
  viewer: string | null,
): Promise<Evaluation> {
  const day = dayOf(asOf);
  const { set, known } = await published.find(name, viewer);
  const isLive = day === null && set.id === known.network?.id;
  const counted = isLive
    ? await ask<PolicyEvaluationRequest>((replyTo) => ({ type: 'counted', request, replyTo }))
    : request;
  const { result, ...why } = await workshop.do('study', {
    ...{ bytes: await published.bytesOf(set), names: set, request: counted },
    tightening: isLive ? known.tightening : noTightening,
    today: day ?? utcDay(clock.now()),
    ...(day === null ? {} : { asOf: day }),
  });
  if (!isLive) return { reasons: [], ...result, ...why, requestDigest: requestDigest(request), height: known.height };
  const [now] = await ask<readonly Evaluated[]>((replyTo) => ({ type: 'evaluate', requests: [request], replyTo }));
  if (now === undefined) throw new PolicyServiceError('unavailable', 'no answer');
  return { ...toEvaluation(now, request), ...why };
}

async function factsOf(
  published: PublishedSets,
  workshop: PolicyWorkshop,
  { asOf, set: name }: StudyOptions,
  viewer: string | null,
): Promise<unknown> {
  const day = dayOf(asOf);
  const { set, known } = await published.find(name, viewer);
  const facts = await workshop.do('facts', { bytes: await published.bytesOf(set), names: set });
  const revoked = new Set(set.id === known.network?.id ? known.tightening.revokedFacts : []);
  const on = day ?? set.asOf;
  return {
    ...{ asOf: on, factSetHash: factSetHash(facts), version: facts.version, countries: facts.countries.length },
    facts: facts.facts
      .filter((fact) => holdsOn(fact, on))
      .map((fact) => ({ ...fact, isRevoked: revoked.has(fact.id) })),
  };
}

function bytesFrom(content: string): Uint8Array {
  const bytes = toUtf8(content);
  if (bytes.length <= contentBytesMax) return bytes;
  throw new PolicyServiceError('invalid-request', `at most ${contentBytesMax} bytes`, 'content');
}

/** Requests that are none are refused by themselves; the others are evaluated. */
async function evaluateAll(
  ask: Ask,
  readFor: (json: unknown, viewer: string | null) => Promise<PolicyEvaluationRequest>,
  json: readonly unknown[],
  viewer: string | null,
): Promise<readonly (Evaluation | PolicyServiceError)[]> {
  const read: (PolicyEvaluationRequest | PolicyServiceError)[] = [];
  for (const one of json) {
    try {
      read.push(await readFor(one, viewer));
    } catch (error) {
      read.push(toServiceError(error));
    }
  }
  const requests = read.filter((one): one is PolicyEvaluationRequest => !(one instanceof PolicyServiceError));
  const answers =
    requests.length === 0
      ? []
      : await ask<readonly Evaluated[]>((replyTo) => ({ type: 'evaluate', requests, replyTo }));
  let next = 0;
  return read.map((one) => {
    if (one instanceof PolicyServiceError) return one;
    const answer = answers[next++];
    return answer === undefined ? new PolicyServiceError('unavailable', 'no answer') : toEvaluation(answer, one);
  });
}

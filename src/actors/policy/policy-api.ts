/** `PolicyApi` over the engine, the contents and the workshop: JSON in, checked, asked, JSON out. */
import type { ActiveSet } from '../../protocols/ledger/modules/policies/policies.ts';
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
import { publishContent, type PublishOptions } from './publishing.ts';
import { readServedRequest, type ServedDomain } from './served-domain.ts';
import { type PolicyWorkshop, WorkshopError } from './workshop.ts';

const askTimeoutMs = 10_000;
const setsShownMax = 500;
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

const isMine = ({ tenant }: ActiveSet, viewer: string | null, isOfficial: PolicyApiOptions['isOfficial']): boolean =>
  tenant === null || viewer === null || viewer === tenant || isOfficial(viewer);

export function createPolicyApi(options: PolicyApiOptions): PolicyApi {
  const { system, engine, workshop, clock, domain, isOfficial } = options;
  const ask = <Reply>(make: (replyTo: ReplyTo<Reply>) => PolicyEngineMessage): Promise<Reply> =>
    system.ask<PolicyEngineMessage, Reply>(engine, make, { timeoutMs: askTimeoutMs });
  const known = async (): Promise<KnownSets> => {
    const found = await ask<KnownSets | null>((replyTo) => ({ type: 'sets', replyTo }));
    if (found === null) throw new PolicyServiceError('not-ready', 'the chain is not followed yet');
    return found;
  };
  const visible = async (viewer: string | null): Promise<KnownSets> => {
    const found = await known();
    return { ...found, sets: found.sets.filter((set) => isMine(set, viewer, isOfficial)) };
  };
  const find = async (name: string | undefined, viewer: string | null): Promise<readonly [ActiveSet, KnownSets]> => {
    const all = await visible(viewer);
    const newest = all.sets.toSorted((a, b) => b.publishedAt - a.publishedAt);
    const set =
      name === undefined
        ? all.network
        : newest.find(({ id, content, policySet }) => name === id || name === content || name === policySet);
    if (set !== null && set !== undefined) return [set, all];
    throw name === undefined
      ? new PolicyServiceError('not-ready', 'no policy set is active')
      : new PolicyServiceError('unknown-set', 'no published set has this name');
  };
  const bytesOf = async ({ content }: ActiveSet): Promise<Uint8Array> => {
    try {
      return await options.bytesOf(content);
    } catch (cause) {
      throw new PolicyServiceError('content-not-here', `the bytes of ${content} are not to be had`, null, { cause });
    }
  };
  /** Who asks as a tenant that has its own set sees something of it. */
  const readFor = async (json: unknown, viewer: string | null): Promise<PolicyEvaluationRequest> => {
    const request = readServedRequest(json, domain);
    const { tenant } = request.subject;
    if (viewer === null || viewer === tenant || isOfficial(viewer)) return request;
    if (!(await known()).sets.some((set) => set.tenant === tenant)) return request;
    throw new PolicyServiceError('unknown-tenant', 'there is no such tenant', 'subject.tenant');
  };
  const dayOf = (asOf: string | undefined): string | null => {
    const day: unknown = asOf;
    if (day === undefined) return null;
    if (!isDay(day)) throw new PolicyServiceError('invalid-request', dayShape, 'asOf');
    return day;
  };
  return {
    evaluate: (requests, viewer) => within(() => evaluateAll(ask, readFor, requests, viewer)),
    study: (json, study, viewer) =>
      within(async () => {
        const day = dayOf(study.asOf);
        const request = await readFor(json, viewer);
        const live = await ask<readonly Evaluated[]>((replyTo) => ({ type: 'evaluate', requests: [request], replyTo }));
        const [set, all] = await find(study.set, viewer);
        const isLive = day === null && set.id === all.network?.id;
        const counted = isLive
          ? await ask<PolicyEvaluationRequest>((replyTo) => ({ type: 'counted', request, replyTo }))
          : request;
        const { result, ...why } = await workshop.do('study', {
          ...{ bytes: await bytesOf(set), names: set, request: counted },
          tightening: isLive ? all.tightening : noTightening,
          today: day ?? utcDay(clock.now()),
          ...(day === null ? {} : { asOf: day }),
        });
        const [now] = live;
        if (isLive && now !== undefined) return { ...toEvaluation(now, request), ...why };
        return { reasons: [], ...result, ...why, requestDigest: requestDigest(request), height: all.height };
      }),
    sets: (viewer) =>
      within(async () => {
        const { sets, active } = await visible(viewer);
        const newest = sets.toSorted((a, b) => b.publishedAt - a.publishedAt).slice(0, setsShownMax);
        return newest.map((set) => ({ ...set, status: statusOf(set, active) }));
      }),
    content: (name, viewer) => within(async () => bytesOf((await find(name, viewer))[0])),
    facts: (asked, viewer) => within(() => factsOf(asked, viewer)),
    check: (content, { asOf, random }) =>
      within(() => {
        const day = dayOf(asOf);
        const bytes = bytesFrom(content);
        return workshop.do('check', { bytes, random, seed: 1, ...(day === null ? {} : { asOf: day }) });
      }),
    diff: (before, after, asOf, viewer) =>
      within(async () => {
        const day = dayOf(asOf);
        const [[first], [second]] = [await find(before, viewer), await find(after, viewer)];
        const bytes = { before: await bytesOf(first), after: await bytesOf(second) };
        return workshop.do('diff', { ...bytes, ...(day === null ? {} : { asOf: day }) });
      }),
    publish: (content, transaction) =>
      within(() => {
        const bytes = bytesFrom(content);
        return publishContent({ ...options, content: bytes, transaction }, namesOf(decodeContent(bytes), bytes));
      }),
    status: () => within(() => ask((replyTo) => ({ type: 'status', replyTo }))),
  };

  async function factsOf({ asOf, set: name }: StudyOptions, viewer: string | null): Promise<unknown> {
    const day = dayOf(asOf);
    const [set, { network, tightening }] = await find(name, viewer);
    const facts = await workshop.do('facts', { bytes: await bytesOf(set), names: set });
    const revoked = new Set(set.id === network?.id ? tightening.revokedFacts : []);
    const on = day ?? set.asOf;
    return {
      ...{ asOf: on, factSetHash: factSetHash(facts), version: facts.version, countries: facts.countries.length },
      facts: facts.facts
        .filter((fact) => holdsOn(fact, on))
        .map((fact) => ({ ...fact, isRevoked: revoked.has(fact.id) })),
    };
  }
}

function bytesFrom(content: string): Uint8Array {
  const bytes = toUtf8(content);
  if (bytes.length <= contentBytesMax) return bytes;
  throw new PolicyServiceError('invalid-request', `at most ${contentBytesMax} bytes`, 'content');
}

const statusOf = ({ id, activeFrom }: ActiveSet, active: ReadonlySet<Digest>): string =>
  active.has(id) ? 'active' : activeFrom === null ? 'waiting' : 'superseded';

type Ask = <Reply>(make: (replyTo: ReplyTo<Reply>) => PolicyEngineMessage) => Promise<Reply>;

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

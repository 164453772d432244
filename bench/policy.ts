/**
 * Policy evaluations a second, p50 and p99, over inputs drawn from the whole domain of the default pack.
 *
 * - state: `stateOf`, the hot path; result: `evaluateInput`, with rules and obligations; request: `evaluateRequest`, with the
 *   facts looked up.
 * - peer: Cedar (cedar-wasm), stateful, everything preparsed, one call for the whole set, request validation on. It answers
 *   allow or deny only; a state takes it two calls.
 * - peer: Open Policy Agent, the same policies as Rego compiled to WebAssembly, allow or deny. Both peers must answer alike.
 * - Compilation of the pack with more rules up to 100 policies, and the equality check, beside them.
 * - The same results while a worker thread compiles sets: each request's time counts from the end of the turn before it, so that
 *   taking over what was compiled counts as waiting.
 */
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import {
  type Context,
  type PolicyJson,
  preparsePolicySet,
  preparseSchema,
  statefulIsAuthorized,
} from '@cedar-policy/cedar-wasm/nodejs';
import { compilePolicySet } from '../src/protocols/policy/compile.ts';
import { evaluateInput, evaluateRequest, stateOf } from '../src/protocols/policy/evaluate.ts';
import { type PolicyInput, toContext } from '../src/protocols/policy/input.ts';
import { type PolicyEvaluationRequest, readRequest } from '../src/protocols/policy/request.ts';
import { encodeContent, namesOf } from '../src/protocols/policy/content.ts';
import { noTightening } from '../src/protocols/policy/published.ts';
import { prepareCedarRules } from '../src/runtime/adapters/cedar.ts';
import { checkEquality, randomInput } from '../src/runtime/adapters/cedar-equality.ts';
import { readPolicyPack } from '../src/runtime/adapters/policy-pack.ts';
import { PolicyWorkers } from '../src/runtime/adapters/policy-workers.ts';
import { createSystemClock } from '../src/runtime/adapters/system-clock.ts';
import { SeededRandom } from '../src/runtime/simulated/seeded-random.ts';
import { opaPeer } from './support/opa-peer.ts';
import { quantile, report, rounded } from './support/results.ts';

const inputCount = 10_000;
const peerCount = 1_000;
const warmUp = 20_000;

const pack = readPolicyPack(join(import.meta.dirname, '..', 'packs', 'default'));
const compiled = compilePolicySet(pack.set, pack.facts, pack.asOf);

function toRequest({ texts, sets, counters }: PolicyInput): PolicyEvaluationRequest {
  const { source, destination, ...rest } = texts;
  const placeOf = (country: string): { country: string } => ({ country: country === 'unlisted' ? 'ZZ' : country });
  return readRequest({
    subject: { tenant: 'bench', workload: 'bench' },
    ...rest,
    contents: sets.contents.length === 0 ? ['non-personal'] : sets.contents,
    source: placeOf(source),
    destination: { ...placeOf(destination), recipientKinds: sets.recipient },
    ...{ bases: sets.bases, safeguards: sets.safeguards, circumstances: sets.circumstances, counters },
  });
}

interface Row {
  readonly what: string;
  readonly 'per second': number;
  readonly 'p50 µs': number;
  readonly 'p99 µs': number;
}

/** One evaluation at a time for the quantiles, all in one go for the rate. */
function measure<T>(what: string, inputs: readonly T[], evaluate: (input: T) => unknown): Row {
  const single = inputs.map((input) => {
    const from = process.hrtime.bigint();
    evaluate(input);
    return Number(process.hrtime.bigint() - from) / 1000;
  });
  const startedMs = performance.now();
  for (const input of inputs) evaluate(input);
  const seconds = (performance.now() - startedMs) / 1000;
  return {
    what,
    'per second': Math.round(inputs.length / seconds),
    'p50 µs': rounded(quantile(single, 0.5), 2),
    'p99 µs': rounded(quantile(single, 0.99), 2),
  };
}

function peer(): (input: PolicyInput) => boolean {
  const policies = Object.fromEntries(pack.set.rules.map(({ id, policy }) => [id, policy as unknown as PolicyJson]));
  preparsePolicySet('bench', { staticPolicies: policies });
  preparseSchema('bench', pack.set.schema);
  return (input) => {
    const answer = statefulIsAuthorized({
      principal: { type: 'Workload', id: 'workload' },
      action: { type: 'Action', id: input.texts.operation },
      resource: { type: 'Flow', id: 'flow' },
      context: toContext(input, compiled.facts) as Context,
      ...{ preparsedSchemaName: 'bench', validateRequest: true, preparsedPolicySetId: 'bench', entities: [] },
    });
    return answer.type === 'success' && answer.response.decision === 'allow';
  };
}

/** null where OPA cannot be had. Throws where it and Cedar answer otherwise. */
async function measureOpa(
  inputs: readonly PolicyInput[],
  askCedar: (input: PolicyInput) => boolean,
): Promise<Row | null> {
  const ask = await opaPeer(pack.set.rules);
  if (ask === null) return null;
  const asked = inputs.map((input) => ({ action: input.texts.operation, context: toContext(input, compiled.facts) }));
  inputs.forEach((input, at) => {
    if (ask(asked[at]) !== askCedar(input)) throw new Error(`OPA and Cedar differ: ${JSON.stringify(asked[at])}`);
  });
  return measure('OPA in WebAssembly, allow or deny', asked, ask);
}

/** Milliseconds to compile the pack filled up to 100 policies. */
function compileHundred(): number {
  const more = pack.set.rules.filter(({ state }) => state !== null).slice(0, Math.max(0, 100 - pack.set.rules.length));
  const rules = [...pack.set.rules, ...more.map((rule) => ({ ...rule, id: `${rule.id}-again` }))];
  const startedMs = performance.now();
  compilePolicySet({ ...pack.set, rules }, pack.facts, pack.asOf);
  return performance.now() - startedMs;
}

const compilations = 10;
const requestsATurn = 20;

/** Requests turn by turn while sets are compiled and taken over. */
async function measureDuringPublication(requests: readonly PolicyEvaluationRequest[]): Promise<Row> {
  const workers = new PolicyWorkers(createSystemClock());
  const bytes = encodeContent(pack);
  const job = { bytes, names: namesOf(pack, bytes), tightening: noTightening };
  // The thread has loaded its code before anything is measured.
  await workers.do('compile', job);
  let left = compilations;
  const compiling = (async () => {
    for (; left > 0; left--) await workers.do('compile', job);
  })();
  const single: number[] = [];
  const startedMs = performance.now();
  let from = process.hrtime.bigint();
  for (let at = 0; left > 0; ) {
    for (let i = 0; i < requestsATurn; i++, at++) {
      evaluateRequest(compiled, requests[at % requests.length] as PolicyEvaluationRequest);
      const now = process.hrtime.bigint();
      single.push(Number(now - from) / 1000);
      from = now;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await compiling;
  const seconds = (performance.now() - startedMs) / 1000;
  await workers.close();
  return {
    what: `result of a request while ${compilations} sets are compiled`,
    'per second': Math.round(single.length / seconds),
    'p50 µs': rounded(quantile(single, 0.5), 2),
    'p99 µs': rounded(quantile(single, 0.99), 2),
  };
}

export async function run(): Promise<void> {
  const random = new SeededRandom(1);
  const draw = (below: number): number => random.uint32() % below;
  const inputs = Array.from({ length: inputCount }, () => randomInput(compiled, draw));
  const requests = inputs.map(toRequest);
  const askCedar = peer();
  for (let i = 0; i < warmUp; i++) {
    stateOf(compiled, inputs[i % inputCount] as PolicyInput);
    evaluateInput(compiled, inputs[i % inputCount] as PolicyInput);
    evaluateRequest(compiled, requests[i % inputCount] as PolicyEvaluationRequest);
  }
  const few = inputs.slice(0, peerCount);
  for (const input of few.slice(0, 100)) askCedar(input);
  const rows = [
    measure('state of an input', inputs, (input) => stateOf(compiled, input)),
    measure('result of an input', inputs, (input) => evaluateInput(compiled, input)),
    measure('result of a request', requests, (request) => evaluateRequest(compiled, request)),
    measure('Cedar stateful, allow or deny', few, askCedar),
    await measureDuringPublication(requests),
  ] as const;
  const opa = await measureOpa(few, askCedar);
  const compileMs = compileHundred();
  const cedar = prepareCedarRules(pack.set);
  const startedMs = performance.now();
  const equality = checkEquality(compiled, cedar, { random: inputCount, seed: 1 });
  const equalitySeconds = (performance.now() - startedMs) / 1000;
  cedar.close();
  const compared = equality.matchSets + equality.boundaries + equality.countries + equality.random;
  const ratio = rows[0]['per second'] / rows[3]['per second'];
  report('policy', `Policy evaluations: ${pack.set.rules.length} policies, ${compiled.rows.length} rows`, {
    settings: { inputs: inputCount, peerInputs: peerCount, compared, mismatches: equality.mismatches.length },
    rows: opa === null ? rows : [...rows, opa],
    judgements: [
      { what: 'p50 µs of a result', measured: rows[1]['p50 µs'], target: '≤ 5', met: rows[1]['p50 µs'] <= 5 },
      { what: 'p99 µs of a result', measured: rows[1]['p99 µs'], target: '≤ 50', met: rows[1]['p99 µs'] <= 50 },
      {
        what: 'p99 µs during publication',
        measured: rows[4]['p99 µs'],
        target: '≤ 50',
        met: rows[4]['p99 µs'] <= 50,
      },
      { what: 'times as many states as Cedar', measured: rounded(ratio), target: '≥ 100', met: ratio >= 100 },
      { what: 'ms to compile 100 policies', measured: rounded(compileMs), target: '≤ 5000', met: compileMs <= 5000 },
      {
        what: `s to compare ${compared} inputs with Cedar`,
        measured: rounded(equalitySeconds),
        target: '≤ 60',
        met: equalitySeconds <= 60 && equality.mismatches.length === 0,
      },
    ],
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();

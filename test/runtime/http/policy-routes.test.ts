/**
 * The policy engine's HTTP interface over an engine that answers as told: statuses, problems with their paths, AuthZEN's shapes and
 * semantics, and who may call what: every operation of the OpenAPI document with no token, a good one and bad ones.
 */
import { expect } from 'chai';
import { mintToken } from '../../../src/client/token.ts';
import { registerAuthZen } from '../../../src/runtime/adapters/http/routes-authzen.ts';
import { registerPolicy } from '../../../src/runtime/adapters/http/routes-policy.ts';
import { type RunningHttpServer, startServiceServer } from '../../../src/runtime/adapters/http/server.ts';
import { noTelemetry } from '../../../src/runtime/ports/no-telemetry.ts';
import { type Evaluation, type PolicyApi, PolicyServiceError } from '../../../src/runtime/ports/policy-api.ts';
import { aliceKey, chainIdHex } from './fake-genesis.ts';
import { type Answer, ask, postJson } from './server-world.ts';

const known = 'ab'.repeat(32);

/** Decides by the purpose of a request: a state, or the code of a refusal. Notes what it was asked. */
class FakeEngine implements PolicyApi {
  readonly asked: unknown[] = [];
  readonly viewers: (string | null)[] = [];

  evaluate(requests: readonly unknown[], viewer: string | null): ReturnType<PolicyApi['evaluate']> {
    this.viewers.push(viewer);
    this.asked.push(...requests);
    return Promise.resolve(
      requests.map((request): Evaluation | PolicyServiceError => {
        const { purpose } = request as { purpose?: string };
        if (purpose === 'Green' || purpose === 'Yellow' || purpose === 'Red') return { state: purpose, reasons: [] };
        return new PolicyServiceError('invalid-request', 'destination.country: no such country', 'destination.country');
      }),
    );
  }
  study = (request: unknown, options: unknown): Promise<Evaluation> =>
    Promise.resolve({ state: 'Red', reasons: [], request, options });
  sets = (): Promise<readonly unknown[]> => Promise.resolve(['set']);
  content = (set: string): Promise<Uint8Array> =>
    set === known
      ? Promise.resolve(new Uint8Array([123, 0, 125]))
      : Promise.reject(new PolicyServiceError('unknown-set', 'no such set'));
  facts = (options: unknown): Promise<unknown> => Promise.resolve(options);
  check = (content: string): Promise<unknown> => Promise.resolve({ content, cells: 2n ** 70n });
  diff = (before: string, after: string): Promise<unknown> => Promise.resolve({ before, after, cells: 1n });
  publish = (content: string): Promise<unknown> =>
    content === 'taken'
      ? Promise.resolve({ code: 'ok' })
      : Promise.reject(new PolicyServiceError('not-published', 'another content', 'content'));
  status(): ReturnType<PolicyApi['status']> {
    const rest = { problem: null, height: 1, compiled: null, validUntil: null, isEvaluator: false, refused: [] };
    return Promise.resolve({ isReady: true, ...rest });
  }
}

const entityOf = (type: string, id: string, properties: object = {}): object => ({ type, id, properties });
const access = (purpose: string): Record<string, unknown> => ({
  subject: entityOf('workload', 'orders', { tenant: 'acme' }),
  action: { name: 'transfer' },
  resource: entityOf('flow', 'orders-to-france', { classification: 'Internal', subject: 'somebody else' }),
  context: { purpose, operation: 'delete' },
});

describe('the interface of a policy engine', () => {
  const engine = new FakeEngine();
  let server: RunningHttpServer;
  let base = '';

  before(async () => {
    server = await startServiceServer({
      ...{ address: '127.0.0.1:0', tls: null, telemetry: noTelemetry, chainId: chainIdHex, service: 'policy' },
      description: { title: 'policy', text: 'Evaluates.', service: 'policy' },
      metricsText: () => Promise.resolve('bpci_policy_evaluations 1\n'),
      api: {
        account: () => null,
        rolesOf: (key) => (key === aliceKey.publicKey ? ['member'] : []),
        health: () => ({ ok: true, checks: [] }),
        readiness: () => ({ ok: false, checks: [{ name: 'engine', ok: false, detail: 'starting' }] }),
      },
      register: (application) => {
        registerPolicy(application, engine);
        registerAuthZen(application, engine);
      },
    });
    base = `http://${server.address}`;
  });
  after(() => server.close());

  const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    postJson(base + path, body, headers);

  it('evaluates one, or a list one by one', async () => {
    expect((await post('/v1/evaluate', { purpose: 'Yellow' })).json()).deep.equal({ state: 'Yellow', reasons: [] });
    const { evaluations } = (await post('/v1/evaluate', [{ purpose: 'Red' }, {}])).json<{
      evaluations: readonly [{ state: string }, { refused: { code: string } }];
    }>();
    expect([evaluations[0].state, evaluations[1].refused.code]).deep.equal(['Red', 'invalid-request']);
    const refused = await post('/v1/evaluate', {});
    expect([refused.status, refused.json()['errors']]).deep.equal([
      400,
      [{ field: 'body/destination/country', message: 'destination.country: no such country' }],
    ]);
    expect((await post('/v1/evaluate', [])).status).equal(400);
    expect((await post('/v1/evaluate?explain=true', [{ purpose: 'Red' }])).status, 'one alone').equal(400);
    const studied = await post(`/v1/evaluate?asOf=2024-02-03&set=${known}`, { purpose: 'Red' });
    expect(studied.json()['options']).deep.equal({ asOf: '2024-02-03', set: known });
    expect((await post('/v1/evaluate?asOf=yesterday', {})).status).equal(400);
  });

  it('serves sets, their bytes, differences, facts and checks', async () => {
    expect((await ask(`${base}/v1/policies`)).json()).deep.equal({ sets: ['set'] });
    expect([...(await ask(`${base}/v1/policies/${known}/content`)).body]).deep.equal([123, 0, 125]);
    expect((await ask(`${base}/v1/policies/${'cd'.repeat(32)}/content`)).json()['code']).equal('unknown-set');
    expect((await ask(`${base}/v1/policies/${known}/diff/${known}`)).json()['cells']).equal('1');
    expect((await ask(`${base}/v1/facts?asOf=2024-02-03`)).json()).deep.equal({ asOf: '2024-02-03' });
    expect((await post('/v1/check', { content: '{}' })).json()['cells']).equal(String(2n ** 70n));
    expect((await post('/v1/policies', { content: 'taken', transaction: '00' })).json()).deep.equal({ code: 'ok' });
    expect((await post('/v1/policies', { content: 'other', transaction: '00' })).status).equal(422);
    expect((await ask(`${base}/readyz`)).status).equal(503);
    expect((await ask(`${base}/metrics`)).body.toString()).contain('bpci_policy_evaluations');
  });

  it('decides in AuthZEN’s words: true for Green alone, and who asks comes from the subject', async () => {
    engine.asked.length = 0;
    const answers = await Promise.all(
      ['Green', 'Yellow', 'Red'].map((state) => post('/access/v1/evaluation', access(state))),
    );
    expect(answers.map((answer) => answer.json()['decision'])).deep.equal([true, false, false]);
    expect(engine.asked[0]).deep.equal({
      ...{ purpose: 'Green', classification: 'Internal', operation: 'transfer' },
      subject: { tenant: 'acme', workload: 'orders' },
    });
    expect((await post('/access/v1/evaluation', access('nonsense'))).status).equal(400);
    expect(
      (await post('/access/v1/evaluation', { ...access('Green'), subject: entityOf('person', 'x') })).status,
    ).equal(400);
    expect((await post('/access/v1/evaluation', { subject: entityOf('workload', 'x') })).status).equal(400);
    const echoed = await post('/access/v1/evaluation', access('Green'), { 'x-request-id': 'r-1' });
    expect(echoed.headers['x-request-id']).equal('r-1');
  });

  const semantics: readonly (readonly [string, readonly boolean[]])[] = [
    ['execute_all', [false, true, false]],
    ['deny_on_first_deny', [false]],
    ['permit_on_first_permit', [false, true]],
  ];
  for (const [semantic, expected] of semantics) {
    it(`answers a batch by ${semantic}, a wrong member denied in its place`, async () => {
      const evaluations = [{ context: { purpose: 'nonsense' } }, {}, { context: { purpose: 'Yellow' } }];
      const options = { evaluations_semantic: semantic };
      const answer = await post('/access/v1/evaluations', { ...access('Green'), evaluations, options });
      const { evaluations: decisions } = answer.json<{
        evaluations: readonly { decision: boolean; context: object }[];
      }>();
      expect(decisions.map(({ decision }) => decision)).deep.equal(expected);
      expect(decisions[0]?.context).nested.include({ 'error.status': 400 });
    });
  }

  it('answers a batch without evaluations as one, and says where its endpoints are', async () => {
    expect((await post('/access/v1/evaluations', access('Green'))).json()['decision']).equal(true);
    const document = (await ask(`${base}/.well-known/authzen-configuration`)).json();
    expect(document['access_evaluation_endpoint']).equal(`${base}/access/v1/evaluation`);
    expect(
      (await post('/access/v1/evaluations', { ...access('Green'), options: { evaluations_semantic: 'x' } })).status,
    ).equal(400);
  });

  it('lets nobody in with a token that does not hold, whatever the operation', async () => {
    interface Operation {
      readonly 'x-bpci-access': string;
    }
    const { paths } = (await ask(`${base}/openapi.json`)).json<{
      paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
    }>();
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, level: operation['x-bpci-access'] })),
    );
    expect(operations.length).greaterThan(12);
    expect(new Set(operations.map(({ level }) => level))).deep.equal(
      new Set(['public', 'read', 'self-authenticating']),
    );
    const good = mintToken(aliceKey, { chainId: chainIdHex, service: 'policy' });
    const elsewhere = mintToken(aliceKey, { chainId: chainIdHex, service: 'bpci' });
    for (const { path, method } of operations) {
      const url = base + path.replaceAll(/\{\w+\}/g, known);
      const call = (headers: Record<string, string>): Promise<Answer> =>
        method === 'post'
          ? postJson(url, { content: 'taken', transaction: '00', ...access('Green') }, headers)
          : ask(url, { headers });
      expect((await call({})).status, `${method} ${path} on loopback`).not.oneOf([401, 403]);
      expect((await call({ authorization: `Bearer ${good}` })).status, `${method} ${path}`).not.oneOf([401, 403]);
      for (const token of [elsewhere, `${good.slice(0, -8)}AAAAAAAA`, 'x.y.z'])
        expect((await call({ authorization: `Bearer ${token}` })).status, `${method} ${path}`).equal(401);
    }
    expect(engine.viewers).include(aliceKey.publicKey);
  });
});

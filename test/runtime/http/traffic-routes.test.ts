/** The traffic light's HTTP interface over a light that answers as told: statuses, problems with their paths, who sees what, the stream. */
import { expect } from 'chai';
import { registerTraffic } from '../../../src/runtime/adapters/http/routes-traffic.ts';
import { type RunningHttpServer, startServiceServer } from '../../../src/runtime/adapters/http/server.ts';
import { mintToken } from '../../../src/client/token.ts';
import { TrafficClient } from '../../../src/client/traffic-client.ts';
import { ClientError } from '../../../src/client/client-error.ts';
import { noTelemetry } from '../../../src/runtime/ports/no-telemetry.ts';
import type { TrafficAnswer, TrafficApi } from '../../../src/runtime/ports/traffic-api.ts';
import { aliceKey, chainIdHex } from './fake-genesis.ts';
import { ask } from './server-world.ts';

const refused = (reason: string, place: string | null = null): TrafficAnswer<unknown> => ({
  ...{ kind: 'refused', reason, detail: `because ${reason}`, place },
});

/** Decides by the request: `{ refuse: code }`. Notes who asked. */
class FakeLight implements TrafficApi {
  readonly viewers: (string | null)[] = [];
  readonly #listeners = new Set<(decision: unknown, parties: readonly string[]) => void>();
  decide(requests: readonly unknown[], caller: string | null): Promise<readonly TrafficAnswer<unknown>[]> {
    this.viewers.push(caller);
    return Promise.resolve(
      requests.map((request) => {
        const { refuse } = request as { refuse?: string };
        return refuse === undefined
          ? { kind: 'answer', value: { state: 'Green' } }
          : refused(refuse, 'flow.destination');
      }),
    );
  }
  #see(id: string, viewer: string | null): Promise<TrafficAnswer<unknown>> {
    this.viewers.push(viewer);
    return Promise.resolve(id.startsWith('ab') ? { kind: 'answer', value: { id } } : refused('unknown-decision'));
  }
  decision = (id: string, viewer: string | null): Promise<TrafficAnswer<unknown>> => this.#see(id, viewer);
  proof = (id: string, viewer: string | null): Promise<TrafficAnswer<unknown>> => this.#see(id, viewer);
  replay = (id: string, viewer: string | null): Promise<TrafficAnswer<unknown>> => this.#see(id, viewer);
  obeyedProof = (id: string): Promise<TrafficAnswer<unknown>> =>
    Promise.resolve(id.startsWith('cd') ? { kind: 'answer', value: { id } } : refused('unknown-receipt'));
  decisions = (filter: unknown): Promise<readonly unknown[]> => Promise.resolve([filter]);
  quarantine = (): Promise<readonly unknown[]> => Promise.resolve(['item']);
  review = (_decision: string, { obligation }: { obligation: string | null }): Promise<TrafficAnswer<unknown>> =>
    Promise.resolve(obligation === 'dpia' ? { kind: 'answer', value: { release: null } } : refused('wrong-role'));
  status(): ReturnType<TrafficApi['status']> {
    const none = { light: aliceKey.publicKey, problem: null, logId: null, policySet: null };
    return Promise.resolve({ isReady: true, size: 1, anchoredSize: 0, height: 1, held: 0, underWay: 0, ...none });
  }
  onDecision(listener: (decision: unknown, parties: readonly string[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  get listeners(): number {
    return this.#listeners.size;
  }
  tell(decision: unknown, parties: readonly string[]): void {
    for (const listener of this.#listeners) listener(decision, parties);
  }
}

describe('the interface of a traffic light', () => {
  const light = new FakeLight();
  let server: RunningHttpServer;
  let base = '';
  let client: TrafficClient;

  before(async () => {
    server = await startServiceServer({
      ...{ address: '127.0.0.1:0', tls: null, telemetry: noTelemetry, chainId: chainIdHex, service: 'traffic' },
      description: { title: 'light', text: 'Decides.', service: 'traffic' },
      api: {
        account: () => null,
        rolesOf: (key) => (key === aliceKey.publicKey ? ['member'] : []),
        health: () => ({ ok: true, checks: [] }),
        readiness: () => ({ ok: false, checks: [{ name: 'light', ok: false, detail: 'starting' }] }),
      },
      metricsText: () => Promise.resolve(''),
      register: (application) => registerTraffic(application, light),
    });
    base = `http://${server.address}`;
    client = new TrafficClient({ endpoint: base });
  });
  after(() => server.close());

  const post = async (path: string, body: unknown): Promise<readonly [number, Record<string, unknown>, unknown]> => {
    const headers = { 'content-type': 'application/json' };
    const answer = await ask(base + path, { method: 'POST', headers, body: JSON.stringify(body) });
    return [answer.status, answer.json(), answer.headers['retry-after']];
  };

  it('answers one decision as itself and a list one by one', async () => {
    expect((await post('/v1/decisions', {})).slice(0, 2)).deep.equal([200, { state: 'Green' }]);
    const [status, body] = await post('/v1/decisions', [{}, { refuse: 'overload' }]);
    expect(status).equal(200);
    const { decisions } = body as {
      decisions: readonly [{ state: string }, { refused: { code: string; status: number } }];
    };
    expect([decisions[0].state, decisions[1].refused.code, decisions[1].refused.status]).deep.equal([
      'Green',
      'overload',
      429,
    ]);
    expect((await post('/v1/decisions', []))[0]).equal(400);
    expect(
      (
        await post(
          '/v1/decisions',
          Array.from({ length: 1001 }, () => ({})),
        )
      )[0],
    ).equal(400);
  });

  const codes: readonly (readonly [string, number, string | undefined])[] = [
    ['invalid-request', 400, undefined],
    ['overload', 429, '1'],
    ['not-ready', 503, '1'],
    ['unavailable', 503, '1'],
    ['request-id-reused', 409, undefined],
  ];
  for (const [code, expected, retryAfter] of codes) {
    it(`says ${code} with ${expected} and the field`, async () => {
      const [status, problem, retry] = await post('/v1/decisions', { refuse: code });
      expect([status, problem['code'], retry]).deep.equal([expected, code, retryAfter]);
      expect(problem['errors']).deep.equal([{ field: 'body/flow/destination', message: `because ${code}` }]);
    });
  }

  it('shows decisions, proofs and replays by id, and 404 for what is not there', async () => {
    const id = 'ab'.repeat(32);
    expect(await client.decision(id)).deep.equal({ id });
    expect(await client.proof(id)).deep.equal({ id });
    expect(await client.replay(id)).deep.equal({ id });
    expect(await client.obeyedProof('cd'.repeat(32))).deep.equal({ id: 'cd'.repeat(32) });
    const none = await client.obeyedProof(id).catch((error: unknown) => error);
    expect(none).instanceOf(ClientError).include({ code: 'not-found', reason: 'unknown-receipt' });
    const missing = await client.decision('cd'.repeat(32)).catch((error: unknown) => error);
    expect(missing).instanceOf(ClientError).include({ code: 'not-found', reason: 'unknown-decision' });
    expect((await ask(`${base}/v1/decisions/zz`)).status).equal(400);
    expect(await client.decisions({ state: 'Red', limit: '5' })).deep.equal([{ state: 'Red', limit: 5 }]);
    expect((await ask(`${base}/v1/decisions?state=Blue`)).status).equal(400);
    expect((await ask(`${base}/readyz`)).status).equal(503);
  });

  it('takes a caller by its token, and refuses one for another service', async () => {
    const id = 'ab'.repeat(32);
    const of = (service: string): TrafficClient =>
      new TrafficClient({ endpoint: base, token: () => mintToken(aliceKey, { chainId: chainIdHex, service }) });
    light.viewers.length = 0;
    await of('traffic').decision(id);
    await client.decision(id);
    expect(light.viewers).deep.equal([aliceKey.publicKey, null]);
    const error = await of('bpci')
      .decision(id)
      .catch((cause: unknown) => cause);
    expect(error).instanceOf(ClientError).include({ reason: 'invalid-token' });
  });

  it('takes proofs with their form checked, and passes on what the light says of them', async () => {
    const path = `/v1/quarantine/${'ab'.repeat(32)}/discharge`;
    const proof = { by: aliceKey.publicKey, signature: '00'.repeat(64) };
    expect((await post(path, proof))[0], 'without the obligation').equal(400);
    expect((await post(path, { ...proof, obligation: 'dpia' })).slice(0, 2)).deep.equal([200, { release: null }]);
    const [status, problem] = await post(path, { ...proof, obligation: 'other' });
    expect([status, problem['code']]).deep.equal([403, 'wrong-role']);
    expect((await post(path, { ...proof, signature: 'x', obligation: 'dpia' }))[0]).equal(400);
    expect(await client.quarantine()).deep.equal(['item']);
  });

  it('streams decisions to those who may see them', async () => {
    const read = async (token: string | null, telling: () => void): Promise<string> => {
      const headers = token === null ? {} : { authorization: `Bearer ${token}` };
      const response = await fetch(`${base}/v1/stream`, { headers });
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      let text = '';
      while (!text.includes('decisions')) text += new TextDecoder().decode((await reader.read()).value);
      telling();
      while (!text.includes('last')) text += new TextDecoder().decode((await reader.read()).value);
      await reader.cancel();
      return text;
    };
    const tell = (): void => {
      light.tell({ name: 'foreign' }, ['somebody']);
      light.tell({ name: 'last' }, [aliceKey.publicKey]);
    };
    const token = mintToken(aliceKey, { chainId: chainIdHex, service: 'traffic' });
    expect(await read(token, tell)).not.contain('foreign');
    expect(await read(null, tell)).contain('foreign');
  });
});

/**
 * Goal: who may call what of the services, each on its own port. Method: the matrix is made from each service's OpenAPI document: every
 * operation × no token, expired, other chain, other service, foreign signature, stranger, member, on a loopback listener and on one
 * that others reach. The service behind it answers nothing of use: what is looked at is whether the caller was let in.
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { expect } from 'chai';
import { mintToken } from '../../../src/client/token.ts';
import { createNodeCertificate } from '../../../src/runtime/adapters/certificates.ts';
import type { Application } from '../../../src/runtime/adapters/http/application.ts';
import { registerAuthZen } from '../../../src/runtime/adapters/http/routes-authzen.ts';
import { registerCourt } from '../../../src/runtime/adapters/http/routes-court.ts';
import { registerEnc } from '../../../src/runtime/adapters/http/routes-enc.ts';
import { registerDocklock } from '../../../src/runtime/adapters/http/routes-docklock.ts';
import { registerPolicy } from '../../../src/runtime/adapters/http/routes-policy.ts';
import { registerTraffic } from '../../../src/runtime/adapters/http/routes-traffic.ts';
import { type RunningHttpServer, startServiceServer } from '../../../src/runtime/adapters/http/server.ts';
import type { ServiceRole } from '../../../src/runtime/manifest-services.ts';
import { noTelemetry } from '../../../src/runtime/ports/no-telemetry.ts';
import type { Signer } from '../../../src/runtime/ports/signer.ts';
import type { CourtApi } from '../../../src/runtime/ports/court-api.ts';
import { DocklockError } from '../../../src/runtime/ports/docklock-api.ts';
import { type PolicyApi, PolicyServiceError } from '../../../src/runtime/ports/policy-api.ts';
import type { EncApi } from '../../../src/runtime/ports/enc-api.ts';
import type { TrafficApi } from '../../../src/runtime/ports/traffic-api.ts';
import { aliceKey, chainIdHex, strangerKey } from './fake-genesis.ts';
import { type OpenApiDocument, type Operation, operationsOf } from './openapi-document.ts';
import { ask } from './server-world.ts';

/** Refuses everything in the service's own way. */
const refusing = (refuse: () => Promise<unknown>): unknown =>
  new Proxy({}, { get: (_target, name) => (name === 'onDecision' ? () => () => undefined : refuse) });
const refusal = { kind: 'refused', reason: 'unavailable', detail: 'in this test', place: null };
const refusedResult = (): unknown => refusing(() => Promise.resolve(refusal));
const refusingPolicy = refusing(() =>
  Promise.reject(new PolicyServiceError('unavailable', 'in this test')),
) as PolicyApi;

const docklockRefusal = (): Promise<never> => Promise.reject(new DocklockError('unavailable', 'in this test'));
const refusingDocklock = Object.fromEntries(
  [
    ...['import', 'list', 'inspect', 'remove', 'collect', 'deploy', 'containers', 'container', 'stop', 'exec', 'logs'],
    ...['stats', 'status'],
  ].map((name) => [name, docklockRefusal]),
);

/** One row a service. */
const services: Readonly<Record<ServiceRole, (application: Application) => void>> = {
  court: (application) => registerCourt(application, refusedResult() as CourtApi),
  policy: (application) => {
    registerPolicy(application, refusingPolicy);
    registerAuthZen(application, refusingPolicy);
  },
  traffic: (application) => registerTraffic(application, refusedResult() as TrafficApi),
  enc: (application) => registerEnc(application, refusedResult() as EncApi),
  docklock: (application) => registerDocklock(application, { ...refusingDocklock, images: refusingDocklock } as never),
};

const start = (
  service: ServiceRole,
  listener: { readonly address: string; readonly tls: { readonly certificate: string; readonly key: string } | null },
): Promise<RunningHttpServer> =>
  startServiceServer({
    ...{ ...listener, telemetry: noTelemetry, chainId: chainIdHex, service },
    description: { title: service, text: 'Refuses.', service },
    api: {
      account: () => null,
      rolesOf: (key) => (key === aliceKey.publicKey ? ['member'] : []),
      health: () => ({ ok: true, checks: [] }),
      readiness: () => ({ ok: true, checks: [] }),
    },
    metricsText: () => Promise.resolve(''),
    register: services[service],
  });

const minted = (signer: Signer, service: string, options: { chainId?: string; now?: number } = {}): string =>
  mintToken(signer, { chainId: chainIdHex, service, ...options });

/** A token whose signature is another key's. */
function forged(service: string): string {
  const [header, payload] = minted(aliceKey, service).split('.');
  return `${header}.${payload}.${minted(strangerKey, service).split('.')[2]}`;
}

interface Credential {
  readonly make: (service: string) => string | null;
  /** Whether the token itself is bad. */
  readonly isBad?: true;
}

const credentials: Readonly<Record<string, Credential>> = {
  'no token': { make: () => null },
  'expired token': { make: (service) => minted(aliceKey, service, { now: Date.now() - 3_600_000 }), isBad: true },
  'other chain': { make: (service) => minted(aliceKey, service, { chainId: 'ab'.repeat(32) }), isBad: true },
  'other service': { make: () => minted(aliceKey, 'bpci'), isBad: true },
  'foreign signature': { make: forged, isBad: true },
  stranger: { make: (service) => minted(strangerKey, service) },
  member: { make: (service) => minted(aliceKey, service) },
};

/** The status that the level asks for: null is anything but a refusal of the caller. */
function expected(access: string, who: string, isLoopback: boolean): number | null {
  if (credentials[who]?.isBad === true) return 401;
  if (access === 'public' || access === 'self-authenticating' || (access === 'read' && isLoopback)) return null;
  if (who === 'no token') return 401;
  return who === 'stranger' || access === 'administration' ? 403 : null;
}

/** A path of the operation with something in the place of every parameter. */
const pathOf = ({ path }: Operation): string => path.replace(/\{[^}]+\}/g, 'ab'.repeat(32));

/** Streams have no end: the head of the answer is enough. */
function statusOf(url: string, { method }: Operation, token: string | null): Promise<number> {
  const body = method === 'GET' ? undefined : '{}';
  const options = {
    ...{ method, agent: false as const, rejectUnauthorized: false },
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
  };
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:') ? httpsRequest(url, options) : httpRequest(url, options);
    request.on('error', reject);
    request.on('response', (response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    request.end(body);
  });
}

for (const service of Object.keys(services) as ServiceRole[]) {
  describe(`HTTP authorization of the service ${service}`, () => {
    let loopback: RunningHttpServer;
    let reachable: RunningHttpServer;
    let operations: readonly Operation[];

    before(async () => {
      const { certificate, privateKey } = await createNodeCertificate(new Uint8Array(32).fill(9));
      loopback = await start(service, { address: '127.0.0.1:0', tls: null });
      reachable = await start(service, { address: '0.0.0.0:0', tls: { certificate, key: privateKey } });
      operations = operationsOf((await ask(`http://${loopback.address}/openapi.json`)).json<OpenApiDocument>());
    });
    after(() => Promise.all([loopback.close(), reachable.close()]));

    it('gives every operation a level', () => {
      expect(operations.length).to.be.greaterThan(5);
      const levels = ['public', 'read', 'self-authenticating', 'administration'];
      for (const { operationId, access } of operations) expect(levels, operationId).to.include(access);
    });

    for (const where of ['loopback', 'reachable'] as const) {
      for (const [who, credential] of Object.entries(credentials)) {
        it(`holds for every operation on a ${where} listener: ${who}`, async () => {
          const port = reachable.address.split(':')[1] ?? '';
          const base = where === 'loopback' ? `http://${loopback.address}` : `https://127.0.0.1:${port}`;
          for (const operation of operations) {
            const status = await statusOf(base + pathOf(operation), operation, credential.make(service));
            const wanted = expected(operation.access, who, where === 'loopback');
            const name = `${operation.operationId} (${operation.access})`;
            if (wanted === null) expect([401, 403], name).to.not.include(status);
            else expect(status, name).to.equal(wanted);
          }
        });
      }
    }
  });
}

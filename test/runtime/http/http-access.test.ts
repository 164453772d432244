/**
 * Goal: who may call what. Method: the matrix is made from the OpenAPI document: every operation × no token, expired,
 * wrong audience, foreign signature, stranger, member, validator, on a loopback listener and on one that others reach.
 * What must happen follows from the level that the document gives the operation.
 */
import { expect } from 'chai';
import { mintToken } from '../../../src/client/token.ts';
import { createNodeCertificate } from '../../../src/runtime/adapters/certificates.ts';
import type { Signer } from '../../../src/runtime/ports/signer.ts';
import { FakeChain } from './fake-chain.ts';
import { aliceKey, chainIdHex, signerOf, strangerKey, validatorKeys } from './fake-genesis.ts';
import { type OpenApiDocument, type Operation, operationsOf } from './openapi-document.ts';
import { type Answer, ask, startWorld, type World } from './server-world.ts';

const minted = (signer: Signer, options: { chainId?: string; now?: number; service?: string } = {}): string =>
  mintToken(signer, { chainId: chainIdHex, ...options });

/** A token whose signature is another key's. */
function forged(): string {
  const [header, payload] = minted(validatorKeys[0]!).split('.');
  return `${header}.${payload}.${minted(aliceKey).split('.')[2]}`;
}

const validator = validatorKeys[0]!;
/** What comes with the request; `reason` where the token itself is bad. */
const credentials: Readonly<Record<string, { readonly make: () => string | null; readonly reason?: string }>> = {
  'no token': { make: () => null },
  'expired token': { make: () => minted(validator, { now: Date.now() - 3_600_000 }), reason: 'expired' },
  'wrong chain': { make: () => minted(validator, { chainId: 'ab'.repeat(32) }), reason: 'wrong-audience' },
  'wrong service': { make: () => minted(validator, { service: 'court' }), reason: 'wrong-audience' },
  'foreign signature': { make: forged, reason: 'bad-signature' },
  stranger: { make: () => minted(strangerKey) },
  member: { make: () => minted(aliceKey) },
  validator: { make: () => minted(validator) },
};

/** The status that the level asks for: null is anything but a refusal of the caller. */
function expected(access: string, who: string, isLoopback: boolean): number | null {
  if (credentials[who]!.reason !== undefined) return 401;
  if (access === 'public' || access === 'self-authenticating') return null;
  if (access === 'read' && isLoopback) return null;
  if (who === 'no token') return 401;
  if (who === 'stranger') return 403;
  return access === 'administration' && who === 'member' ? 403 : null;
}

const examples: Readonly<Record<string, string>> = {
  height: '1',
  key: aliceKey.publicKey,
  module: 'accounts',
  '*': '0/000',
};

/** A path of the operation with something in the place of every parameter. */
const pathOf = ({ path }: Operation): string =>
  path.replace(/\{([^}]+)\}/g, (_all, name: string) => (name === 'hash' ? '0'.repeat(64) : (examples[name] ?? 'x')));

const call = (base: string, operation: Operation, token: string | null): Promise<Answer> =>
  ask(base + pathOf(operation), {
    method: operation.method,
    headers: {
      accept: 'application/json',
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(operation.method === 'POST' ? { 'content-type': 'application/json' } : {}),
    },
    ...(operation.method === 'POST'
      ? { body: operation.operationId === 'setLogLevel' ? '{"level":"info"}' : '{}' }
      : {}),
  });

describe('HTTP authorization', () => {
  let loopback: World;
  let reachable: World;
  let operations: readonly Operation[];

  before(async () => {
    const { certificate, privateKey } = await createNodeCertificate(new Uint8Array(32).fill(9));
    loopback = await startWorld();
    // Every address of the machine: what is asked for decides, not where a request comes from.
    reachable = await startWorld({ address: '0.0.0.0:0', tls: { certificate, key: privateKey } });
    operations = operationsOf((await ask(`${loopback.base}/openapi.json`)).json<OpenApiDocument>());
  });
  after(() => Promise.all([loopback.close(), reachable.close()]));

  const reachableBase = (): string => `https://127.0.0.1:${reachable.server.address.split(':')[1]!}`;

  for (const where of ['loopback', 'reachable'] as const) {
    for (const who of Object.keys(credentials)) {
      it(`holds for every operation on a ${where} listener: ${who}`, async () => {
        const base = where === 'loopback' ? loopback.base : reachableBase();
        for (const operation of operations) {
          const answer = await call(base, operation, credentials[who]!.make());
          const status = expected(operation.access, who, where === 'loopback');
          const name = `${operation.operationId} (${operation.access})`;
          if (status === null) expect([401, 403], name).to.not.include(answer.status);
          else expect(answer.status, name).to.equal(status);
          if (answer.status === 401) expect(answer.headers['www-authenticate'], name).to.match(/^Bearer /);
          const { reason } = credentials[who]!;
          if (reason !== undefined) expect(answer.json()['reason'], name).to.equal(reason);
        }
      });
    }
  }

  it('is published: every operation has a level, and asks for a token exactly where one is needed', () => {
    for (const { operationId, access, security } of operations) {
      expect(['public', 'read', 'self-authenticating', 'administration'], operationId).to.include(access);
      const always = security?.every((requirement) => Object.keys(requirement).length > 0) ?? false;
      expect(always, operationId).to.equal(access === 'administration');
    }
  });

  it('takes a write token once, reads with it often, and wants jti and iat in it', async () => {
    const write = operations.find(({ operationId }) => operationId === 'setLogLevel')!;
    const read = operations.find(({ operationId }) => operationId === 'getRefusals')!;
    const token = minted(validator);
    expect((await call(loopback.base, read, token)).status).to.equal(200);
    expect((await call(loopback.base, write, token)).status).to.equal(200);
    const again = await call(loopback.base, write, token);
    expect([again.status, again.json()['reason']]).to.deep.equal([401, 'replayed']);
    expect((await call(loopback.base, read, token)).status).to.equal(200);
    const bare = await call(loopback.base, write, bareToken({ exp: 60 }));
    expect(bare.json()['reason']).to.equal('token-id-missing');
    const old = await call(loopback.base, write, bareToken({ exp: 60, iat: -600, jti: 'a' }));
    expect(old.json()['reason']).to.equal('issued-before-start');
  });

  it('refuses tokens that live longer than 15 minutes, none at all, or say nothing', async () => {
    const read = operations.find(({ operationId }) => operationId === 'getRefusals')!;
    const cases: readonly (readonly [string, string])[] = [
      [bareToken({ exp: 3_600 }), 'lifetime-too-long'],
      [bareToken({}), 'malformed'],
      [bareToken({ exp: 60, nbf: 600 }), 'not-yet-valid'],
      [bareToken({ exp: 60 }, { alg: 'none' }), 'malformed'],
      [bareToken({ exp: 60 }, { alg: 'HS256' }), 'malformed'],
      [`${'a'.repeat(3_000)}.a.a`, 'malformed'],
      ['a.b.c', 'malformed'],
      ['abc', 'malformed'],
    ];
    for (const [token, reason] of cases) {
      const answer = await call(loopback.base, read, token);
      expect([answer.status, answer.json()['reason']]).to.deep.equal([401, reason]);
    }
  });

  it('follows a rotated key: the account signs in with the new one and no longer with the old', async () => {
    const chain = new FakeChain();
    const world = await startWorld({}, chain);
    const newKey = signerOf(77);
    chain.accounts.get(validator.publicKey)!.signingKey = newKey.publicKey;
    const read = operations.find(({ operationId }) => operationId === 'getRefusals')!;
    const account = { chainId: chainIdHex, account: validator.publicKey };
    expect((await call(world.base, read, mintToken(newKey, account))).status).to.equal(200);
    expect((await call(world.base, read, mintToken(validator, account))).status).to.equal(401);
    await world.close();
  });

  it('takes roles from the chain at every request, never from the token', async () => {
    const read = operations.find(({ operationId }) => operationId === 'getRefusals')!;
    const token = minted(aliceKey);
    expect((await call(loopback.base, read, token)).status).to.equal(403);
    loopback.chain.extraRoles.set(aliceKey.publicKey, ['operator']);
    expect((await call(loopback.base, read, token)).status).to.equal(200);
    loopback.chain.extraRoles.clear();
    expect((await call(loopback.base, read, token)).status).to.equal(403);
    expect((await call(loopback.base, read, bareToken({ exp: 60, roles: 1 }, {}, strangerKey))).status).to.equal(403);
  });

  it('answers on loopback only to loopback names: a page of the web that resolves to 127.0.0.1 is refused', async () => {
    for (const [host, status] of [
      ['evil.example', 421],
      ['evil.example:21001', 421],
      ['127.0.0.1.evil.example', 421],
      ['localhost', 200],
      ['[::1]:80', 200],
      ['127.8.9.1:1', 200],
    ] as const) {
      const answer = await ask(`${loopback.base}/v1/network`, { headers: { host } });
      expect(answer.status, host).to.equal(status);
    }
  });
});

/** A token with exactly these claims beside sub and aud; times are seconds from now. */
function bareToken(
  claims: Readonly<Record<string, number | string>>,
  header: object = {},
  signer: Signer = validator,
): string {
  const now = Math.floor(Date.now() / 1000);
  const shifted = Object.fromEntries(
    Object.entries(claims).map(([name, value]) => [name, typeof value === 'number' ? now + value : value]),
  );
  const content = [
    { alg: 'EdDSA', ...header },
    { sub: signer.publicKey, aud: `${chainIdHex}:bpci`, ...shifted },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${content}.${Buffer.from(signer.sign(Buffer.from(content))).toString('base64url')}`;
}

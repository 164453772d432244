/**
 * Goal: no body makes the server fail: no crash, no 5xx but a passing refusal, no answer that is not a problem document
 * or an honest result. Method: valid requests are mutated (bytes, structure, types, lengths, content types); the seed is
 * printed, every reason is counted and printed. BPCI_FUZZ_BODIES sets how many.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { bytesMax, encode, list } from '../../../src/protocols/shared/codec.ts';
import { toHex } from '../../../src/protocols/shared/bytes.ts';
import { mintToken } from '../../../src/client/token.ts';
import { aliceKey, chainIdHex, faucetKey, validatorKeys } from './fake-genesis.ts';
import { type Answer, ask, startWorld, transfer, type World } from './server-world.ts';

const bodies = Number(process.env['BPCI_FUZZ_BODIES'] ?? 2_000);

interface Attempt {
  readonly path: string;
  readonly type: string;
  readonly body: Uint8Array;
}

const valid = transfer(faucetKey, 1_000_000, aliceKey.publicKey);
const hex = toHex(valid.bytes);
const json = 'application/json';

/** Requests that would be taken as they are. */
const seeds: readonly Attempt[] = [
  { path: '/v1/transactions', type: json, body: Buffer.from(JSON.stringify({ transaction: hex })) },
  { path: '/v1/transactions', type: json, body: Buffer.from(JSON.stringify({ transactions: [hex, hex] })) },
  { path: '/v1/transactions', type: 'application/octet-stream', body: valid.bytes },
  { path: '/v1/transactions', type: 'application/msgpack', body: valid.bytes },
  { path: '/v1/transactions', type: 'application/msgpack', body: encode(list(bytesMax(1e5), 9), [valid.bytes]) },
  { path: '/v1/node/log-level', type: json, body: Buffer.from('{"level":"info"}') },
];

const types = [
  ...new Set(seeds.map(({ type }) => type)),
  'application/json; charset=utf-16',
  'text/plain',
  'application/problem+json',
  '',
];

/** Changes to a body: bits, bytes, cuts, insertions, doublings. */
const byteChange = fc.tuple(
  fc.constantFrom('flip', 'set', 'cut', 'insert', 'double', 'drop'),
  fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  fc.uint8Array({ minLength: 1, maxLength: 8 }),
);

function changed(body: Uint8Array, changes: readonly (readonly [string, number, Uint8Array])[]): Uint8Array {
  let bytes = Buffer.from(body);
  for (const [kind, place, noise] of changes) {
    const at = Math.floor(place * bytes.length);
    if (kind === 'flip' && bytes.length > 0) bytes[at] = bytes[at]! ^ (1 << (noise[0]! % 8));
    else if (kind === 'set' && bytes.length > 0) bytes[at] = noise[0]!;
    else if (kind === 'cut') bytes = bytes.subarray(0, at);
    else if (kind === 'insert') bytes = Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)]);
    else if (kind === 'double') bytes = Buffer.concat([bytes, bytes.subarray(at)]);
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + noise.length)]);
  }
  return bytes;
}

/** Bodies of other shapes, in JSON that is well-formed. */
const otherJson = fc
  .oneof(
    fc.json({ maxDepth: 6 }),
    fc
      .dictionary(fc.constantFrom('transaction', 'transactions', 'level', '__proto__', 'constructor'), fc.jsonValue())
      .map((value) => JSON.stringify(value)),
    fc
      .array(fc.oneof(fc.constant(hex), fc.string(), fc.integer()), { maxLength: 20 })
      .map((transactions) => JSON.stringify({ transactions })),
    fc.integer({ min: 1, max: 60 }).map((depth) => `${'{"transaction":'.repeat(depth)}1${'}'.repeat(depth)}`),
  )
  .map((text) => Buffer.from(text));

const attempts = fc
  .record({
    seed: fc.constantFrom(...seeds),
    changes: fc.array(byteChange, { minLength: 1, maxLength: 6 }),
    shape: otherJson,
    choice: fc.integer({ min: 0, max: 9 }),
    type: fc.constantFrom(...types),
    noise: fc.uint8Array({ maxLength: 2_000 }),
  })
  .map(({ seed, changes, shape, choice, type, noise }): Attempt => {
    const isOther = choice >= 5 && choice <= 7;
    const body = isOther ? shape : choice === 8 ? noise : changed(seed.body, changes);
    return { path: seed.path, type: choice === 9 ? type : isOther ? json : seed.type, body };
  });

describe('HTTP bodies, mutated', () => {
  let world: World;

  before(async () => {
    world = await startWorld();
  });
  after(() => world.close());

  const send = ({ path, type, body }: Attempt): Promise<Answer> =>
    ask(world.base + path, {
      method: 'POST',
      headers: {
        'content-length': String(body.length),
        ...(type === '' ? {} : { 'content-type': type }),
        ...(path.startsWith('/v1/node')
          ? { authorization: `Bearer ${mintToken(validatorKeys[0]!, { chainId: chainIdHex })}` }
          : {}),
      },
      body,
    });

  it(`never fail the server (${bodies} bodies)`, async function () {
    this.timeout(20_000 + bodies * 20);
    const seed = Number(process.env['BPCI_FUZZ_SEED'] ?? Date.now() % 2 ** 31);
    const reasons = new Map<string, number>();
    const count = (reason: string): void => void reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    await fc.assert(
      fc.asyncProperty(attempts, async (attempt) => {
        const answer = await send(attempt);
        const text = answer.body.toString();
        expect(answer.status, text).to.be.lessThan(500);
        expect(text).to.not.match(/\bat .*\.(ts|js):\d+|node_modules|\/src\//);
        if (answer.status < 300) {
          count(`taken (${answer.status})`);
          return;
        }
        expect(answer.headers['content-type']).to.equal('application/problem+json');
        const problem = answer.json<{ status: number; code: string; type: string; results?: { reason: string }[] }>();
        expect(problem.status).to.equal(answer.status);
        expect(problem.type).to.equal(`urn:bpci:problem:${problem.code}`);
        expect(answer.body.length).to.be.lessThan(200_000);
        count(problem.code);
        for (const { reason } of problem.results ?? []) count(`in a batch: ${reason}`);
      }),
      { numRuns: bodies, seed, endOnFailure: bodies > 5_000 },
    );
    expect((await ask(`${world.base}/healthz`)).status).to.equal(200);
    console.log(`      seed ${seed}; reasons:`);
    for (const [reason, times] of [...reasons].sort()) console.log(`      ${String(times).padStart(6)}  ${reason}`);
    for (const reason of [
      'invalid-json',
      'invalid-request',
      'malformed',
      'empty-body',
      'unsupported-media-type',
      'json-too-deep',
    ]) {
      expect([...reasons.keys()], 'not reached').to.include(reason);
    }
  });
});

/**
 * Goal: every endpoint answers what the OpenAPI document says, and refuses what it says it refuses. Method: a running
 * server over a fake chain; every answer of this file is held against the document; at the end every operation must
 * have been seen.
 */
import { expect } from 'chai';
import { readJson } from '../../../src/protocols/ledger/json-codec.ts';
import { proofBundleCodec } from '../../../src/protocols/ledger/proof-bundle.ts';
import { encode, bytesMax, list } from '../../../src/protocols/shared/codec.ts';
import { toHex } from '../../../src/protocols/shared/bytes.ts';
import { mintToken } from '../../../src/client/token.ts';
import { aliceKey, chainIdHex, faucetKey, strangerKey, validatorKeys } from './fake-genesis.ts';
import { documentProblems, type OpenApiDocument, operationsOf, ResponseChecker } from './openapi-document.ts';
import { type Answer, ask, type Ask, postJson, startWorld, transfer, type World } from './server-world.ts';

describe('HTTP endpoints', () => {
  let world: World;
  let document: OpenApiDocument;
  let checker: ResponseChecker;
  let nonce = 0;

  before(async () => {
    world = await startWorld({ limits: { waitDefaultMs: 5_000 } });
    document = (await ask(`${world.base}/openapi.json`)).json<OpenApiDocument>();
    checker = new ResponseChecker(document);
  });
  after(() => world.close());

  /** Asks, and holds the answer against the document. */
  async function call(operationId: string, path: string, options: Ask = {}): Promise<Answer> {
    const answer = await ask(world.base + path, options);
    const type = answer.headers['content-type'] ?? '';
    expect(checker.check(operationId, answer.status, type, answer.body.toString())).to.equal(null);
    return answer;
  }

  const submit = (body: unknown, query = ''): Promise<Answer> =>
    call('submitTransactions', `/v1/transactions${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const next = (amount = '5') => transfer(faucetKey, nonce++, aliceKey.publicKey, amount);
  const administrator = (): Record<string, string> => ({
    authorization: `Bearer ${mintToken(validatorKeys[0]!, { chainId: chainIdHex })}`,
  });

  it('publishes a valid OpenAPI 3.1 document of all its endpoints', () => {
    expect(documentProblems(document)).to.deep.equal([]);
    expect(operationsOf(document)).to.have.length.greaterThan(19);
  });

  it('takes one transaction as JSON, octets or msgpack and answers 202 with its hash', async () => {
    const [first, second, third] = [next(), next(), next()];
    const asJson = await submit({ transaction: toHex(first.bytes) });
    expect([asJson.status, asJson.json()]).to.deep.equal([
      202,
      { hash: first.hash, outcome: 'accepted', status: 'pending' },
    ]);
    for (const [type, transaction] of [
      ['application/octet-stream', second],
      ['application/msgpack', third],
    ] as const) {
      const headers = { 'content-type': type };
      const answer = await call('submitTransactions', '/v1/transactions', {
        method: 'POST',
        headers,
        body: transaction.bytes,
      });
      expect([answer.status, answer.json()['hash']]).to.deep.equal([202, transaction.hash]);
    }
    const again = await submit({ transaction: toHex(first.bytes) });
    expect(again.json()['outcome']).to.equal('known');
  });

  it('takes a batch as JSON or msgpack and answers for each in order', async () => {
    const good = [next(), next()];
    const bad = transfer(strangerKey, 0, aliceKey.publicKey);
    const asJson = await submit({ transactions: [...good, bad].map(({ bytes }) => toHex(bytes)) });
    expect(asJson.status).to.equal(202);
    const { results } = asJson.json<{ results: { hash: string; outcome: string; reason?: string }[] }>();
    expect(results.map(({ outcome }) => outcome)).to.deep.equal(['accepted', 'accepted', 'rejected']);
    expect(results.map(({ hash }) => hash)).to.deep.equal([...good, bad].map(({ hash }) => hash));
    expect(results[2]!.reason).to.equal('unknown-account');
    const packed = [next(), next()];
    const answer = await call('submitTransactions', '/v1/transactions', {
      method: 'POST',
      headers: { 'content-type': 'application/msgpack' },
      body: encode(
        list(bytesMax(100_000), 10),
        packed.map(({ bytes }) => bytes),
      ),
    });
    expect(answer.json<{ results: { hash: string }[] }>().results.map(({ hash }) => hash)).to.deep.equal(
      packed.map(({ hash }) => hash),
    );
  });

  it('answers 200 with the result when asked to wait, for one and for a batch', async () => {
    const one = next();
    const answer = await submit({ transaction: toHex(one.bytes) }, '?wait=final');
    expect(answer.status).to.equal(200);
    expect(answer.json<{ hash: string; result: { code: string } }>()).to.deep.include({
      hash: one.hash,
      status: 'final',
    });
    expect(answer.json<{ result: { code: string } }>().result.code).to.equal('ok');
    const batch = [next(), next('99999999999999999')];
    const all = await submit({ transactions: batch.map(({ bytes }) => toHex(bytes)) }, '?wait=final');
    expect(all.status).to.equal(200);
    const { results } = all.json<{ results: { transaction: { result: { code: string } } }[] }>();
    expect(results.map(({ transaction }) => transaction.result.code)).to.deep.equal(['ok', 'insufficient-balance']);
  });

  it('answers 202 when the time to wait is over, and the transaction stays submitted', async () => {
    world.chain.isAutomatic = false;
    const one = next();
    const answer = await submit({ transaction: toHex(one.bytes) }, '?wait=final&timeout=1');
    expect([answer.status, answer.json()['status']]).to.deep.equal([202, 'pending']);
    const pending = await call('getTransaction', `/v1/transactions/${one.hash}?proof=true`);
    expect(pending.json()).to.deep.include({ status: 'pending', height: null, result: null, proof: null });
    world.chain.isAutomatic = true;
    world.chain.seal();
    expect((await call('getTransaction', `/v1/transactions/${one.hash}`)).json()['status']).to.equal('final');
  });

  it('says of many hashes at once what became of each, in order', async () => {
    const [final, failed] = [next(), next('99999999999999999')];
    await submit({ transactions: [final, failed].map(({ bytes }) => toHex(bytes)) }, '?wait=final');
    world.chain.isAutomatic = false;
    const waiting = next();
    await submit({ transaction: toHex(waiting.bytes) });
    const look = (hashes: readonly string[]): Promise<Answer> =>
      call('lookUpTransactions', '/v1/transactions/lookup', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ hashes }),
      });
    const hashes = [waiting.hash, failed.hash, '0'.repeat(64), final.hash];
    const { transactions } = (await look(hashes)).json<{ transactions: Record<string, unknown>[] }>();
    world.chain.isAutomatic = true;
    world.chain.seal();
    expect(transactions.map(({ hash }) => hash)).to.deep.equal(hashes);
    expect(transactions.map(({ status, code }) => [status, code])).to.deep.equal([
      ['pending', null],
      ['final', 'insufficient-balance'],
      ['unknown', null],
      ['final', 'ok'],
    ]);
    for (const hash of [failed.hash, final.hash]) {
      const answer = await call('getTransaction', `/v1/transactions/${hash}`);
      const { height, index } = answer.json<{ height: number; index: number }>();
      expect(transactions.find((entry) => entry['hash'] === hash)).to.deep.include({ height, index });
    }
    for (const wrong of [[], ['abc'], Array.from({ length: 1001 }, () => final.hash)]) {
      expect((await look(wrong)).status).to.equal(400);
    }
  });

  it('gives a proof bundle that passes through the height asked for, or none', async () => {
    const one = next();
    const { height } = (await submit({ transaction: toHex(one.bytes) }, '?wait=final')).json<{ height: number }>();
    world.chain.seal();
    const heightsOf = async (through: number): Promise<readonly number[] | null> => {
      const answer = await call('getTransaction', `/v1/transactions/${one.hash}?through=${through}`);
      const { proof } = answer.json<{ proof: unknown }>();
      if (proof === null) return null;
      const read = readJson(proofBundleCodec, proof);
      if ('problems' in read) throw new Error(JSON.stringify(read.problems));
      const { header, setChanges } = read.value;
      return [...setChanges.map((change) => change.header.height), header.height];
    };
    expect(await heightsOf(1)).to.deep.equal([1, height]);
    expect(await heightsOf(height)).to.deep.equal([height]);
    expect(await heightsOf(height + 1)).to.deep.equal([height + 1]);
    expect(await heightsOf(height + 100)).to.equal(null);
    const state = await call('getState', `/v1/state/accounts/${aliceKey.publicKey}?through=1`);
    expect(state.json<{ proof: { bundle: unknown } }>().proof.bundle).to.deep.equal({ through: 1 });
  });

  it('refuses transactions with the reason of the chain, and says which passes by itself', async () => {
    const foreign = transfer(faucetKey, nonce, aliceKey.publicKey, '5', 'ab'.repeat(32));
    const refusals = [
      [transfer(strangerKey, 0, aliceKey.publicKey), 422, 'unknown-account'],
      [foreign, 422, 'wrong-chain'],
      [{ ...foreign, bytes: foreign.bytes.subarray(1) }, 422, 'malformed'],
    ] as const;
    for (const [transaction, status, code] of refusals) {
      const answer = await submit({ transaction: toHex(transaction.bytes) });
      expect([answer.status, answer.json()['code']]).to.deep.equal([status, code]);
      expect(answer.headers['content-type']).to.equal('application/problem+json');
    }
    world.chain.mempoolMax = 0;
    const full = await submit({ transaction: toHex(transfer(aliceKey, 0, faucetKey.publicKey).bytes) });
    world.chain.mempoolMax = 10_000;
    expect([full.status, full.json()['code'], full.headers['retry-after']]).to.deep.equal([503, 'mempool-full', '2']);
    // Not the transaction's fault: others may have it, and it may become final.
    world.chain.isDiskBroken = true;
    const unstored = await submit({ transaction: toHex(transfer(aliceKey, 0, faucetKey.publicKey).bytes) });
    world.chain.isDiskBroken = false;
    expect([unstored.status, unstored.json()['code']]).to.deep.equal([503, 'store-failed']);
    const none = await submit({ transactions: ['00', '01'] });
    expect([none.status, none.json()['code']]).to.deep.equal([422, 'transactions-rejected']);
    expect(none.json<{ results: object[] }>().results).to.have.length(2);
  });

  it('names the field that is wrong', async () => {
    const cases: readonly (readonly [unknown, string])[] = [
      [{}, 'body'],
      [{ transaction: 5 }, 'body/transaction'],
      [{ transaction: 'zz' }, 'body/transaction'],
      [{ transaction: 'abc' }, 'body/transaction'],
      [{ transactions: [] }, 'body/transactions'],
      [{ transactions: ['00', '0'] }, 'body/transactions/1'],
      [{ transactions: ['00', 7] }, 'body/transactions/1'],
      [{ transaction: '00', transactions: ['00'] }, 'body'],
      [{ transaction: '00', nonsense: 1 }, 'body'],
      [{ nonsense: 1 }, 'body/nonsense'],
      [[], 'body'],
      ['text', 'body'],
    ];
    for (const [body, field] of cases) {
      const answer = await submit(body);
      expect(answer.status, JSON.stringify(body)).to.equal(400);
      const [error] = answer.json<{ errors: { field: string }[] }>().errors;
      expect(error?.field, JSON.stringify(body)).to.equal(field);
    }
    // Regression: without body and content type no parser and no schema looked at the request (seed 59620661).
    const nothing = await call('submitTransactions', '/v1/transactions', { method: 'POST' });
    expect([nothing.status, nothing.json()['code']]).to.deep.equal([400, 'empty-body']);
    const reads: readonly (readonly [string, string, string])[] = [
      ['getBlock', '/v1/blocks/first', 'params/height'],
      ['getBlock', '/v1/blocks/-1', 'params/height'],
      ['getAccount', '/v1/accounts/alice', 'params/key'],
      ['getTransaction', '/v1/transactions/abc', 'params/hash'],
      ['getTransaction', `/v1/transactions/${'0'.repeat(64)}?proof=maybe`, 'querystring/proof'],
      ['getTransaction', `/v1/transactions/${'0'.repeat(64)}?prof=true`, 'querystring/prof'],
      ['getTransaction', `/v1/transactions/${'0'.repeat(64)}?through=0`, 'querystring/through'],
      ['getValidators', '/v1/validators?height=1.5', 'querystring/height'],
      ['getState', '/v1/state/UPPER/x', 'params/module'],
      ['getStateChanges', '/v1/state-changes?from=0', 'querystring/from'],
      ['getStateChanges', '/v1/state-changes?after=x', 'querystring/after'],
      ['getEvents', '/v1/events?after=1', 'querystring/after'],
      ['getEvents', '/v1/events?limit=0', 'querystring/limit'],
      ['submitTransactions', '/v1/transactions?wait=long', 'querystring/wait'],
      ['submitTransactions', '/v1/transactions?timeout=0', 'querystring/timeout'],
    ];
    for (const [operationId, path, field] of reads) {
      const isWrite = operationId === 'submitTransactions';
      const answer = await call(
        operationId,
        path,
        isWrite
          ? { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"transaction":"00"}' }
          : {},
      );
      expect(answer.status, path).to.equal(400);
      expect(answer.json<{ errors: { field: string }[] }>().errors[0]?.field, path).to.equal(field);
    }
    const lastEvent = await call('getEvents', '/v1/events', { headers: { 'last-event-id': 'x' } });
    expect(lastEvent.json<{ errors: { field: string }[] }>().errors[0]?.field).to.equal('headers/last-event-id');
  });

  it('reads the chain', async () => {
    const height = world.chain.height;
    expect((await call('getNetwork', '/v1/network')).json()).to.deep.include({ chainId: chainIdHex, height });
    expect((await call('getGenesis', '/v1/genesis')).json()).to.deep.include({ chainName: 'http-world' });
    expect((await call('getBlock', '/v1/blocks/latest')).json()['height']).to.equal(height);
    expect((await call('getBlock', '/v1/blocks/1')).json()['height']).to.equal(1);
    expect((await call('getBlock', '/v1/blocks/999999')).status).to.equal(404);
    expect((await call('getAccount', `/v1/accounts/${aliceKey.publicKey}`)).json()['publicKey']).to.equal(
      aliceKey.publicKey,
    );
    expect((await call('getAccount', `/v1/accounts/${strangerKey.publicKey}`)).status).to.equal(404);
    expect((await call('getTransaction', `/v1/transactions/${'0'.repeat(64)}`)).status).to.equal(404);
    const validators = (await call('getValidators', '/v1/validators')).json<{ validators: object[] }>();
    expect(validators.validators).to.have.length(4);
    const first = (await call('getValidators', '/v1/validators?height=1')).json<{ validators: object[] }>();
    expect(first.validators[0]).to.deep.include({ name: null, bond: null, jailed: null });
    const ahead = await call('getValidators', `/v1/validators?height=${height + 1}`);
    expect(ahead.json()).to.deep.equal(validators);
    expect((await call('getValidators', '/v1/validators?height=999999')).status).to.equal(404);
    expect((await call('getConsensus', '/v1/consensus')).json()['step']).to.equal('prepare');
    expect((await call('getServices', '/v1/services')).json<{ services: object[] }>().services).to.have.length(1);
    expect((await call('getMempool', '/v1/mempool')).json()).to.deep.equal({ count: 0, bytes: 0 });
    const permissions = (await call('getPermissions', '/v1/permissions')).json<{
      kinds: { kind: string; roles: string[] }[];
    }>();
    expect(permissions.kinds.find(({ kind }) => kind === 'accounts.transfer')?.roles).to.deep.equal(['member']);
    await call('getOpenApi', '/openapi.json');
  });

  it('reads state with and without proof, present and absent', async () => {
    const present = await call('getState', `/v1/state/accounts/${aliceKey.publicKey}`);
    expect(present.json()).to.deep.include({ key: aliceKey.publicKey, proof: null });
    const proved = await call('getState', `/v1/state/accounts/${aliceKey.publicKey}?proof=true&height=1`);
    expect(proved.json<{ height: number; proof: object }>().proof).to.deep.include({ commitment: '0a' });
    const absent = await call('getState', '/v1/state/accounts/nothing%2Fhere');
    expect(absent.json()).to.deep.include({ key: 'nothing/here', value: null, decoded: null });
    expect((await call('getState', '/v1/state/unknown/x')).status).to.equal(404);
  });

  it('pages through what changed of the state', async () => {
    type Page = { height: number; entries: { key: string }[]; next: string | null };
    const whole = (await call('getStateChanges', '/v1/state-changes')).json<Page>();
    const first = (await call('getStateChanges', '/v1/state-changes?limit=2')).json<Page>();
    expect(first.entries).to.deep.equal(whole.entries.slice(0, 2));
    const rest = (await call('getStateChanges', `/v1/state-changes?after=${first.next ?? ''}&trusted=1`)).json<Page>();
    expect(rest.entries).to.deep.equal(whole.entries.slice(2));
    const none = (await call('getStateChanges', `/v1/state-changes?from=${whole.height}`)).json<Page>();
    expect([none.entries, none.next]).to.deep.equal([[], null]);
  });

  it('pages through the entries of a module', async () => {
    type Page = { entries: { key: string }[]; more: boolean };
    const whole = (await call('getStateEntries', '/v1/state/accounts')).json<Page>();
    expect(whole.more).to.equal(false);
    const keys = whole.entries.map(({ key }) => key);
    const first = (await call('getStateEntries', '/v1/state/accounts?limit=2')).json<Page>();
    expect([first.entries.map(({ key }) => key), first.more]).to.deep.equal([keys.slice(0, 2), true]);
    const rest = (await call('getStateEntries', `/v1/state/accounts?after=${keys[1]}`)).json<Page>();
    expect(rest.entries.map(({ key }) => key)).to.deep.equal(keys.slice(2));
    expect((await call('getStateEntries', '/v1/state/unknown')).status).to.equal(404);
  });

  it('serves the log as tiles that may be cached for ever, and a checkpoint that may not', async () => {
    const checkpoint = await call('getCheckpoint', '/v1/log/checkpoint');
    expect(checkpoint.headers['content-type']).to.equal('text/plain; charset=utf-8');
    expect(checkpoint.headers['cache-control']).to.equal('no-cache');
    const size = Number(checkpoint.body.toString().split('\n')[1]);
    const tile = await call('getTile', `/v1/log/tile/0/000.p/${size}`);
    expect(tile.headers['content-type']).to.equal('application/octet-stream');
    expect(tile.headers['cache-control']).to.equal('public, max-age=31536000, immutable');
    expect(tile.body).to.have.length(32 * size);
    expect((await call('getTile', `/v1/log/tile/entries/000.p/${size}`)).status).to.equal(200);
    for (const path of ['0/001', '0/000.p/0', '0/0', '64/000', 'entries/000.p/300', '../../etc/passwd', '0/000%2f..']) {
      expect((await ask(`${world.base}/v1/log/tile/${path}`)).status, path).to.equal(404);
    }
    expect((await call('getTile', '/v1/log/tile/1/000')).status).to.equal(404);
  });

  it('gives a page of events as JSON, filtered and limited', async () => {
    const page = async (query: string): Promise<{ events: { id: string }[]; lastEventId: string }> => {
      const answer = await call('getEvents', `/v1/events${query}`, { headers: { accept: 'application/json' } });
      return answer.json<{ events: { id: string }[]; lastEventId: string }>();
    };
    const all = await page('');
    expect(all.events.length).to.be.greaterThan(3);
    expect(all.lastEventId).to.equal(all.events.at(-1)!.id);
    const rest = await page(`?after=${all.events[0]!.id}&limit=2&module=accounts&kind=transferred`);
    expect(rest.events.map(({ id }) => id)).to.deep.equal(all.events.slice(1, 3).map(({ id }) => id));
    expect((await page('?module=court')).events).to.deep.equal([]);
  });

  it('says whether it is well, with 503 where it is not', async () => {
    expect((await call('getHealth', '/healthz')).json()).to.deep.include({ ok: true });
    world.chain.isHealthy = false;
    for (const [operationId, path] of [
      ['getHealth', '/healthz'],
      ['getReadiness', '/readyz'],
    ] as const) {
      const answer = await call(operationId, path);
      expect([answer.status, answer.json()['ok']]).to.deep.equal([503, false]);
    }
    world.chain.isHealthy = true;
  });

  it('lets operators and validators see refusals and change the log level', async () => {
    const refusals = await call('getRefusals', '/v1/node/refusals', { headers: administrator() });
    expect(refusals.json<{ refusals: Record<string, number> }>().refusals['unknown-account']).to.be.greaterThan(0);
    const set = await call('setLogLevel', '/v1/node/log-level', {
      method: 'POST',
      headers: { ...administrator(), 'content-type': 'application/json' },
      body: '{"level":"debug"}',
    });
    expect(set.json()).to.deep.equal({ level: 'debug' });
    expect(world.changedBy(), 'whom the audit log names').to.equal(validatorKeys[0]?.publicKey);
    expect((await call('getLogLevel', '/v1/node/log-level', { headers: administrator() })).json()).to.deep.equal({
      level: 'debug',
    });
    const wrong = await call('setLogLevel', '/v1/node/log-level', {
      method: 'POST',
      headers: { ...administrator(), 'content-type': 'application/json' },
      body: '{"level":"loud"}',
    });
    expect(wrong.status).to.equal(400);
  });

  it('answers problems without stack traces or paths, also when it fails itself', async () => {
    for (const [method, path] of [
      ['GET', '/'],
      ['GET', '/v1'],
      ['DELETE', '/v1/transactions'],
      ['POST', '/v1/blocks/1'],
      ['GET', '/v1/blocks/1/'],
      ['GET', '/V1/network'],
    ] as const) {
      const answer = await ask(world.base + path, { method });
      expect([answer.status, answer.json()['code']], path).to.deep.equal([404, 'unknown-route']);
      expect(answer.headers['content-type']).to.equal('application/problem+json');
    }
    const badPath = await ask(`${world.base}/v1/blocks/%E0%A4%A`);
    expect([badPath.status, badPath.json()['code']]).to.deep.equal([400, 'bad-request']);
    world.chain.isBroken = true;
    const broken = await call('getNetwork', '/v1/network');
    world.chain.isBroken = false;
    expect([broken.status, broken.json()['code']]).to.deep.equal([500, 'internal']);
    expect(broken.body.toString()).to.not.match(/secret|srv|ledger\.ts|TypeError|\bat /);
  });

  it('sends security headers with answers and refusals, and caches nothing by default', async () => {
    for (const path of ['/v1/network', '/nowhere']) {
      const { headers } = await ask(world.base + path);
      expect(headers['x-content-type-options']).to.equal('nosniff');
      expect(headers['content-security-policy']).to.include("default-src 'none'");
      expect(headers['cache-control']).to.equal('no-store');
      expect(headers).to.not.have.property('x-powered-by');
    }
  });

  it('has been held against the document for every operation', async () => {
    const stream = await postJson(`${world.base}/v1/events`, {});
    expect(stream.status).to.equal(404);
    const seen = new Set([...checker.seen].map((entry) => entry.split(' ')[0]));
    expect(operationsOf(document).map(({ operationId }) => operationId)).to.have.members([...seen]);
  });
});

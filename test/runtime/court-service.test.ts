/**
 * Goal: a court in the service of a running chain shows agreements, cases and deadlines as they are, and passes on what its callers
 * signed, and nothing else. Method: the service as `agreement-court start` runs it, over a node's real HTTP interface.
 */
import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChainClient } from '../../src/client/chain-client.ts';
import { mintToken } from '../../src/client/token.ts';
import { agreementId, storedAgreementJson } from '../../src/protocols/ledger/modules/court/agreement-terms.ts';
import { caseIdOf } from '../../src/protocols/ledger/modules/court/case-state.ts';
import { toHex } from '../../src/protocols/shared/bytes.ts';
import type { Signer } from '../../src/runtime/ports/signer.ts';
import { startCourtService, type RunningCourtService } from '../../src/runtime/court-service.ts';
import { signTransaction } from '../../src/client/transactions.ts';
import { hashOf, serviceTerms, unit } from '../protocols/ledger/court/court-world.ts';
import { MemoryNode } from '../support/memory-node.ts';
import { signerOf } from '../support/memory-chain.ts';
import { until } from '../system/waiting.ts';
import { ask } from './http/server-world.ts';

const [acme, provider, stranger] = [signerOf(1), signerOf(2), signerOf(3)];

/** The court-world's agreement, between keys that sign really. */
const terms = serviceTerms({
  parties: serviceTerms().parties.map((party, at) => ({
    ...party,
    account: (at === 0 ? acme : provider).publicKey,
  })),
  obligations: serviceTerms().obligations.map((obligation) => ({
    ...obligation,
    debtor: provider.publicKey,
    creditor: acme.publicKey,
  })),
  bindings: {
    ...serviceTerms().bindings,
    tenants: [{ name: 'provider-tenant', account: provider.publicKey }],
  },
});
const agreement = { terms, content: hashOf('c0') };
const id = agreementId(agreement);

type Body = Record<string, unknown>;

describe('a court as a service', function () {
  this.timeout(60_000);
  const node = new MemoryNode({ validators: 1, accounts: [acme, provider].map(({ publicKey }) => publicKey) });
  const dataDir = mkdtempSync(join(tmpdir(), 'court-service-'));
  let court: RunningCourtService;
  let client: ChainClient;

  before(async () => {
    await node.start();
    client = new ChainClient({ endpoint: node.endpoint });
    court = await startCourtService({
      ...{ client, address: '127.0.0.1:0', dataDir, logTo: 'silent' },
      terms: {
        ...{ name: 'court-1', jurisdiction: 'local', arbitrationThreshold: 200n * unit, legalFrameworkVersion: 'v1.0' },
      },
    });
  });
  after(async () => {
    await court.stop();
    await node.stop();
    rmSync(dataDir, { recursive: true });
  });

  const signed = async (by: Signer, kind: string, body: unknown): Promise<string> => {
    const { chainId, height } = await client.network();
    const { nextNonce: nonce } = await client.account(by.publicKey);
    const { bytes } = signTransaction(by, { chainId, nonce, expiryHeight: height + 100, kind, body });
    return toHex(bytes);
  };
  const post = async (path: string, body: unknown): Promise<readonly [number, Body]> => {
    const headers = { 'content-type': 'application/json' };
    const answer = await ask(`http://${court.address}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    return [answer.status, answer.json()];
  };
  const get = async (path: string, token?: string): Promise<readonly [number, Body]> => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const answer = await ask(`http://${court.address}${path}`, { headers });
    return [answer.status, answer.json()];
  };
  /** Sends through the court; the chain has taken it. */
  const must = async (by: Signer, path: string, kind: string, body: unknown): Promise<void> => {
    const [status, answer] = await post(path, { transaction: await signed(by, kind, body) });
    expect(status, JSON.stringify(answer)).to.equal(200);
  };
  /** Once the court follows the newest block. */
  const followed = async (): Promise<void> => {
    const { height } = await client.network();
    await until('the court to follow', async () => Number((await get('/v1/status'))[1]['height']) >= height);
  };

  it('takes an agreement from its draft to its escrow by transactions that its parties signed', async () => {
    await must(acme, '/v1/agreements', 'agreements.draft', storedAgreementJson.toJson(agreement));
    await must(acme, `/v1/agreements/${id}/offer`, 'agreements.offer', { agreement: id });
    for (const party of [acme, provider])
      await must(party, `/v1/agreements/${id}/sign`, 'agreements.sign', { agreement: id });
    const funding = { agreement: id, amount: (500n * unit).toString() };
    await must(provider, `/v1/agreements/${id}/fund`, 'agreements.fund', funding);
    await followed();
    const [status, found] = await get(`/v1/agreements/${id}`);
    const escrow = { account: provider.publicKey, agreed: '500000000', held: '500000000', debts: [] };
    expect([status, found['state'], (found['escrow'] as unknown[])[1]]).to.deep.equal([200, 'active', escrow]);
    const [, listed] = await get(`/v1/agreements?party=${provider.publicKey}&state=active`);
    expect((listed['agreements'] as Body[]).map((one) => one['id'])).to.deep.equal([id]);
    const [, others] = await get(`/v1/agreements?party=${stranger.publicKey}`);
    expect(others['agreements']).to.deep.equal([]);
  });

  it('refuses to pass on what the path is not for, an agreement made for another court, and what the chain refuses', async () => {
    const sign = await signed(acme, 'agreements.sign', { agreement: id });
    const code = async (path: string, transaction: string): Promise<readonly [number, unknown]> => {
      const [status, problem] = await post(path, { transaction });
      return [status, problem['code']];
    };
    expect(await code(`/v1/agreements/${id}/offer`, sign)).to.deep.equal([422, 'wrong-kind']);
    expect(await code(`/v1/agreements/${'ab'.repeat(32)}/sign`, sign)).to.deep.equal([422, 'wrong-subject']);
    expect(await code(`/v1/agreements/${id}/sign`, 'c0ffee')).to.deep.equal([400, 'invalid-transaction-bytes']);
    expect(await code(`/v1/agreements/${id}/sign`, sign)).to.deep.equal([409, 'not-offered']);
    const foreign = { ...agreement, terms: { ...terms, legalFrameworkVersion: 'v2.0' } };
    const draft = await signed(acme, 'agreements.draft', storedAgreementJson.toJson(foreign));
    expect(await code('/v1/agreements', draft)).to.deep.equal([422, 'other-court']);
    const strangers = signTransaction(stranger, {
      ...{ chainId: court.chainId, nonce: 0, expiryHeight: 100, kind: 'agreements.sign', body: { agreement: id } },
    });
    expect(await code(`/v1/agreements/${id}/sign`, toHex(strangers.bytes))).to.deep.equal([409, 'unknown-account']);
  });

  it('shows a case with its deadline, its timeline, and what is due next', async () => {
    node.pass(21);
    const breach = caseIdOf(id, 'delivery', 0);
    const notice = { agreement: id, obligation: 'delivery', period: 0, statements: [], grounds: hashOf('91') };
    await must(acme, '/v1/cases', 'court.notice-breach', notice);
    await followed();
    const [, found] = await get(`/v1/cases/${breach}`);
    expect([found['stage'], found['claimant'], (found['deadline'] as Body)['then']]).to.deep.equal([
      'cure',
      acme.publicKey,
      'negotiation begins',
    ]);
    const [, due] = await get('/v1/deadlines?limit=1');
    expect((due['deadlines'] as Body[]).map((one) => [one['of'], one['id']])).to.deep.equal([['case', breach]]);
    node.pass(6);
    await followed();
    await until('the timeline', async () => {
      const [, timeline] = await get(`/v1/cases/${breach}/timeline`);
      const stages = (timeline['events'] as Body[]).filter((one) => one['kind'] === 'stage');
      return stages.map((one) => (one['attributes'] as Body)['to']).join() === 'cure,negotiation,filing';
    });
    expect((await get(`/v1/cases?agreement=${id}`))[1]['cases']).to.have.length(1);
    expect((await get(`/v1/cases?stage=closed`))[1]['cases']).to.deep.equal([]);
    const [, panel] = await get(`/v1/cases/${breach}/panel`);
    expect([panel['candidates'], panel['draws']]).to.deep.equal([[], []]);
  });

  it('says whether an operation complies with the agreements that bind it', async () => {
    const operation = { tenant: 'provider-tenant', workload: null, country: 'FR', classification: 'Internal' };
    const check = async (change: Body): Promise<unknown> =>
      (await post('/v1/compliance/check', { ...operation, ...change }))[1];
    // The chain of this test stands in the past: whoever asks of old state is told, and may do nothing.
    const old = { complies: false, state: 'Red' };
    expect(await check({})).to.deep.include({
      ...old,
      reasons: ['stale'],
      agreements: [{ agreement: id, problems: [] }],
    });
    expect(await check({ tenant: 'another' })).to.deep.include({ ...old, reasons: ['stale'], agreements: [] });
    expect(await check({ country: 'CN', classification: 'Restricted' })).to.deep.include({
      ...{ ...old, reasons: ['stale', `country-not-agreed:${id}`, `class-not-agreed:${id}`] },
      agreements: [{ agreement: id, problems: ['country-not-agreed', 'class-not-agreed'] }],
    });
    const open = { ...old, reasons: ['stale', `country-not-agreed:${id}`] };
    expect(await check({ country: null }), 'any country').to.deep.include(open);
    expect(await check({})).to.have.keys('complies', 'state', 'reasons', 'agreements', 'height', 'stateTime');
    const [status, problem] = await post('/v1/compliance/check', { ...operation, country: 'France' });
    expect([status, (problem['errors'] as Body[])[0]?.['field']]).to.deep.equal([400, 'body/country']);
  });

  it('serves health, metrics, its description, and nothing that is not there', async () => {
    expect((await get('/readyz'))[0]).to.equal(200);
    expect((await ask(`http://${court.address}/metrics`)).body.toString()).to.include('bpci_court_questions');
    const [, openapi] = await get('/openapi.json');
    expect(Object.keys(openapi['paths'] as Body)).to.include('/v1/cases/{id}/reveal');
    for (const path of ['agreements', 'cases']) expect((await get(`/v1/${path}/${'ab'.repeat(32)}`))[0]).to.equal(404);
    const foreign = mintToken(acme, { chainId: court.chainId, service: 'traffic' });
    const [status, problem] = await get('/v1/status', foreign);
    expect([status, problem['reason']], 'a token for another service').to.deep.equal([401, 'wrong-audience']);
    const own = mintToken(acme, { chainId: court.chainId, service: 'court' });
    expect((await get('/v1/status', own))[0]).to.equal(200);
  });
});

/**
 * Goal: a breach that is really committed becomes a case without a person: by a measurement below the bound, and by a deadline of
 * which nobody stated that it was kept; once, also across restarts of the court. The court is on the registry's list.
 * Method: the service as `agreement-court start` runs it, over a node's real HTTP interface to a chain whose time the test moves.
 */
import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChainClient } from '../../src/client/chain-client.ts';
import { signTransaction } from '../../src/client/transactions.ts';
import { agreementId, storedAgreementJson } from '../../src/protocols/ledger/modules/court/agreement-terms.ts';
import { caseAt } from '../../src/protocols/ledger/modules/court/court-queries.ts';
import { caseIdOf } from '../../src/protocols/ledger/modules/court/case-state.ts';
import { readService } from '../../src/protocols/ledger/modules/registry.ts';
import { accountAt } from '../../src/protocols/ledger/queries.ts';
import { View } from '../../src/protocols/ledger/view.ts';
import type { Digest } from '../../src/protocols/shared/brands.ts';
import type { Signer } from '../../src/runtime/ports/signer.ts';
import { startCourtService, type RunningCourtService } from '../../src/runtime/court-service.ts';
import { hashOf, serviceTerms, unit } from '../protocols/ledger/court/court-world.ts';
import { CourtPeople } from '../support/court-command.ts';
import { MemoryNode } from '../support/memory-node.ts';
import { signerOf } from '../support/memory-chain.ts';
import { until } from '../system/waiting.ts';
import { ask } from './http/server-world.ts';

const [acme, provider, probe, own] = [signerOf(1), signerOf(2), signerOf(3), signerOf(4)];
const start = 1_700_000_000_000;
const periodMs = 60_000;

const rule = { sources: [probe.publicKey], needed: 1 } as const;
const [uptime] = serviceTerms().obligations;
const owed = { ...uptime!, debtor: provider.publicKey, creditor: acme.publicKey };
const terms = serviceTerms({
  parties: serviceTerms().parties.map((party, at) => ({
    ...party,
    account: (at === 0 ? acme : provider).publicKey,
  })),
  obligations: [
    { ...owed, timing: { type: 'every', periodMs }, evidenceRule: { ...uptime!.evidenceRule!, ...rule } },
    {
      ...{ ...owed, id: 'deletion', timing: { type: 'by', at: start + 30_000 } },
      evidenceRule: { metric: 'deletion-hours', comparison: 'at-most', bound: 720, ...rule, missing: 'breach' },
    },
  ],
  bindings: { ...serviceTerms().bindings, tenants: [{ name: 'provider-tenant', account: provider.publicKey }] },
});
const agreement = { terms, content: hashOf('c0') };
const id = agreementId(agreement);

describe('the obligation monitor of a court', function () {
  this.timeout(120_000);
  const node = new MemoryNode({
    validators: 1,
    accounts: [acme, provider, own].map(({ publicKey }) => publicKey),
  });
  const people = new CourtPeople();
  const dataDir = mkdtempSync(join(tmpdir(), 'court-monitor-'));
  let court: RunningCourtService;
  let client: ChainClient;

  const startCourt = (): Promise<RunningCourtService> =>
    startCourtService({
      ...{ client, address: '127.0.0.1:0', dataDir, signer: own, logTo: 'silent' },
      terms: {
        ...{ name: 'court-1', jurisdiction: 'local', arbitrationThreshold: 200n * unit, legalFrameworkVersion: 'v1.0' },
      },
    });
  const must = async (by: Signer, kind: string, body: unknown): Promise<void> => {
    const { chainId, height } = await client.network();
    const { nextNonce: nonce } = await client.account(by.publicKey);
    const { bytes } = signTransaction(by, { chainId, nonce, expiryHeight: height + 100, kind, body });
    const sent = await client.submit(bytes, { waitMs: 10_000 });
    if (!('result' in sent) || sent.result?.code !== 'ok') throw new Error(`${kind}: ${JSON.stringify(sent)}`);
  };
  const caseOf = (obligation: string, period: number) =>
    caseAt(node.chain.chain.state, caseIdOf(id, obligation, period));
  /** Transactions that the court has sent. */
  const sentByCourt = (): number => accountAt(node.chain.chain.state, own.publicKey)?.nonceBase ?? 0;
  const followed = (): Promise<unknown> =>
    until('the court to follow', async () => {
      const status = await court.api.status();
      const height = status.kind === 'answer' ? (status.value as { height: number }).height : 0;
      return height >= (await client.network()).height;
    });
  const state = (period: number, value: number): Promise<{ case: Digest; isNew: boolean }> =>
    people.json(
      ...['state', id, '--of', 'uptime', '--period', String(period), '--value', String(value)],
      ...['--court-endpoint', `http://${court.address}`],
    );

  before(async () => {
    await node.start();
    people.endpoint = node.endpoint;
    people.key('probe', 3);
    client = new ChainClient({ endpoint: node.endpoint });
    court = await startCourt();
    await must(acme, 'agreements.draft', storedAgreementJson.toJson(agreement));
    await must(acme, 'agreements.offer', { agreement: id });
    for (const party of [acme, provider]) await must(party, 'agreements.sign', { agreement: id });
    await must(provider, 'agreements.fund', { agreement: id, amount: (500n * unit).toString() });
  });
  after(async () => {
    await court.stop();
    await node.stop();
    people.remove();
    rmSync(dataDir, { recursive: true });
  });

  it('is that of a court which the registry lists where it is', async () => {
    const listed = await until('the registration', () => readService(new View(node.chain.chain.state), 'court-1'));
    expect(listed).deep.include({ kind: 'court', owner: own.publicKey, endpoints: [`http://${court.address}`] });
  });

  it('gives notice of a breach that a source has measured, once', async () => {
    await followed();
    const kept = await state(0, 999_500);
    node.pass(2);
    await followed();
    expect(caseAt(node.chain.chain.state, kept.case)).equal(undefined);
    const refused = await people.refused(
      ...([1, 'state', id, '--of', 'uptime', '--value', '1', '--court-endpoint', `http://${court.address}`] as const),
    );
    expect(refused).include('contradicts-earlier');
    node.pass(70);
    await followed();
    const broken = await state(1, 990_000);
    const before = sentByCourt();
    node.pass(1);
    await until('the notice', () => caseAt(node.chain.chain.state, broken.case) !== undefined);
    const found = caseOf('uptime', 1)!;
    expect([found.record.stage, found.record.claimant]).deep.equal(['cure', acme.publicKey]);
    for (let block = 0; block < 5; block++) {
      node.pass(1);
      await followed();
    }
    expect(sentByCourt()).equal(before + 1);
  });

  it('has given notice of the deadline that nobody stated was kept', async () => {
    await until('the notice', () => caseOf('deletion', 0) !== undefined);
    expect(caseOf('deletion', 0)?.record.respondent).equal(provider.publicKey);
  });

  it('keeps what was stated across a restart, and gives the notice that it could not give before', async () => {
    node.pass(60);
    await followed();
    const broken = await state(2, 1);
    await court.stop();
    expect(caseAt(node.chain.chain.state, broken.case)).equal(undefined);
    court = await startCourt();
    await until('the notice', () => caseAt(node.chain.chain.state, broken.case) !== undefined);
    const sent = sentByCourt();
    const answer = await ask(`http://${court.address}/v1/agreements/${id}/statements`);
    const { statements } = answer.json<{ statements: { period: number; value: number }[] }>();
    expect(statements.map(({ period, value }) => [period, value]).sort()).deep.equal([
      [0, 999_500],
      [1, 990_000],
      [2, 1],
    ]);
    expect((await state(2, 1)).isNew).equal(false);
    node.pass(1);
    await followed();
    // It told the registry where it is now; it gave no notice twice.
    expect(sentByCourt() - sent).lessThan(2);
    expect(caseOf('uptime', 0)).equal(undefined);
  });

  it('takes what a source signed and nothing else', async () => {
    const post = async (body: unknown): Promise<readonly [number, unknown]> => {
      const headers = { 'content-type': 'application/json' };
      const url = `http://${court.address}/v1/statements`;
      const answer = await ask(url, { method: 'POST', headers, body: JSON.stringify(body) });
      return [answer.status, answer.json<{ code: unknown }>().code];
    };
    const signature = '00'.repeat(64);
    const statement = { agreement: id, obligation: 'uptime', period: 1, source: probe.publicKey, value: 5, signature };
    expect(await post(statement)).deep.equal([403, 'bad-statement-signature']);
    expect(await post({ ...statement, source: acme.publicKey })).deep.equal([403, 'unknown-source']);
    expect(await post({ ...statement, agreement: 'ab'.repeat(32) })).deep.equal([404, 'unknown-agreement']);
    expect(await post({ ...statement, obligation: 'payment' })).deep.equal([422, 'unknown-obligation']);
    expect(await post({ ...statement, period: 9 })).deep.equal([409, 'period-not-begun']);
    expect(await post({ ...statement, value: 'many' })).deep.equal([400, 'invalid-request']);
    expect((await post({ ...statement, note: 'x'.repeat(4000) }))[0]).equal(413);
  });
});

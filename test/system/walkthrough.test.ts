/**
 * Goal: what the README promises a person who tries the whole system holds, on a network that was launched from a manifest: an
 * agreement that is really broken is judged by a panel; flows are decided, held and let go; everything verifies without a node.
 */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { caseIdOf } from '../../src/protocols/ledger/modules/court/case-state.ts';
import { digest, type Digest } from '../../src/protocols/shared/brands.ts';
import { PolicyClient } from '../../src/client/policy-client.ts';
import { root } from './node-child.ts';
import { WalkthroughWorld, Workload } from './walkthrough-world.ts';
import { until } from './waiting.ts';

const packs = join(root, 'packs', 'default');

interface AuditReport {
  readonly ok: boolean;
  readonly sections: readonly { readonly subject: string; readonly problems: readonly string[] }[];
}

interface Held {
  readonly decision: string;
  readonly awaited: readonly { readonly id: string }[];
}

describe('the whole system, walked through', function () {
  this.timeout(600_000);
  let world: WalkthroughWorld;
  let workload: Workload;
  let hasFailed = false;

  before(async () => {
    world = await WalkthroughWorld.launch();
    workload = await Workload.serve();
    for (const name of ['acme', 'provider', 'probe']) {
      await world.done('bpci', 'keys', 'generate', name);
      await world.done('bpci', 'faucet', name, '1000');
    }
  });
  afterEach(function () {
    hasFailed ||= this.currentTest?.state === 'failed';
  });
  after(async () => {
    await workload.stop();
    await world.close({ keep: hasFailed });
  });

  let agreement: Digest;

  it('an agreement: filled, drafted, signed by both parties, active', async () => {
    const prose = world.write('sla.txt', 'Acme is served, or is paid.\n');
    const blanks = {
      ...{ title: 'SLA', customer: 'acme', customerName: 'Acme', customerAddress: 'Berlin', provider: 'provider' },
      ...{ providerName: 'Provider', providerAddress: 'Paris', probe: 'probe', tenant: 'provider', workload: 'web' },
      ...{ providerCountry: 'US', dataClass: 'Confidential' },
      ...{ effective: String(Date.now() - 60_000), expires: String(Date.now() + 86_400_000) },
    };
    const settings = Object.entries(blanks).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
    const filled = await world.done('agreement-court', 'template', 'fill', 'service', '--prose', prose, ...settings);
    const sla = world.write('sla.json', filled);
    const drafted = await world.json<{ agreement: string; state: string }>(
      'agreement-court',
      'draft',
      sla,
      '--as',
      'acme',
    );
    expect(drafted.state).to.equal('offered');
    agreement = digest(drafted.agreement);
    await world.done('agreement-court', 'sign', agreement, '--as', 'acme');
    await world.done('agreement-court', 'fund', agreement, '--amount', '500', '--as', 'provider');
    const signed = await world.json<{ state: string }>('agreement-court', 'sign', agreement, '--as', 'provider');
    expect(signed.state).to.equal('active');
  });

  it('policies: checked, published, compared, evaluated', async () => {
    expect(await world.done('biso-policy', 'check', packs, '--random', '50')).to.include('no problem found');
    const other = join(world.directory, 'other-pack');
    cpSync(packs, other, { recursive: true });
    const manifest = join(other, 'pack.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(/"version": "[^"]*"/, '"version": "other"'));
    const endpoints = ['--bpci-endpoint', world.client.endpoint, '--biso-endpoint', world.endpoints.policy];
    const published = await world.json<{ policySet: string; activeFrom: number }>(
      ...(['biso-policy', 'publish', other, ...endpoints, '--as', 'operator', '--wait', '500'] as const),
    );
    expect(published.activeFrom).to.be.greaterThan(1);
    const [now, before] = (await new PolicyClient({ endpoint: world.endpoints.policy }).sets()).map(({ id }) => id);
    const compared = await world.done(
      ...(['biso-policy', 'diff', before ?? '', now ?? '', '--biso-endpoint', world.endpoints.policy] as const),
    );
    expect(compared).to.include('no difference');
    const flow = ['--from', 'DE', '--to', 'US', '--class', 'Confidential', '--contents', 'personal', '--basis', 'dpf'];
    const evaluated = await world.done('biso-policy', 'evaluate', ...flow);
    for (const part of ['Yellow', '2023/1795', 'listing-check', 'Red without bases.dpf'])
      expect(evaluated).to.include(part);
  });

  it('services: all of them are on the list of the chain', async () => {
    const { services } = await world.json<{ services: readonly { id: string; kind: string; endpoint: string }[] }>(
      'bpci',
      'services',
    );
    expect(services.map(({ id, kind, endpoint }) => [id, kind, endpoint])).to.have.deep.members([
      ['court-1', 'court', world.endpoints.court],
      ['policy', 'policy', world.endpoints.policy],
      ['traffic', 'traffic', world.endpoints.traffic],
    ]);
  });

  const request = (requestId: string, change: object = {}): string =>
    world.write(
      `${requestId}.json`,
      JSON.stringify({
        ...{ requestId, receipt: true },
        flow: {
          ...{
            subject: { tenant: 'provider', workload: 'web' },
            operation: 'transfer',
            classification: 'Confidential',
          },
          ...{ contents: ['personal'], bases: ['dpf'], source: { country: 'DE' }, destination: { country: 'US' } },
          ...change,
        },
      }),
    );
  let decision: string;

  it('decisions: held until an officer has proved what is asked for, refused where nothing permits the flow', async () => {
    const held = await world.run('traffic-light', 'decide', request('held'));
    expect([held.code, held.out.includes('Yellow  hold')], held.out + held.err).to.deep.equal([1, true]);
    const items = await world.json<readonly Held[]>('traffic-light', 'quarantine', 'list');
    const [item] = items;
    expect(item?.awaited.map(({ id }) => id)).to.deep.equal(['listing-check']);
    const discharged = await world.done(
      ...(['traffic-light', 'quarantine', 'discharge', item?.decision ?? '', '--obligation', 'listing-check'] as const),
      ...(['--as', 'officer', '--bpci-endpoint', world.client.endpoint] as const),
    );
    expect(discharged).to.include('decided anew: ');
    await world.run('traffic-light', 'decide', request('held-again'));
    const again = (await world.json<readonly Held[]>('traffic-light', 'quarantine', 'list')).find(({ awaited }) =>
      awaited.some(({ id }) => id === 'listing-check'),
    );
    const relayed = await world.json<{ transaction: string; release: { state: string; releases: string } | null }>(
      ...([
        'traffic-light',
        'quarantine',
        'discharge',
        again?.decision ?? '',
        '--obligation',
        'listing-check',
      ] as const),
      ...(['--as', 'officer', '--bpci-endpoint', world.client.endpoint, '--on-chain'] as const),
    );
    expect(relayed.release).to.include({ releases: again?.decision });
    expect((await world.client.transaction(relayed.transaction)).result?.code).to.equal('ok');
    const elsewhere = await world.run(
      'traffic-light',
      'decide',
      request('elsewhere', { destination: { country: 'FR' } }),
    );
    expect([elsewhere.code, elsewhere.out.includes(`because      country-not-agreed:${agreement}`)]).to.deep.equal([
      1,
      true,
    ]);
    const red = await world.run(
      'traffic-light',
      '--json',
      'decide',
      request('red', { bases: [], classification: 'Restricted' }),
    );
    const answer = JSON.parse(red.out) as { decision: { id: string; state: string }; receipt: string | null };
    expect([red.code, answer.decision.state]).to.deep.equal([1, 'Red']);
    decision = answer.decision.id;
  });

  it('a case: the workload is taken away, the probe measures it, the court notices, a panel of three decides, the penalty is paid', async () => {
    const before = await workload.answered(20);
    await workload.stop();
    const after = await workload.answered(20);
    expect([before, after]).to.deep.equal([20, 0]);
    const measured = Math.floor(((before + after) * 1_000_000) / 40);
    const { people } = world;
    const stated = await people.json<{ statement: unknown; case: string }>(
      ...['state', agreement, '--of', 'availability', '--value', String(measured), '--as', 'probe'],
    );
    const evidence = people.file('receipt.json', JSON.stringify(stated.statement));
    const balance = async (): Promise<bigint> =>
      BigInt((await world.client.account((await world.signer('acme')).publicKey)).balance);
    const id = caseIdOf(agreement, 'availability', 0);
    expect(stated.case).to.equal(id);
    const noticed = await until('the notice that the court gives by itself', () => world.case(id));
    expect(noticed.record).to.include({ agreement, obligation: 'availability', period: 0 });
    const claim = ['--breach', 'availability', '--evidence', evidence, '--amount', '250'];
    await people.json('file', agreement, ...claim, '--as', 'acme');
    const answer = people.file('answer.txt', 'It was up whenever we looked.\n');
    await people.json('respond', id, '--answer', answer, '--as', 'provider');
    await people.json('evidence', id, '--file', evidence, '--as', 'acme');
    const panel = await world.decideByPanel(id);
    expect(new Set(panel).size).to.equal(3);
    const beforePenalty = await balance();
    await until('the end of the case', async () => (await world.case(id)).record.stage === 'closed');
    const { record } = await world.case(id);
    expect(record.ruling).to.include({ decision: 'breach', by: 'panel', penalty: 250_000_000n, votes: 3, seats: 3 });
    expect(record.outcome).to.equal('satisfied');
    expect((await balance()) - beforePenalty).to.equal(250_000_000n);
    expect((await people.run('status', id)).out).to.include('ruling      breach by panel');
  });

  it('what remains verifies without a node: the directory, a decision, the archive of a tenant', async () => {
    const proof = join(world.directory, 'decision-proof.json');
    const genesis = join(world.directory, 'genesis.json');
    const verified = await until('a proof that is anchored', async () => {
      writeFileSync(proof, await world.done('traffic-light', 'proof', decision));
      const { code, out } = await world.run('bpci', 'verify', proof, '--genesis', genesis);
      return code === 0 && out;
    });
    expect(verified).to.include('anchored').and.to.include('valid');
    const audit = await world.json<AuditReport>('mainnet', 'audit', 'verify', world.manifest);
    expect(audit.ok).to.equal(true);
    const subjects = audit.sections.map(({ subject }) => subject);
    expect(subjects).to.include.members([
      'chain of validator-4',
      'decision log of traffic',
      'audit log of court',
      'statements of court',
    ]);
    const archive = join(world.directory, 'provider.json');
    await world.done(
      ...(['mainnet', 'audit', 'export', '--tenant', 'provider', '--out', archive] as const),
      ...(['--endpoint', world.client.endpoint, '--traffic-endpoint', world.endpoints.traffic] as const),
    );
    await world.done('mainnet', 'down', world.manifest);
    const checked = await world.done('bpci', 'verify', archive, '--genesis', genesis);
    for (const part of ['agreement', 'policy set', 'decision', 'case', 'valid']) expect(checked).to.include(part);
  });

  it('what was changed afterwards is named', async () => {
    const log = join(world.directory, 'data/walkthrough/nodes/court/audit/000000000000.jsonl');
    const lines = readFileSync(log, 'utf8');
    expect(lines.trimEnd().split('\n').at(-1)).to.include('"action":"stop"');
    const whole = await world.json<AuditReport>('mainnet', 'audit', 'verify', world.manifest);
    expect(whole.ok, 'stopped, all of it holds').to.equal(true);
    writeFileSync(log, lines.replace('"was":"first"', '"was":"fired"'));
    const { code, out } = await world.run('mainnet', 'audit', 'verify', world.manifest, '--json');
    const { ok, sections } = JSON.parse(out) as AuditReport;
    expect([code, ok]).to.deep.equal([1, false]);
    expect(sections.filter(({ problems }) => problems.length > 0).map(({ subject }) => subject)).to.deep.equal([
      'audit log of court',
    ]);
  });
});

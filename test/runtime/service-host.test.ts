/**
 * Goal: a court and a policy engine that a manifest describes serve what it says, with the key that their launcher keeps. Method: the
 * host that child processes run, over a node's real HTTP interface.
 */
import { expect } from 'chai';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:net';
import { ChainClient } from '../../src/client/chain-client.ts';
import { readAuditLog } from '../../src/runtime/adapters/audit-log.ts';
import { startByHand } from '../../src/runtime/audited-service.ts';
import { courtKind, startCourtService } from '../../src/runtime/court-service.ts';
import { signTransaction } from '../../src/client/transactions.ts';
import { createKeyFile, showKeyFile } from '../../src/runtime/adapters/key-files.ts';
import { defaultSettings, type ServiceRole, type ServiceSettings } from '../../src/runtime/manifest-services.ts';
import type { HostedNode } from '../../src/runtime/node-host.ts';
import type { ServiceConfig } from '../../src/runtime/service-config.ts';
import { startService } from '../../src/runtime/service-host.ts';
import { MemoryNode } from '../support/memory-node.ts';
import { signerOf } from '../support/memory-chain.ts';
import { ask, postJson } from './http/server-world.ts';

type Body = Record<string, unknown>;

describe('services of a manifest', function () {
  this.timeout(60_000);
  const node = new MemoryNode({ validators: 1, accounts: [signerOf(1).publicKey] });
  const directory = mkdtempSync(join(tmpdir(), 'service-host-'));
  const running: HostedNode[] = [];

  before(() => node.start());
  afterEach(async () => {
    for (const service of running.splice(0)) await service.stop();
  });
  after(async () => {
    await node.stop();
    rmSync(directory, { recursive: true });
  });

  async function configOf<R extends ServiceRole>(
    role: R,
    settings: Partial<ServiceSettings<R>>,
    name: string = role,
  ): Promise<ServiceConfig<R>> {
    const keyFile = join(directory, `${name}.key`);
    await createKeyFile(keyFile, 'ed25519', null);
    return {
      ...{ kind: 'service', name, role, settings: { ...defaultSettings(role), ...settings } },
      ...{ dataDir: join(directory, name), keyFile, passphraseVariable: null, chainId: node.chain.chain.chainId },
      ...{ apiAddress: '127.0.0.1:0', http: null, authorityFile: null, genesisFile: null, otlpEndpoint: null },
      endpoints: { bpci: node.endpoint, services: {} },
    };
  }
  async function start(config: ServiceConfig): Promise<string> {
    const service = await startService(config);
    running.push(service);
    return `http://${service.addresses.api ?? ''}`;
  }
  const get = async (url: string): Promise<Body> => (await ask(url)).json();

  it('a court asks what its section says, amounts in whole units, and is ready once it follows the chain', async () => {
    const config = await configOf('court', { name: 'court-7', jurisdiction: 'germany', arbitrationThreshold: 300 });
    const url = await start(config);
    await running[0]?.ready;
    expect(await get(`${url}/v1/status`)).to.deep.include({
      ...{ court: 'court-7', jurisdiction: 'germany', legalFrameworkVersion: 'v1.0' },
      arbitrationThreshold: '300000000',
    });
  });

  it('a policy engine answers for the regions of its section, and makes no key of its own', async () => {
    const config = await configOf('policy', { geographicRegions: ['EU'], dataClassifications: ['Public'] });
    const url = await start(config);
    const flow = {
      ...{ subject: { tenant: 'acme', workload: 'orders' }, operation: 'transfer', contents: ['non-personal'] },
      ...{ source: { region: 'EU' }, destination: { region: 'US' }, classification: 'Public' },
    };
    const answer = await postJson(`${url}/v1/evaluate`, flow);
    expect(answer.status).to.equal(400);
    expect(answer.json()['detail']).to.include('US is not served here');
    expect(existsSync(join(config.dataDir, 'keys'))).to.equal(false);
  });

  it('a court that is started by hand writes down what it was started with, what it refused, and its end', async () => {
    const dataDir = join(directory, 'by-hand');
    const life = async (flags: object): Promise<string> => {
      const running = await startByHand({
        ...{ kind: courtKind, start: startCourtService, startedWith: flags },
        options: {
          ...{ client: new ChainClient({ endpoint: node.endpoint }), address: '127.0.0.1:0', dataDir, logTo: 'silent' },
          terms: { name: 'court-9', jurisdiction: 'local', arbitrationThreshold: 1n, legalFrameworkVersion: 'v1.0' },
        },
      });
      await ask(`http://${running.node.address}/v1/status`, { headers: { authorization: 'Bearer none' } });
      await running.stop();
      return running.node.publicKey;
    };
    const key = await life({ port: 1 });
    await life({ port: 2 });
    const { entries, problem } = readAuditLog(join(dataDir, 'audit'), null);
    expect(problem).to.equal(null);
    expect(entries.map(({ action }) => action)).to.deep.equal([
      ...['begin', 'start', 'key-use', 'refused', 'stop'],
      ...['config-change', 'start', 'key-use', 'refused', 'stop'],
    ]);
    expect(entries[0]?.details).to.deep.equal({ chain: node.chain.chain.chainId, node: key });
    expect(entries.map(({ details }) => details['was'] ?? '').join('')).to.equal('firststopped');
    const port = createServer();
    await new Promise<void>((resolve) => port.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(port.address() as { port: number }).port}`;
    const failed = startByHand({
      ...{ kind: courtKind, start: startCourtService, startedWith: {} },
      options: {
        ...{ client: new ChainClient({ endpoint: node.endpoint }), address, dataDir, logTo: 'silent' },
        terms: { name: 'court-9', jurisdiction: 'local', arbitrationThreshold: 1n, legalFrameworkVersion: 'v1.0' },
      },
    });
    expect(await failed.then(() => 'started', String)).to.include(address);
    port.close();
    const last = readAuditLog(join(dataDir, 'audit'), null).entries.at(-1);
    expect(last?.action).to.equal('failed');
    expect(last?.details['cause']).to.include(address);
  });

  it('a policy engine is on the registry’s list under its name, with the address that it listens on', async () => {
    const config = await configOf('policy', {}, 'policy-listed');
    const { publicKey } = showKeyFile(config.keyFile);
    const from = signerOf(1);
    const client = new ChainClient({ endpoint: node.endpoint });
    const { chainId, height } = await client.network();
    const { nextNonce: nonce } = await client.account(from.publicKey);
    const body = { to: publicKey, amount: '1000000' };
    const paid = signTransaction(from, { chainId, nonce, expiryHeight: height + 10, kind: 'accounts.transfer', body });
    await client.submit(paid.bytes, { waitMs: 5_000 });
    const url = await start(config);
    let listed = await client.services();
    while (listed.length === 0) {
      await new Promise((resolve) => setImmediate(resolve));
      listed = await client.services();
    }
    expect(listed.map(({ id, kind, owner, endpoint }) => [id, kind, owner, endpoint])).to.deep.equal([
      ['policy-listed', 'policy', publicKey, url],
    ]);
  });
});

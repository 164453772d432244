/** The `mainnet` command as a person runs it: real processes, a real network of one validator and one follower. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { isAlive, processStart } from '../../src/runtime/launcher-state.ts';
import { buildPackage } from '../support/built-package.ts';

const root = resolve(import.meta.dirname, '../..');
const entry = join(root, 'dist/cli/mainnet.js');

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function run(
  commandArguments: readonly string[],
  options: { cwd: string; environment?: Record<string, string> },
): Promise<Outcome> {
  return new Promise((settle) => {
    execFile(
      process.execPath,
      [entry, ...commandArguments],
      { cwd: options.cwd, env: { ...process.env, NO_COLOR: '1', ...options.environment } },
      (error, out, err) =>
        settle({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err }),
    );
  });
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers: Server[] = [];
  for (let i = 0; i < count; i++) {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    servers.push(server);
  }
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

describe('mainnet', function () {
  this.timeout(300_000);
  let directory: string;
  before(async () => {
    await buildPackage();
    directory = mkdtempSync(join(tmpdir(), 'bpci-cli-'));
  });
  after(async () => {
    // A test that failed half-way must leave nothing running.
    await run(['down'], { cwd: directory });
    rmSync(directory, { recursive: true, force: true });
  });

  it('runs a network: up, status, a second up, logs, the end of a killed launcher, down', async () => {
    const [link, api, metrics, followerLink] = await freePorts(4);
    writeFileSync(
      join(directory, 'net.yaml'),
      `apiVersion: bpci/v1
kind: Network
metadata: { name: tiny }
spec:
  chain: { profile: devnet, blockTime: 200ms, genesis: { faucet: 1000000 } }
  nodes:
    - { name: validator, roles: [validator], ports: { link: ${link}, api: ${api}, metrics: ${metrics} } }
    - { name: follower, roles: [follower], after: [validator], ports: { link: ${followerLink} } }
`,
    );
    const up = await run(['up', 'net.yaml', '--detach', '--timeout', '2m'], { cwd: directory });
    expect(up.code, up.out + up.err).to.equal(0);
    const order = [
      'validator  ready',
      'follower   starting',
      'follower   ready',
      '2 of 2 nodes',
      `http://127.0.0.1:${api}`,
    ];
    const places = order.map((text) => up.out.indexOf(text));
    expect(places, up.out).to.deep.equal([...places].sort((a, b) => a - b));
    expect(places[0], up.out).to.be.greaterThan(0);

    const status = await run(['status', '--json'], { cwd: directory });
    expect(status.code, status.err).to.equal(0);
    const report = JSON.parse(status.out) as {
      ready: boolean;
      launcher: { pid: number };
      nodes: { name: string; pid: number }[];
    };
    expect(report.ready).to.equal(true);
    expect(report.nodes.map(({ name }) => name)).to.deep.equal(['validator', 'follower']);

    const second = await run(['up', 'net.yaml'], { cwd: directory });
    expect(second.code).to.equal(1);
    expect(second.err)
      .to.include(`already running`)
      .and.include(`process ${report.launcher.pid}`)
      .and.include('mainnet down');

    const logs = await run(['logs', '-m', 'net.yaml', 'validator', '--json'], { cwd: directory });
    expect(logs.code, logs.err).to.equal(0);
    expect((JSON.parse(logs.out.split('\n')[0] ?? '') as { node: string }).node).to.equal('validator');

    const validator = report.nodes[0]?.pid ?? 0;
    const before = { pid: validator, processStart: processStart(validator) };
    process.kill(report.launcher.pid, 'SIGKILL');
    while (isAlive(before)) await delay(20);
    const again = await run(['up', 'net.yaml', '--detach', '--timeout', '2m', '--json'], { cwd: directory });
    expect(again.code, again.err).to.equal(0);
    expect((JSON.parse(again.out) as { ready: boolean }).ready).to.equal(true);

    const down = await run(['down', '--json'], { cwd: directory });
    expect(down.code, down.err).to.equal(0);
    expect((JSON.parse(down.out) as { killed: string[] }).killed).to.deep.equal([]);
    const after = await run(['status'], { cwd: directory });
    expect(after.code).to.equal(1);
    expect(after.err).to.include('no network is running').and.include('mainnet up');

    const genesis = readFileSync(join(directory, 'genesis.json'), 'utf8');
    const refused = await run(['up', 'net.yaml'], { cwd: directory, environment: { BPCI_CHAIN_BLOCK_TIME: '1s' } });
    expect(refused.code).to.equal(2);
    expect(refused.err).to.include('environment variable BPCI_CHAIN_BLOCK_TIME').and.include('allowed: 200ms');
    expect(readFileSync(join(directory, 'genesis.json'), 'utf8')).to.equal(genesis);
  });

  it('refuses to start where a port is taken, before anything is made', async () => {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    writeFileSync(
      join(directory, 'taken.yaml'),
      `apiVersion: bpci/v1\nkind: Network\nmetadata: { name: taken }\nspec:\n  chain: { profile: devnet, genesis: {} }\n  defaults: { dataDir: ./taken }\n  nodes:\n    - { name: v, roles: [validator], ports: { link: ${port} } }\n`,
    );
    const up = await run(['up', 'taken.yaml'], { cwd: directory }).finally(() => server.close());
    expect(up.code).to.equal(1);
    expect(up.err).to.include(`127.0.0.1:${port} for v link is in use by`);
    expect(up.out).to.equal('');
  });

  it('answers mistakes with exit code 2 and what is allowed', async () => {
    const [unknown, manifest, host] = await Promise.all([
      run(['upp'], { cwd: root }),
      run(['up', 'nodes/mainnet.yaml', '--json'], { cwd: root, environment: { BPCI_NODES_VALIDATOR_REPLICAS: '3' } }),
      run(['up', 'nodes/three-hosts.yaml'], { cwd: root }),
    ]);
    expect([unknown.code, manifest.code, host.code]).to.deep.equal([2, 2, 2]);
    expect(unknown.err).to.include('Did you mean up?');
    const { error } = JSON.parse(manifest.err) as { error: { code: string; message: string } };
    expect(error.code).to.equal('invalid-manifest');
    expect(error.message).to.include('a mainnet needs at least 4 validators');
    expect(host.err).to.include('alpha, beta, gamma').and.include('--host');
  });

  it('prints the configuration in force, help with examples, and completions', async () => {
    const [config, help, completion] = await Promise.all([
      run(['config', 'print', 'nodes/devnet.yaml'], { cwd: root, environment: { BPCI_CHAIN_BLOCK_TIME: '1s' } }),
      run(['up', '--help'], { cwd: root }),
      run(['completion', 'bash'], { cwd: root }),
    ]);
    expect(config.code, config.err).to.equal(0);
    expect(config.out).to.match(/spec\.chain\.blockTime +1000 +environment variable BPCI_CHAIN_BLOCK_TIME/);
    expect(config.out).to.match(/spec\.chain\.roundTimeout +1000 +default/);
    expect(config.out).to.match(/spec\.metadata|metadata\.name +"devnet" +nodes\/devnet\.yaml:\d+:\d+/);
    expect(help.out).to.include('Example:').and.not.include('--supervise');
    expect(completion.out).to.include('complete -o default -F _mainnet mainnet');
  });

  it('looks at the machine', async () => {
    const doctor = await run(['doctor', '--json', join(root, 'nodes/devnet.yaml')], { cwd: directory });
    const { findings } = JSON.parse(doctor.out) as {
      findings: { name: string; status: string; mend: string | null }[];
    };
    expect(findings.map(({ name }) => name)).to.include.members([
      'Node.js',
      'npm',
      'disk space',
      'durable writes',
      'ports',
      'OCI runtime',
    ]);
    for (const finding of findings) {
      if (finding.status === 'missing') expect(finding.mend, finding.name).to.be.a('string');
    }
  });
});

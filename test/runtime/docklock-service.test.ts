/**
 * Goal: DockLock in the service of a running chain takes an image, runs it, tells what it wrote and uses, and stops it; only operators
 * change anything, and nobody sees what is another tenant's; what runs outlives the service. Method: the service as `docklock start`
 * runs it, over a node's real HTTP interface, with a real runtime, as root.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect } from 'chai';
import { ChainClient } from '../../src/client/chain-client.ts';
import { ClientError } from '../../src/client/client-error.ts';
import { DocklockClient } from '../../src/client/docklock-client.ts';
import { mintToken } from '../../src/client/token.ts';
import { findProgram } from '../../src/runtime/containers/oci-runtime.ts';
import { type RunningDocklockService, startDocklockService } from '../../src/runtime/docklock-service.ts';
import type { Signer } from '../../src/runtime/ports/signer.ts';
import { MemoryNode } from '../support/memory-node.ts';
import { signerOf } from '../support/memory-chain.ts';
import { layoutOf } from '../support/oci-layout.ts';
import { directory, file, symlink, tarArchive } from '../support/tar-archive.ts';
import { writingModule } from '../support/wasm-module.ts';
import { until } from '../system/waiting.ts';

/** A governor, somebody of the chain, and somebody whom this DockLock was told of. */
const [operator, member, hired] = [signerOf(1), signerOf(2), signerOf(3)];
const busybox = findProgram('busybox');
const canRun =
  process.getuid?.() === 0 && busybox !== null && (findProgram('crun') !== null || findProgram('runc') !== null);

/** Busybox with a shell, and nothing where a runtime mounts. */
const imageTar = (): Uint8Array =>
  tarArchive(
    directory('bin/'),
    file('bin/busybox', readFileSync(busybox ?? ''), { mode: 0o755 }),
    ...['sh', 'echo', 'id', 'sleep', 'true'].map((name) => symlink(`bin/${name}`, 'busybox')),
    directory('etc/'),
    file('etc/passwd', 'app:x:1000:1001::/:/bin/sh\n'),
  );

async function reasonOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (error) {
    if (error instanceof ClientError) return error.reason;
    throw error;
  }
}

(canRun ? describe : describe.skip)('DockLock as a service', function () {
  this.timeout(120_000);
  const accounts = [operator, member, hired].map(({ publicKey }) => publicKey);
  const node = new MemoryNode({ validators: 1, accounts, governors: [operator.publicKey] });
  const dataDir = mkdtempSync(join(tmpdir(), 'docklock-service-'));
  const archive = join(dataDir, 'hello-oci.tar');
  let service: RunningDocklockService;
  let client: DocklockClient;

  const start = async (): Promise<void> => {
    service = await startDocklockService({
      ...{ client: new ChainClient({ endpoint: node.endpoint }), address: '127.0.0.1:0' },
      // As a person gives it: relative to where they stand.
      ...{ dataDir: relative(process.cwd(), join(dataDir, 'docklock')), logTo: 'silent', poolSize: 1 },
      operators: [hired.publicKey],
    });
    client = clientOf(operator);
  };
  const clientOf = (signer: Signer | null): DocklockClient => {
    const { address, chainId } = service;
    const token = signer === null ? {} : { token: () => mintToken(signer, { chainId, service: 'docklock' }) };
    return new DocklockClient({ endpoint: `http://${address}`, ...token });
  };
  const deployed = (id: string, script: string): Promise<unknown> =>
    client.deploy({
      id,
      tenant: 'acme',
      image: 'hello',
      args: ['/bin/sh', '-c', script],
      memoryBytes: 64 * 1024 * 1024,
    });

  before(async () => {
    await node.start();
    layoutOf(imageTar()).writeArchive(archive);
    await start();
    await client.importImage(archive, { name: 'hello' });
  });
  after(async () => {
    for (const { id, phase } of await client.containers()) {
      if (phase !== 'exited') await client.stop(id, 0);
      await client.remove(id);
    }
    await service.stop();
    await node.stop();
    rmSync(dataDir, { recursive: true });
  });

  it('says what it can run', async () => {
    const { isReady, problem, drivers } = await client.status();
    expect([isReady, problem]).to.deep.equal([true, null]);
    const classes = drivers.map(({ name, isolationClass }) => `${name} ${isolationClass}`);
    expect(classes.at(-1)).to.equal('wasm wasm-sandbox');
    expect(drivers.slice(0, -1).every(({ isolationClass }) => isolationClass === 'container')).to.equal(true);
  });

  it('runs an image, tells what it wrote and uses, runs one more program in it, and stops it', async () => {
    await deployed('hello', 'echo here; while :; do sleep 1; done');
    for await (const { text } of client.logs('hello', { isFollowing: true, tail: null })) if (text === 'here') break;
    expect((await client.stats('hello')).memoryBytes).to.be.greaterThan(0);
    const { code, stdout } = await client.exec('hello', ['/bin/id', '-u'], 20_000);
    expect([code, Buffer.from(stdout).toString()]).to.deep.equal([0, '0\n']);
    const { exit, deployedBy, imageDigest } = await client.stop('hello', 0);
    expect(exit?.cause).to.deep.equal({ kind: 'stopped', by: operator.publicKey });
    expect(deployedBy).to.equal(operator.publicKey);
    expect(imageDigest).to.match(/^sha256:[0-9a-f]{64}$/);
    await client.remove('hello');
    expect(await reasonOf(client.container('hello'))).to.equal('unknown-container');
  });

  it('runs a module as what it is, where that is demanded', async () => {
    const path = join(dataDir, 'module-oci.tar');
    layoutOf(tarArchive(file('app.wasm', writingModule([[1, 'from a module\n']])))).writeArchive(path);
    await client.importImage(path, { name: 'module' });
    const request = { tenant: 'acme', image: 'module', args: ['/app.wasm'], cpuMillis: 500 };
    const { driver } = await client.deploy({ ...request, id: 'module', isolationClass: 'wasm-sandbox' });
    expect(driver).to.equal('wasm');
    const lines: string[] = [];
    for await (const { text } of client.logs('module', { isFollowing: true, tail: null })) lines.push(text);
    expect(lines).to.deep.equal(['from a module']);
    await until('the module has ended', async () => (await client.container('module')).exit !== null);
    expect((await client.container('module')).exit?.cause).to.deep.equal({ kind: 'exited', code: 0 });
  });

  it('gives the same container for the same request, and none for another of its name', async () => {
    const first = await deployed('twice', 'echo once');
    expect(await deployed('twice', 'echo once')).to.include({
      id: 'twice',
      deployedAt: (first as { deployedAt: number }).deployedAt,
    });
    expect(await reasonOf(deployed('twice', 'echo another'))).to.equal('id-reused');
  });

  it('says why a program was not started, and leaves nothing that stands in its way', async () => {
    const broken = { id: 'broken', tenant: 'acme', image: 'hello', args: ['/bin/nothing'] };
    const { exit, phase } = await client.deploy(broken);
    expect(phase).to.equal('exited');
    expect(exit?.cause).to.include({ kind: 'start-failed', reason: 'no-such-program' });
    await client.remove('broken');
    expect(await reasonOf(client.deploy({ ...broken, image: 'nobody' }))).to.equal('not-found');
    expect(await reasonOf(client.deploy({ ...broken, args: null }))).to.equal('image-without-program');
    expect(await reasonOf(client.deploy({ ...broken, isolationClass: 'kernel-sandbox' }))).to.equal(
      'isolation-unavailable',
    );
    expect(await reasonOf(client.deploy({ ...broken, driver: 'other' }))).to.equal('no-such-driver');
    await deployed('broken', 'true');
    expect(await reasonOf(client.removeImage('hello'))).to.equal('in-use');
  });

  it('lets operators change things, and shows a tenant’s to nobody else', async () => {
    await deployed('secret', 'echo secret');
    const [stranger, nobody] = [clientOf(member), clientOf(null)];
    expect(await reasonOf(stranger.stop('secret', 0))).to.equal('wrong-role');
    expect(await reasonOf(nobody.stop('secret', 0))).to.equal('unauthenticated');
    expect(await reasonOf(nobody.importImage(archive, {}))).to.equal('unauthenticated');
    expect((await stranger.containers()).map(({ id }) => id)).to.not.include('secret');
    expect(await reasonOf(stranger.container('secret'))).to.equal('unknown-container');
    expect(await reasonOf(stranger.stats('secret'))).to.equal('unknown-container');
    await clientOf(hired).stop('secret', 0);
    // On the machine itself one sees all.
    expect((await nobody.containers()).map(({ id }) => id)).to.include('secret');
  });

  it('finds its containers again, those that ran on and those that ended meanwhile', async () => {
    await deployed('stays', 'echo here; while :; do sleep 1; done');
    await deployed('ends', 'sleep 1; exit 9');
    await service.stop();
    await start();
    await until('the end of a container is known', async () => (await client.container('ends')).exit !== null);
    expect((await client.container('ends')).exit?.cause).to.deep.equal({ kind: 'exited', code: 9 });
    expect((await client.container('stays')).phase).to.equal('running');
    expect((await client.exec('stays', ['/bin/true'], 20_000)).code).to.equal(0);
  });
});

// Goal: a container is reached through what it publishes, and reaches nobody else: not another tenant, not its host, not outward.
// Method: three containers with a web server under a real runtime, as root, on a host that would forward between them.
import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import type { ContainerSpec } from '../../../src/protocols/shared/containers.ts';
import type { ContainerDriver } from '../../../src/runtime/ports/container-driver.ts';
import { findProgram } from '../../../src/runtime/containers/oci-runtime.ts';
import { until } from '../../system/waiting.ts';
import type { DriverHarness } from './driver-conformance.ts';
import { ociHarness } from './oci-harness.ts';

const runtime = (['crun', 'runc'] as const).find((name) => findProgram(name) !== null);
const programs = ['ip', 'nft', 'nsenter', 'busybox'];
const canRun =
  process.getuid?.() === 0 && runtime !== undefined && programs.every((program) => findProgram(program) !== null);

const forwarding = '/proc/sys/net/ipv4/ip_forward';

(canRun ? describe : describe.skip)('networks of tenants', function () {
  this.timeout(120_000);
  let harness: DriverHarness;
  let driver: ContainerDriver;
  let forwardedBefore: string;
  let counted: Readonly<Record<string, number>>;

  before(async () => {
    forwardedBefore = readFileSync(forwarding, 'utf8');
    writeFileSync(forwarding, '1');
    harness = await ociHarness(runtime ?? 'crun', 0);
    counted = harness.count();
    driver = await harness.open();
  });
  after(async () => {
    for (const { id } of await driver.list()) {
      await driver.stop(id, { graceMs: 0, by: 'test' });
      await driver.remove(id);
    }
    await driver.close();
    writeFileSync(forwarding, forwardedBefore);
    expect(harness.count()).to.deep.equal(counted);
    await harness.dispose();
  });

  /** Answers its name on port 8080. The root is one tenant's: the others read what everybody may. */
  const server = async (id: string, tenant: string, range: number): Promise<string> => {
    const spec: ContainerSpec = harness.shell(
      `mkdir /tmp/w; echo ${id} > /tmp/w/index.html; httpd -p 8080 -h /tmp/w; while :; do sleep 1; done`,
    );
    await driver.create({
      ...{ ...spec, id, tenant, network: { kind: 'tenant', publish: [{ hostPort: 0, containerPort: 8080 }] } },
      idRange: { first: (spec.idRange?.first ?? 0) + range * 65_536, count: 65_536 },
    });
    await driver.start(id);
    const found = (await driver.list()).find((state) => state.id === id);
    return `http://127.0.0.1:${found?.published[0]?.hostPort ?? 0}/`;
  };
  const addressOf = async (id: string): Promise<string> => {
    const { stdout } = await driver.exec(id, {
      ...{
        args: ['/bin/ip', '-4', 'addr', 'show', 'eth0'],
        env: [],
        cwd: null,
        timeoutMs: 20_000,
        outputBytesMax: 4096,
      },
    });
    return /inet ([0-9.]+)/.exec(Buffer.from(stdout).toString())?.[1] ?? '';
  };
  const reaches = async (id: string, url: string): Promise<boolean> => {
    const { hostname, port } = new URL(url);
    const args = ['/bin/sh', '-c', `nc -w 2 ${hostname} ${port === '' ? 80 : port} < /dev/null`];
    const { code } = await driver.exec(id, { args, env: [], cwd: null, timeoutMs: 20_000, outputBytesMax: 4096 });
    return code === 0;
  };

  it('carry what is published, keep a tenant’s containers together, and everybody else apart', async () => {
    const first = await server('one', 'acme', 0);
    const second = await server('two', 'acme', 0);
    const other = await server('three', 'other', 1);
    for (const [name, url] of [
      ['one', first],
      ['two', second],
      ['three', other],
    ] as const) {
      const answer = await until(`${name} answers`, async () => (await fetch(url)).text());
      expect(answer).to.equal(`${name}\n`);
    }
    const [one, three] = [await addressOf('one'), await addressOf('three')];
    expect(await reaches('two', `http://${one}:8080/`)).to.equal(true);
    expect(await reaches('three', `http://${one}:8080/`)).to.equal(false);
    expect(await reaches('one', `http://${three}:8080/`)).to.equal(false);
    const host = one.replace(/[0-9]+$/, '1');
    expect(await reaches('one', `http://${host}:${new URL(first).port}/`)).to.equal(false);
    expect(await reaches('one', 'http://192.0.2.1/')).to.equal(false);
  });
});

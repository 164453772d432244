// Goal: pods of a Kubernetes cluster keep the port's promises. Method: the conformance suite against an API server of the test,
// whose node runs pods in containers of the OCI driver; and what only a cluster can do wrong.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ContainerSpec } from '../../../src/protocols/shared/containers.ts';
import { createSystemClock } from '../../../src/runtime/adapters/system-clock.ts';
import { KubernetesDriver } from '../../../src/runtime/containers/kubernetes/driver.ts';
import { type ContainerDriver, ContainerError } from '../../../src/runtime/ports/container-driver.ts';
import { describeDriver, type DriverHarness } from './driver-conformance.ts';
import { FakeKubernetes, type FakeKubernetesOptions } from './fake-kubernetes.ts';
import { canRun, ociHarness } from './oci-harness.ts';

interface KubernetesHarness extends DriverHarness {
  readonly cluster: FakeKubernetes;
}

const limitOfPods = 8;

async function kubernetesHarness(more: Partial<FakeKubernetesOptions> = {}): Promise<KubernetesHarness> {
  const node = await ociHarness('crun', 1);
  const driver = await node.open();
  const onNode = node.shell('');
  const container = (): ContainerSpec => ({ ...onNode, limits: { ...onNode.limits, pidsMax: 2 * limitOfPods } });
  const cluster = new FakeKubernetes({ driver, container, ...more });
  const server = await cluster.listen();
  const directory = mkdtempSync(join(tmpdir(), 'bpci-kubernetes-'));
  const kubeConfig = join(directory, 'config');
  writeFileSync(
    kubeConfig,
    JSON.stringify({
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'test' },
      clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'test', user: {} }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    }),
  );
  const imageOf = (digest: string): string | null =>
    digest === `sha256:${'f'.repeat(64)}` ? null : `registry.example/images@${digest}`;
  return {
    cluster,
    isolationClass: 'pod',
    lacks: new Set(['streams', 'exit-usage', 'pids-limit', 'exec-timeout', 'freeze', 'log-bound'] as const),
    open: () =>
      Promise.resolve(
        new KubernetesDriver({
          ...{ kubeConfig, imageOf, namespace: 'work', podPidsLimit: limitOfPods },
          ...{ clock: createSystemClock(), startTimeoutMs: 20_000 },
        }),
      ),
    shell: (script) => ({ ...node.shell(script), isolationClass: 'pod' }),
    count: () => cluster.count(),
    dispose: async () => {
      await cluster.close();
      await driver.close();
      await node.dispose();
      rmSync(directory, { recursive: true });
    },
  };
}

if (canRun('crun')) describeDriver('kubernetes', kubernetesHarness);
else it.skip('containers under kubernetes');

(canRun('crun') ? describe : describe.skip)('pods', function () {
  this.timeout(60_000);
  let harness: KubernetesHarness;
  let driver: ContainerDriver;
  const open = async (more: Partial<FakeKubernetesOptions> = {}): Promise<void> => {
    harness = await kubernetesHarness(more);
    driver = await harness.open();
  };
  afterEach(async () => {
    for (const { id, phase } of await driver.list()) {
      if (phase !== 'exited') await driver.stop(id, { graceMs: 0, by: 'test' });
      await driver.remove(id);
    }
    await driver.close();
    await harness.dispose();
  });
  const codeOf = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'none',
      (error: unknown) => (error instanceof ContainerError ? error.code : String(error)),
    );

  it('are looked at before anything runs', async () => {
    await open();
    const { problem, runtime } = await driver.probe();
    expect([problem, runtime]).to.deep.equal([null, { name: 'kubernetes', version: 'v1.33.0-fake' }]);
  });

  it('are confined as far as a pod can be, hear nobody but their tenant, and wait until they are started', async () => {
    await open();
    const spec = harness.shell('echo "$HOME" "$(echo substituted)"');
    await driver.create({ ...spec, env: ['PATH=/bin', 'HOME=$(PATH)$$'], network: { kind: 'tenant', publish: [] } });
    const [pod] = harness.cluster.pods();
    expect(pod?.spec).to.deep.include({
      hostUsers: false,
      automountServiceAccountToken: false,
      restartPolicy: 'Never',
    });
    expect(pod?.spec.schedulingGates).to.deep.equal([{ name: 'bpci.io/start' }]);
    const [first] = pod?.spec.containers ?? [];
    expect(first).to.deep.include({ image: `registry.example/images@${spec.root.imageDigest}` });
    expect(first).to.have.nested.property('securityContext.allowPrivilegeEscalation', false);
    expect(first).to.have.deep.nested.property('securityContext.capabilities', { drop: ['ALL'] });
    const peers = [{ podSelector: { matchLabels: { 'bpci.io/tenant': 'acme' } } }];
    const [policy] = harness.cluster.policies();
    expect(policy).to.have.deep.nested.property('spec.ingress', [{ from: peers }]);
    expect(policy).to.have.deep.nested.property('spec.egress', [{ to: peers }]);
    await driver.start(spec.id);
    await driver.waited(spec.id);
    const texts: string[] = [];
    for await (const { text } of driver.logs(spec.id, { isFollowing: false, tail: null })) texts.push(text);
    expect(texts, 'a dollar of ours is nothing to the cluster').to.deep.equal(['$(PATH)$$ substituted']);
  });

  it('are refused where the cluster would leave out what was asked for', async () => {
    await open({ knowsHostUsers: false });
    const spec = harness.shell('true');
    const refused = [
      spec, // no user namespace of its own
      { ...spec, limits: { ...spec.limits, pidsMax: limitOfPods - 1 } },
      { ...spec, mounts: [{ source: '/etc', destination: '/host', isReadOnly: true }] },
      { ...spec, network: { kind: 'tenant' as const, publish: [{ hostPort: 0, containerPort: 80 }] } },
      { ...spec, root: { ...spec.root, imageDigest: `sha256:${'f'.repeat(64)}` } },
    ];
    for (const each of refused) expect(await codeOf(driver.create(each))).to.equal('unsupported');
    expect(harness.cluster.count()).to.deep.equal({ pods: 0, policies: 0 });
  });

  it('that cannot be started say why, and are not tried for ever', async () => {
    const missing = `registry.example/images@sha256:${'0'.repeat(64)}`;
    await open({ missingImages: [missing] });
    const spec = harness.shell('true');
    await driver.create(spec);
    expect(await codeOf(driver.start(spec.id))).to.equal('start-failed');
    const { cause } = await driver.waited(spec.id);
    expect(cause).to.include({ kind: 'start-failed', reason: 'image-not-pulled' });
  });

  it('are waited for across watches that end', async () => {
    await open();
    const spec = harness.shell('echo here; sleep 1; exit 3');
    await driver.create(spec);
    await driver.start(spec.id);
    const exit = driver.waited(spec.id);
    harness.cluster.cutWatches();
    expect((await exit).cause).to.deep.equal({ kind: 'exited', code: 3 });
  });
});

/**
 * nodes/three-hosts.yaml over three hosts: prepared, started and stopped on each by `mainnet` alone. On network
 * namespaces, where a host can be cut off; and on loopback addresses, where it is taken down and started again.
 */
import { expect } from 'chai';
import { buildPackage } from '../support/built-package.ts';
import { type CuttableHosts, loopbackHosts, namespaceHosts, namespaceProblem } from './hosts.ts';
import { present, until } from './waiting.ts';
import { hostNames, ThreeHosts } from './three-hosts.ts';

/** Blocks in which a validator that is back must have signed one. */
const blocksMax = 40;

/** Payments go on until a block carries the seal of a validator of gamma. */
async function untilSealedByGamma(network: ThreeHosts): Promise<void> {
  const client = network.client('alpha');
  const validators = await client.validators();
  const keys = validators.filter(({ name }) => name?.startsWith('gamma') === true).map(({ publicKey }) => publicKey);
  expect(keys).to.have.length(2);
  for (let blocks = 0; blocks < blocksMax; blocks++) {
    const { final } = await network.pay('alpha', '1');
    const { commit } = await client.block(final.height ?? 0);
    if (commit.seals.some(({ validator }) => keys.includes(validator))) return;
  }
  throw new Error(`no validator of gamma signed one of ${blocksMax} blocks`);
}

/** A transfer given to beta is final on all, in the same block, with the same result. */
async function finalEverywhere(network: ThreeHosts): Promise<void> {
  const { bytes, final } = await network.pay('beta', '1000');
  expect(final.result?.code).to.equal('ok');
  for (const name of ['alpha', 'gamma'] as const) {
    const there = await network.finalOn(name, bytes);
    expect({ ...there }).to.deep.equal({ ...final });
    const [here, seen] = await Promise.all(
      [network.client('beta'), network.client(name)].map((client) => client.block(final.height ?? 0)),
    );
    expect(seen?.digest).to.equal(here?.digest);
  }
}

describe('three hosts', function () {
  this.timeout(600_000);
  before(() => buildPackage());

  describe('in network namespaces', () => {
    let hosts: CuttableHosts | undefined;
    let network: ThreeHosts | undefined;

    before(async function () {
      const problem = namespaceProblem();
      if (problem !== null) {
        console.log(`      no network namespaces on this machine: ${problem}`);
        this.skip();
      }
      hosts = namespaceHosts(hostNames);
      network = new ThreeHosts(hosts.hosts, { BPCI_CHAIN_BLOCK_TIME: '500ms' });
      await network.prepare();
      await network.up(...hostNames);
    });
    after(async () => {
      try {
        await network?.close();
      } finally {
        hosts?.close();
      }
    });

    it('finalise blocks together: what is submitted on one is final on the others', () =>
      finalEverywhere(present(network, 'network')));

    it('go on when a host with two of seven validators is cut off, and it rejoins', async () => {
      const [plugs, all] = [present(hosts, 'hosts'), present(network, 'network')];
      plugs.cut('gamma');
      const missed = await all.pay('alpha', '2000');
      await all.finalOn('beta', missed.bytes);
      const observer = all.client('alpha');
      await until('alpha to notice that gamma is gone', async () => {
        const { peers } = await observer.consensus();
        const gamma = peers.filter(({ name }) => name.startsWith('gamma'));
        return gamma.length === 2 && gamma.every(({ link }) => link !== 'up' && link !== 'suspect');
      });
      plugs.restore('gamma');
      const there = await all.finalOn('gamma', missed.bytes);
      expect(there.height).to.equal(missed.final.height);
      await untilSealedByGamma(all);
    });
  });

  describe('on loopback addresses', () => {
    let network: ThreeHosts | undefined;

    before(async () => {
      // One process a host: the same nodes, lighter to start.
      network = new ThreeHosts(loopbackHosts(hostNames).hosts, {
        BPCI_CHAIN_BLOCK_TIME: '500ms',
        BPCI_NODES_ALPHA_VALIDATOR_PROCESS: 'alpha',
        BPCI_NODES_BETA_VALIDATOR_PROCESS: 'beta',
        BPCI_NODES_GAMMA_VALIDATOR_PROCESS: 'gamma',
        BPCI_NODES_GAMMA_FOLLOWER_PROCESS: 'gamma',
      });
      await network.prepare();
      await network.up(...hostNames);
    });
    after(() => network?.close());

    it('finalise blocks together: what is submitted on one is final on the others', () =>
      finalEverywhere(present(network, 'network')));

    it('go on when a host with two of seven validators is down, and it rejoins', async () => {
      const all = present(network, 'network');
      await all.down('gamma');
      const missed = await all.pay('alpha', '2000');
      await all.finalOn('beta', missed.bytes);
      await all.up('gamma');
      const there = await all.finalOn('gamma', missed.bytes);
      expect(there.height).to.equal(missed.final.height);
      await untilSealedByGamma(all);
    });
  });
});

/**
 * Goal: whoever asks why the chain stands still is told the cause by its name.
 * Method: four validators, one of which never runs, so that the other three are all needed. Five causes are planted at
 * the fourth, one after the other; `bpci status --json` at the first must name each, and the chain goes on when it is
 * removed. Afterwards there is one chain, and nobody has contradicted itself.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ConsensusView } from '../../src/runtime/ports/chain-api.ts';
import { CuttableProxy } from './cuttable-proxy.ts';
import { signers, SystemNetwork } from './harness.ts';
import { Load } from './load.ts';
import { type NodeChild, root } from './node-child.ts';
import { SmallDisk } from './small-disk.ts';
import { until } from './waiting.ts';

type Problem = ConsensusView['problems'][number];

/** What the command shows of a node. It exits with 1 where there is a problem. */
function statusOf(node: NodeChild): { readonly problems: readonly Problem[]; readonly exitCode: number | null } {
  const endpoint = ['--endpoint', node.client.endpoint];
  const { stdout, status } = spawnSync(process.execPath, [
    join(root, 'bin', 'bpci.js'),
    ...endpoint,
    'status',
    '--json',
  ]);
  const { consensus } = JSON.parse(String(stdout)) as { consensus: ConsensusView };
  return { problems: consensus.problems, exitCode: status };
}

const names = (problems: readonly Problem[], code: string, validator: string | null): boolean =>
  problems.some((problem) => problem.code === code && problem.validator === validator);

describe('the cause of a stall', function () {
  this.timeout(300_000);
  const senders = signers(64);
  let network: SystemNetwork;
  let first: NodeChild;
  let fourth: NodeChild;
  let proxy: CuttableProxy;
  let disk: SmallDisk | null = null;
  let failed = false;

  before(async () => {
    network = await SystemNetwork.create({ validators: 4, parameters: { blockTimeMs: 400 }, accounts: senders });
    first = network.node(0);
    fourth = network.node(3);
    proxy = await CuttableProxy.before(fourth.config.linkAddress);
    relayFourth();
    disk = SmallDisk.mount(fourth.config.dataDir, 32);
    const running = [first, network.node(1), fourth];
    for (const node of running) node.start();
    await Promise.all(running.map((node) => node.ready()));
  });
  afterEach(function () {
    failed ||= this.currentTest?.state === 'failed';
  });
  after(async () => {
    await Promise.all(network.running.map((node) => node.kill()));
    await proxy.close();
    disk?.unmount();
    await network.close({ keep: failed });
  });

  /** Everybody dials the fourth through the relay, and it dials nobody. */
  function relayFourth(): void {
    const name = fourth.name;
    for (const node of network.nodes) {
      const peers = node.config.peers.map((peer) => {
        if (node === fourth) return { ...peer, addresses: [] };
        return peer.name === name ? { ...peer, addresses: [proxy.address] } : peer;
      });
      node.config = { ...node.config, peers };
    }
  }

  /** Named by the first, on the command line too; and by the fourth itself where it knows. */
  async function expectNamed(code: string, validator: string | null, ownCode: string | null): Promise<void> {
    await until(`${first.name} to name ${code}`, async () =>
      names((await first.client.consensus()).problems, code, validator),
    );
    const { problems, exitCode } = statusOf(first);
    expect(names(problems, code, validator), JSON.stringify(problems)).equal(true);
    expect(exitCode).equal(1);
    for (const { message } of problems) console.log(`      ${message}`);
    if (ownCode === null) return;
    await until(`${fourth.name} to name ${ownCode}`, async () =>
      (await fourth.client.consensus()).problems.some((problem) => problem.code === ownCode),
    );
  }

  /** Three blocks more, by the three. */
  async function expectProgress(): Promise<void> {
    const height = await first.height();
    await Promise.all([first.reached(height + 3), fourth.reached(height + 3)]);
    await until('no problem but the one that never ran', async () => {
      const { problems } = await first.client.consensus();
      return problems.every(({ validator }) => validator === network.node(2).name);
    });
  }

  it('is named too-few-linked where a quorum does not run', async () => {
    await fourth.kill();
    await expectNamed('too-few-linked', null, null);
    await expectNamed('not-linked', fourth.name, null);
    fourth.start();
    await expectProgress();
  });

  it('is named not-linked where one is cut off, and partitioned by that one itself', async () => {
    proxy.cut();
    await expectNamed('not-linked', fourth.name, 'partitioned');
    proxy.heal();
    await expectProgress();
  });

  it('is named clock-off where a clock is 10 s behind: nothing is signed that it would regret', async () => {
    await fourth.kill();
    fourth.start({ clockAheadMs: -10_000 });
    await expectNamed('clock-off', fourth.name, 'clock-off');
    await until('it to hold a proposal until its own clock allows it', async () => {
      const { step, waitingFor } = await fourth.client.consensus();
      return step === 'held' && /ahead of this clock/.test(waitingFor);
    });
    await fourth.kill();
    fourth.start();
    await expectProgress();
  });

  it('is named clock-off where a clock is 10 s ahead', async () => {
    await fourth.kill();
    fourth.start({ clockAheadMs: 10_000 });
    await expectNamed('clock-off', fourth.name, 'clock-off');
    await fourth.kill();
    fourth.start();
    await expectProgress();
  });

  it('is named disk-full where a disk is, and the node goes on when there is room', async function () {
    if (disk === null) {
      console.log('      skipped: this machine does not let us mount a small file system');
      this.skip();
    }
    const load = new Load({ chainId: network.chainId, senders, perSecond: 200, nodes: () => [first] });
    disk.fill();
    load.start();
    await expectNamed('disk-full', fourth.name, 'disk-full');
    await load.stop();
    const { ok, checks } = await fourth.client.health();
    expect(ok, JSON.stringify(checks)).equal(false);
    disk.free();
    await expectProgress();
  });

  it('is named wrong-genesis where one is on another chain', async () => {
    await fourth.kill();
    const { config } = fourth;
    const genesisFile = join(network.directory, 'other-genesis.json');
    const genesis = JSON.parse(readFileSync(config.genesisFile, 'utf8')) as { time: number };
    writeFileSync(genesisFile, JSON.stringify({ ...genesis, time: genesis.time - 1 }));
    fourth.config = { ...config, genesisFile, dataDir: join(network.directory, 'other-chain') };
    fourth.start();
    await expectNamed('wrong-genesis', fourth.name, 'wrong-genesis');
    await fourth.kill();
    fourth.config = config;
    fourth.start();
    await expectProgress();
  });

  it('leaves one chain and no contradictions behind', async () => {
    await network.expectOneChain(await first.height());
    expect(network.conflicts()).deep.equal([]);
  });
});

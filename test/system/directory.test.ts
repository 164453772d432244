/**
 * Goal: a node that is given the wrong directory, key or disk says so in words and ends, or waits and does no harm.
 * Method: one validator of four runs; beside it processes with a fault each are started, and what they say is read.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { createKeyFile } from '../../src/runtime/adapters/key-files.ts';
import { openLmdbStore } from '../../src/runtime/adapters/lmdb-store.ts';
import type { NodeConfig } from '../../src/runtime/node-config.ts';
import { SystemNetwork } from './harness.ts';
import { NodeChild } from './node-child.ts';
import { freePort } from './ports.ts';
import { readSignatures } from './signatures.ts';
import { SmallDisk } from './small-disk.ts';
import { present, until } from './waiting.ts';

describe('a node with a fault', function () {
  this.timeout(120_000);
  let network: SystemNetwork;
  const children: NodeChild[] = [];
  const disks: SmallDisk[] = [];
  let failed = false;

  before(async () => {
    network = await SystemNetwork.create({ validators: 4, parameters: { blockTimeMs: 500 } });
    const running = [0, 1, 2].map((index) => network.node(index));
    for (const node of running) node.start();
    await Promise.all(running.map((node) => node.ready()));
  });
  afterEach(async function () {
    failed ||= this.currentTest?.state === 'failed';
    await Promise.all(children.splice(0).map((child) => child.kill()));
  });
  after(async () => {
    for (const disk of disks) disk.unmount();
    await network.close({ keep: failed });
  });

  /** The fourth validator, which does not run by itself, with a change. Its directory is new where none is named. */
  async function child(name: string, change: Partial<NodeConfig>): Promise<NodeChild> {
    const address = async (): Promise<string> => `127.0.0.1:${await freePort()}`;
    const made = new NodeChild(
      {
        ...network.node(3).config,
        ...{ linkAddress: await address(), apiAddress: await address(), metricsAddress: await address() },
        dataDir: join(network.directory, name),
        signatureLog: join(network.directory, 'signatures', `${name}.jsonl`),
        ...change,
        name,
      },
      network.directory,
    );
    children.push(made);
    return made;
  }

  async function expectRefusal(node: NodeChild, message: RegExp, permanent: boolean): Promise<void> {
    node.start();
    const exit = await node.exited();
    const failure = present(node.failure, `word of ${node.name}`);
    console.log(`      ${failure.message.split('\n')[0] ?? ''}`);
    expect(failure.message).match(message);
    expect(failure.permanent, 'whether the launcher tries again').equal(permanent);
    expect(exit).deep.equal({ code: 1, signal: null });
    expect(readSignatures(present(node.config.signatureLog, 'log'))).deep.equal([]);
  }

  it('refuses the directory of another chain', async () => {
    const { config } = network.node(0);
    const dataDir = join(network.directory, 'foreign');
    const genesisFile = join(network.directory, 'foreign-genesis.json');
    const genesis = JSON.parse(readFileSync(config.genesisFile, 'utf8')) as { time: number };
    writeFileSync(genesisFile, JSON.stringify({ ...genesis, time: genesis.time - 1 }));
    const first = await child('first-chain', { dataDir, genesisFile });
    first.start();
    await first.answering();
    await first.stop();
    await expectRefusal(await child('foreign', { dataDir }), /another chain|chain [0-9a-f]+.*not/, true);
  });

  it('refuses a directory that a newer version wrote', async () => {
    for (const [kind, chainId] of [
      ['guard', undefined],
      ['chain', network.chainId],
    ] as const) {
      const dataDir = join(network.directory, `newer-${kind}`);
      mkdirSync(dataDir);
      const store = openLmdbStore({ directory: join(dataDir, kind), schema: { kind, version: 99, chainId } });
      await store.durable();
      await store.close();
      await expectRefusal(await child(`newer-${kind}`, { dataDir }), /version 99|newer/, true);
    }
  });

  it('refuses a directory that a running process has, which goes on', async () => {
    const owner = network.node(0);
    const height = await owner.height();
    const second = await child('second', { dataDir: owner.config.dataDir, keyFile: owner.config.keyFile });
    await expectRefusal(second, /in use by process \d+/, false);
    await owner.reached(height + 2);
  });

  it('refuses a key file of another kind, and a VRF key that the chain does not know', async () => {
    const { vrfKeyFile } = network.node(3).config;
    const kind = await child('other-kind', { keyFile: present(vrfKeyFile, 'VRF key file') });
    await expectRefusal(kind, /holds a key of kind vrf, not ed25519/, true);
    const strange = join(network.directory, 'keys', 'strange-vrf.json');
    await createKeyFile(strange, 'vrf', null);
    await expectRefusal(await child('strange-vrf', { vrfKeyFile: strange }), /the chain knows [0-9a-f]{64}/, true);
  });

  it('with a key that is nobody’s is refused by its peers, and signs nothing', async () => {
    const keyFile = join(network.directory, 'keys', 'nobody.json');
    await createKeyFile(keyFile, 'ed25519', null);
    const nobody = await child('nobody', { keyFile });
    nobody.start();
    await nobody.answering();
    await until('every peer to refuse it', async () => {
      const { peers } = await nobody.client.consensus();
      const refusals = peers.filter(({ lastError }) => /does not accept this key/.test(lastError));
      return refusals.length >= 3;
    });
    const { ok, checks } = await nobody.client.readiness();
    expect(ok, JSON.stringify(checks)).equal(false);
    expect(readSignatures(present(nobody.config.signatureLog, 'log'))).deep.equal([]);
    await network.node(0).reached((await network.node(0).height()) + 2);
  });

  it('says that the disk is full, and starts when there is room', async function () {
    const dataDir = join(network.directory, 'full');
    const disk = SmallDisk.mount(dataDir, 16);
    if (disk === null) {
      console.log('      skipped: this machine does not let us mount a small file system');
      this.skip();
    }
    disks.push(disk);
    disk.fill();
    const full = await child('full', { dataDir, logTo: 'silent' });
    await expectRefusal(full, /no space left|full/i, false);
    disk.free();
    full.start();
    await full.answering();
  });
});

/**
 * Goal: a validator whose whole directory, sign-guard included, is put back to an older state does not contradict what
 * it signed since.
 * Method: a copy is taken; later the validator proposes and votes at a height that stays undecided, because two of the
 * other three stand still; then it is killed and the copy put in its place. It must catch up, say that it abstains, and
 * sign nothing at that height nor the one after; when the others have decided both, it signs again.
 */
import { cpSync, renameSync } from 'node:fs';
import { expect } from 'chai';
import type { SignatureRecord } from '../../src/runtime/adapters/signature-log.ts';
import { SystemNetwork } from './harness.ts';
import type { NodeChild } from './node-child.ts';
import { readSignatures } from './signatures.ts';
import { until } from './waiting.ts';

describe('a validator restored from an old copy', function () {
  this.timeout(180_000);
  let network: SystemNetwork;
  let restored: NodeChild;
  let witness: NodeChild;
  let others: readonly NodeChild[];
  let failed = false;
  const signed = (): readonly SignatureRecord[] => readSignatures(network.signatureLog(0));

  before(async () => {
    network = await SystemNetwork.create({
      validators: 4,
      parameters: { blockTimeMs: 1000, roundTimeoutBaseMs: 1000 },
    });
    restored = network.node(0);
    witness = network.node(1);
    others = [network.node(2), network.node(3)];
    await network.start();
  });
  afterEach(function () {
    failed ||= this.currentTest?.state === 'failed';
  });
  after(() => network.close({ keep: failed }));

  /** Stops the two others when the validator has proposed; its block stays without a quorum. Returns the height. */
  async function holdUndecided(): Promise<number> {
    return until('a height that only two vote on', async () => {
      const view = await restored.client.consensus();
      if (view.proposer !== restored.name || view.round !== 0 || view.step !== 'waiting') return false;
      for (const node of others) node.pause();
      const isOurs = ({ kind, height }: SignatureRecord): boolean => kind === 'proposal' && height === view.height;
      const isDecided = async (): Promise<boolean> => (await witness.height()) >= view.height;
      await until('its proposal', async () => signed().some(isOurs) || (await isDecided()));
      await until('a round change', async () => (await restored.client.consensus()).round > 0 || (await isDecided()));
      if (!(await isDecided())) return view.height;
      for (const node of others) node.resume();
      return false;
    });
  }

  it('abstains from what it may have voted on, then signs again', async () => {
    await restored.reached(2);
    await restored.stop();
    const copy = `${restored.config.dataDir}.copy`;
    cpSync(restored.config.dataDir, copy, { recursive: true });
    restored.start();
    await restored.ready();
    // The copy lags by more heights than it will have to abstain for.
    await restored.reached((await restored.height()) + 4);

    const height = await holdUndecided();
    await restored.kill();
    renameSync(restored.config.dataDir, `${restored.config.dataDir}.newest`);
    renameSync(copy, restored.config.dataDir);
    const before = signed();
    const voted = before.filter((record) => record.height === height).map(({ kind, round }) => `${kind} ${round}`);
    console.log(`      signed at the undecided height ${height}: ${voted.join(', ')}`);
    expect(voted).includes('proposal 0').includes('prepare 0');

    restored.start();
    await restored.answering();
    await restored.reached(height - 1);
    await until('it to abstain', async () => {
      const { problems } = await restored.client.consensus();
      return problems.some(({ code, validator }) => code === 'abstaining' && validator === null);
    });
    // It has come to where it would have voted, had it been free to.
    await until('its round to pass', async () => (await restored.client.consensus()).round > 0);
    expect(signed(), 'nothing new at a height that it may have voted on').lengthOf(before.length);

    for (const node of others) node.resume();
    const sealed = await network.sealedBy(0, { above: height, on: witness });
    const since = signed().slice(before.length);
    console.log(`      height ${height} decided without it; it sealed ${sealed}`);
    expect(Math.min(...since.map((record) => record.height))).at.least(height + 2);
    await until('all is well', async () => (await restored.client.readiness()).ok);
  });

  it('has contradicted nothing that it ever signed', async () => {
    await network.expectOneChain(await witness.height());
    expect(network.conflicts()).deep.equal([]);
  });
});

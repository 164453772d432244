/**
 * Goal: workloads run where and while they may, each start leaves one receipt, and a process that died goes on where things stand.
 * Method: the actor on a chain in memory, simulated containers on a virtual clock, and a disk that loses what was not synced.
 */
import { expect } from 'chai';
import { containerId } from '../../../src/actors/enc/executor.ts';
import type { WorkloadExecution } from '../../../src/protocols/enc/receipt.ts';
import { receiptHash } from '../../../src/protocols/enc/receipt.ts';
import { readCluster } from '../../../src/protocols/ledger/modules/enc/cluster-state.ts';
import type { Digest } from '../../../src/protocols/shared/brands.ts';
import { toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import { openEnvelope, readEnvelope } from '../../../src/protocols/shared/dsse.ts';
import { acme, provider } from '../../protocols/ledger/court/court-world.ts';
import { signatures } from '../../protocols/ledger/ledger-world.ts';
import { type EncWorld, encWorld, manifest } from '../../support/enc-world.ts';

async function executions(world: EncWorld, id: Digest): Promise<readonly WorkloadExecution[]> {
  const parts = await world.receipts(id);
  return parts.map(({ receipt }) => {
    const { statement } = openEnvelope(readEnvelope(JSON.parse(receipt.text)), (key, message, signature) =>
      signatures.verify(key, message, signature),
    );
    return statement.predicate as WorkloadExecution;
  });
}

describe('execution clusters', () => {
  it('registers its clusters, and they become active', async () => {
    const world = await encWorld();
    expect(['frankfurt', 'paris'].map((id) => readCluster(world.view, id)?.state)).to.deep.equal(['active', 'active']);
  });

  it('runs a service: court, placement, policy, traffic, lease, start, in this order, each kept', async () => {
    const world = await encWorld();
    const id = await world.submit(manifest());
    await world.live(4);
    expect(world.asked).to.deep.equal(['court', 'policy', 'traffic']);
    const { record } = await world.workload(id);
    expect(record.steps.map(({ step, outcome }) => `${step} ${outcome}`)).to.deep.equal([
      ...['court passed', 'placement passed', 'policy passed', 'traffic passed', 'lease passed'],
    ]);
    expect([...world.running]).to.deep.equal([containerId(id, 1)]);
    expect(world.lease(id)).to.deep.include({
      cluster: 'frankfurt',
      epoch: 1,
      isHeld: true,
      decision: world.decided[0]!.id,
    });
    expect(await executions(world, id)).to.be.empty;
  });

  it('runs a job to its end, and anchors the receipt that says so', async () => {
    const world = await encWorld();
    const id = await world.submit(manifest({ kind: 'job', args: ['for 1500'] }));
    await world.live(8);
    const [only, ...more] = await executions(world, id);
    expect(more).to.be.empty;
    expect(only).to.deep.include({
      workload: id,
      cluster: 'frankfurt',
      epoch: 1,
      exit: { kind: 'exited', code: 0 },
      previous: null,
    });
    expect(only!.agreements).to.deep.equal([world.agreement]);
    expect(only!.endedAt! - only!.startedAt!).to.equal(1500);
    expect((await world.workload(id)).record.wanted).to.equal('finished');
    expect(world.lease(id)?.isHeld).to.equal(false);
    const [{ batch, receipt }] = (await world.receipts(id)) as [Awaited<ReturnType<EncWorld['receipts']>>[0]];
    expect(batch?.anchoredBy).to.be.a('string');
    expect(receipt.admittedBy).to.equal(world.lease(id)?.admittedBy);
    expect(readCluster(world.view, 'frankfurt')?.batches).to.equal(1);
  });

  it('admits nothing where any owner says no, or does not answer', async () => {
    const world = await encWorld();
    world.courtComplies = false;
    const id = await world.submit(manifest());
    const stopsAt = async (step: string): Promise<void> => {
      await world.live(10);
      const { record } = await world.workload(id);
      expect(record.steps.at(-1)?.step).to.equal(step);
      expect(record.steps.at(-1)?.outcome).to.be.oneOf(['refused', 'failed']);
      expect(world.started).to.be.empty;
      expect(world.lease(id)).to.equal(undefined);
    };
    await stopsAt('court');
    world.courtComplies = true;
    for (const step of ['court', 'policy', 'traffic'] as const) {
      world.failing = step;
      await stopsAt(step);
    }
    world.failing = null;
    world.policyState = 'Red';
    await stopsAt('policy');
    world.policyState = 'Green';
    world.lightAction = 'block';
    await stopsAt('traffic');
    world.lightAction = 'none';
    await world.live(12);
    expect([...world.running], 'nothing was dropped').to.deep.equal([containerId(id, 1)]);
  });

  it('says of each cluster why not', async () => {
    const world = await encWorld();
    const id = await world.submit(manifest({ placement: { countries: ['FR'] }, isolationClass: 'wasm-sandbox' }));
    await world.live(2);
    expect((await world.workload(id)).record.unfit).to.deep.equal([
      { cluster: 'frankfurt', reasons: ['country', 'isolation-class'] },
      { cluster: 'paris', reasons: ['isolation-class'] },
    ]);
  });

  it('lets what is Yellow wait without a reservation, and runs admission again once it is released', async () => {
    const world = await encWorld();
    world.policyState = 'Yellow';
    world.lightAction = 'hold';
    const id = await world.submit(manifest());
    await world.live(4);
    expect((await world.workload(id)).record.held).to.deep.include({ id: world.decided[0]!.id, cluster: 'frankfurt' });
    expect(world.lease(id)).to.equal(undefined);
    const expires = world.actors.clock.now() + 60_000;
    const released = { ...world.decided[0]!, id: `cd${'00'.repeat(31)}` as Digest, action: 'log', expires };
    world.release = released;
    await world.live(4);
    expect(world.asked.filter((step) => step === 'court')).to.have.length(2);
    expect(world.lease(id)?.decision).to.equal(released.id);
    expect(world.running.size).to.equal(1);
  });

  it('stops what runs within a block of the agreement’s suspension, with a receipt that says so, and takes it up again', async () => {
    const world = await encWorld();
    const id = await world.submit(manifest());
    await world.live(4);
    for (const by of [acme, provider]) world.send(by, 'agreements.suspend', { agreement: world.agreement });
    await world.live(1);
    expect([...world.running]).to.be.empty;
    await world.live(3);
    const [receipt] = await executions(world, id);
    expect(receipt!.exit).to.deep.equal({ kind: 'stopped', by: 'court' });
    expect(receipt!.stop!.reason).to.match(/agreement-not-active/);
    expect(world.lease(id)?.isHeld).to.equal(false);
    for (const by of [acme, provider]) world.send(by, 'agreements.resume', { agreement: world.agreement });
    await world.live(14);
    expect([...world.running]).to.deep.equal([containerId(id, 2)]);
  });

  it('moves a service away from a cluster that is drained', async () => {
    const world = await encWorld();
    const id = await world.submit(manifest());
    await world.live(4);
    await world.ask((replyTo) => ({ type: 'drain', cluster: 'frankfurt', isOver: false, replyTo }));
    await world.live(8);
    expect(world.lease(id)).to.deep.include({ cluster: 'paris', epoch: 2, isHeld: true });
    expect([...world.running]).to.deep.equal([containerId(id, 2)]);
    expect((await executions(world, id)).map(({ stop }) => stop?.by)).to.deep.equal(['drain']);
  });

  it('takes the lease of a cluster that does not answer, waits until that one stands still, and never runs it twice', async () => {
    const world = await encWorld();
    const id = await world.submit(manifest());
    await world.live(4);
    world.docks.get('frankfurt')!.isUnreachable = true;
    let seenTogether = 0;
    for (let i = 0; i < 80; i++) {
      await world.live(1);
      seenTogether = Math.max(seenTogether, world.running.size);
    }
    expect(seenTogether).to.equal(1);
    expect([...world.running]).to.deep.equal([containerId(id, 2)]);
    world.docks.get('frankfurt')!.isUnreachable = false;
    await world.live(6);
    expect((await executions(world, id)).map(({ epoch, stop }) => [epoch, stop?.reason])).to.deep.equal([
      [1, 'lease-lost'],
    ]);
    expect([...world.running]).to.deep.equal([containerId(id, 2)]);
  });

  it('lets containers stand still while the chain does, and run on afterwards', async () => {
    const world = await encWorld();
    const id = await world.submit(manifest());
    await world.live(4);
    world.isStalled = true;
    await world.live(35);
    expect([...world.running]).to.be.empty;
    world.isStalled = false;
    await world.live(3);
    expect([...world.running]).to.deep.equal([containerId(id, 1)]);
    expect(world.started).to.have.length(1);
  });

  it('chains the receipts of a workload', async () => {
    const world = await encWorld();
    const id = await world.submit(manifest({ args: ['for 700'] }));
    await world.live(24);
    const parts = await world.receipts(id);
    const all = await executions(world, id);
    expect(all.length).to.be.greaterThan(1);
    expect(all.map(({ previous }) => previous)).to.deep.equal([
      null,
      ...parts.slice(0, -1).map(({ receipt }) => receiptHash(toUtf8(receipt.text))),
    ]);
    expect(world.started).to.have.length(all.length + world.running.size);
  });
});

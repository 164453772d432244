/**
 * The decision log over a simulated disk: whatever is told is durable, whatever crash, full or failing device comes between;
 * checkpoints cover only what is durable; a log that was put back to an older state is never appended to.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { DecisionLog, DecisionLogError, type LogAnchor } from '../../../src/actors/traffic/decision-log.ts';
import { Gathering, type GatherLimits } from '../../../src/actors/traffic/gathering.ts';
import type { LogHead } from '../../../src/actors/traffic/log-tables.ts';
import { decodeEntry, encodeEntry, type LogEntry } from '../../../src/protocols/traffic/entry.ts';
import { readLogCheckpoint } from '../../../src/protocols/traffic/log-identity.ts';
import { hashLeaf } from '../../../src/protocols/ledger/merkle-hash.ts';
import { merkleRoot, verifyConsistency, verifyInclusion } from '../../../src/protocols/ledger/merkle-log.ts';
import { fromHex } from '../../../src/protocols/shared/bytes.ts';
import { VirtualClock } from '../../../src/runtime/simulated/virtual-clock.ts';
import { settle } from '../../runtime/support/actor-world.ts';
import { MemoryDisk } from '../../../src/runtime/simulated/memory-store.ts';
import { caller, lightSigner, storeSchema, testChain, verifier } from '../../support/traffic-world.ts';

const check = (key: typeof caller, message: Uint8Array, signature: Uint8Array): boolean =>
  verifier.verify(key, message, signature);

const entryOf = (time: number): LogEntry => ({
  ...{ type: 'closed', decision: 'ef'.repeat(32) as never, how: 'rejected', by: caller, time },
});
const append = (log: DecisionLog, time: number): number =>
  log.append({ bytes: encodeEntry(entryOf(time)), aside: Uint8Array.of(time & 0xff) }).index;

const openLog = (disk: MemoryDisk, anchor: LogAnchor | null = null): Promise<DecisionLog> =>
  DecisionLog.open({ store: disk.open(storeSchema), chainId: testChain, signer: lightSigner, anchor });

const anchorOf = ({ logId, epoch, size, root }: LogHead): LogAnchor => ({ logId, epoch, size, root });

/** Everything that a head says of the log on disk. */
function checkWhole(log: DecisionLog, head: LogHead): void {
  const leaves = [...log.newestFirst()].map(({ bytes }) => bytes).reverse();
  expect(merkleRoot(leaves)).equal(head.root);
  const checkpoint = readLogCheckpoint(head.checkpoint, head.logId, lightSigner.publicKey, check);
  expect([checkpoint?.size, checkpoint?.root]).deep.equal([head.size, head.root]);
  for (const index of [0, head.size - 1]) {
    const path = log.inclusion(index, head.size);
    expect(
      verifyInclusion(index, head.size, hashLeaf(leaves[index] ?? new Uint8Array()), path, fromHex(head.root)),
    ).equal(true);
  }
}

describe('the decision log', () => {
  it('gives every entry its place and, once durable, its proof; entries of one moment share a group', async () => {
    let commits = 0;
    const disk = new MemoryDisk({ onCommit: () => commits++ });
    const log = await openLog(disk);
    const before = commits;
    const heads = await Promise.all(
      Array.from({ length: 1000 }, (_, i) => {
        expect(append(log, i)).equal(i + 1);
        return log.durable();
      }),
    );
    expect(commits - before).lessThan(4);
    const head = log.head;
    expect(head.size).equal(1001);
    heads.forEach((told, i) => expect(told.size).greaterThan(i + 1));
    checkWhole(log, head);
    const found = log.entry(500);
    expect(found === null ? null : decodeEntry(found.bytes)).deep.equal(entryOf(499));
    expect([...log.newestFirst()].map(({ index }) => index)).deep.equal(
      Array.from({ length: 1001 }, (_, i) => 1000 - i),
    );
    for (const size of [1, 2, 256, 257, 1000]) {
      const proof = log.consistency(size, 1001);
      expect(verifyConsistency(size, 1001, fromHex(log.rootAt(size)), fromHex(head.root), proof)).equal(true);
    }
  });

  describe('where decisions are gathered', () => {
    /** A log whose syncs are counted, and the clock that its delay is on. */
    async function gathered(
      limits: GatherLimits,
    ): Promise<{ log: DecisionLog; clock: VirtualClock; syncs: () => number }> {
      const store = new MemoryDisk().open(storeSchema);
      let syncs = 0;
      const sync = store.durable.bind(store);
      store.durable = () => {
        syncs += 1;
        return sync();
      };
      const clock = new VirtualClock();
      const log = await DecisionLog.open({ store, chainId: testChain, signer: lightSigner, anchor: null });
      const before = syncs;
      log.gather(new Gathering(clock, limits));
      return { log, clock, syncs: () => syncs - before };
    }
    const pass = async (clock: VirtualClock, ms: number): Promise<void> => {
      clock.advanceTo(clock.monotonicMs() + ms);
      await settle();
    };

    it('has one sync for all that come within the delay, however they come; without it a second one', async () => {
      const { log, clock, syncs } = await gathered({ entriesMax: 100, delayMs: 5 });
      const told: number[] = [];
      for (let at = 0; at < 5; at++) {
        append(log, at);
        void log.durable().then((head) => told.push(head.size));
        await pass(clock, at === 4 ? 0 : 1);
      }
      expect([syncs(), told]).deep.equal([0, []]);
      await pass(clock, 1);
      expect([syncs(), told]).deep.equal([1, [6, 6, 6, 6, 6]]);
      append(log, 9);
      const next = log.durable();
      await pass(clock, 5);
      expect([syncs(), (await next).size]).deep.equal([2, 7]);
      const plain = await gathered({ entriesMax: 1, delayMs: 5 });
      for (let at = 0; at < 5; at++) {
        append(plain.log, at);
        await plain.log.durable();
      }
      expect(plain.syncs()).equal(5);
    });

    it('writes a full group at once, and what came meanwhile after its own delay', async () => {
      const { log, clock, syncs } = await gathered({ entriesMax: 3, delayMs: 1000 });
      const heads = Array.from({ length: 3 }, (_, at) => {
        append(log, at);
        return log.durable();
      });
      append(log, 3);
      const late = log.durable();
      expect((await Promise.all(heads)).map(({ size }) => size)).deep.equal([4, 4, 4]);
      expect(syncs()).equal(1);
      await pass(clock, 999);
      expect(syncs()).equal(1);
      await pass(clock, 1);
      expect([(await late).size, syncs()]).deep.equal([5, 2]);
    });

    it('counts the delay from the oldest request, so that nobody’s budget is spent by waiting', async () => {
      const { log, clock, syncs } = await gathered({ entriesMax: 100, delayMs: 5 });
      await pass(clock, 20);
      append(log, 1);
      const fresh = log.durable(clock.monotonicMs());
      append(log, 2);
      const old = log.durable(clock.monotonicMs() - 4);
      await pass(clock, 1);
      expect(syncs()).equal(1);
      expect([(await fresh).size, (await old).size]).deep.equal([3, 3]);
      append(log, 3);
      await log.durable(clock.monotonicMs() - 50);
      expect(syncs(), 'one that is late already').equal(2);
    });
  });

  it('shows nothing that is not durable', async () => {
    let release = (): void => undefined;
    const gate = { closed: false };
    const disk = new MemoryDisk({
      sync: () => (gate.closed ? new Promise((resolve) => (release = resolve)) : Promise.resolve()),
    });
    const log = await openLog(disk);
    gate.closed = true;
    const index = append(log, 1);
    const durable = log.durable();
    expect([log.head.size, log.entry(index), log.waiting]).deep.equal([1, null, 1]);
    gate.closed = false;
    release();
    expect((await durable).size).equal(2);
    expect(log.entry(index)).not.equal(null);
  });

  it('has after a crash at any moment all that was told, and nothing but what was appended', async () => {
    const step = fc.record({ appended: fc.integer({ min: 1, max: 40 }), keep: fc.nat(6), waits: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        const disk = new MemoryDisk();
        let log = await openLog(disk);
        let told: LogHead = log.head;
        let times = 0;
        for (const { appended, keep, waits } of steps) {
          for (let i = 0; i < appended; i++) append(log, times++);
          const durable = log.durable();
          if (waits) told = await durable;
          // The groups that were committed and never synced: the disk keeps the first few of them.
          disk.crash((unsynced) => Math.min(unsynced, keep));
          log = await openLog(disk, anchorOf(told));
          expect(log.head.size).at.least(told.size);
          expect(log.rootAt(told.size)).equal(told.root);
          expect(log.head.epoch).equal(1);
          checkWhole(log, log.head);
          times = log.head.size - 1;
        }
      }),
      { numRuns: 40 },
    );
  });

  it('answers nothing where the device fails, then or later', async () => {
    const disk = new MemoryDisk();
    const log = await openLog(disk);
    disk.break();
    append(log, 1);
    const codes = await Promise.all(
      [log.durable(), log.durable()].map((one) =>
        one.then(
          () => 'durable',
          (error: unknown) => (error as DecisionLogError).code,
        ),
      ),
    );
    expect(codes).deep.equal(['failed', 'failed']);
    expect(() => append(log, 2)).throw(DecisionLogError, 'nothing is decided');
    expect(log.head.size).equal(1);
    disk.repair();
    expect(await log.durable().catch((error: unknown) => (error as DecisionLogError).code)).equal('failed');
    disk.crash();
    expect((await openLog(disk)).head.size).equal(1);
  });

  it('answers nothing where the device is full, and goes on where it was once there is room', async () => {
    const disk = new MemoryDisk();
    const store = disk.open(storeSchema);
    const options = { store, chainId: testChain, signer: lightSigner, anchor: null };
    const log = await DecisionLog.open(options);
    disk.capacityBytes = disk.syncedBytes;
    append(log, 1);
    expect(await log.durable().catch((error: unknown) => (error as DecisionLogError).code)).equal('full');
    expect(log.head.size).equal(1);
    expect(
      await DecisionLog.open(options).then(
        () => 'open',
        (error: unknown) => (error as DecisionLogError).code,
      ),
    ).equal('full');
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    const next = await DecisionLog.open(options);
    append(next, 2);
    const head = await next.durable();
    checkWhole(next, head);
  });
});

describe('a log on disk that does not extend its last anchor', () => {
  async function grown(): Promise<{ disk: MemoryDisk; backup: MemoryDisk; anchor: LogAnchor }> {
    const disk = new MemoryDisk();
    const log = await openLog(disk);
    for (let i = 0; i < 10; i++) append(log, i);
    await log.durable();
    const backup = disk.copy();
    for (let i = 10; i < 20; i++) append(log, i);
    return { disk, backup, anchor: anchorOf(await log.durable()) };
  }

  it('is frozen when it was restored from a backup, and a new epoch names it', async () => {
    const { backup, anchor } = await grown();
    const log = await openLog(backup, anchor);
    expect([log.head.epoch, log.head.size]).deep.equal([2, 1]);
    const first = log.entry(0);
    const entry = decodeEntry(first?.bytes ?? new Uint8Array());
    if (entry.type !== 'epoch') throw new Error('not an epoch');
    expect(entry.previous?.logId).equal(anchor.logId);
    expect([entry.previous?.anchoredSize, entry.previous?.foundSize]).deep.equal([21, 11]);
    append(log, 1);
    checkWhole(log, await log.durable());
    // The chain has not heard of the epoch yet: it is the one to go on with.
    backup.crash();
    expect((await openLog(backup, anchor)).head).include({ epoch: 2, size: 2 });
  });

  it('is known to be behind as soon as the anchor is seen, and takes nothing more once it is closed for that', async () => {
    const disk = new MemoryDisk();
    const whole = await openLog(disk);
    append(whole, 1);
    await whole.durable();
    const backup = disk.copy();
    append(whole, 2);
    const anchor = anchorOf(await whole.durable());
    expect(whole.extends(anchor)).equal(true);
    // Opened on a state in which nothing was anchored yet.
    const behind = await openLog(backup);
    expect(behind.extends(anchor)).equal(false);
    append(behind, 3);
    const last = behind.durable();
    append(behind, 4);
    const never = behind.durable();
    behind.close(new DecisionLogError('behind', 'the chain holds more'));
    expect((await last).size).equal(behind.size - 1);
    expect(await never.catch((error: unknown) => (error as DecisionLogError).code)).equal('behind');
    expect(() => append(behind, 5)).to.throw(DecisionLogError);
  });

  it('is frozen when it was lost as a whole', async () => {
    const { anchor } = await grown();
    const log = await openLog(new MemoryDisk(), anchor);
    const entry = decodeEntry(log.entry(0)?.bytes ?? new Uint8Array());
    expect([log.head.epoch, entry.type === 'epoch' && entry.previous?.foundSize]).deep.equal([2, 0]);
  });

  it('is frozen when it holds other entries under the same size', async () => {
    const { backup, anchor } = await grown();
    const fork = await openLog(backup);
    for (let i = 90; i < 110; i++) append(fork, i);
    await fork.durable();
    backup.crash();
    expect((await openLog(backup, anchor)).head.epoch).equal(2);
  });

  it('goes on where it only has grown since, and stays in its epoch once that is anchored', async () => {
    const { disk, backup, anchor } = await grown();
    disk.crash();
    expect((await openLog(disk, { ...anchor })).head).include({ epoch: 1, size: 21 });
    const second = await openLog(backup, anchor);
    backup.crash();
    expect((await openLog(backup, anchorOf(second.head))).head.epoch).equal(2);
  });

  it('opens an epoch beyond the one that the chain knows', async () => {
    const { backup, anchor } = await grown();
    const other = { ...anchor, logId: 'aa'.repeat(32) as never, epoch: 5 };
    expect((await openLog(backup, other)).head.epoch).equal(6);
  });
});

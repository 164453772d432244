// Goal: a simulated disk that keeps the Store port's promises and breaks as real ones do. Method: the conformance suite,
// and crashes, full and failing disks at chosen moments.
import { expect } from 'chai';
import fc from 'fast-check';
import { MemoryDisk } from '../../../src/runtime/simulated/memory-store.ts';
import {
  describeStore,
  listed,
  read,
  refusalOf,
  rejectionOf,
  schema,
  write,
} from '../../conformance/store-conformance.ts';

describeStore('MemoryDisk', () => {
  const disk = new MemoryDisk();
  return { open: (wanted) => disk.open(wanted), dispose: () => Promise.resolve() };
});

describe('MemoryDisk', () => {
  it('keeps after a crash what was durable and a prefix of what was not', async () => {
    const steps = fc.array(fc.boolean(), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(30), async (syncs, kept) => {
        const disk = new MemoryDisk();
        const store = disk.open(schema);
        let durable = 0;
        for (const [index, sync] of syncs.entries()) {
          store.commit([write('t', 'last', `${index + 1}`), write('t', `${index}`, 'x')]);
          if (!sync) continue;
          await store.durable();
          durable = index + 1;
        }
        disk.crash((unsynced) => Math.min(kept, unsynced));
        const after = disk.open(schema);
        const last = Number(read(after, 't', 'last') ?? 0);
        expect(last).to.equal(Math.min(durable + kept, syncs.length));
        expect(listed(after, 't')).to.have.length(last + (last > 0 ? 1 : 0));
      }),
    );
  });

  it('settles nothing of a process that crashed during a sync', async () => {
    let finish: () => void = () => undefined;
    const disk = new MemoryDisk({ sync: () => new Promise((resolve) => (finish = resolve)) });
    const store = disk.open(schema);
    store.commit([write('t', 'k', '1')]);
    let settled = false;
    store.durable().then(
      () => (settled = true),
      () => (settled = true),
    );
    disk.crash();
    finish();
    await new Promise((resolve) => setImmediate(resolve));
    expect(settled).to.equal(false);
    expect(refusalOf(() => store.commit([]))).to.equal('closed');
    expect(read(disk.open(schema), 't', 'k')).to.equal(undefined);
  });

  it('is full, keeps reading, and takes everything when there is room again', async () => {
    const disk = new MemoryDisk({ capacityBytes: 10 });
    const store = disk.open(schema);
    store.commit([write('t', 'a', '1')]);
    await store.durable();
    store.commit([write('t', 'b', 'too much for it')]);
    expect(await rejectionOf(store.durable())).to.equal('full');
    expect(refusalOf(() => store.commit([write('t', 'c', '1')]))).to.equal('full');
    expect(listed(store, 't')).to.deep.equal(['a=1', 'b=too much for it']);
    disk.capacityBytes = 100;
    await store.durable();
    store.commit([write('t', 'c', '1')]);
    await store.close();
    expect(listed(disk.open(schema), 't')).to.deep.equal(['a=1', 'b=too much for it', 'c=1']);
  });

  it('refuses further commits for good once a sync has failed', async () => {
    const disk = new MemoryDisk();
    const store = disk.open(schema);
    store.commit([write('t', 'k', '1')]);
    disk.break();
    expect(await rejectionOf(store.durable())).to.equal('failed');
    disk.repair();
    expect(refusalOf(() => store.commit([write('t', 'k', '2')]))).to.equal('failed');
    expect(await rejectionOf(store.durable())).to.equal('failed');
    await store.close();
    expect(listed(disk.open(schema), 't')).to.deep.equal([]);
  });

  it('copies what is synced into a disk of its own, and tells of every commit', async () => {
    const seen: string[] = [];
    const disk = new MemoryDisk({ onCommit: (writes) => seen.push(...writes.map(({ table }) => table)) });
    const store = disk.open(schema);
    store.commit([write('t', 'synced', 'x')]);
    await store.durable();
    store.commit([write('u', 'not synced', 'x')]);
    const copy = disk.copy();
    store.commit([write('t', 'synced', 'changed')]);
    await store.durable();
    const copied = copy.open(schema);
    expect(read(copied, 't', 'synced')).to.equal('x');
    expect(listed(copied, 'u')).to.deep.equal([]);
    copied.commit([write('t', 'synced', 'elsewhere')]);
    expect(read(store, 't', 'synced')).to.equal('changed');
    expect(seen).to.deep.equal(['t', 'u', 't', 't']);
  });
});

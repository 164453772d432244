/** Persist precedes send: nothing leaves before everything recorded before it is durable. */
import { expect } from 'chai';
import { Outbox } from '../../src/actors/validator/outbox.ts';
import { toUtf8 } from '../../src/protocols/shared/bytes.ts';
import { MemoryDisk } from '../../src/runtime/simulated/memory-store.ts';
import type { Write } from '../../src/runtime/ports/store.ts';

const write = (name: string): Write => ({ table: 'journal', key: toUtf8(name), value: toUtf8(name) });
const schema = { kind: 'guard', version: 1 };

describe('the outbox', () => {
  it('sends nothing whose record would be lost if the process died at that moment', async () => {
    const disk = new MemoryDisk();
    const records = disk.open(schema);
    const chain = new MemoryDisk().open({ kind: 'chain', version: 1 });
    const outbox = new Outbox({ records, chain });
    const sent: string[] = [];
    outbox.record([write('a')]);
    outbox.whenDurable(() => sent.push('a'));
    const first = outbox.flush();
    // Queued while the first flush is under way: belongs to the next one.
    outbox.record([write('b')]);
    outbox.whenDurable(() => sent.push('b'));
    expect(outbox.flush()).to.equal(null);
    (await first)?.();
    expect(sent).to.deep.equal(['a']);
    disk.crash();
    expect(disk.open(schema).get('journal', toUtf8('a'))).to.not.equal(undefined);
  });

  it('keeps the order of sends and covers many records with one flush', async () => {
    const records = new MemoryDisk().open(schema);
    const outbox = new Outbox({ records, chain: records });
    const sent: number[] = [];
    for (let i = 0; i < 10; i++) {
      outbox.record([write(String(i))]);
      outbox.whenDurable(() => sent.push(i));
    }
    (await outbox.flush())?.();
    expect(sent).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(outbox.flush()).to.equal(null);
  });

  it('writes no record of the next height before the block that it builds on is durable', async () => {
    const disk = new MemoryDisk();
    const records = disk.open(schema);
    let release: () => void = () => undefined;
    const chain = { durable: () => new Promise<void>((resolve) => (release = resolve)) };
    const outbox = new Outbox({ records, chain });
    outbox.chainWritten();
    outbox.record([write('next height')]);
    const sent: string[] = [];
    outbox.whenDurable(() => sent.push('next height'));
    const block = outbox.flush();
    expect(outbox.flush(), 'one flush at a time').to.equal(null);
    // Whatever reaches the disk of the records now outlives a power cut that takes the block.
    await records.durable();
    expect(records.get('journal', toUtf8('next height'))).to.equal(undefined);
    release();
    (await block)?.();
    expect(sent).to.deep.equal([]);
    (await outbox.flush())?.();
    expect(sent).to.deep.equal(['next height']);
    disk.crash();
    expect(disk.open(schema).get('journal', toUtf8('next height'))).to.not.equal(undefined);
  });

  it('sends what waited for a block though another one was written meanwhile', async () => {
    const records = new MemoryDisk().open(schema);
    const outbox = new Outbox({ records, chain: records });
    const sent: string[] = [];
    outbox.chainWritten();
    outbox.whenDurable(() => sent.push('first'));
    const first = await outbox.flush();
    outbox.chainWritten();
    outbox.whenDurable(() => sent.push('second'));
    first?.();
    (await outbox.flush())?.();
    expect(sent).to.deep.equal(['first']);
    (await outbox.flush())?.();
    (await outbox.flush())?.();
    expect(sent).to.deep.equal(['first', 'second']);
  });

  it('gives a full disk to its caller and sends nothing', async () => {
    const disk = new MemoryDisk({ capacityBytes: 10 });
    const records = disk.open(schema);
    const outbox = new Outbox({ records, chain: records });
    outbox.record([write('much more than ten bytes of journal')]);
    const sent: string[] = [];
    outbox.whenDurable(() => sent.push('x'));
    const outcome = await Promise.resolve()
      .then(() => outbox.flush())
      .then(
        () => 'flushed',
        (error: unknown) => (error as { code: string }).code,
      );
    expect(outcome).to.equal('full');
    expect(sent).to.deep.equal([]);
  });
});

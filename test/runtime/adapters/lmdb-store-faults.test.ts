// Goal: what the store promises holds when processes are killed and devices are full. Method: real processes that are
// killed with SIGKILL in the middle of their commits, and a small file system in memory.
import { expect } from 'chai';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { open } from 'lmdb';
import { fromUint64Key, toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import { openLmdbStore } from '../../../src/runtime/adapters/lmdb-store.ts';
import type { Store } from '../../../src/runtime/ports/store.ts';
import { listed, read, refusalOf, rejectionOf, schema, write } from '../../conformance/store-conformance.ts';

const writerFile = fileURLToPath(new URL(`./lmdb-store-writer${extname(import.meta.url)}`, import.meta.url));

interface Writer {
  /** Resolves with the next line that the process prints. */
  nextLine(): Promise<string>;
  /** Kills it without warning and resolves with the rest of what it printed when it is gone. */
  kill(): Promise<string[]>;
}

function startWriter(directory: string): Writer {
  const child: ChildProcess = spawn(process.execPath, [...process.execArgv, writerFile, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise((resolve) => child.once('close', resolve));
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => {
    const next = await lines.next();
    if (next.done === true) throw new Error('the writer has ended');
    return next.value;
  };
  const kill = async (): Promise<string[]> => {
    child.kill('SIGKILL');
    await exited;
    const rest: string[] = [];
    for (let next = await lines.next(); next.done !== true; next = await lines.next()) rest.push(next.value);
    return rest;
  };
  return { nextLine, kill };
}

const durableIn = (lines: readonly string[]): number =>
  Math.max(0, ...lines.filter((line) => line.startsWith('durable ')).map((line) => Number(line.slice(8))));

/** Every commit up to the last is there, whole, and none after it; the number of the last. */
function expectPrefix(store: Store): number {
  const last = Number(read(store, 'counter', 'last') ?? 0);
  let expected = 1;
  for (const [key, value] of store.range('entries')) {
    expect(fromUint64Key(key)).to.equal(expected);
    expect(value.length).to.equal(1000);
    expect(value.every((byte) => byte === expected % 256)).to.equal(true);
    expected += 1;
  }
  expect(expected - 1).to.equal(last);
  return last;
}

describe('lmdb store under faults', function () {
  this.timeout(60_000);
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpci-store-faults-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('keeps a prefix of the commits, and all durable ones, when the process is killed again and again', async () => {
    let total = 0;
    for (const linesBefore of [1, 3, 20, 60]) {
      const writer = startWriter(directory);
      const lines: string[] = [];
      while (lines.length < linesBefore) lines.push(await writer.nextLine());
      lines.push(...(await writer.kill()));
      const store = openLmdbStore({ directory, schema });
      const last = expectPrefix(store);
      expect(last).to.be.at.least(Math.max(total, durableIn(lines)));
      total = last;
      await store.close();
    }
    expect(total).to.be.greaterThan(60);
  });

  it('is locked for other processes, and free when the holder is killed', async () => {
    const writer = startWriter(directory);
    expect(await writer.nextLine()).to.equal('open');
    expect(refusalOf(() => openLmdbStore({ directory, schema }))).to.equal('locked');
    expect(() => openLmdbStore({ directory, schema })).to.throw(/in use by process \d+/);
    await writer.kill();
    await openLmdbStore({ directory, schema }).close();
  });

  it('is full at its own limit, keeps everything committed, and goes on with a higher one', async () => {
    let store = openLmdbStore({ directory, schema, sizeMaxBytes: 600_000 });
    let count = 0;
    let refusal = '';
    while (refusal === '') {
      store.commit([{ table: 't', key: toUtf8(`${count++}`), value: new Uint8Array(5000) }]);
      refusal = await store.durable().then(
        () => '',
        (error: unknown) => (error as { code: string }).code,
      );
    }
    expect(refusal).to.equal('full');
    expect(refusalOf(() => store.commit([write('t', 'more', '1')]))).to.equal('full');
    expect(await rejectionOf(store.close())).to.equal('full');
    store = openLmdbStore({ directory, schema, sizeMaxBytes: 3_000_000 });
    expect(listed(store, 't')).to.have.length(count - 1);
    store.commit([write('t', 'more', '1')]);
    await store.close();
  });

  it('survives a full device without losing a commit, and goes on when there is room', async function () {
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'bpci-test', directory]);
    if (mounted.status !== 0) {
      console.log('      skipped: no right to mount a small file system in memory');
      this.skip();
    }
    try {
      const store = openLmdbStore({ directory: join(directory, 'store'), schema });
      const commitLarge = (number: number): void =>
        store.commit([{ table: 't', key: toUtf8(`${number}`), value: new Uint8Array(100_000).fill(number) }]);
      commitLarge(1);
      await store.durable();
      const filler = join(directory, 'filler');
      expect(() => writeFileSync(filler, new Uint8Array(4_000_000))).to.throw(/ENOSPC/);
      for (let number = 2; number < 12; number++) commitLarge(number);
      expect(await rejectionOf(store.durable())).to.equal('full');
      expect(refusalOf(() => commitLarge(12))).to.equal('full');
      expect([...store.range('t')]).to.have.length(11);
      expect(await rejectionOf(store.durable())).to.equal('full');
      rmSync(filler);
      await store.durable();
      commitLarge(12);
      await store.close();
      const reopened = openLmdbStore({ directory: join(directory, 'store'), schema });
      expect([...reopened.range('t')]).to.have.length(12);
      await reopened.close();
    } finally {
      spawnSync('umount', [directory]);
    }
  });

  it('cannot be made on a device that is full, and leaves nothing locked', async function () {
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=500k', 'bpci-test', directory]);
    if (mounted.status !== 0) {
      console.log('      skipped: no right to mount a small file system in memory');
      this.skip();
    }
    try {
      expect(() => writeFileSync(join(directory, 'filler'), new Uint8Array(600_000))).to.throw(/ENOSPC/);
      const code = refusalOf(() => openLmdbStore({ directory: join(directory, 'store'), schema }));
      expect(code).to.equal('full');
      rmSync(join(directory, 'filler'));
      const store = openLmdbStore({ directory: join(directory, 'store'), schema });
      await store.close();
    } finally {
      spawnSync('umount', [directory]);
    }
  });

  it('refuses files that are not its own and leaves them as they are', async () => {
    writeFileSync(join(directory, 'data.mdb'), 'something else'.repeat(1000));
    expect(refusalOf(() => openLmdbStore({ directory, schema }))).to.equal('schema-foreign');
    const other = join(directory, 'other');
    mkdirSync(other);
    const foreign = open({ path: other, ...{ noSubdir: false }, overlappingSync: false });
    await foreign.put('key', 'value');
    await foreign.close();
    expect(refusalOf(() => openLmdbStore({ directory: other, schema }))).to.equal('schema-foreign');
  });

  it('says that a file is corrupt when it was cut', async () => {
    const store = openLmdbStore({ directory, schema });
    for (let number = 0; number < 50; number++) store.commit([write('t', `${number}`, 'x'.repeat(5000))]);
    await store.close();
    truncateSync(join(directory, 'data.mdb'), 40_960);
    expect(refusalOf(() => openLmdbStore({ directory, schema }))).to.equal('corrupt');
  });

  it('writes what nobody waits for, and large overlays, by itself', async () => {
    const store = openLmdbStore({ directory, schema });
    for (let number = 0; number < 60; number++)
      store.commit([{ table: 't', key: toUtf8(`${number}`), value: new Uint8Array(100_000) }]);
    const before = store.sizeBytes();
    // One turn of the loop after another until the file has grown, without anybody asking for durability.
    while (store.sizeBytes() < before + 5_000_000) await new Promise((resolve) => setImmediate(resolve));
    await store.close();
  });
});

/**
 * Goal: modules run as containers do, within their bounds, and leave nothing. Method: modules assembled by hand, run for real
 * in processes of their own; processes, control groups and files are counted around each test.
 */
import { expect } from 'chai';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readControlGroupHost } from '../../../src/runtime/containers/control-groups.ts';
import { WasmDriver } from '../../../src/runtime/containers/wasm-driver.ts';
import type { ContainerLimits, ContainerSpec, ExitCause } from '../../../src/protocols/shared/containers.ts';
import { type ContainerDriver, ContainerError, type LogEntry } from '../../../src/runtime/ports/container-driver.ts';
import { op, wasmModule, writingModule } from '../../support/wasm-module.ts';

const mebibyte = 1 << 20;
const controlGroup = `bpci-wasm-${process.pid}`;

const limits: ContainerLimits = {
  cpuMillis: 1_000,
  memoryBytes: 16 * mebibyte,
  pidsMax: 16,
  diskBytes: null,
  wallTimeMs: null,
  logBytes: 1 << 20,
};

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof ContainerError ? error.code : String(error)),
  );

async function entries(logs: AsyncIterable<LogEntry>): Promise<readonly LogEntry[]> {
  const all: LogEntry[] = [];
  for await (const entry of logs) all.push(entry);
  return all;
}

function countGroups(): number {
  if (!existsSync('/proc/mounts')) return 0;
  return readControlGroupHost(readFileSync('/proc/mounts', 'utf8')).roots.filter((root) =>
    existsSync(join(root, controlGroup)),
  ).length;
}

describe('containers of modules', function () {
  this.timeout(240_000);
  let directory: string;
  let driver: ContainerDriver;
  let containers = 0;
  const open = (): ContainerDriver =>
    new WasmDriver({ stateDir: join(directory, 'state'), controlGroup, now: () => Date.now() });

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpci-wasm-'));
    mkdirSync(join(directory, 'root', 'bin'), { recursive: true });
    driver = open();
  });
  afterEach(async () => {
    for (const { id, phase } of await driver.list()) {
      if (phase !== 'exited') await driver.stop(id, { graceMs: 0, by: 'test' });
      await driver.remove(id);
    }
    await driver.close();
    expect(countGroups(), 'control groups').to.equal(0);
    expect(readdirSync(join(directory, 'state', 'cells'))).to.deep.equal([]);
    rmSync(directory, { recursive: true });
  });

  function specOf(module: Uint8Array, more: Partial<ContainerSpec> = {}): ContainerSpec {
    writeFileSync(join(directory, 'root', 'bin', 'module.wasm'), module);
    return {
      id: `m${(containers += 1)}`,
      tenant: 'acme',
      root: { path: join(directory, 'root'), imageDigest: `sha256:${'a'.repeat(64)}`, isReadOnly: true },
      idRange: null,
      args: ['/bin/module.wasm'],
      env: [],
      cwd: '/',
      user: { uid: 0, gid: 0 },
      limits,
      network: { kind: 'none' },
      mounts: [],
      isolationClass: 'wasm-sandbox',
      stopSignal: 'SIGTERM',
      ...more,
    };
  }

  const start = async (module: Uint8Array, more: Partial<ContainerSpec> = {}): Promise<string> => {
    const spec = specOf(module, more);
    await driver.create(spec);
    await driver.start(spec.id);
    return spec.id;
  };
  const causeOf = async (module: Uint8Array, more: Partial<ContainerSpec> = {}): Promise<ExitCause> =>
    (await driver.waited(await start(module, more))).cause;
  const written = async (id: string): Promise<readonly string[]> => {
    await driver.waited(id);
    return (await entries(driver.logs(id, { isFollowing: false, tail: null }))).map(
      ({ stream, text }) => `${stream} ${text}`,
    );
  };

  it('run to their end, keep their code and what they wrote', async () => {
    const id = await start(
      writingModule(
        [
          [1, 'out\nmore\n'],
          [2, 'err'],
        ],
        [...op.constant(7), ...op.call(1)],
      ),
    );
    const followed = await entries(driver.logs(id, { isFollowing: true, tail: null }));
    const exit = await driver.waited(id);
    expect(exit.cause).to.deep.equal({ kind: 'exited', code: 7 });
    expect(exit.usage?.memoryPeakBytes).to.be.greaterThan(0);
    expect(followed.map(({ stream, text }) => `${stream} ${text}`)).to.deep.equal([
      'stdout out',
      'stdout more',
      'stderr err',
    ]);
    expect((await driver.list())[0]).to.include({ phase: 'exited' });
  });

  it('go from created to running to exited, once, and are stopped by whom', async () => {
    const spec = specOf(writingModule([[1, 'here\n']], op.forever));
    await driver.create(spec);
    expect(await codeOf(driver.create(spec))).to.equal('id-taken');
    expect((await driver.list())[0]?.phase).to.equal('created');
    expect(await codeOf(driver.stats(spec.id))).to.equal('wrong-phase');
    await driver.start(spec.id);
    expect(await codeOf(driver.start(spec.id))).to.equal('wrong-phase');
    expect(await codeOf(driver.remove(spec.id))).to.equal('wrong-phase');
    expect(
      await codeOf(driver.exec(spec.id, { args: ['x'], env: [], cwd: null, timeoutMs: 1, outputBytesMax: 1 })),
    ).to.equal('unsupported');
    expect((await driver.stats(spec.id)).memoryBytes).to.be.greaterThan(0);
    await driver.freeze(spec.id);
    expect((await driver.list())[0]?.phase).to.equal('frozen');
    await driver.thaw(spec.id);
    expect((await driver.list())[0]?.phase).to.equal('running');
    await driver.freeze(spec.id);
    const exit = await driver.stop(spec.id, { graceMs: 10, by: 'court' });
    expect(exit.cause).to.deep.equal({ kind: 'stopped', by: 'court' });
    expect(await driver.stop(spec.id, { graceMs: 0, by: 'another' })).to.deep.equal(exit);
  });

  it('are ended when their time is over, and say so when they trap or want too much memory', async () => {
    const loop = wasmModule({ code: op.forever });
    expect(await causeOf(loop, { limits: { ...limits, wallTimeMs: 200 } })).to.deep.equal({ kind: 'timeout' });
    expect(await causeOf(wasmModule({ code: op.unreachable }))).to.deep.equal({ kind: 'exited', code: 132 });
    const hog = wasmModule({ code: op.repeat([...op.grow(1), ...op.orTrap]) });
    const id = await start(hog);
    const { cause, usage } = await driver.waited(id);
    expect(cause).to.deep.equal({ kind: 'oom' });
    expect(usage?.oomKills).to.equal(1);
  });

  it('get no more memory than they may have, whatever they declare', async () => {
    // Grows to what it may have and wants one page more; then its exit code is the number of its pages.
    const declared = wasmModule({
      imports: [['proc_exit', ['i32']]],
      code: [...op.grow(127), ...op.drop, ...op.grow(1), ...op.drop, 0x3f, 0, ...op.call(0)],
      memory: [1, 65_536],
    });
    const eight = { ...limits, memoryBytes: 8 * mebibyte };
    expect(await causeOf(declared, { limits: eight })).to.deep.equal({ kind: 'exited', code: 128 });
  });

  it('say why they were not started', async () => {
    symlinkSync('/etc/passwd', join(directory, 'root', 'bin', 'out'));
    const cases: readonly (readonly [
      what: string,
      reason: string,
      detail: RegExp,
      module: Uint8Array,
      args?: readonly string[],
    ])[] = [
      ['no such file', 'no-such-program', /no \/bin\/nothing/u, wasmModule({ code: [] }), ['/bin/nothing']],
      ['a link that leads out', 'no-such-program', /no \/bin\/out/u, wasmModule({ code: [] }), ['/bin/out']],
      ['a path that leads out', 'no-such-program', /no /u, wasmModule({ code: [] }), ['/../../../../etc/passwd']],
      ['no module', 'not-executable', /not-a-module/u, Buffer.from('#!/bin/sh')],
      ['half a module', 'not-executable', /module-invalid/u, wasmModule({ code: [] }).subarray(0, 20)],
      ['a wrong module', 'not-executable', /./u, wasmModule({ code: [0x1a] })],
      [
        'another host',
        'not-executable',
        /import-unknown/u,
        wasmModule({ code: [], imports: [['f', []]], namespace: 'env' }),
      ],
      ['too much memory', 'not-executable', /memory-too-large/u, wasmModule({ code: [], memory: [10_000] })],
      ['a great table', 'not-executable', /table-too-large/u, wasmModule({ code: [], table: 200_000 })],
      ['no beginning', 'not-executable', /export-missing/u, wasmModule({ code: [], startName: 'main' })],
      [
        'an unknown host call',
        'not-executable',
        /./u,
        wasmModule({ code: [], imports: [['path_open_everything', []]] }),
      ],
    ];
    for (const [what, reason, detail, module, args] of cases) {
      const spec = specOf(module, args === undefined ? {} : { args });
      await driver.create(spec);
      expect(await codeOf(driver.start(spec.id)), what).to.equal('start-failed');
      const { cause } = await driver.waited(spec.id);
      expect(cause, what).to.include({ kind: 'start-failed', reason });
      expect(cause.kind === 'start-failed' ? cause.detail : '', what).to.match(detail);
    }
  });

  it('see their arguments and environment, and no descriptor but their streams', async () => {
    // Writes what args_get and environ_get put into its memory: 64 bytes from 4,096 and from 8,192 on.
    const get = (index: number, at: number): number[] => [
      ...op.constant(at - 512),
      ...op.constant(at),
      ...op.call(index),
      ...op.drop,
    ];
    const show = (at: number): number[] => [
      ...op.store(16, op.constant(at)),
      ...op.store(20, op.constant(20)),
      ...op.constant(1),
      ...op.constant(16),
      ...op.constant(1),
      ...op.constant(8),
      ...op.call(0),
      ...op.drop,
    ];
    const module = writingModule(
      [],
      [
        ...get(2, 4_096),
        ...get(3, 8_192),
        ...show(4_096),
        ...show(8_192),
        ...op.constant(3),
        ...op.constant(64),
        ...op.call(4),
        ...op.call(1),
      ],
      {
        imports: [
          ['args_get', ['i32', 'i32']],
          ['environ_get', ['i32', 'i32']],
          ['fd_prestat_get', ['i32', 'i32']],
        ],
      },
    );
    const id = await start(module, { args: ['/bin/module.wasm', 'x'], env: ['A=1', 'B=2'] });
    expect((await driver.waited(id)).cause).to.deep.equal({ kind: 'exited', code: 8 });
    expect((await written(id)).join('')).to.equal(`stdout /bin/module.wasm\0x\0\0A=1\0B=2\0${'\0'.repeat(12)}`);
  });

  it('are a function of their inputs where they are asked to be', async () => {
    // The clock, a sleep of an hour, the clock, and random bytes: 8, 8 and 8 bytes from 64 on.
    const show = [
      ...op.store(16, op.constant(64)),
      ...op.store(20, op.constant(24)),
      ...op.constant(1),
      ...op.constant(16),
      ...op.constant(1),
      ...op.constant(8),
      ...op.call(0),
      ...op.drop,
    ];
    const clock = (at: number): number[] => [
      ...op.constant(1),
      ...op.long(0),
      ...op.constant(at),
      ...op.call(2),
      ...op.drop,
    ];
    const sleep = [
      ...op.constant(256),
      ...op.constant(512),
      ...op.constant(1),
      ...op.constant(8),
      ...op.call(4),
      ...op.drop,
    ];
    const subscription = new Uint8Array(48);
    new DataView(subscription.buffer).setUint32(16, 1, true);
    new DataView(subscription.buffer).setBigUint64(24, 3_600_000_000_000n, true);
    const module = writingModule(
      [],
      [...clock(64), ...sleep, ...clock(72), ...op.constant(80), ...op.constant(8), ...op.call(3), ...op.drop, ...show],
      {
        imports: [
          ['clock_time_get', ['i32', 'i64', 'i32']],
          ['random_get', ['i32', 'i32']],
          ['poll_oneoff', ['i32', 'i32', 'i32', 'i32']],
        ],
        data: [[256, subscription]],
      },
    );
    const env = ['DOCKLOCK_CLOCK_MS=1000', 'DOCKLOCK_RANDOM_SEED=a'];
    const [one, same, other] = await Promise.all(
      [env, env, ['DOCKLOCK_CLOCK_MS=1000', 'DOCKLOCK_RANDOM_SEED=b']].map(async (given, at) => {
        const spec = { ...specOf(module), env: given, id: `clock-${at}` };
        await driver.create(spec);
        await driver.start(spec.id);
        return written(spec.id);
      }),
    );
    expect(one).to.deep.equal(same);
    expect(one).to.not.deep.equal(other);
  });

  it('keep the newest of what they write, and no more', async () => {
    const texts = Array.from({ length: 400 }, (_, at): [number, string] => [1, `${String(at).padStart(199)}\n`]);
    const many = writingModule(texts, [], { memory: [2] });
    const id = await start(many, { limits: { ...limits, logBytes: 16 * 1024 } });
    const kept = await written(id);
    expect(kept.at(-1)?.trim()).to.match(/399$/u);
    expect(kept.length).to.be.within(20, 80);
    expect((await entries(driver.logs(id, { isFollowing: false, tail: 1 }))).length).to.equal(1);
  });

  it('are found again by a driver that is opened anew, and what ended meanwhile', async () => {
    const stays = await start(writingModule([[1, 'here\n']], op.forever));
    const timed = await start(wasmModule({ code: op.forever }), { limits: { ...limits, wallTimeMs: 500 } });
    await driver.close();
    driver = open();
    expect((await driver.waited(timed)).cause).to.deep.equal({ kind: 'timeout' });
    expect((await driver.list()).find(({ id }) => id === stays)?.phase).to.equal('running');
    const follow = new AbortController();
    for await (const { text } of driver.logs(stays, { isFollowing: true, tail: null, signal: follow.signal })) {
      expect(text).to.equal('here');
      break;
    }
    expect((await driver.stop(stays, { graceMs: 0, by: 'operator' })).cause).to.deep.equal({
      kind: 'stopped',
      by: 'operator',
    });
  });

  it('are refused what they cannot have', async () => {
    const spec = specOf(wasmModule({ code: [] }));
    const refused = (more: Partial<ContainerSpec>): Promise<string> => codeOf(driver.create({ ...spec, ...more }));
    expect(await refused({ isolationClass: 'container' })).to.equal('isolation-unavailable');
    expect(await refused({ args: [] })).to.equal('invalid-spec');
    expect(await refused({ network: { kind: 'tenant', publish: [] } })).to.equal('unsupported');
    expect(await refused({ mounts: [{ source: '/tmp', destination: '/x', isReadOnly: true }] })).to.equal(
      'unsupported',
    );
    expect(await codeOf(driver.start('nobody'))).to.equal('unknown-container');
    const { runtime, facts } = await driver.probe();
    expect(runtime?.name).to.equal('node');
    expect(facts.map(({ name }) => name)).to.deep.equal(['confinement', 'shares of a processor']);
  });
});

// Goal: every driver keeps the promises of the port. Method: one suite, run against real containers of each driver; what a host
// must not keep of them is counted by the driver's own harness.
import { expect } from 'chai';
import type { ContainerSpec, IsolationClass } from '../../../src/protocols/shared/containers.ts';
import { type ContainerDriver, ContainerError, type LogEntry } from '../../../src/runtime/ports/container-driver.ts';

/** What a driver says of itself that it cannot tell or do. It is held to saying so. */
export type Lack =
  | 'streams' // both are told as one
  | 'exit-usage' // nobody measures it at its end
  | 'pids-limit' // nobody tells that it was met
  | 'exec-timeout' // nobody can end a command
  | 'freeze'
  | 'log-bound'; // whoever keeps the logs bounds them

export interface DriverHarness {
  readonly lacks?: ReadonlySet<Lack>;
  readonly isolationClass: IsolationClass;
  /** A driver over the same state, as a process that starts anew has it. */
  open(): Promise<ContainerDriver>;
  /** A specification of a container that runs a shell script. */
  shell(script: string): ContainerSpec;
  /** What the host holds of containers: mounts, control groups, namespaces, processes, files. */
  count(): Readonly<Record<string, number>>;
  dispose(): Promise<void>;
}

const mebibyte = 1024 * 1024;
const execLimits = { env: [], cwd: null, timeoutMs: 20_000, outputBytesMax: 64 * 1024 };

async function entries(logs: AsyncIterable<LogEntry>): Promise<readonly LogEntry[]> {
  const all: LogEntry[] = [];
  for await (const entry of logs) all.push(entry);
  return all;
}

const lines = async (driver: ContainerDriver, id: string): Promise<readonly string[]> =>
  (await entries(driver.logs(id, { isFollowing: false, tail: null }))).map(({ text }) => text);

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (error) {
    if (error instanceof ContainerError) return error.code;
    throw error;
  }
}

export function describeDriver(title: string, makeHarness: () => Promise<DriverHarness>): void {
  describe(`containers under ${title}`, function () {
    this.timeout(120_000);
    let harness: DriverHarness;
    let driver: ContainerDriver;
    let before: Readonly<Record<string, number>>;

    beforeEach(async () => {
      harness = await makeHarness();
      before = harness.count();
      driver = await harness.open();
    });

    afterEach(async () => {
      for (const { id, phase } of await driver.list()) {
        if (phase !== 'exited') await driver.stop(id, { graceMs: 0, by: 'test' });
        await driver.remove(id);
      }
      await driver.close();
      expect(harness.count(), 'what is left on the host').to.deep.equal(before);
      await harness.dispose();
    });

    const lacks = (lack: Lack): boolean => harness.lacks?.has(lack) === true;

    const run = async (spec: ContainerSpec): Promise<string> => {
      await driver.create(spec);
      await driver.start(spec.id);
      return spec.id;
    };

    /** Its first line: what it does after that, it does now. */
    const running = async (spec: ContainerSpec): Promise<string> => {
      const id = await run(spec);
      const follow = new AbortController();
      for await (const entry of driver.logs(id, { isFollowing: true, tail: null, signal: follow.signal }))
        if (entry.text === 'here') break;
      return id;
    };

    const forever = 'echo here; while :; do sleep 1; done';

    it('runs a program to its end, and keeps its code and what it wrote', async () => {
      const id = await run(harness.shell('echo out; echo err >&2; exit 7'));
      expect((await driver.waited(id)).cause).to.deep.equal({ kind: 'exited', code: 7 });
      const all = await entries(driver.logs(id, { isFollowing: true, tail: null }));
      const error = lacks('streams') ? 'stdout err' : 'stderr err';
      expect(all.map(({ stream, text }) => `${stream} ${text}`)).to.have.members(['stdout out', error]);
      const [state] = await driver.list();
      expect(state?.phase).to.equal('exited');
      expect(state?.startedAt).to.be.a('number');
    });

    it('goes from created to running to exited, once', async () => {
      const spec = harness.shell(forever);
      await driver.create(spec);
      expect((await driver.list())[0]?.phase).to.equal('created');
      expect(await codeOf(driver.stats(spec.id))).to.equal('wrong-phase');
      await driver.start(spec.id);
      expect((await driver.list())[0]?.phase).to.equal('running');
      expect(await codeOf(driver.start(spec.id))).to.equal('wrong-phase');
      expect(await codeOf(driver.remove(spec.id))).to.equal('wrong-phase');
      const exit = await driver.stop(spec.id, { graceMs: 0, by: 'court' });
      expect(exit.cause).to.deep.equal({ kind: 'stopped', by: 'court' });
      expect(await driver.stop(spec.id, { graceMs: 0, by: 'another' })).to.deep.equal(exit);
      expect(await codeOf(driver.start(spec.id))).to.equal('wrong-phase');
    });

    it('asks a program to end before it ends it', async () => {
      const id = await running(harness.shell(`trap 'echo bye; exit 0' TERM; ${forever}`));
      const { cause, code } = await driver.stop(id, { graceMs: 30_000, by: 'operator' });
      expect(cause).to.deep.equal({ kind: 'stopped', by: 'operator' });
      expect(code).to.equal(0);
      expect(await lines(driver, id)).to.include('bye');
    });

    it('ends a program that does not listen', async () => {
      const id = await running(harness.shell(`trap '' TERM; ${forever}`));
      const { cause } = await driver.stop(id, { graceMs: 50, by: 'operator' });
      expect(cause).to.deep.equal({ kind: 'stopped', by: 'operator' });
    });

    it('says that its memory was not enough, whatever code its first process made of it', async () => {
      const id = await run(harness.shell('sh -c "a=x; while :; do a=\\$a\\$a; done"; exit 0'));
      const { cause, usage } = await driver.waited(id);
      expect(cause).to.deep.equal({ kind: 'oom' });
      if (lacks('exit-usage')) {
        expect(usage).to.equal(null);
        return;
      }
      expect(usage?.oomKills).to.be.greaterThan(0);
      expect(usage?.memoryPeakBytes).to.be.lessThanOrEqual(harness.shell('').limits.memoryBytes);
    });

    it('says that it wanted more processes than it may have', async () => {
      const { limits, ...spec } = harness.shell('i=0; while [ $i -lt 40 ]; do sleep 60 & i=$((i+1)); done; exit 1');
      const id = await run({ ...spec, limits: { ...limits, pidsMax: 8 } });
      expect((await driver.waited(id)).cause.kind).to.equal(lacks('pids-limit') ? 'exited' : 'pids-limit');
    });

    it('ends it when its time is over', async () => {
      const { limits, ...spec } = harness.shell(forever);
      const id = await run({ ...spec, limits: { ...limits, wallTimeMs: 300 } });
      expect((await driver.waited(id)).cause).to.deep.equal({ kind: 'timeout' });
    });

    it('says why a program could not be started', async () => {
      const spec = { ...harness.shell(''), args: ['/bin/nothing-here'] };
      await driver.create(spec);
      expect(await codeOf(driver.start(spec.id))).to.equal('start-failed');
      const { cause } = await driver.waited(spec.id);
      expect(cause).to.include({ kind: 'start-failed', reason: 'no-such-program' });
    });

    it('runs one more program in a container, under its confinement', async () => {
      const id = await running(harness.shell(forever));
      const result = await driver.exec(id, { ...execLimits, args: ['/bin/sh', '-c', 'id -u; echo no >&2; exit 4'] });
      expect(result.code).to.equal(4);
      expect(Buffer.from(result.stdout).toString()).to.equal('1000\n');
      expect(Buffer.from(result.stderr).toString()).to.equal('no\n');
      expect(await codeOf(driver.exec(id, { ...execLimits, args: ['/bin/nothing-here'] }))).to.equal('start-failed');
      const slow = driver.exec(id, { ...execLimits, args: ['/bin/sh', '-c', 'sleep 60'], timeoutMs: 300 });
      if (lacks('exec-timeout')) expect(await codeOf(slow)).to.equal('runtime-timeout');
      else expect((await slow).code).to.equal(137);
      const much = await driver.exec(id, {
        ...execLimits,
        args: ['/bin/sh', '-c', 'yes | head -c 100000'],
        outputBytesMax: 100,
      });
      expect([much.stdout.length, much.isTruncated]).to.deep.equal([100, true]);
    });

    it('counts what it uses, freezes it and lets it go on', async () => {
      const id = await running(harness.shell(forever));
      const usage = await driver.stats(id);
      expect(usage.memoryBytes).to.be.greaterThan(0);
      expect(usage.cpuMicroseconds).to.be.greaterThan(0);
      if (lacks('freeze')) {
        expect(await codeOf(driver.freeze(id))).to.equal('unsupported');
        return;
      }
      await driver.freeze(id);
      expect((await driver.list())[0]?.phase).to.equal('frozen');
      await driver.thaw(id);
      expect((await driver.list())[0]?.phase).to.equal('running');
      await driver.freeze(id);
      const { cause } = await driver.stop(id, { graceMs: 50, by: 'lease' });
      expect(cause).to.deep.equal({ kind: 'stopped', by: 'lease' });
    });

    it('gives its program no capability, no new privilege, no root to write to, and none of the host', async () => {
      const id = await run(
        harness.shell(
          [
            'exec 2> /dev/null',
            'grep -E "^(CapEff|CapPrm|CapBnd|CapAmb|NoNewPrivs|Seccomp):" /proc/self/status',
            'touch /file 2>/dev/null && echo wrote',
            'unshare -U true 2>/dev/null && echo namespaces',
            'mount -t tmpfs none /tmp 2>/dev/null && echo mounts',
            'mknod /tmp/device b 8 0 2>/dev/null && echo devices',
            'echo 1 > /proc/sys/kernel/panic && echo kernel',
            'ls /sys/class/net',
          ].join('; '),
        ),
      );
      await driver.waited(id);
      const stdout = (await entries(driver.logs(id, { isFollowing: false, tail: null }))).filter(
        ({ stream }) => stream === 'stdout',
      );
      const none = '0000000000000000';
      expect(stdout.map(({ text }) => text.replace(/\s+/g, ' '))).to.deep.equal([
        ...['CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((name) => `${name}: ${none}`),
        'NoNewPrivs: 1',
        'Seccomp: 2',
        'lo',
      ]);
    });

    it('keeps logs within their bound, the newest', async () => {
      const { limits, ...spec } = harness.shell('i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done');
      const id = await run({ ...spec, limits: { ...limits, logBytes: 64 * 1024 } });
      await driver.waited(id);
      const kept = await lines(driver, id);
      expect(kept.at(-1)).to.equal('line 4999');
      expect(kept.length).to.be.within(500, lacks('log-bound') ? 5000 : 2000);
      const [last, more] = await Promise.all([
        entries(driver.logs(id, { isFollowing: false, tail: 2 })),
        entries(driver.logs(id, { isFollowing: true, tail: 0 })),
      ]);
      expect([last.map(({ text }) => text), more]).to.deep.equal([['line 4998', 'line 4999'], []]);
    });

    it('finds what runs, and what ended meanwhile, when it is opened anew', async () => {
      const stays = await running(harness.shell(forever));
      const ends = await running(harness.shell('echo here; read -r word < /tmp/none || sleep 1; echo later; exit 5'));
      await driver.close();
      driver = await harness.open();
      const exit = await driver.waited(ends);
      expect(exit.cause).to.deep.equal({ kind: 'exited', code: 5 });
      expect(await lines(driver, ends)).to.include('later');
      expect((await driver.list()).find(({ id }) => id === stays)?.phase).to.equal('running');
      expect((await driver.exec(stays, { ...execLimits, args: ['/bin/true'] })).code).to.equal(0);
    });

    it('refuses what it cannot give', async () => {
      const spec = harness.shell('true');
      const other: IsolationClass = harness.isolationClass === 'pod' ? 'container' : 'pod';
      expect(await codeOf(driver.create({ ...spec, isolationClass: other }))).to.equal('isolation-unavailable');
      expect(await codeOf(driver.create({ ...spec, args: [] }))).to.equal('invalid-spec');
      expect(await codeOf(driver.create({ ...spec, id: '../x' }))).to.equal('invalid-spec');
      expect(await codeOf(driver.create({ ...spec, limits: { ...spec.limits, memoryBytes: mebibyte } }))).to.equal(
        'invalid-spec',
      );
      expect(await codeOf(driver.start('nobody'))).to.equal('unknown-container');
      await driver.create(spec);
      expect(await codeOf(driver.create(spec))).to.equal('id-taken');
    });
  });
}

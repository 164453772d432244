/** Supervision with real child processes: order by readiness, restarts, a clear failure, a graceful and bounded end. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createLauncher, type Launcher } from '../../src/runtime/launcher.ts';
import type { ProcessEvent, ProcessPlan } from '../../src/runtime/launcher-process.ts';

const say = (node: string): string =>
  `process.send({ type: 'ready', node: '${node}', addresses: { link: '127.0.0.1:1' } });`;
const stayUntilTerminated = `const alive = setInterval(() => {}, 1000);
  process.on('SIGTERM', () => { clearInterval(alive); process.disconnect(); });`;
const endWithLauncher = `process.on('disconnect', () => process.exit(0));`;
const healthy = (node: string): string => `${stayUntilTerminated} ${say(node)}`;

describe('the launcher', () => {
  let directory: string;
  let launcher: Launcher | null = null;
  let events: ProcessEvent[] = [];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpci-launcher-'));
    events = [];
  });
  afterEach(async () => {
    launcher?.kill();
    await launcher?.stop();
    launcher = null;
    rmSync(directory, { recursive: true, force: true });
  });

  const plan = (name: string, script: string, rest: Partial<ProcessPlan> = {}): ProcessPlan => ({
    name,
    nodes: [name],
    after: [],
    command: process.execPath,
    commandArguments: ['-e', script],
    environment: process.env,
    outputFile: join(directory, `${name}.log`),
    restart: { max: 2, withinMs: 60_000 },
    backoffMs: 1,
    backoffMaxMs: 4,
    stopTimeoutMs: 15_000,
    ...rest,
  });
  const launch = (plans: readonly ProcessPlan[]): Launcher => {
    launcher = createLauncher(plans);
    launcher.onEvent((event) => events.push(event));
    launcher.start();
    return launcher;
  };
  const until = (type: ProcessEvent['type'], process: string): Promise<ProcessEvent> =>
    new Promise((resolve) => {
      launcher?.onEvent((event) => {
        if (event.type === type && event.process === process) resolve(event);
      });
    });
  const typesOf = (process: string): readonly string[] =>
    events.filter((event) => event.process === process).map((event) => event.type);
  const indexOf = (type: ProcessEvent['type'], process: string): number =>
    events.findIndex((event) => event.type === type && event.process === process);

  it('starts what waits for nobody at once, and the rest when what it waits for is ready', async () => {
    const running = launch([
      plan('court', healthy('court'), { after: ['a', 'b'] }),
      plan('a', healthy('a')),
      plan('b', healthy('b')),
    ]);
    expect(running.status().map(({ state }) => state)).to.deep.equal(['waiting', 'starting', 'starting']);
    expect(await running.settled).to.equal(true);
    expect(indexOf('starting', 'court')).to.be.greaterThan(indexOf('ready', 'a'));
    expect(indexOf('starting', 'court')).to.be.greaterThan(indexOf('ready', 'b'));
    expect(running.status()[1]?.nodes[0]?.addresses?.link).to.equal('127.0.0.1:1');
  });

  it('takes a process for ready when every one of its nodes is', async () => {
    const running = launch([plan('two', `${stayUntilTerminated} ${say('x')} ${say('y')}`, { nodes: ['x', 'y'] })]);
    expect(await running.settled).to.equal(true);
    expect(indexOf('ready', 'two')).to.be.greaterThan(events.findLastIndex((event) => event.type === 'node-ready'));
  });

  it('starts a crashed process again, with a growing delay, and declares it failed past the restart intensity', async () => {
    const running = launch([
      plan('weak', `console.error('out of luck'); process.exit(3);`),
      plan('strong', healthy('strong')),
    ]);
    expect(await running.settled).to.equal(false);
    const delays = events.flatMap((event) => (event.type === 'restarting' ? [event.inMs] : []));
    expect(delays).to.deep.equal([1, 2]);
    expect(typesOf('weak').filter((type) => type === 'starting')).to.have.length(3);
    const failed = events.find((event) => event.type === 'failed');
    expect(failed?.type === 'failed' ? failed.cause : '').to.equal(
      'it exited with code 3; it died 3 times within 60 s',
    );
    expect(failed?.type === 'failed' ? failed.output : []).to.deep.equal(['out of luck', 'out of luck', 'out of luck']);
    expect(running.status().map(({ state }) => state)).to.deep.equal(['failed', 'ready']);
  });

  it('does not repeat a start that can only fail again', async () => {
    const script = `process.send({ type: 'failed', node: 'n', message: 'a foreign data directory', permanent: true }, () => process.exit(1));`;
    const running = launch([plan('n', script)]);
    await running.allFailed;
    expect(typesOf('n')).to.deep.equal(['starting', 'crashed', 'failed']);
    expect(running.status()[0]?.lastFailure).to.equal('n: a foreign data directory');
  });

  it('does not start what waits for a failed process', async () => {
    const running = launch([
      plan('base', 'process.exit(1)', { restart: { max: 0, withinMs: 1000 } }),
      plan('top', healthy('top'), { after: ['base'] }),
    ]);
    expect(await running.settled).to.equal(false);
    expect(running.status().map(({ state }) => state)).to.deep.equal(['failed', 'waiting']);
    await running.allFailed;
  });

  it('reports a program that does not exist', async () => {
    const running = launch([
      plan('n', '', { command: join(directory, 'absent'), restart: { max: 0, withinMs: 1000 } }),
    ]);
    await running.allFailed;
    expect(running.status()[0]?.lastFailure).to.match(/could not be started: .*ENOENT/);
  });

  it('brings a process that is killed back to ready', async () => {
    const running = launch([plan('n', healthy('n'))]);
    await running.settled;
    const again = until('ready', 'n');
    const first = running.status()[0]?.pid ?? 0;
    process.kill(first, 'SIGKILL');
    await again;
    const [status] = running.status();
    expect(status?.state).to.equal('ready');
    expect(status?.restarts).to.equal(1);
    expect(status?.pid).to.not.equal(first);
    expect(status?.lastFailure).to.equal('it was ended by SIGKILL');
  });

  it('stops dependents before what they depend on, gracefully', async () => {
    const running = launch([plan('base', healthy('base')), plan('top', healthy('top'), { after: ['base'] })]);
    await running.settled;
    await running.stop();
    expect(events.slice(-4).map((event) => `${event.type} ${event.process}`)).to.deep.equal([
      'stopping top',
      'stopped top',
      'stopping base',
      'stopped base',
    ]);
    expect(running.status().map(({ state, pid }) => [state, pid])).to.deep.equal([
      ['stopped', null],
      ['stopped', null],
    ]);
  });

  it('kills a process that does not stop within its bound', async () => {
    const deaf = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); ${endWithLauncher} ${say('deaf')}`;
    const running = launch([plan('deaf', deaf, { stopTimeoutMs: 50 })]);
    await running.settled;
    await running.stop();
    expect(typesOf('deaf').slice(-3)).to.deep.equal(['stopping', 'killed', 'stopped']);
  });

  it('starts nothing more once it is stopping', async () => {
    const running = launch([
      plan('weak', 'process.exit(1)', { backoffMs: 60_000, backoffMaxMs: 60_000 }),
      plan('n', healthy('n')),
    ]);
    await until('restarting', 'weak');
    await running.stop();
    expect(typesOf('weak').filter((type) => type === 'starting')).to.have.length(1);
    expect(running.status()[0]?.state).to.equal('stopped');
  });
});

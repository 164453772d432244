/** Who supervises a data directory, and how other terminals reach it. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { askControl, askReport, type LauncherReport, serveControl } from '../../src/runtime/launcher-control.ts';
import type { ProcessEvent } from '../../src/runtime/launcher-process.ts';
import {
  claimDataDir,
  LauncherError,
  type LauncherState,
  processStart,
  readLauncherState,
  socketPathOf,
  stateFileOf,
} from '../../src/runtime/launcher-state.ts';
import { findPortOwner, findPortProblems } from '../../src/runtime/port-check.ts';

describe('the claim on a data directory', () => {
  let directory: string;
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'bpci-state-'))));
  afterEach(() => rmSync(directory, { recursive: true }));

  const state = (rest: Partial<LauncherState> = {}): LauncherState => ({
    pid: process.pid,
    processStart: processStart(process.pid),
    startedAt: 0,
    manifest: 'net.yaml',
    network: 'net',
    host: null,
    socket: join(directory, 'launcher.sock'),
    ...rest,
  });

  it('is refused to a second launcher, which learns who has it', () => {
    claimDataDir(directory, state());
    expect(() => claimDataDir(directory, state()))
      .to.throw(LauncherError, `process ${process.pid}`)
      .with.property('code', 'already-running');
  });

  it('can be taken again once it is released', () => {
    claimDataDir(directory, state())();
    expect(readLauncherState(directory, null)).to.equal(null);
    expect(() => claimDataDir(directory, state())).to.not.throw();
  });

  it('is stale when its process is gone', () => {
    // The highest process id is never given out by default limits.
    writeFileSync(stateFileOf(directory, null), JSON.stringify(state({ pid: 4_194_303, processStart: null })));
    expect(readLauncherState(directory, null)).to.equal(null);
    expect(() => claimDataDir(directory, state())).to.not.throw();
  });

  it('is stale when its process id now belongs to another process', function () {
    if (processStart(process.pid) === null) this.skip();
    writeFileSync(stateFileOf(directory, null), JSON.stringify(state({ processStart: '1' })));
    expect(readLauncherState(directory, null)).to.equal(null);
  });

  it('is one a host where several hosts share a directory', () => {
    claimDataDir(directory, state({ host: 'alpha' }));
    expect(() => claimDataDir(directory, state({ host: 'beta' }))).to.not.throw();
    expect(readLauncherState(directory, 'alpha')?.host).to.equal('alpha');
  });

  it('survives a torn file', () => {
    writeFileSync(stateFileOf(directory, null), '{"pid": 1');
    expect(() => claimDataDir(directory, state())).to.not.throw();
    expect(JSON.parse(readFileSync(stateFileOf(directory, null), 'utf8'))).to.deep.equal(state());
  });

  it('has its socket beside it, or in the temporary directory where that path is too long for a socket', () => {
    expect(socketPathOf(directory, null)).to.equal(join(directory, 'launcher.sock'));
    const deep = join(directory, 'x'.repeat(120));
    mkdirSync(deep);
    expect(socketPathOf(deep, null)).to.match(/^.{1,90}\/bpci-[0-9a-f]{24}\.sock$/);
    expect(socketPathOf(deep, null)).to.not.equal(socketPathOf(deep, 'alpha'));
  });
});

describe('the control socket', () => {
  let directory: string;
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'bpci-control-'))));
  afterEach(() => rmSync(directory, { recursive: true }));

  const report: LauncherReport = { network: 'net', manifest: 'net.yaml', pid: 1, startedAt: 0, processes: [] };

  it('answers with the report, only to the owner', async () => {
    const path = join(directory, 's.sock');
    const server = await serveControl(path, {
      report: () => report,
      onEvent: () => () => undefined,
      requestStop: () => undefined,
    });
    expect(await askReport(path)).to.deep.equal(report);
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    await server.close();
  });

  it('streams events to who asked for the end, until the end', async () => {
    const path = join(directory, 's.sock');
    const listeners = new Set<(event: ProcessEvent) => void>();
    const server = await serveControl(path, {
      report: () => report,
      onEvent: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      requestStop: () => {
        for (const listener of listeners) listener({ type: 'stopped', process: 'a' });
        void server.close();
      },
    });
    const lines: unknown[] = [];
    for await (const line of askControl(path, { command: 'stop' })) lines.push(line);
    expect(lines).to.deep.equal([{ type: 'stopped', process: 'a' }]);
  });

  it('that nobody serves is an error with a code', async () => {
    try {
      await askReport(join(directory, 'absent.sock'));
      expect.fail('an absent launcher answered');
    } catch (error) {
      expect(error).to.be.instanceOf(LauncherError).with.property('code', 'no-answer');
    }
  });
});

describe('ports in use', () => {
  it('are found before the start, with the process that holds them', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const problems = await findPortProblems([
      { host: '127.0.0.1', port, purpose: 'validator-1 link' },
      { host: '203.0.113.1', port: 1024, purpose: 'validator-2 link' },
    ]);
    const owner = findPortOwner(port);
    await new Promise((resolve) => server.close(resolve));
    expect(problems.map(({ reason }) => reason)).to.deep.equal(['in-use', 'not-this-machine']);
    expect(problems[0]?.message).to.include(`127.0.0.1:${port} for validator-1 link is in use by`);
    // Where /proc names it.
    if (owner !== null) expect(owner.pid).to.equal(process.pid);
    expect(await findPortProblems([{ host: '127.0.0.1', port, purpose: 'x' }])).to.deep.equal([]);
  });
});

/**
 * Goal: a command whose reader goes away ends without a complaint, and one whose output is lost says so. Method: the
 * real commands in child processes, their standard output a pipe that nobody reads or a device that is full.
 */
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { logFileOf } from '../../src/runtime/adapters/telemetry-log.ts';
import { networkDirectory } from '../../src/runtime/network-directory.ts';
import { buildPackage } from '../support/built-package.ts';

const entryOf = (command: string): string => resolve(`dist/cli/${command}.js`);

interface Ending {
  readonly code: number | null;
  readonly complaints: string;
}

/** Runs a command with its output closed at once, before it can have written; `whileRunning` is called until it ends. */
async function withoutReader(
  [command = '', ...args]: readonly string[],
  cwd: string,
  whileRunning: () => void = () => undefined,
): Promise<Ending> {
  const child = spawn(process.execPath, [entryOf(command), ...args], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: cwd, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
  const ended = new Promise<number | null>((done) => child.once('close', done));
  while (child.exitCode === null && child.signalCode === null) {
    whileRunning();
    await delay(20);
  }
  return { code: await ended, complaints };
}

describe('the output of commands', function () {
  this.timeout(60_000);
  let directory: string;
  before(async () => {
    await buildPackage();
    directory = mkdtempSync(join(tmpdir(), 'bpci-output-'));
    writeFileSync(
      join(directory, 'net.yaml'),
      `apiVersion: bpci/v1
kind: Network
metadata: { name: tiny }
spec:
  chain: { profile: devnet }
  defaults: { dataDir: data }
  nodes: [{ name: validator, roles: [validator], ports: { link: 1 } }]
`,
    );
  });
  after(() => rmSync(directory, { recursive: true }));

  const commands = [
    ['mainnet', '--help'],
    ['mainnet', 'config', 'print', 'net.yaml'],
    ['mainnet', 'completion', 'bash'],
  ];
  for (const command of commands) {
    it(`ends quietly where nobody reads it: ${command.join(' ')}`, async () => {
      expect(await withoutReader(command, directory)).to.deep.equal({ code: 0, complaints: '' });
    });
  }

  it('ends a command that would follow for ever, at its next line', async () => {
    const file = logFileOf(networkDirectory(join(directory, 'data')).node('validator').root, 'validator');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, '');
    const line = `${JSON.stringify({ time: 0, level: 'info', message: 'still there' })}\n`;
    const command = ['mainnet', 'logs', '-m', 'net.yaml', '--follow'];
    const ending = await withoutReader(command, directory, () => appendFileSync(file, line));
    expect(ending).to.deep.equal({ code: 0, complaints: '' });
  });

  it('is a failure where it is lost on the way to a full disk', async function () {
    if (!existsSync('/dev/full')) {
      console.log('      skipped: /dev/full is missing');
      this.skip();
    }
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [entryOf('mainnet'), 'config', 'print', 'net.yaml'], {
      cwd: directory,
      env: { PATH: process.env['PATH'], HOME: directory, NO_COLOR: '1' },
      stdio: ['ignore', full, 'pipe'],
    });
    let complaints = '';
    child.stderr?.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
    const code = await new Promise((done) => child.once('close', done));
    closeSync(full);
    expect(complaints).to.match(/^error: the output could not be written: ENOSPC/);
    expect(code).to.equal(1);
  });
});

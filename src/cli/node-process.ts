/**
 * Entry point of a child process: `node node-process.js FILE`, FILE being the JSON of a list of configurations of nodes and services. Run by
 * the launcher, or by hand and by init systems. Stops on SIGTERM, and when the launcher that started it is gone.
 */
import { readFileSync } from 'node:fs';
import { CodedError } from '../protocols/shared/errors.ts';
import { startAudited } from '../runtime/audited-host.ts';
import { describeFailure, type HostMessage, hostNodes } from '../runtime/node-host.ts';
import type { HostedConfig } from '../runtime/service-config.ts';

const exitCodes = { usage: 2, crashed: 70 } as const;

function send(message: HostMessage): void {
  if (message.type === 'failed') process.stderr.write(`${message.node}: ${message.message}\n`);
  else if (process.send === undefined) process.stdout.write(`${message.node} is ready\n`);
  if (process.connected) process.send?.(message);
}

/** Ends the process once what was sent to the launcher has left. */
function exit(code: number): void {
  process.exitCode = code;
  if (!process.connected || process.send === undefined) process.exit(code);
  process.send({ type: 'exiting' }, () => process.exit(code));
}

/** An error without a code is a mistake of ours: its stack is what a report of it needs. */
function writeStack(cause: unknown): void {
  if (cause instanceof Error && !(cause instanceof CodedError)) process.stderr.write(`${cause.stack ?? ''}\n`);
}

function crash(cause: unknown): void {
  writeStack(cause);
  send({ type: 'failed', node: 'process', message: `unexpected error: ${describeFailure(cause)}`, permanent: false });
  exit(exitCodes.crashed);
}

function readConfigs(): readonly HostedConfig[] | null {
  const file = process.argv[2];
  if (file === undefined) {
    process.stderr.write('usage: node-process FILE, a JSON list of node configurations\n');
    return null;
  }
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as readonly HostedConfig[];
  } catch (cause) {
    send({
      type: 'failed',
      node: 'process',
      message: `cannot read ${file}: ${describeFailure(cause)}`,
      permanent: true,
    });
    return null;
  }
}

process.on('uncaughtException', crash);
process.on('unhandledRejection', crash);

const configs = readConfigs();
if (configs === null) exit(exitCodes.usage);
else {
  const host = hostNodes(configs, startAudited, send, writeStack);
  process.on('SIGTERM', () => host.stop());
  // A terminal sends Ctrl-C to the launcher's whole group; the launcher then stops its children in order.
  process.on('SIGINT', () => {
    if (!process.connected) host.stop();
  });
  process.on('disconnect', () => host.stop());
  void host.ended.then(exit, crash);
}

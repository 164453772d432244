/** `docklock deploy|ps|logs|stats|exec|stop|rm|status`. */
import { type Command, InvalidArgumentError } from 'commander';
import type { ContainerExit, IsolationClass, ResourceUsage } from '../../protocols/shared/containers.ts';
import type { ContainerView, DocklockStatus } from '../../runtime/ports/docklock-api.ts';
import { exitCodes, formatTable } from '../terminal.ts';
import { clientOf, type DocklockContext, formatBytes, print } from './command-context.ts';

interface DeployFlags {
  readonly image: string;
  readonly tenant: string;
  readonly cpu: number;
  readonly memory: number;
  readonly pids: number;
  readonly disk?: number;
  readonly time?: number;
  readonly port: readonly number[];
  readonly env: readonly string[];
  readonly isolation: IsolationClass;
  readonly driver?: string;
}

const byteUnits: Readonly<Record<string, number>> = {
  '': 1,
  k: 1000,
  ki: 1024,
  m: 1e6,
  mi: 1024 ** 2,
  g: 1e9,
  gi: 1024 ** 3,
};
const secondUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `64Mi` */
function bytes(text: string): number {
  const [, digits = '', unit = ''] = /^([0-9]+)([a-zA-Z]*)$/.exec(text) ?? [];
  const factor = byteUnits[unit.toLowerCase().replace(/b$/, '')];
  if (digits === '' || factor === undefined) throw new InvalidArgumentError('A size such as 64Mi is needed.');
  return Number(digits) * factor;
}

/** `30s` */
function milliseconds(text: string): number {
  const [, digits = '', unit = ''] = /^([0-9]+)(ms|s|m|h)$/.exec(text) ?? [];
  const factor = secondUnits[unit];
  if (digits === '' || factor === undefined) throw new InvalidArgumentError('A time such as 30s is needed.');
  return Number(digits) * factor;
}

function millis(text: string): number {
  const value = Math.round(Number(text) * 1000);
  if (!(value >= 10)) throw new InvalidArgumentError('Processors such as 0.5 are needed, at least 0.01.');
  return value;
}

const whole =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`A whole number from ${min} to ${max}.`);
  };

const gathered =
  <T>(parse: (text: string) => T) =>
  (text: string, before: readonly T[]): readonly T[] => [...before, parse(text)];

function causeText({ cause }: ContainerExit): string {
  switch (cause.kind) {
    case 'exited':
      return `exited(${cause.code})`;
    case 'stopped':
      return `stopped by ${/^[0-9a-f]{64}$/.test(cause.by) ? cause.by.slice(0, 12) : cause.by}`;
    case 'start-failed':
      return `start-failed: ${cause.detail}`;
    default:
      return cause.kind;
  }
}

const stateText = ({ phase, exit }: ContainerView): string => (exit === null ? phase : causeText(exit));

const addresses = ({ published }: ContainerView): string =>
  published.map(({ hostPort, containerPort }) => `127.0.0.1:${hostPort}->${containerPort}`).join(' ');

function deployedLines(view: ContainerView): readonly string[] {
  const reached = addresses(view);
  return [
    `${view.id}  ${stateText(view)}  ${view.driver} (${view.isolationClass})`,
    `image  ${view.imageDigest ?? view.image}`,
    ...(reached === '' ? [] : [`reached  ${reached}`]),
  ];
}

function registerDeploy(program: Command, context: DocklockContext): void {
  program
    .command('deploy')
    .description('Run an image; exit code 0 only where its program was started')
    .argument('<id>', 'what to call the container')
    .argument('[command...]', 'in the place of the image’s, after --')
    .requiredOption('--image <reference>', 'name@sha256:…, sha256:… or a name')
    .option('--tenant <name>', 'whose it is', 'operator')
    .option('--cpu <processors>', 'at most, as 0.5', millis, 1000)
    .option('--memory <size>', 'at most, as 64Mi', bytes, 128 * 1024 * 1024)
    .option('--pids <count>', 'processes at most', whole(1, 1_048_576), 128)
    .option('--disk <size>', 'of files that it writes, at most', bytes)
    .option('--time <duration>', 'after which it is ended, as 30s', milliseconds)
    .option(
      '--port <port>',
      'that it listens on, to be reached from this machine; may be given again',
      gathered(whole(1, 65_535)),
      [],
    )
    .option('--env <name=value>', 'may be given again', gathered(String), [])
    .option('--isolation <class>', 'never a weaker one', 'container')
    .option('--driver <name>', 'crun, runc, …')
    .action(async (id: string, command: readonly string[], flags: DeployFlags) => {
      const client = await clientOf(context);
      const view = await client.deploy({
        ...{ id, tenant: flags.tenant, image: flags.image, args: command.length === 0 ? null : command },
        ...{ env: flags.env, cpuMillis: flags.cpu, memoryBytes: flags.memory, pidsMax: flags.pids, ports: flags.port },
        ...{ diskBytes: flags.disk ?? null, wallTimeMs: flags.time ?? null },
        ...{ isolationClass: flags.isolation, driver: flags.driver ?? null },
      });
      print(context, view, deployedLines);
      if (view.exit?.cause.kind === 'start-failed') process.exitCode = exitCodes.failed;
    });
}

function registerList(program: Command, context: DocklockContext): void {
  program
    .command('ps')
    .description('List the containers')
    .action(async () => {
      const all = await (await clientOf(context)).containers();
      print(context, all, (views) =>
        views.length === 0
          ? ['no containers']
          : formatTable([
              ['ID', 'TENANT', 'IMAGE', 'STATE', 'DRIVER', 'DEPLOYED', 'REACHED'],
              ...views.map((view) => [
                ...[view.id, view.tenant, view.image, stateText(view), view.driver],
                ...[new Date(view.deployedAt).toISOString().slice(0, 19), addresses(view)],
              ]),
            ]),
      );
    });
  program
    .command('status')
    .description('What this machine can run, and what runs')
    .action(async () => {
      print(context, await (await clientOf(context)).status(), statusLines);
    });
}

const statusLines = ({ containers, running, drivers, problem }: DocklockStatus): readonly string[] => [
  `${running} of ${containers} containers run`,
  ...(problem === null ? [] : [problem]),
  ...drivers.flatMap(({ name, isolationClass, runtime, facts }) => [
    `${name}  ${runtime?.version ?? ''}  isolation class ${isolationClass}`,
    ...facts.map((fact) => `  ${fact.name}: ${fact.value}`),
  ]),
];

function registerLogs(program: Command, context: DocklockContext): void {
  program
    .command('logs')
    .description('Print what a container wrote')
    .argument('<id>', 'the container')
    .option('-f, --follow', 'go on until it ends')
    .option('--tail <count>', 'the newest lines only', whole(0, 100_000))
    .action(async (id: string, { follow, tail }: { readonly follow?: true; readonly tail?: number }) => {
      const entries = (await clientOf(context)).logs(id, { isFollowing: follow === true, tail: tail ?? null });
      for await (const entry of entries) {
        if (context.wantsJson()) process.stdout.write(`${JSON.stringify(entry)}\n`);
        else (entry.stream === 'stdout' ? process.stdout : process.stderr).write(`${entry.text}\n`);
      }
    });
}

const usageLines = (usage: ResourceUsage): readonly string[] => [
  `processor   ${(usage.cpuMicroseconds / 1e6).toFixed(3)} s`,
  `memory      ${formatBytes(usage.memoryBytes)}, at most ${formatBytes(usage.memoryPeakBytes)}`,
  `processes   ${usage.pids}`,
  `killed      ${usage.oomKills} for want of memory`,
  `refused     ${usage.pidsRefused} for the limit of processes`,
];

function registerOne(program: Command, context: DocklockContext): void {
  program
    .command('stats')
    .description('What a running container uses')
    .argument('<id>', 'the container')
    .action(async (id: string) => print(context, await (await clientOf(context)).stats(id), usageLines));
  program
    .command('exec')
    .description('Run one more program in a container; its exit code is this command’s')
    .argument('<id>', 'the container')
    .argument('<command...>', 'the program and its arguments, after --')
    .option('--time <duration>', 'after which it is ended', milliseconds, 60_000)
    .action(async (id: string, command: readonly string[], { time }: { readonly time: number }) => {
      const { code, stdout, stderr, isTruncated } = await (await clientOf(context)).exec(id, command, time);
      process.stdout.write(stdout);
      process.stderr.write(stderr);
      if (isTruncated) context.terminal.err('(the rest of the output was dropped)');
      process.exitCode = code;
    });
  program
    .command('stop')
    .description('Ask a container to end, and end it after the grace')
    .argument('<id>', 'the container')
    .option('--grace <duration>', 'between the two', milliseconds, 10_000)
    .action(async (id: string, { grace }: { readonly grace: number }) => {
      print(context, await (await clientOf(context)).stop(id, grace), (view) => [`${view.id}  ${stateText(view)}`]);
    });
  program
    .command('rm')
    .description('Forget a container that has ended')
    .argument('<id>', 'the container')
    .action(async (id: string) => {
      await (await clientOf(context)).remove(id);
      print(context, { removed: id }, ({ removed }) => [`removed ${removed}`]);
    });
}

export function registerContainers(program: Command, context: DocklockContext): void {
  for (const register of [registerDeploy, registerList, registerLogs, registerOne]) register(program, context);
}

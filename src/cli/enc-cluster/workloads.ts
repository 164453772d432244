/** `enc-cluster list|run|workloads|why|stop|receipts|proof|drain`. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parse, YAMLParseError } from 'yaml';
import type { ClusterStanding } from '../../actors/enc/messages.ts';
import type { AdmissionStep } from '../../protocols/enc/admission.ts';
import type { Execution } from '../../protocols/enc/life.ts';
import type { Unfit } from '../../protocols/enc/placement.ts';
import { CommandError, exitCodes, formatTable, type Terminal } from '../terminal.ts';
import { ask, type EncContext, print } from './command-context.ts';

interface WorkloadAnswer {
  readonly id: string;
  readonly name: string;
  readonly kind: 'job' | 'service';
  readonly tenant: string;
  readonly wanted: string;
  readonly doing: string;
  readonly cluster: string | null;
  readonly executions: readonly Execution[];
}

interface WhyAnswer {
  readonly doing: string;
  readonly steps: readonly AdmissionStep[];
  readonly unfit: readonly Unfit[];
  readonly held: { readonly id: string; readonly cluster: string } | null;
  readonly stops: readonly { readonly epoch: number; readonly by: string; readonly reason: string }[];
}

const pollMs = 250;
const path = (id: string, rest = ''): string => `/v1/workloads/${encodeURIComponent(id)}${rest}`;

/** A workload as JSON or YAML; without a salt it gets one. */
function readManifest(file: string): Readonly<Record<string, unknown>> {
  let json: unknown;
  try {
    json = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof YAMLParseError) throw new CommandError('failed', `${file}: ${error.message}`, [], error);
    throw new CommandError('failed', `${file} cannot be read`, [], error);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new CommandError('failed', `${file} holds no workload: docs/formats/workload.schema.json`, []);
  return { salt: randomBytes(32).toString('hex'), ...json };
}

const stepLine = (terminal: Terminal, { step, outcome, detail }: AdmissionStep): string =>
  `${step.padEnd(10)} ${terminal.paint(outcome === 'passed' ? 'green' : outcome === 'held' ? 'yellow' : 'red', outcome.padEnd(8))} ${detail}`;

const whyLines = (terminal: Terminal, { doing, steps, unfit, held, stops }: WhyAnswer): readonly string[] => [
  ...steps.map((step) => stepLine(terminal, step)),
  ...unfit.map(({ cluster, reasons }) => `not ${cluster.padEnd(16)} ${reasons.join(', ')}`),
  ...(held === null ? [] : [`held       decision ${held.id}: traffic-light quarantine list`]),
  ...stops.map(({ epoch, by, reason }) => `stopped    lease ${epoch}, by ${by}: ${reason}`),
  `now        ${doing}`,
];

export function registerWorkloads(program: Command, context: EncContext): void {
  const { terminal } = context;
  program
    .command('list')
    .description('The clusters: state on chain, what is left')
    .action(async () => {
      const answer = (await ask(context, '/v1/clusters')) as { readonly clusters: readonly ClusterStanding[] };
      print(context, answer, ({ clusters }) =>
        formatTable([
          ['cluster', 'state', 'region', 'country', 'runtime', 'leases', 'free cpu', 'free memory', 'batches'],
          ...clusters.map(({ id, state, region, country, runtime, isReachable, held, free, batches }) => [
            ...[id, state, region, country, isReachable ? runtime : 'unreachable', String(held)],
            ...[`${free['cpuMillis'] ?? 0}m`, `${free['memoryMiB'] ?? 0} MiB`, String(batches)],
          ]),
        ]),
      );
    });
  program
    .command('run')
    .description('Submit a workload and print each step until it runs (a job: until it has ended)')
    .argument('<file>', 'YAML or JSON: docs/formats/workload.schema.json')
    .option('--detach', 'do not wait')
    .action(async (file: string, { detach }: { readonly detach?: true }) => {
      const submitted = (await ask(context, '/v1/workloads', readManifest(file))) as WorkloadAnswer;
      if (detach === true) print(context, submitted, ({ id }) => [id]);
      else await follow(context, submitted);
    });
  program
    .command('workloads')
    .description('The workloads of this operator')
    .action(async () => {
      const answer = (await ask(context, '/v1/workloads')) as { readonly workloads: readonly WorkloadAnswer[] };
      print(context, answer, ({ workloads }) =>
        formatTable([
          ['workload', 'name', 'kind', 'tenant', 'wanted', 'cluster', 'now'],
          ...workloads.map(({ id, name, kind, tenant, wanted, cluster, doing }) => [
            ...[id.slice(0, 16), name, kind, tenant, wanted, cluster ?? '-', doing],
          ]),
        ]),
      );
    });
  program
    .command('why')
    .description('Why a workload is where it is, or nowhere')
    .argument('<workload>', 'its id, or the beginning of it')
    .action(async (prefix: string) => {
      const why = (await ask(context, path(await idOf(context, prefix), '/why'))) as WhyAnswer;
      print(context, why, (answer) => whyLines(terminal, answer));
    });
  program
    .command('stop')
    .description('Stop a workload for good')
    .argument('<workload>', 'its id, or the beginning of it')
    .action(async (prefix: string) => {
      const stopped = (await ask(context, path(await idOf(context, prefix), '/stop'), {})) as WorkloadAnswer;
      print(context, stopped, ({ id, wanted }) => [`${id} ${wanted}`]);
    });
  registerReceipts(program, context);
  program
    .command('drain')
    .description('Empty a cluster: its workloads go elsewhere')
    .argument('<cluster>', 'its name')
    .option('--over', 'let it take workloads again')
    .action(async (cluster: string, { over }: { readonly over?: true }) => {
      const answer = await ask(context, '/v1/drain', { cluster, isOver: over === true });
      print(context, answer, () => [`${cluster} ${over === true ? 'takes workloads again' : 'is being emptied'}`]);
    });
}

function registerReceipts(program: Command, context: EncContext): void {
  program
    .command('receipts')
    .description('Receipts of a workload’s executions, as JSON')
    .argument('<workload>', 'its id, or the beginning of it')
    .action(async (prefix: string) => {
      context.terminal.json(await ask(context, path(await idOf(context, prefix), '/receipts')));
    });
  program
    .command('proof')
    .description('The proof of a receipt, for bpci verify')
    .argument('<workload>', 'its id, or the beginning of it')
    .option('--index <number>', 'which receipt, from 0', '0')
    .action(async (prefix: string, { index }: { readonly index: string }) => {
      const id = await idOf(context, prefix);
      context.terminal.json(await ask(context, path(id, `/receipts/proof?index=${encodeURIComponent(index)}`)));
    });
}

async function idOf(context: EncContext, prefix: string): Promise<string> {
  if (/^[0-9a-f]{64}$/.test(prefix)) return prefix;
  const { workloads } = (await ask(context, '/v1/workloads')) as { readonly workloads: readonly WorkloadAnswer[] };
  const found = workloads.filter(({ id, name }) => id.startsWith(prefix) || name === prefix);
  if (found.length === 1 && found[0] !== undefined) return found[0].id;
  const problem = found.length === 0 ? `there is no workload ${prefix}` : `${prefix} is ${found.length} workloads`;
  throw new CommandError('failed', problem, ['enc-cluster workloads lists them']);
}

/** Prints what is new until the workload is where it was asked to be, or somebody said no. */
async function follow(context: EncContext, { id, kind }: WorkloadAnswer): Promise<void> {
  const { terminal, options } = context;
  const isQuiet = options().json === true;
  if (!isQuiet) terminal.out(`workload   ${id}`);
  let printed = '';
  for (;;) {
    const [workload, why] = (await Promise.all([ask(context, path(id)), ask(context, path(id, '/why'))])) as [
      WorkloadAnswer,
      WhyAnswer,
    ];
    const lines = whyLines(terminal, why);
    if (!isQuiet && lines.join() !== printed) {
      const seen = new Set(printed.split('\n'));
      for (const line of lines) if (!seen.has(line)) terminal.out(line);
    }
    printed = lines.join('\n');
    const isRunning = why.doing === 'running' && kind === 'service';
    const isRefused = why.steps.some(({ outcome }) => outcome !== 'passed');
    if (!isRunning && !isRefused && workload.wanted === 'running') {
      await new Promise((resolve) => setTimeout(resolve, pollMs));
      continue;
    }
    if (isQuiet) terminal.json({ ...workload, why });
    if (isRefused) process.exitCode = exitCodes.failed;
    return;
  }
}

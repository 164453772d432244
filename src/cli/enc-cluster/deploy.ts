/** `enc-cluster deploy`: runs an operator's clusters in the foreground against a running network. */
import { arch, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { ChainClient } from '../../client/chain-client.ts';
import { clusterOptions } from '../../runtime/cluster-options.ts';
import { readGenesis } from '../bpci/verify-commands.ts';
import { CommandError } from '../terminal.ts';
import type { EncContext } from './command-context.ts';

interface DeployFlags {
  readonly clusterCount: number;
  readonly bpciEndpoint: string;
  readonly trafficLightEndpoint: string;
  readonly bisoEndpoint: string;
  readonly courtEndpoint: string;
  readonly docklockEndpoint: string;
  readonly clusterPorts: readonly number[];
  readonly autoRegister: boolean;
  readonly countries: readonly string[];
  readonly dataDir: string;
  readonly genesis?: string;
}

const countOf = (text: string): number => {
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && value >= 1 && value <= 64) return value;
  throw new InvalidArgumentError('A whole number from 1 to 64.');
};
const portsOf = (text: string): readonly number[] =>
  text.split(',').map((each) => {
    const port = Number(each.trim());
    if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
    throw new InvalidArgumentError('Ports, separated by commas.');
  });
const flagOf = (text: string): boolean => {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new InvalidArgumentError('true or false.');
};
const countriesOf = (text: string): readonly string[] => {
  const all = text.split(',').map((each) => each.trim());
  if (all.every((each) => /^[A-Z]{2}$/.test(each))) return all;
  throw new InvalidArgumentError('ISO 3166-1 codes, separated by commas.');
};

export function registerDeploy(program: Command, context: EncContext): void {
  program
    .command('deploy')
    .description('Run clusters in the foreground')
    .option('--cluster-count <count>', 'clusters', countOf, 3)
    .requiredOption('--bpci-endpoint <url>', 'node of the chain: where everything is discovered')
    .option('--traffic-light-endpoint <url>', 'light that decides', 'http://127.0.0.1:21004')
    .option('--biso-endpoint <url>', 'policy engine', 'http://127.0.0.1:21003')
    .option('--court-endpoint <url>', 'court', 'http://127.0.0.1:21002')
    .option('--docklock-endpoint <url>', 'DockLock that runs the containers', 'http://127.0.0.1:21020')
    .option('--cluster-ports <ports>', 'HTTP API of each cluster', portsOf, [21010, 21011, 21012])
    .option('--auto-register <yes>', 'register the clusters on chain', flagOf, true)
    .option('--countries <codes>', 'of the clusters, in turn', countriesOf, ['DE', 'FR', 'US'])
    .option('--data-dir <path>', 'where keys and workloads are kept', join('.', 'data', 'enc-cluster'))
    .option('--genesis <file>', 'what the chain is proved from; else what the node says it is, on the first start')
    .action(async (flags: DeployFlags) => {
      process.exitCode = await run(flags, context);
    });
}

async function run(flags: DeployFlags, { terminal }: EncContext): Promise<number> {
  const { clusterCount, clusterPorts } = flags;
  if (clusterPorts.length < clusterCount)
    throw new CommandError('usage', `${clusterCount} clusters need as many ports`, ['--cluster-ports 21010,21011,…']);
  // Loaded here, so that the other commands need not wait for all that a service is made of.
  const { startEncService } = await import('../../runtime/enc-service.ts');
  const addresses = clusterPorts.slice(0, clusterCount).map((port) => `127.0.0.1:${port}`);
  const host = { architecture: arch(), cores: cpus().length, memoryBytes: totalmem() };
  const service = await startEncService({
    client: new ChainClient({ endpoint: flags.bpciEndpoint }),
    address: addresses[0] ?? '',
    addresses,
    dataDir: flags.dataDir,
    clusters: clusterOptions({
      ...{ name: 'cluster', count: clusterCount, countries: flags.countries, host },
      docklock: { endpoint: flags.docklockEndpoint },
    }),
    isRegistering: flags.autoRegister,
    court: { endpoint: flags.courtEndpoint },
    policy: { endpoint: flags.bisoEndpoint },
    traffic: { endpoint: flags.trafficLightEndpoint },
    genesis: flags.genesis === undefined ? undefined : readGenesis(flags.genesis),
    otlpEndpoint: process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? null,
    logTo: 'file',
  });
  terminal.out(`${clusterCount} clusters on ${addresses.join(', ')}, account ${service.publicKey}`);
  const { problem } = await service.api.status();
  if (problem !== null) {
    terminal.out(`not ready yet: ${problem}`);
    terminal.out(`the account must exist on the chain to register: npx bpci tx transfer --to ${service.publicKey} …`);
  }
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  await service.stop().catch((cause: unknown) => {
    throw new CommandError('failed', 'the clusters did not stop cleanly', [], cause);
  });
  return 0;
}

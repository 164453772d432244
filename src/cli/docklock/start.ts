/** `docklock start`: runs DockLock in the foreground against a running network. */
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { ChainClient } from '../../client/chain-client.ts';
import { isHex64, type PublicKey } from '../../protocols/shared/brands.ts';
import { readGenesis } from '../bpci/verify-commands.ts';
import { CommandError } from '../terminal.ts';
import type { DocklockContext } from './command-context.ts';

interface StartFlags {
  readonly bpciEndpoint: string;
  readonly agreementCourtEndpoint?: string;
  readonly trafficLightEndpoint?: string;
  readonly policyEnforcement: 'strict';
  readonly containerApiPort: number;
  readonly pool: number;
  readonly dataDir: string;
  readonly genesis?: string;
  readonly operator: readonly PublicKey[];
}

const whole =
  (max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && value <= max) return value;
    throw new InvalidArgumentError(`A whole number from 0 to ${max}.`);
  };

const account = (text: string, before: readonly PublicKey[]): readonly PublicKey[] => {
  if (!isHex64(text)) throw new InvalidArgumentError('A public key: 64 lower-case hexadecimal digits.');
  return [...before, text as PublicKey];
};

export function registerStart(program: Command, context: DocklockContext): void {
  program
    .command('start')
    .description('Run DockLock in the foreground')
    .requiredOption('--bpci-endpoint <url>', 'node of the chain')
    .option('--agreement-court-endpoint <url>', 'court')
    .option('--traffic-light-endpoint <url>', 'traffic light')
    .addOption(
      new Option('--policy-enforcement <mode>', 'strict: an isolation class that is asked for is given or refused')
        .choices(['strict'])
        .default('strict'),
    )
    .option('--container-api-port <port>', 'HTTP API', whole(65_535), 21020)
    .option('--pool <count>', 'shims made ahead for each runtime', whole(64), 2)
    .option('--data-dir <path>', 'where images, containers and the key are kept', join('.', 'data', 'docklock'))
    .option('--genesis <file>', 'what the chain is proved from; else what the node says it is, on the first start')
    .option(
      '--operator <account>',
      'who may run containers here, beside the governors of the chain; may be given again',
      account,
      [] as readonly PublicKey[],
    )
    .action(async (flags: StartFlags) => {
      process.exitCode = await run(flags, context);
    });
}

async function run(flags: StartFlags, { terminal }: DocklockContext): Promise<number> {
  const { startDocklockService } = await import('../../runtime/docklock-service.ts');
  const service = await startDocklockService({
    client: new ChainClient({ endpoint: flags.bpciEndpoint }),
    address: `127.0.0.1:${flags.containerApiPort}`,
    dataDir: flags.dataDir,
    poolSize: flags.pool,
    operators: flags.operator,
    genesis: flags.genesis === undefined ? undefined : readGenesis(flags.genesis),
    otlpEndpoint: process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? null,
    logTo: 'file',
  });
  terminal.out(`DockLock on http://${service.address}, account ${service.publicKey}`);
  const { drivers, problem } = await service.api.status();
  for (const { name, runtime, isolationClass } of drivers)
    terminal.out(`${name} ${runtime?.version ?? ''}: isolation class ${isolationClass}`);
  if (problem !== null) terminal.out(problem);
  await new Promise<void>((done) => {
    process.once('SIGINT', done);
    process.once('SIGTERM', done);
  });
  await service.stop().catch((cause: unknown) => {
    throw new CommandError('failed', 'DockLock did not stop cleanly', [], cause);
  });
  return 0;
}

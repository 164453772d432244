/** `agreement-court start`: runs a court in the foreground against a running network. */
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseAmount } from '../../client/amounts.ts';
import { ChainClient } from '../../client/chain-client.ts';
import { builtInJurisdictions } from '../../protocols/ledger/modules/court/jurisdictions.ts';
import type { CommandContext } from '../bpci/command-context.ts';
import { readGenesis } from '../bpci/verify-commands.ts';
import { untilEnded } from '../service-process.ts';

interface StartFlags {
  readonly bpciEndpoint: string;
  readonly jurisdiction: string;
  readonly arbitrationThreshold: bigint;
  readonly legalFrameworkVersion: string;
  readonly courtApiPort: number;
  readonly name: string;
  readonly dataDir: string;
  readonly genesis?: string;
}

const port = (text: string): number => {
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError('A port from 0 to 65535.');
};

const threshold = (text: string): bigint => {
  const amount = parseAmount(text);
  if (amount !== null) return amount;
  throw new InvalidArgumentError('Whole units, up to six decimals.');
};

const matching =
  (pattern: RegExp, what: string) =>
  (text: string): string => {
    if (pattern.test(text)) return text;
    throw new InvalidArgumentError(what);
  };

const name = matching(/^[a-z0-9][a-z0-9-]{0,62}$/, 'Lower-case letters, digits and dashes.');
const framework = matching(/^[\x21-\x7e]{1,32}$/, '1 to 32 characters without spaces.');

const example = `
Example:
  $ agreement-court start --bpci-endpoint http://127.0.0.1:21001 --jurisdiction delaware --arbitration-threshold 200 \\
      --legal-framework-version v1.0 --court-api-port 21002`;

export function registerStart(program: Command, context: CommandContext): void {
  program
    .command('start')
    .description('Run a court in the foreground')
    .requiredOption('--bpci-endpoint <url>', 'node of the chain: where everything is discovered')
    .addOption(
      new Option('--jurisdiction <name>', `${builtInJurisdictions.join(', ')}, or one of the genesis document`)
        .argParser(name)
        .default('local'),
    )
    .addOption(
      new Option('--arbitration-threshold <units>', 'amount in dispute from which a panel decides, whole units')
        .argParser(threshold)
        .default(200_000_000n, '200'),
    )
    .option('--legal-framework-version <version>', 'that agreements name', framework, 'v1.0')
    .option('--court-api-port <port>', 'HTTP API', port, 21002)
    .option('--name <name>', 'of this court, as agreements name it', name, 'court-1')
    .option('--data-dir <path>', 'where its key and logs are kept', join('.', 'data', 'court'))
    .option('--genesis <file>', 'what the chain is proved from; else what the node says it is, on the first start')
    .addHelpText('after', example)
    .action(async (flags: StartFlags) => {
      await run(flags, context);
    });
}

async function run(flags: StartFlags, { terminal }: CommandContext): Promise<void> {
  // Loaded here, so that the other commands need not wait for all that a service is made of.
  const { courtKind, startCourtService } = await import('../../runtime/court-service.ts');
  const { startByHand } = await import('../../runtime/audited-service.ts');
  const { jurisdiction, arbitrationThreshold, legalFrameworkVersion } = flags;
  const running = await startByHand({
    ...{ kind: courtKind, start: startCourtService },
    startedWith: { ...flags, arbitrationThreshold: arbitrationThreshold.toString() },
    options: {
      client: new ChainClient({ endpoint: flags.bpciEndpoint }),
      address: `127.0.0.1:${flags.courtApiPort}`,
      dataDir: flags.dataDir,
      genesis: flags.genesis === undefined ? undefined : readGenesis(flags.genesis),
      terms: { name: flags.name, jurisdiction, arbitrationThreshold, legalFrameworkVersion },
      logTo: 'file',
    },
  });
  const service = running.node;
  terminal.out(`court ${flags.name} on http://${service.address}, account ${service.publicKey}`);
  await untilEnded(running, 'the court');
}

/** `enc-cluster`: runs execution clusters, and asks them. Parses, calls, prints. */
import { Command, CommanderError, Option } from 'commander';
import { defaultEndpoint, type EncOptions, explain } from './enc-cluster/command-context.ts';
import { registerDeploy } from './enc-cluster/deploy.ts';
import { registerWorkloads } from './enc-cluster/workloads.ts';
import { exitCodes, processTerminal, reportFailure } from './terminal.ts';

const examples = `
Exit codes: 0 done, 1 it failed or was refused, 2 the command was wrong.

Examples:
  $ enc-cluster deploy --cluster-count 3 --bpci-endpoint http://127.0.0.1:21001 \\
      --traffic-light-endpoint http://127.0.0.1:21004 --biso-endpoint http://127.0.0.1:21003 \\
      --cluster-ports "21010,21011,21012" --auto-register true
  $ enc-cluster list
  $ enc-cluster run job.yaml
  $ enc-cluster why WORKLOAD
  $ enc-cluster proof WORKLOAD > receipt-proof.json && bpci verify receipt-proof.json --genesis genesis.json`;

async function main(argv: readonly string[]): Promise<void> {
  const terminal = processTerminal();
  const program = new Command('enc-cluster')
    .description('Run workloads where they may run, with receipts')
    .addOption(
      new Option('--endpoint <url>', 'cluster to ask')
        .env('BPCI_ENC_ENDPOINT')
        .default(defaultEndpoint, defaultEndpoint),
    )
    .option('--json', 'print JSON')
    .showHelpAfterError('(--help shows the options and examples)')
    .addHelpText('after', examples)
    .exitOverride();
  const options = (): EncOptions => program.opts<EncOptions>();
  const context = { terminal, options };
  for (const register of [registerDeploy, registerWorkloads]) register(program, context);
  const all = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(all)];
  for (const command of all(program)) command.exitOverride();
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
      return;
    }
    process.exitCode = reportFailure(terminal, explain(error, options().endpoint), argv.includes('--json'));
  }
}

await main(process.argv);

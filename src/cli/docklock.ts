/** `docklock`: images and containers on this machine. Parses, calls, prints. */
import { Command, CommanderError, Option } from 'commander';
import { defaultEndpoint, type DocklockOptions, explain } from './docklock/command-context.ts';
import { registerContainers } from './docklock/container-commands.ts';
import { registerImages } from './docklock/image-commands.ts';
import { registerStart } from './docklock/start.ts';
import { exitCodes, processTerminal, reportFailure } from './terminal.ts';

const examples = `
Exit codes: 0 done, 1 it was refused or failed, 2 the command was wrong; of exec: that of the program.

Examples:
  $ docklock image import ./hello-oci.tar
  $ docklock deploy hello --image hello@sha256:… --cpu 0.5 --memory 64Mi
  $ docklock ps && docklock logs hello -f
  $ docklock exec hello -- /bin/sh -c id
  $ docklock stop hello && docklock rm hello
  $ docklock start --bpci-endpoint http://127.0.0.1:21001 --agreement-court-endpoint http://127.0.0.1:21002 \\
      --traffic-light-endpoint http://127.0.0.1:21004 --policy-enforcement strict --container-api-port 21020`;

async function main(argv: readonly string[]): Promise<void> {
  const terminal = processTerminal();
  const program = new Command('docklock')
    .description('Images and containers on this machine')
    .addOption(
      new Option('--endpoint <url>', 'DockLock to ask')
        .env('BPCI_DOCKLOCK_ENDPOINT')
        .default(defaultEndpoint, defaultEndpoint),
    )
    .option('--key <file>', 'key of an operator’s account (default: ./data/*/accounts/operator.key)')
    .option('--genesis <file>', 'genesis document of its chain (default: beside the accounts)')
    .option('--json', 'print JSON')
    .showHelpAfterError('(--help shows the options and examples)')
    .addHelpText('after', examples)
    .exitOverride();
  const options = (): DocklockOptions => program.opts<DocklockOptions>();
  const context = { terminal, options, wantsJson: () => options().json === true };
  for (const register of [registerStart, registerContainers, registerImages]) register(program, context);
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

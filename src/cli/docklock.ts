/** `docklock`: images and containers on this machine. Parses, calls, prints. */
import { Command, CommanderError } from 'commander';
import { registerImages } from './docklock/image-commands.ts';
import { exitCodes, processTerminal, reportFailure } from './terminal.ts';

const examples = `
Exit codes: 0 done, 1 it was refused or failed, 2 the command was wrong.

Examples:
  $ docklock image import ./hello-oci.tar
  $ docklock image ls
  $ docklock image inspect hello --json`;

async function main(argv: readonly string[]): Promise<void> {
  const terminal = processTerminal();
  const program = new Command('docklock')
    .description('Containers under policy: images')
    .option('--json', 'print JSON')
    .showHelpAfterError('(--help shows the options and examples)')
    .addHelpText('after', examples)
    .exitOverride();
  const context = { terminal, wantsJson: () => program.opts<{ json?: true }>().json === true };
  for (const register of [registerImages]) register(program, context);
  for (const command of program.commands) command.exitOverride();
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
      return;
    }
    process.exitCode = reportFailure(terminal, error, argv.includes('--json'));
  }
}

await main(process.argv);

/** `bpci`: the command line of people who use a chain. Parses, calls, prints. */
import { Command, CommanderError, Option } from 'commander';
import { registerChainCommands } from './bpci/chain-commands.ts';
import { createContext, defaultEndpoint, explain, type GlobalOptions } from './bpci/command-context.ts';
import { registerCompletion } from './bpci/completion.ts';
import { registerEvents } from './bpci/event-commands.ts';
import { registerKeys } from './bpci/key-commands.ts';
import { KeyStore } from './bpci/key-store.ts';
import { registerTransactions } from './bpci/transaction-commands.ts';
import { registerVerify } from './bpci/verify-commands.ts';
import { exitCodes, processTerminal, reportFailure } from './terminal.ts';

const examples = `
Exit codes: 0 done, 1 it failed or was refused, 2 the command was wrong.

Examples:
  $ bpci keys generate alice
  $ bpci faucet alice 1000
  $ bpci tx transfer --from alice --to bob --amount 5 --wait
  $ bpci tx proof HASH > proof.json && bpci verify proof.json --genesis genesis.json
  $ bpci status`;

/** Option values and positions are checked by us too; commander's own complaints are usage errors. */
function createProgram(): Command {
  return new Command('bpci')
    .description('Use a chain: keys, transactions, proofs, status')
    .addOption(
      new Option('--endpoint <url>', 'node to ask').env('BPCI_ENDPOINT').default(defaultEndpoint, defaultEndpoint),
    )
    .option('--json', 'print JSON')
    .addOption(new Option('--ca <file>', "PEM of the authority of the node's certificate").env('BPCI_CA'))
    .option('--as <name>', 'sign in to the node with this key of yours')
    .addOption(new Option('--chain <id>', 'chain id, for signing in').env('BPCI_CHAIN'))
    .showHelpAfterError('(--help shows the options and examples)')
    .addHelpText('after', examples)
    .exitOverride();
}

async function main(argv: readonly string[]): Promise<void> {
  const terminal = processTerminal();
  const program = createProgram();
  const context = createContext(terminal, new KeyStore(process.env));
  registerKeys(program, context);
  registerTransactions(program, context);
  registerVerify(program, context);
  registerChainCommands(program, context);
  registerEvents(program, context);
  registerCompletion(program);
  // The launcher is most of the program and of its start-up time: it is loaded where it may be meant.
  const others = new Set(program.commands.map((command) => command.name()));
  if (argv.includes('start') || argv.includes('completion') || !argv.some((word) => others.has(word))) {
    const { registerStart } = await import('./bpci-start.ts');
    registerStart(program, terminal);
  }
  for (const command of withChildren(program)) command.exitOverride();
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
      return;
    }
    const options = program.opts<GlobalOptions>();
    const asJson = options.json === true || argv.includes('--json');
    process.exitCode = reportFailure(terminal, explain(error, options.endpoint), asJson);
  }
}

const withChildren = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(withChildren)];

await main(process.argv);

/** `agreement-court`: the command line of people who make agreements and dispute about them. Parses, calls, prints. */
import { Command, CommanderError, Option } from 'commander';
import { registerAgreements } from './agreement-court/agreement-commands.ts';
import { registerCases } from './agreement-court/case-commands.ts';
import { registerStart } from './agreement-court/start.ts';
import { registerTemplates } from './agreement-court/template-commands.ts';
import { createClient, createContext, defaultEndpoint, explain, type GlobalOptions } from './bpci/command-context.ts';
import { KeyStore } from './bpci/key-store.ts';
import { exitCodes, processTerminal, reportFailure } from './terminal.ts';

const examples = `
Exit codes: 0 done, 1 it failed or was refused, 2 the command was wrong.

Examples:
  $ agreement-court start --bpci-endpoint http://127.0.0.1:21001 --jurisdiction delaware --arbitration-threshold 200 \\
      --legal-framework-version v1.0 --court-api-port 21002
  $ agreement-court template fill service --set customer=KEY --set provider=KEY … > sla.json
  $ agreement-court draft sla.json --as acme && agreement-court sign ID --as acme && agreement-court sign ID --as provider
  $ agreement-court fund ID --amount 500 --as provider
  $ agreement-court file ID --breach availability --amount 250 --evidence receipt.json --as acme
  $ agreement-court status CASE`;

const withChildren = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(withChildren)];

async function main(argv: readonly string[]): Promise<void> {
  const terminal = processTerminal();
  const keys = new KeyStore(process.env);
  const program = new Command('agreement-court')
    .description('Agreements and disputes about them')
    .addOption(
      new Option('--endpoint <url>', 'node to ask').env('BPCI_ENDPOINT').default(defaultEndpoint, defaultEndpoint),
    )
    .option('--json', 'print JSON')
    .addOption(new Option('--ca <file>', "PEM of the authority of the node's certificate").env('BPCI_CA'))
    .showHelpAfterError('(--help shows the options and examples)')
    .addHelpText('after', examples);
  // `--as` of a command here names the key that signs its transaction, not one that signs in to the node.
  const shared = createContext(terminal, keys);
  const client = (command: Command) => {
    const { as: _signer, ...options } = shared.options(command);
    return createClient(options, keys);
  };
  const context = { ...shared, client };
  registerStart(program, context);
  registerTemplates(program, context);
  registerAgreements(program, context);
  registerCases(program, context);
  for (const command of withChildren(program)) command.exitOverride();
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
      return;
    }
    const { endpoint, json } = program.opts<GlobalOptions>();
    process.exitCode = reportFailure(terminal, explain(error, endpoint), json === true || argv.includes('--json'));
  }
}

await main(process.argv);

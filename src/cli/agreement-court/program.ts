/** The commands of `agreement-court` as a program that a process or a test runs. */
import { Command, CommanderError, Option } from 'commander';
import { createClient, createContext, defaultEndpoint, explain, type GlobalOptions } from '../bpci/command-context.ts';
import { KeyStore } from '../bpci/key-store.ts';
import { exitCodes, reportFailure, type Terminal } from '../terminal.ts';
import { registerAgreements } from './agreement-commands.ts';
import { registerArbitrators } from './arbitrator-commands.ts';
import { registerCases } from './case-commands.ts';
import { registerStart } from './start.ts';
import { registerStatements } from './statement-commands.ts';
import { registerTemplates } from './template-commands.ts';
import { registerVoting } from './vote-commands.ts';

const examples = `
Exit codes: 0 done, 1 it failed or was refused, 2 the command was wrong.
Keys are yours (bpci keys) or accounts of a network that was started here: faucet, operator, arbitrator-1, …

Examples:
  $ agreement-court start --bpci-endpoint http://127.0.0.1:21001 --jurisdiction delaware --arbitration-threshold 200 \\
      --legal-framework-version v1.0 --court-api-port 21002
  $ agreement-court template fill service --set customer=KEY --set provider=KEY … > sla.json
  $ agreement-court draft sla.json --as acme && agreement-court sign ID --as acme && agreement-court sign ID --as provider
  $ agreement-court fund ID --amount 500 --as provider
  $ agreement-court file ID --breach availability --amount 250 --evidence receipt.json --as acme
  $ agreement-court cases --arbitrator arbitrator-3 && agreement-court accept CASE --as arbitrator-3
  $ agreement-court vote CASE --decision breach --penalty 250 --reasons reasons.txt --as arbitrator-3
  $ agreement-court reveal CASE --as arbitrator-3
  $ agreement-court status CASE`;

const withChildren = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(withChildren)];

function createProgram(terminal: Terminal, keys: KeyStore): Command {
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
  registerArbitrators(program, context);
  registerVoting(program, context);
  registerStatements(program, context);
  for (const command of withChildren(program)) command.exitOverride();
  return program;
}

/** Resolves to the exit code. `argv` begins as that of a process does. */
export async function runAgreementCourt(
  argv: readonly string[],
  terminal: Terminal,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const program = createProgram(terminal, new KeyStore(environment));
  try {
    await program.parseAsync(argv);
    return exitCodes.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    const { endpoint, json } = program.opts<GlobalOptions>();
    return reportFailure(terminal, explain(error, endpoint), json === true || argv.includes('--json'));
  }
}

/** `traffic-light`: starts a traffic light, and asks one. Parses, calls, prints. */
import { Command, CommanderError, Option } from 'commander';
import { registerDecide } from './traffic-light/decide.ts';
import { registerQuarantine } from './traffic-light/quarantine.ts';
import { registerStart } from './traffic-light/start.ts';
import { defaultEndpoint, explain, type TrafficOptions } from './traffic-light/command-context.ts';
import { exitCodes, processTerminal, reportFailure } from './terminal.ts';

const examples = `
Exit codes: 0 done (of decide: the flow may pass), 1 it failed, was refused, is held or Red, 2 the command was wrong.

Examples:
  $ traffic-light start --bpci-endpoint http://127.0.0.1:21001 --biso-endpoint http://127.0.0.1:21003 \\
      --court-endpoint http://127.0.0.1:21002 --pipeline-mode real-time --decision-latency-ms 10 --dashboard-port 21004
  $ traffic-light decide request.json
  $ traffic-light decisions --state Red
  $ traffic-light proof ID > decision-proof.json && bpci verify decision-proof.json --genesis genesis.json
  $ traffic-light quarantine list
  $ traffic-light quarantine discharge ID --obligation dpia --as officer
  $ traffic-light replay --decision ID`;

async function main(argv: readonly string[]): Promise<void> {
  const terminal = processTerminal();
  const program = new Command('traffic-light')
    .description('Decide on data flows')
    .addOption(
      new Option('--endpoint <url>', 'traffic light to ask')
        .env('BPCI_TRAFFIC_ENDPOINT')
        .default(defaultEndpoint, defaultEndpoint),
    )
    .option('--json', 'print JSON')
    .showHelpAfterError('(--help shows the options and examples)')
    .addHelpText('after', examples)
    .exitOverride();
  const options = (): TrafficOptions => program.opts<TrafficOptions>();
  const context = { terminal, options };
  for (const register of [registerStart, registerDecide, registerQuarantine]) register(program, context);
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

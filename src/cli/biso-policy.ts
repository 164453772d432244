/** `biso-policy`: checks, evaluates, compares and prints policy packs, and runs the policy engine. Parses, calls, prints. */
import { Command, CommanderError } from 'commander';
import { registerCheck } from './biso-policy/check.ts';
import { registerDiff } from './biso-policy/diff.ts';
import { registerEvaluate } from './biso-policy/evaluate.ts';
import { registerPublish } from './biso-policy/publish.ts';
import { registerStart } from './biso-policy/start.ts';
import { registerTable } from './biso-policy/table.ts';
import { exitCodes, processTerminal, reportFailure } from './terminal.ts';

const examples = `
Exit codes: 0 done, 1 a pack or request is wrong, or a check failed, 2 the command was wrong.

Examples:
  $ biso-policy start --bpci-endpoint http://127.0.0.1:21001 --policy-api-port 21003
  $ biso-policy check packs/default
  $ biso-policy evaluate --from DE --to US --class Confidential --contents personal --basis dpf
  $ biso-policy evaluate --request request.json --json
  $ biso-policy publish packs/default --key data/bpci/accounts/operator.key
  $ biso-policy diff packs/default packs/mine
  $ biso-policy table packs/default > docs/policy-pack.md`;

async function main(argv: readonly string[]): Promise<void> {
  const terminal = processTerminal();
  const program = new Command('biso-policy')
    .description('Policy packs: check, evaluate, compare, print, publish; and the policy engine')
    .option('--json', 'print JSON')
    .showHelpAfterError('(--help shows the options and examples)')
    .addHelpText('after', examples)
    .exitOverride();
  const context = { terminal, wantsJson: () => program.opts<{ json?: true }>().json === true };
  for (const register of [registerCheck, registerEvaluate, registerDiff, registerTable, registerPublish, registerStart])
    register(program, context);
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

/** What `mainnet simulate` has beside runs of scenarios. */
import { type Command, Option } from 'commander';
import { protocolRuleNames } from '../../../simulation/protocol/schedule.ts';
import type { Terminal } from '../../terminal.ts';
import { type EveryEffectFlags, runEveryEffect } from './every-effect.ts';
import { durationOption, seedOption, wholeOption } from './options.ts';
import { type ProtocolFlags, searchSchedules } from './protocol.ts';

export function registerEveryEffect(simulate: Command, terminal: Terminal): void {
  simulate
    .command('every-effect')
    .description('Crash every correct validator once at each durable write and each frame that it sends in a run')
    .argument('<scenario>', 'a file, or the name of one that comes along; its faults happen too')
    .option('--seed <number>', 'decides everything that happens', seedOption, 1)
    .option('--stride <count>', 'only every so-and-so-many-th effect', wholeOption(1, 1e9), 1)
    .option('--down <duration>', 'how long the validator stays down', durationOption, 500)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ mainnet simulate every-effect partition-heal --stride 100')
    .action(async (scenario: string, flags: EveryEffectFlags) => {
      process.exitCode = await runEveryEffect(scenario, flags, terminal);
    });
}

export function registerProtocol(simulate: Command, terminal: Terminal): void {
  simulate
    .command('protocol')
    .description('Random schedules of the consensus machines alone: many more of them than of whole nodes')
    .option('--validators <count>', 'how many', wholeOption(1, 31), 4)
    .option('--heights <count>', 'blocks to decide', wholeOption(1, 1000), 3)
    .option('--runs <count>', 'as many schedules', wholeOption(1, 1e9), 1000)
    .option('--seed <number>', 'decides everything that happens', seedOption, 1)
    .addOption(new Option('--rules <name>', 'whose rules').choices(protocolRuleNames).default('production'))
    .option('--save <file>', 'where something is violated: the smallest schedule that shows it')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ mainnet simulate protocol --validators 7 --runs 10000')
    .action((flags: ProtocolFlags) => {
      process.exitCode = searchSchedules(flags, terminal);
    });
}

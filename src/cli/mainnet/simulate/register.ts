/** `mainnet simulate`: production validators on virtual time, under faults that a seed decides. */
import type { Command } from 'commander';
import { CommandError, type Terminal } from '../../terminal.ts';
import { durationOption, seedOption, wholeOption } from './options.ts';
import { replaySchedule } from './protocol.ts';
import { readProtocolSchedule, shippedNames } from './scenario-source.ts';
import { type SimulateFlags, simulateSeeds } from './simulate-seeds.ts';
import {
  registerEveryEffect,
  registerExplore,
  registerMutants,
  registerProtocol,
  registerTwins,
} from './subcommands.ts';

const examples = `
Exit code 1 where something did not hold.

Examples:
  $ mainnet simulate partition-heal --seed 42
  $ mainnet simulate everything --runs 1000 --parallel 2
  $ mainnet simulate everything --seed 1234 --timeline out.html
  $ mainnet simulate everything --seed 1234 --save failure.json   # where it fails: its smallest schedule
  $ mainnet simulate --replay failure.json`;

export function registerSimulate(program: Command, terminal: Terminal): void {
  // Options after the name of a subcommand are the subcommand's.
  const simulate = program
    .enablePositionalOptions()
    .command('simulate')
    .enablePositionalOptions()
    .description('Run validators in simulated time under faults, and check what must hold')
    .argument('[scenario]', `a file, or one of: ${shippedNames().join(', ')}`)
    .option('--seed <number>', 'decides everything that happens (default: 1)', seedOption)
    .option('--runs <count>', 'as many seeds, from --seed on', wholeOption(1, 1e9), 1)
    .option('--parallel <processes>', 'so many runs at once', wholeOption(1, 256), 1)
    .option('--until <duration>', 'simulated time of a run, in place of the scenario’s', durationOption)
    .option('--twice', 'run every seed twice and compare the traces')
    .option('--replay <file>', 'run a saved schedule')
    .option('--shrink', 'where a run fails, look for the smallest run that still does')
    .option('--save <file>', 'the same, and save it as a schedule')
    .option('--budget <runs>', 'runs that shrinking may take', wholeOption(1, 1e6), 300)
    .option('--timeline <file>', 'a picture of the run, or of the first that fails: one page of HTML')
    .option('--trace <file>', 'the same as lines of text')
    .option('--log', 'print what the nodes log')
    .option('--json', 'print JSON')
    .addHelpText('after', examples)
    .action(async (scenario: string | undefined, flags: SimulateFlags) => {
      if (scenario === undefined && flags.replay === undefined) {
        throw new CommandError('usage', 'which scenario?', [
          `one of those that come along: ${shippedNames().join(', ')}`,
          'a file of your own, or --replay FILE',
        ]);
      }
      const saved = flags.replay === undefined ? null : readProtocolSchedule(flags.replay);
      process.exitCode =
        saved === null
          ? await simulateSeeds(scenario ?? null, flags, terminal)
          : replaySchedule(saved, flags.json === true, terminal);
    });
  registerEveryEffect(simulate, terminal);
  registerProtocol(simulate, terminal);
  registerExplore(simulate, terminal);
  registerTwins(simulate, terminal);
  registerMutants(simulate, terminal);
}

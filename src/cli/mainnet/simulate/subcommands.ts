/** What `mainnet simulate` has beside runs of scenarios. */
import { type Command, Option } from 'commander';
import { protocolRuleNames } from '../../../simulation/protocol/schedule.ts';
import type { Terminal } from '../../terminal.ts';
import { type EveryEffectFlags, runEveryEffect } from './every-effect.ts';
import { type ExploreFlags, runExplore } from './explore.ts';
import { type MutantsFlags, runMutantScore } from './mutants.ts';
import { durationOption, seedOption, wholeOption } from './options.ts';
import { type ProtocolFlags, searchSchedules } from './protocol.ts';
import { runTwins, type TwinsFlags } from './twins.ts';

export function registerEveryEffect(simulate: Command, terminal: Terminal): void {
  simulate
    .command('every-effect')
    .description('Crash every correct validator once at each durable write and each frame that it sends in a run')
    .argument('<scenario>', 'a file, or the name of one that comes along; its faults happen too')
    .option('--seed <number>', 'decides everything that happens', seedOption, 1)
    .option('--runs <count>', 'as many seeds, from --seed on', wholeOption(1, 1e9), 1)
    .option('--parallel <processes>', 'so many seeds at once', wholeOption(1, 256), 1)
    .option('--stride <count>', 'only every so-and-so-many-th effect', wholeOption(1, 1e9), 1)
    .option('--down <duration>', 'how long the validator stays down', durationOption, 500)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ mainnet simulate every-effect crash-anywhere --runs 10 --parallel 2\n' +
        '  $ mainnet simulate every-effect partition-heal --stride 100',
    )
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

export function registerExplore(simulate: Command, terminal: Terminal): void {
  simulate
    .command('explore')
    .description('Every order of messages, time-outs and crashes of the consensus machine, in a small scope')
    .option('--validators <count>', '1 to 7', wholeOption(1, 7), 4)
    .option('--heights <count>', 'only 1', wholeOption(1, 1), 1)
    .option('--rounds <count>', '1 to 4', wholeOption(1, 4), 2)
    .option(
      '--twins <count>',
      'validators that run twice with one key; more than f is a negative control',
      wholeOption(0, 7),
      1,
    )
    .option('--crashes <count>', 'of correct validators, in all', wholeOption(0, 2), 0)
    .option('--quorum <votes>', 'another quorum than that of the rules, as a negative control', wholeOption(1, 7))
    .option('--states-max <count>', 'give up after so many', wholeOption(1, 1e9), 100_000_000)
    .option('--no-reductions', 'every order, also of what commutes')
    .option('--save <file>', 'the shortest way to a violation, as a schedule')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit code 0 only where the exploration has finished.\n\nExample:\n' +
        '  $ mainnet simulate explore --validators 4 --heights 1 --rounds 2',
    )
    .action(async (flags: ExploreFlags) => {
      process.exitCode = await runExplore(flags, terminal);
    });
}

export function registerTwins(simulate: Command, terminal: Terminal): void {
  simulate
    .command('twins')
    .description('Validators that run twice with one key, under every leader and partition of each phase')
    .option('--validators <count>', '4 to 7; more with --sample', wholeOption(4, 31), 4)
    .option('--rounds <count>', 'phases, each with a leader and a partition', wholeOption(1, 10), 4)
    .option('--twins <count>', 'who has one; more than f is a negative control (default: f)', wholeOption(0, 31))
    .option('--groups <count>', 'most groups of a partition: more take very much longer', wholeOption(1, 4), 2)
    .option('--sample <scenarios>', 'so many of a seed in place of all', wholeOption(1, 1e9))
    .option('--seed <number>', 'with --sample: decides which', seedOption, 1)
    .option('--save <file>', 'what violates something, as a schedule')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nFour validators and four rounds take some five minutes of one core.\n\n' +
        'Example:\n  $ mainnet simulate twins --validators 4 --rounds 4',
    )
    .action(async (flags: TwinsFlags) => {
      process.exitCode = await runTwins(flags, terminal);
    });
}

export function registerMutants(simulate: Command, terminal: Terminal): void {
  simulate
    .command('mutants')
    .description('Defects made in the product, one at a time: which checker finds each, after how many runs')
    .option('--filter <text>', 'only those with this in their names')
    .option('--parallel <processes>', 'so many at once', wholeOption(1, 256), 1)
    .option('--seed <number>', 'draws the mutants that nobody wrote', seedOption, 1)
    .option('--table <file>', 'write the results as a page of Markdown')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nNeeds the sources and the package typescript. Exit code 1 where less than 95 % are killed.\n\nExample:\n' +
        '  $ mainnet simulate mutants --filter quorum',
    )
    .action(async (flags: MutantsFlags) => {
      process.exitCode = await runMutantScore(flags, terminal);
    });
}

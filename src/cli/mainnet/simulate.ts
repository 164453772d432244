/** `mainnet simulate`: production validators on virtual time, under faults that a seed decides. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Command, InvalidArgumentError } from 'commander';
import { parseDuration } from '../../runtime/manifest-shape.ts';
import { type Scenario, ScenarioError, simulate, type SimulationResult } from '../../simulation.ts';
import { CommandError, exitCodes, formatElapsed, type Terminal } from '../terminal.ts';

interface SimulateFlags {
  readonly seed: number;
  readonly runs: number;
  readonly until?: number;
  readonly twice?: true;
  readonly log?: true;
  readonly json?: true;
}

const outcomeStyles = { holds: 'green', violated: 'red', 'not-reached': 'dim' } as const;

const shipped = fileURLToPath(new URL('../../../simulations', import.meta.url));

const shippedNames = (): readonly string[] =>
  existsSync(shipped)
    ? readdirSync(shipped)
        .filter((file) => file.endsWith('.ts'))
        .map((file) => basename(file, '.ts'))
        .sort()
    : [];

const numberOption = (text: string): number => {
  if (!/^[0-9]{1,15}$/.test(text)) throw new InvalidArgumentError('A whole number.');
  return Number(text);
};
const runsOption = (text: string): number => {
  const runs = numberOption(text);
  if (runs < 1) throw new InvalidArgumentError('At least one.');
  return runs;
};
const durationOption = (text: string): number => {
  const milliseconds = parseDuration(text);
  if (milliseconds === null) throw new InvalidArgumentError('A duration such as 90s or 10m.');
  return milliseconds;
};

export function registerSimulate(program: Command, terminal: Terminal): void {
  program
    .command('simulate')
    .description('Run validators in simulated time under faults, and check what must hold')
    .argument('<scenario>', `a file, or one of: ${shippedNames().join(', ')}`)
    .option('--seed <number>', 'decides everything that happens', numberOption, 1)
    .option('--runs <count>', 'as many seeds, from --seed on', runsOption, 1)
    .option('--until <duration>', 'simulated time of a run, in place of the scenario’s', durationOption)
    .option('--twice', 'run every seed twice and compare the traces')
    .option('--log', 'print what the validators log')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit code 1 where something did not hold.\n\nExamples:\n' +
        '  $ mainnet simulate partition-heal --seed 42\n  $ mainnet simulate everything --runs 100',
    )
    .action(async (name: string, flags: SimulateFlags) => {
      process.exitCode = await runSimulations(await loadScenario(name), flags, terminal);
    });
}

/** A file's default export, or that of a shipped file by its name. */
async function loadScenario(name: string): Promise<Scenario> {
  const isFile = /[/\\]|\.[cm]?[jt]s$/.test(name);
  const file = isFile ? resolve(name) : resolve(shipped, `${name}.ts`);
  if (!existsSync(file)) {
    throw new CommandError('usage', isFile ? `there is no file ${file}` : `there is no scenario "${name}"`, [
      `those that come along: ${shippedNames().join(', ')}`,
      'one of your own: mainnet simulate ./my-scenario.ts',
    ]);
  }
  const loaded = await importFile(file);
  const scenario = (loaded as { readonly default?: unknown }).default;
  if (typeof scenario !== 'object' || scenario === null) {
    throw new CommandError('usage', `${file} exports no scenario`, [
      'export default { name: …, … } satisfies Scenario;',
    ]);
  }
  return scenario as Scenario;
}

/** TypeScript where this Node reads it, else through tsx where that is installed. */
async function importFile(file: string): Promise<unknown> {
  const { href } = pathToFileURL(file);
  try {
    return await import(href);
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'ERR_UNKNOWN_FILE_EXTENSION') throw error;
  }
  try {
    const { tsImport } = await import('tsx/esm/api');
    return (await tsImport(href, import.meta.url)) as unknown;
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new CommandError(
      'failed',
      `this Node (${process.version}) does not read TypeScript`,
      ['use Node 22.18 or newer, or: npm install --save-dev tsx', 'or give a .js file'],
      error,
    );
  }
}

async function runSimulations(scenario: Scenario, flags: SimulateFlags, terminal: Terminal): Promise<number> {
  const results: SimulationResult[] = [];
  const startedMs = performance.now();
  let failed = 0;
  for (let run = 0; run < flags.runs && !terminal.readerGone.aborted; run++) {
    const runStartedMs = performance.now();
    const result = await simulateOnce(scenario, flags.seed + run, flags);
    const wallMs = performance.now() - runStartedMs;
    const repeated = flags.twice === true ? await simulateOnce(scenario, flags.seed + run, flags) : result;
    const isRepeatable = repeated.traceHash === result.traceHash;
    if (!result.ok || !isRepeatable) failed += 1;
    results.push(result);
    if (flags.json === true) continue;
    if (flags.runs > 1 && result.ok) printLine(result, wallMs, terminal);
    else printResult(result, wallMs, terminal);
    if (!isRepeatable) {
      terminal.err(`${terminal.paint('red', 'not repeatable')}: the second run has trace ${repeated.traceHash}`);
    }
  }
  const exitCode = failed === 0 ? exitCodes.done : exitCodes.failed;
  if (flags.json === true) terminal.json(results.length === 1 ? results[0] : results);
  else if (flags.runs > 1) {
    const simulatedMs = results.reduce((sum, result) => sum + result.simulatedMs, 0);
    const wallMs = performance.now() - startedMs;
    terminal.out(
      `${results.length} runs, ${failed} failed; ${formatElapsed(simulatedMs)} simulated in ${formatElapsed(wallMs)}`,
    );
  }
  return exitCode;
}

async function simulateOnce(scenario: Scenario, seed: number, flags: SimulateFlags): Promise<SimulationResult> {
  const { until } = flags;
  try {
    return await simulate(scenario, {
      seed,
      keepLog: flags.log === true,
      ...(until === undefined ? {} : { durationMs: until }),
    });
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    throw new CommandError('usage', error.message, [], error);
  }
}

function printLine(
  { seed, traceHash, heights, simulatedMs }: SimulationResult,
  wallMs: number,
  terminal: Terminal,
): void {
  const speed = `${formatElapsed(simulatedMs)} in ${formatElapsed(wallMs)}`;
  terminal.out(`seed ${seed}  ${terminal.paint('green', 'ok')}  trace ${traceHash}  ${heights} blocks  ${speed}`);
}

function printResult(result: SimulationResult, wallMs: number, terminal: Terminal): void {
  for (const { atMs, node, level, message, fields } of result.log) {
    terminal.out(`${atMs.toFixed(1).padStart(10)}  validator-${node}  ${level}  ${message} ${JSON.stringify(fields)}`);
  }
  const { scenario, seed, transactions, counts } = result;
  terminal.out(`${terminal.paint('bold', scenario)}, seed ${seed}`);
  terminal.out(`  trace      ${result.traceHash}`);
  const perSecond = Math.round(result.steps / (wallMs / 1000));
  terminal.out(
    `  time       ${formatElapsed(result.simulatedMs)} simulated in ${formatElapsed(wallMs)}, ${perSecond} callbacks a second`,
  );
  terminal.out(`  chain      ${result.heights} blocks, ${transactions.acknowledged} transfers acknowledged`);
  const recovery = result.recoveryMs;
  if (recovery !== null) terminal.out(`  recovery   next block ${formatElapsed(recovery)} after a quorum was linked`);
  const happened = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  if (happened.length > 0) terminal.out(`  happened   ${happened.join(', ')}`);
  for (const { checker, outcome, violations } of result.verdicts) {
    terminal.out(`  ${checker.padEnd(13)}${terminal.paint(outcomeStyles[outcome], outcome)}`);
    for (const { atMs, detail } of violations) terminal.out(`    at ${atMs.toFixed(1)} ms: ${detail}`);
  }
  if (!result.isTelling) terminal.out('  fewer than 20 blocks were decided: this run says little');
  if (result.ok) return;
  terminal.out('  faults');
  for (const fault of result.faults) terminal.out(`    ${JSON.stringify(fault)}`);
  terminal.out(`  again: mainnet simulate ${scenario} --seed ${seed}`);
}

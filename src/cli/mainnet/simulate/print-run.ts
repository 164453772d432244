/** What a person sees of one run. */
import type { ActorSimulationResult, SimulationResult } from '../../../simulation.ts';
import { formatElapsed, type Terminal } from '../../terminal.ts';
import type { AnyResult, RunReport } from './run-one.ts';

const outcomeStyles = { holds: 'green', violated: 'red', 'not-reached': 'dim' } as const;

/** Of many: a line. */
export function printLine({ result, wallMs }: RunReport, terminal: Terminal): void {
  const { seed, traceHash, simulatedMs } = result;
  const speed = `${formatElapsed(simulatedMs)} in ${formatElapsed(wallMs)}`;
  const came = 'heights' in result ? `${result.heights} blocks` : `${result.events.length} events`;
  terminal.out(`seed ${seed}  ${terminal.paint('green', 'ok')}  trace ${traceHash}  ${came}  ${speed}`);
}

/** `again` is the command that runs it once more. */
export function printRun({ result, wallMs, otherTrace }: RunReport, again: string, terminal: Terminal): void {
  printLog(result, terminal);
  const { scenario, seed, counts } = result;
  terminal.out(`${terminal.paint('bold', scenario)}, seed ${seed}`);
  terminal.out(`  trace      ${result.traceHash}`);
  if (otherTrace !== null) {
    terminal.out(`  ${terminal.paint('red', 'not repeatable')}: the second run of this seed has trace ${otherTrace}`);
  }
  const perSecond = Math.round(result.steps / (wallMs / 1000));
  terminal.out(
    `  time       ${formatElapsed(result.simulatedMs)} simulated in ${formatElapsed(wallMs)}, ${perSecond} callbacks a second`,
  );
  if ('heights' in result) printChain(result, terminal);
  else printEvents(result, terminal);
  const happened = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`);
  if (happened.length > 0) terminal.out(`  happened   ${happened.join(', ')}`);
  const width = Math.max(...result.verdicts.map(({ checker }) => checker.length)) + 2;
  for (const { checker, outcome, violations } of result.verdicts) {
    terminal.out(`  ${checker.padEnd(width)}${terminal.paint(outcomeStyles[outcome], outcome)}`);
    for (const { atMs, detail } of violations) terminal.out(`    at ${atMs.toFixed(1)} ms: ${detail}`);
  }
  if ('isTelling' in result && !result.isTelling)
    terminal.out('  fewer than 20 blocks were decided: this run says little');
  if (result.ok) return;
  printFaults(result.faults, terminal);
  terminal.out(`  again: ${again}`);
}

function printChain({ network, heights, transactions, recoveryMs }: SimulationResult, terminal: Terminal): void {
  const { validators, blockTimeMs, transfersPerSecond } = network;
  terminal.out(
    `  network    ${validators} validators, a block every ${formatElapsed(blockTimeMs)}, ${transfersPerSecond} transfers a second`,
  );
  terminal.out(`  chain      ${heights} blocks, ${transactions.acknowledged} transfers acknowledged`);
  if (recoveryMs !== null)
    terminal.out(`  recovery   next block ${formatElapsed(recoveryMs)} after a quorum was linked`);
}

function printEvents({ events }: ActorSimulationResult<unknown>, terminal: Terminal): void {
  const nodes = new Set(events.map(({ node }) => node));
  terminal.out(`  told       ${events.length} events of ${nodes.size} nodes`);
}

export function printFaults(faults: SimulationResult['faults'], terminal: Terminal): void {
  terminal.out(faults.length === 0 ? '  no faults' : '  faults');
  for (const { kind, atMs, forMs, ...fields } of faults) {
    const details = Object.entries(fields).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
    const span = `${(atMs / 1000).toFixed(3)} s, for ${formatElapsed(forMs)}`;
    terminal.out(`    ${kind.padEnd(12)} at ${span}${details.length === 0 ? '' : `: ${details.join(', ')}`}`);
  }
}

function printLog({ log }: AnyResult, terminal: Terminal): void {
  for (const { atMs, node, level, message, fields } of log) {
    terminal.out(`${atMs.toFixed(1).padStart(10)}  node ${node}  ${level}  ${message} ${JSON.stringify(fields)}`);
  }
}

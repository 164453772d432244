/** What a person sees of one run. */
import type { SimulationResult } from '../../../simulation.ts';
import { formatElapsed, type Terminal } from '../../terminal.ts';
import type { RunReport } from './run-one.ts';

const outcomeStyles = { holds: 'green', violated: 'red', 'not-reached': 'dim' } as const;

/** Of many: a line. */
export function printLine({ result, wallMs }: RunReport, terminal: Terminal): void {
  const { seed, traceHash, heights, simulatedMs } = result;
  const speed = `${formatElapsed(simulatedMs)} in ${formatElapsed(wallMs)}`;
  terminal.out(`seed ${seed}  ${terminal.paint('green', 'ok')}  trace ${traceHash}  ${heights} blocks  ${speed}`);
}

/** `again` is the command that runs it once more. */
export function printRun({ result, wallMs, otherTrace }: RunReport, again: string, terminal: Terminal): void {
  printLog(result, terminal);
  const { scenario, seed, transactions, counts } = result;
  terminal.out(`${terminal.paint('bold', scenario)}, seed ${seed}`);
  terminal.out(`  trace      ${result.traceHash}`);
  if (otherTrace !== null) {
    terminal.out(`  ${terminal.paint('red', 'not repeatable')}: the second run of this seed has trace ${otherTrace}`);
  }
  const perSecond = Math.round(result.steps / (wallMs / 1000));
  terminal.out(
    `  time       ${formatElapsed(result.simulatedMs)} simulated in ${formatElapsed(wallMs)}, ${perSecond} callbacks a second`,
  );
  terminal.out(`  chain      ${result.heights} blocks, ${transactions.acknowledged} transfers acknowledged`);
  const recovery = result.recoveryMs;
  if (recovery !== null) terminal.out(`  recovery   next block ${formatElapsed(recovery)} after a quorum was linked`);
  const happened = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`);
  if (happened.length > 0) terminal.out(`  happened   ${happened.join(', ')}`);
  const width = Math.max(...result.verdicts.map(({ checker }) => checker.length)) + 2;
  for (const { checker, outcome, violations } of result.verdicts) {
    terminal.out(`  ${checker.padEnd(width)}${terminal.paint(outcomeStyles[outcome], outcome)}`);
    for (const { atMs, detail } of violations) terminal.out(`    at ${atMs.toFixed(1)} ms: ${detail}`);
  }
  if (!result.isTelling) terminal.out('  fewer than 20 blocks were decided: this run says little');
  if (result.ok) return;
  printFaults(result.faults, terminal);
  terminal.out(`  again: ${again}`);
}

export function printFaults(faults: SimulationResult['faults'], terminal: Terminal): void {
  terminal.out(faults.length === 0 ? '  no faults' : '  faults');
  for (const { kind, atMs, forMs, ...fields } of faults) {
    const details = Object.entries(fields).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
    const span = `${(atMs / 1000).toFixed(3)} s, for ${formatElapsed(forMs)}`;
    terminal.out(`    ${kind.padEnd(12)} at ${span}${details.length === 0 ? '' : `: ${details.join(', ')}`}`);
  }
}

function printLog({ log }: SimulationResult, terminal: Terminal): void {
  for (const { atMs, node, level, message, fields } of log) {
    terminal.out(`${atMs.toFixed(1).padStart(10)}  node ${node}  ${level}  ${message} ${JSON.stringify(fields)}`);
  }
}

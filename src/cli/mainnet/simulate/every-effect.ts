/** `mainnet simulate every-effect`: each correct validator dies once at every durable write and at every frame it sends. */
import { crashAtEveryEffect, ScenarioError } from '../../../simulation.ts';
import { CommandError, exitCodes, formatElapsed, formatTable, type Terminal } from '../../terminal.ts';
import { explainScenarioError, loadSource } from './scenario-source.ts';
import { untilInterrupted } from './until-interrupted.ts';

export interface EveryEffectFlags {
  readonly seed: number;
  readonly stride: number;
  readonly down: number;
  readonly json?: true;
}

/** Resolves with the exit code. */
export async function runEveryEffect(name: string, flags: EveryEffectFlags, terminal: Terminal): Promise<number> {
  const source = { scenario: name, replay: null };
  const { scenario } = await loadSource(source);
  if ('start' in scenario) {
    throw new CommandError('usage', `${name} is of actors of one’s own: every-effect is for validators`, [
      'the fault crash-at-effect kills a node at its n-th durable write or frame, whatever runs on it',
    ]);
  }
  const startedMs = performance.now();
  return untilInterrupted(async (stop, progress) => {
    const result = await crashAtEveryEffect(scenario, {
      ...{ seed: flags.seed, stride: flags.stride, downMs: flags.down },
      isOver: () => stop.aborted,
      onProgress: ({ done, total, crash, result: run }) => {
        progress.show(done, total, '');
        if (run.ok) return;
        progress.clear();
        terminal.err(`${terminal.paint('red', 'violated')} with ${JSON.stringify(crash)}`);
      },
    });
    progress.clear();
    if (flags.json === true) terminal.json({ ...result, violations: result.violations.map(summaryOf) });
    else print(result, performance.now() - startedMs, terminal);
    return result.ok && !stop.aborted ? exitCodes.done : exitCodes.failed;
  }).catch((error: unknown) => {
    if (error instanceof ScenarioError) throw explainScenarioError(error, source);
    throw error;
  });
}

type Result = Awaited<ReturnType<typeof crashAtEveryEffect>>;

const summaryOf = ({ crash, result }: Result['violations'][number]): unknown => ({
  ...{ crash, faults: result.faults, traceHash: result.traceHash },
  violations: result.verdicts.flatMap(({ violations }) => violations),
});

function print(result: Result, wallMs: number, terminal: Terminal): void {
  const { effects, planned, runs, violations, missed } = result;
  terminal.out(`${terminal.paint('bold', result.scenario)}, seed ${result.seed}: crash at every effect`);
  const rows = effects.map(({ node, writes, sends }) => [`node ${node}`, String(writes), String(sends)]);
  for (const line of formatTable([['', 'durable writes', 'frames sent'], ...rows])) terminal.out(`  ${line}`);
  const violated = terminal.paint(violations.length === 0 ? 'green' : 'red', `${violations.length} violated`);
  terminal.out(`  ${runs} of ${planned} runs, ${violated}, in ${formatElapsed(wallMs)}`);
  if (missed.length > 0)
    terminal.out(`  ${missed.length} crashes whose effect did not come: not a function of the seed`);
  for (const { crash, result: run } of violations) {
    const found = run.verdicts.flatMap((verdict) => verdict.violations);
    terminal.out(`  ${JSON.stringify(crash)}`);
    for (const { checker, atMs, detail } of found) terminal.out(`    ${checker} at ${atMs.toFixed(1)} ms: ${detail}`);
  }
}

/**
 * What seven idle validators cost: memory of each process and processor time of all, blocks of 2 s. Memory that belongs
 * to the process alone (anonymous) is told apart from pages of its store that the kernel may take back.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { ProcessNetwork } from './support/process-network.ts';
import { type Judgement, report, rounded } from './support/results.ts';

const validators = 7;
const settleMs = 15_000;
const measureMs = 60_000;
const memoryMiBMax = 120;
const processorShareMax = 8;
/** Of `utime` and `stime` in /proc: USER_HZ, 100 on every Linux. */
const ticksPerSecond = 100;

/** Processor seconds that a process has used. */
function processorSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

function memoryMiB(pid: number): { readonly resident: number; readonly anonymous: number } {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1]) / 1024;
  return { resident: field('Rss'), anonymous: field('Anonymous') };
}

export async function run(): Promise<void> {
  const parameters = { blockTimeMs: 2000, checkpointIntervalBlocks: 10 };
  // As the launcher starts them.
  const network = await ProcessNetwork.start({ validators, parameters, nodeOptions: ['--max-semi-space-size=2'] });
  try {
    await delay(settleMs);
    const { nodes } = network;
    const before = nodes.map(({ pid }) => processorSeconds(pid));
    await delay(measureMs);
    const rows = nodes.map(({ name, pid }, i) => {
      const used = processorSeconds(pid) - (before[i] as number);
      const { resident, anonymous } = memoryMiB(pid);
      return {
        validator: name,
        'resident MiB': rounded(resident),
        'anonymous MiB': rounded(anonymous),
        '% of a core': rounded((used * 100_000) / measureMs, 2),
      };
    });
    const largest = Math.max(...rows.map((row) => row['resident MiB']));
    const share = rounded(
      rows.reduce((sum, row) => sum + row['% of a core'], 0),
      2,
    );
    const judgements: Judgement[] = [
      {
        what: 'largest resident memory, MiB',
        measured: largest,
        target: `≤ ${memoryMiBMax}`,
        met: largest <= memoryMiBMax,
      },
      {
        what: '% of a core, all seven',
        measured: share,
        target: `≤ ${processorShareMax}`,
        met: share <= processorShareMax,
      },
    ];
    report('footprint', 'Seven idle validators, blocks of 2 s', {
      settings: { validators, blockTimeMs: 2000, measureMs },
      rows,
      judgements,
    });
  } finally {
    await network.close();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();

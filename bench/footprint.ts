/**
 * What the network of nodes/mainnet.yaml takes while nothing is sent to it: seven validators, a block every two seconds.
 * Memory at the end, processor time over a minute.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Mainnet } from './support/mainnet.ts';
import { memoryOf, processorMs } from './support/process-usage.ts';
import { report, rounded } from './support/results.ts';

const settleMs = 10_000;
const measureMs = 60_000;
const processorTarget = 8;
const memoryTargetMiB = 120;

export async function run(): Promise<void> {
  const mainnet = await Mainnet.prepare();
  try {
    await mainnet.up();
    try {
      const pids = await mainnet.pids();
      await delay(settleMs);
      const before = pids.map(processorMs);
      const startMs = performance.now();
      await delay(measureMs);
      const elapsedMs = performance.now() - startMs;
      const rows = pids.map((pid, index) => {
        const { resident, anonymous, proportional } = memoryOf(pid);
        return {
          validator: index + 1,
          processorPercent: rounded((100 * (processorMs(pid) - (before[index] ?? 0))) / elapsedMs, 2),
          residentMiB: rounded(resident),
          anonymousMiB: rounded(anonymous),
          proportionalMiB: rounded(proportional),
        };
      });
      const processor = rounded(rows.reduce((sum, row) => sum + row.processorPercent, 0));
      const memory = Math.max(...rows.map((row) => row.residentMiB));
      report('footprint', 'Seven idle validators, blocks every 2 s', {
        settings: { settleMs, measureMs },
        rows,
        judgements: [
          {
            what: 'processor, all seven, % of one core',
            measured: processor,
            target: `<= ${processorTarget}`,
            met: processor <= processorTarget,
          },
          {
            what: 'resident memory of the largest, MiB',
            measured: memory,
            target: `<= ${memoryTargetMiB}`,
            met: memory <= memoryTargetMiB,
          },
        ],
      });
    } finally {
      await mainnet.down();
    }
  } finally {
    mainnet.remove();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();

/**
 * `mainnet up` of nodes/mainnet.yaml, seven processes: from the command to every node ready (linked to a quorum and
 * following the chain). First the very first start, which makes keys, certificates and the genesis, then later ones.
 */
import { pathToFileURL } from 'node:url';
import { Mainnet } from './support/mainnet.ts';
import { report, rounded } from './support/results.ts';

const networks = 3;
const laterStarts = 2;
const targetMs = 15_000;

export async function run(): Promise<void> {
  const rows: { readonly start: string; readonly readyMs: number }[] = [];
  for (let i = 0; i < networks; i++) {
    const mainnet = await Mainnet.prepare();
    try {
      for (let start = 0; start <= laterStarts; start++) {
        rows.push({ start: start === 0 ? 'first' : 'later', readyMs: rounded(await mainnet.up(), 0) });
        await mainnet.down();
      }
    } finally {
      mainnet.remove();
    }
  }
  const worst = Math.max(...rows.map(({ readyMs }) => readyMs));
  report('startup', 'mainnet up nodes/mainnet.yaml, seven processes: command to ready', {
    settings: { networks, laterStarts },
    rows,
    judgements: [{ what: 'worst, ms', measured: worst, target: `<= ${targetMs}`, met: worst <= targetMs }],
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();

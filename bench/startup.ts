/**
 * `mainnet up` with the shipped seven-validator manifest, on free ports and in an empty folder: from the command to every
 * node ready. The first start makes keys and genesis too.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { freePorts } from './support/free-ports.ts';
import { type Judgement, median, report, rounded } from './support/results.ts';

const root = join(import.meta.dirname, '..');
const program = join(root, 'bin', 'mainnet.js');
const starts = 3;
const targetSeconds = 15;

function mainnet(directory: string, ...command: string[]): void {
  const { status, stderr } = spawnSync(process.execPath, [program, ...command], { cwd: directory, encoding: 'utf8' });
  if (status !== 0) throw new Error(`mainnet ${command.join(' ')} ended with ${String(status)}: ${stderr}`);
}

/** A run of consecutive ports that are free, as near as asking one by one can tell. */
async function portRun(length: number): Promise<number> {
  for (;;) {
    const [first = 0] = await freePorts(1);
    if (first + length < 65_000) return first;
  }
}

export async function run(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'bpci-startup-'));
  const [link, api, metrics] = [await portRun(20), await portRun(20), await portRun(20)];
  const manifest = readFileSync(join(root, 'nodes', 'mainnet.yaml'), 'utf8')
    .replace(/link: \d+/, `link: ${link}`)
    .replace(/api: \d+/, `api: ${api}`)
    .replace(/metrics: \d+/, `metrics: ${metrics}`);
  writeFileSync(join(directory, 'mainnet.yaml'), manifest);
  const rows: { start: string; seconds: number }[] = [];
  try {
    for (let i = 0; i < starts; i++) {
      const from = performance.now();
      mainnet(directory, 'up', 'mainnet.yaml', '--detach');
      rows.push({ start: i === 0 ? 'first' : 'again', seconds: rounded((performance.now() - from) / 1000, 2) });
      mainnet(directory, 'down', 'mainnet.yaml');
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  const seconds = rows.map((row) => row.seconds);
  const judgements: Judgement[] = [
    {
      what: 'slowest start, s',
      measured: Math.max(...seconds),
      target: `≤ ${targetSeconds}`,
      met: Math.max(...seconds) <= targetSeconds,
    },
    {
      what: 'median start, s',
      measured: median(seconds),
      target: `≤ ${targetSeconds}`,
      met: median(seconds) <= targetSeconds,
    },
  ];
  report('startup', 'mainnet up nodes/mainnet.yaml → seven validators ready', {
    settings: { starts },
    rows,
    judgements,
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();

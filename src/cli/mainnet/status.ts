/** `mainnet status`: processes and nodes of the network that runs here, and what the chain says of them. */
import { existsSync, readFileSync } from 'node:fs';
import { ChainClient } from '../../client/chain-client.ts';
import { askReport, type LauncherReport } from '../../runtime/launcher-control.ts';
import { mintToken } from '../../client/token.ts';
import { chainIdOf } from '../../protocols/ledger/genesis.ts';
import { readSigner } from '../../runtime/adapters/key-files.ts';
import { type NetworkDirectory, networkDirectory } from '../../runtime/network-directory.ts';
import { readGenesis } from '../../runtime/network-prepare.ts';
import type { ConsensusView } from '../../runtime/ports/chain-api.ts';
import { exitCodes, formatElapsed, formatTable, type Terminal } from '../terminal.ts';
import { type RunningNetwork, requireRunning } from './locate.ts';

const answerTimeoutMs = 2000;

interface NodeStatus {
  readonly name: string;
  readonly process: string;
  readonly state: string;
  readonly ready: boolean;
  readonly pid: number | null;
  readonly restarts: number;
  readonly upMs: number | null;
  readonly memoryBytes: number | null;
  readonly height: number | null;
  readonly link: string | null;
  readonly api: string | null;
  readonly lastFailure: string | null;
}

export async function showStatus(
  options: { readonly file: string | undefined; readonly host: string | undefined; readonly json: boolean },
  terminal: Terminal,
): Promise<number> {
  const running = requireRunning(options.file, options.host);
  const report = await askReport(running.state.socket);
  const answer = await askConsensus(running, report);
  const consensus = answer?.view ?? null;
  const nodes = nodeStatuses(report, answer);
  const ready = nodes.every((node) => node.ready);
  if (options.json) {
    const { network, manifest, pid, startedAt } = report;
    terminal.json({ network, manifest, launcher: { pid, startedAt }, ready, nodes, consensus });
  } else print(terminal, report, nodes, consensus);
  const stalled = (consensus?.problems.length ?? 0) > 0;
  return ready && !stalled ? exitCodes.done : exitCodes.failed;
}

/** What one node says of itself and of the validators. */
interface Answer {
  readonly node: string;
  readonly view: ConsensusView;
}

function nodeStatuses(report: LauncherReport, answer: Answer | null): readonly NodeStatus[] {
  const heights = new Map(answer?.view.peers.map((peer) => [peer.name, peer.height]));
  if (answer !== null) heights.set(answer.node, answer.view.height);
  return report.processes.flatMap((process) =>
    process.nodes.map((node) => ({
      name: node.name,
      process: process.name,
      state: node.ready ? 'ready' : process.state === 'ready' ? 'starting' : process.state,
      ready: node.ready,
      pid: process.pid,
      restarts: process.restarts,
      upMs: process.startedAt === null ? null : Date.now() - process.startedAt,
      memoryBytes: process.pid === null ? null : residentBytes(process.pid),
      height: heights.get(node.name) ?? null,
      link: node.addresses?.link ?? null,
      api: node.addresses?.api ?? null,
      lastFailure: process.lastFailure,
    })),
  );
}

/** The first node that serves the API and answers. */
async function askConsensus(running: RunningNetwork, report: LauncherReport): Promise<Answer | null> {
  const directory = networkDirectory(running.dataDir);
  const { authorityFile } = directory;
  for (const node of report.processes.flatMap((process) => process.nodes)) {
    const address = node.addresses?.api ?? null;
    if (address === null) continue;
    const loopback = /^(127\.|localhost:|\[::1\])/.test(address);
    try {
      const client = new ChainClient({
        endpoint: `${loopback ? 'http' : 'https'}://${address}`,
        timeoutMs: answerTimeoutMs,
        ...(loopback ? {} : { token: await nodeToken(directory, node.name) }),
        ...(existsSync(authorityFile) ? { certificateAuthority: readFileSync(authorityFile, 'utf8') } : {}),
      });
      return { node: node.name, view: await client.consensus() };
    } catch {
      // A node that does not answer is shown as it is; another may.
    }
  }
  return null;
}

/** Off loopback reading needs an account: a validator's own key is one. Rejects where its file is encrypted. */
async function nodeToken(directory: NetworkDirectory, node: string): Promise<() => string> {
  const genesis = readGenesis(directory.genesisFile);
  const signer = await readSigner(directory.node(node).keyFile, null);
  return () => mintToken(signer, { chainId: chainIdOf(genesis) });
}

function residentBytes(pid: number): number | null {
  try {
    const kibibytes = /^VmRSS:\s+([0-9]+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kibibytes === undefined ? null : Number(kibibytes) * 1024;
  } catch {
    return null;
  }
}

const stateStyles: Readonly<Partial<Record<string, 'green' | 'red' | 'yellow'>>> = {
  ready: 'green',
  failed: 'red',
  'backing-off': 'yellow',
};

function print(
  terminal: Terminal,
  report: LauncherReport,
  nodes: readonly NodeStatus[],
  consensus: ConsensusView | null,
): void {
  const { out, paint } = terminal;
  const elapsed = formatElapsed(Date.now() - report.startedAt);
  out(`${paint('bold', report.network)}  ${report.manifest}, launcher ${report.pid}, up ${elapsed}`);
  if (consensus !== null) {
    const age = formatElapsed(consensus.lastBlockAgeMs);
    out(`height ${consensus.height}, round ${consensus.round}, ${consensus.step}; last block ${age} ago`);
    for (const problem of consensus.problems) out(paint('yellow', `! ${problem.message}`));
  }
  out();
  const rows = nodes.map((node) => [
    node.name,
    paint(stateStyles[node.state] ?? 'dim', node.state),
    node.height === null ? '-' : String(node.height),
    node.pid === null ? '-' : String(node.pid),
    node.upMs === null ? '-' : formatElapsed(node.upMs),
    String(node.restarts),
    node.memoryBytes === null ? '-' : `${Math.round(node.memoryBytes / 1024 / 1024)} MiB`,
    node.api ?? node.link ?? '-',
  ]);
  const heading = ['node', 'state', 'height', 'process', 'up', 'restarts', 'memory', 'address'];
  for (const line of formatTable([heading, ...rows])) out(line);
  for (const node of nodes) {
    if (!node.ready && node.lastFailure !== null) out(paint('red', `${node.name}: ${node.lastFailure}`));
  }
}

/**
 * The peer of the consensus benchmarks: CometBFT with its own kvstore application, built from its published Go module
 * where Go is present. One process a validator, on this machine. Its settings are tuned for latency as far as its
 * documentation goes: no commit time-out, blocks when there are transactions, small gossip and flush delays.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { freePorts } from './free-ports.ts';

export const cometVersion = 'v0.38.26';
const modulePath = 'github.com/cometbft/cometbft/cmd/cometbft';
const startTimeoutMs = 60_000;

/** Path of the program, built on first use and kept in the system's temporary folder; null where it cannot be had. */
export function findComet(): string | null {
  const directory = join(tmpdir(), `cometbft-${cometVersion}`);
  const program = join(directory, 'cometbft');
  if (existsSync(program)) return program;
  if (spawnSync('go', ['version']).status !== 0) {
    console.log('CometBFT is not measured: there is no Go compiler to build it with');
    return null;
  }
  mkdirSync(directory, { recursive: true });
  console.log(`Building CometBFT ${cometVersion}`);
  const { status, stderr } = spawnSync('go', ['install', `${modulePath}@${cometVersion}`], {
    env: { ...process.env, GOBIN: directory },
    encoding: 'utf8',
  });
  if (status === 0) return program;
  console.log(`CometBFT is not measured: it could not be built\n${stderr.trim().split('\n').slice(-3).join('\n')}`);
  return null;
}

export const cometSettings: Readonly<Record<string, string>> = {
  timeout_commit: '"0s"',
  skip_timeout_commit: 'true',
  create_empty_blocks: 'false',
  flush_throttle_timeout: '"5ms"',
  peer_gossip_sleep_duration: '"5ms"',
  send_rate: '51200000',
  recv_rate: '51200000',
  size: '50000',
  cache_size: '100000',
  max_request_batch_size: '1000',
  max_body_bytes: '10000000',
  pex: 'false',
};

const set = (text: string, key: string, value: string): string =>
  text.replace(new RegExp(`^${key} = .*$`, 'm'), `${key} = ${value}`);

/** Sets a key of one section: `laddr` is in two. */
const setIn = (text: string, section: string, key: string, value: string): string => {
  const start = text.indexOf(`[${section}]`);
  return text.slice(0, start) + set(text.slice(start), key, value);
};

export class CometNetwork {
  readonly directory: string;
  readonly endpoints: readonly string[];
  readonly #children: readonly ChildProcess[];

  private constructor(directory: string, endpoints: readonly string[], children: readonly ChildProcess[]) {
    this.directory = directory;
    this.endpoints = endpoints;
    this.#children = children;
  }

  /** Running, every validator linked to every other, the first block made. */
  static async start(program: string, validators: number): Promise<CometNetwork> {
    const directory = mkdtempSync(join(tmpdir(), 'comet-bench-'));
    const made = spawnSync(program, [
      ...['testnet', '--v', String(validators), '--n', '0', '--o', directory],
      '--populate-persistent-peers=false',
    ]);
    if (made.status !== 0) throw new Error(`the CometBFT network could not be made: ${made.stderr.toString()}`);
    const homes = Array.from({ length: validators }, (_, i) => join(directory, `node${i}`));
    const ports = await freePorts(validators * 2);
    const ids = homes.map((home) => spawnSync(program, ['show-node-id', '--home', home]).stdout.toString().trim());
    const children = homes.map((home, i) => {
      const peers = ids.flatMap((id, j) => (j === i ? [] : [`${id}@127.0.0.1:${ports[2 * j] ?? 0}`]));
      configure(home, ports[2 * i] ?? 0, ports[2 * i + 1] ?? 0, peers);
      const run = ['start', '--home', home, '--proxy_app', 'kvstore', '--log_level', 'error'];
      return spawn(program, run, { stdio: ['ignore', 'ignore', 'inherit'] });
    });
    const endpoints = homes.map((_, i) => `http://127.0.0.1:${ports[2 * i + 1] ?? 0}`);
    const network = new CometNetwork(directory, endpoints, children);
    await network.#linked();
    return network;
  }

  async #linked(): Promise<void> {
    const deadline = performance.now() + startTimeoutMs;
    for (const endpoint of this.endpoints) {
      const client = new CometClient(endpoint);
      while (!(await client.isLinked(this.endpoints.length - 1))) {
        if (performance.now() > deadline) throw new Error('the CometBFT network did not come up');
        await delay(200);
      }
      await client.close();
    }
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGTERM');
        await ended;
      }),
    );
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function configure(home: string, linkPort: number, rpcPort: number, peers: readonly string[]): void {
  const file = join(home, 'config', 'config.toml');
  let text = readFileSync(file, 'utf8');
  for (const [key, value] of Object.entries(cometSettings)) text = set(text, key, value);
  text = setIn(text, 'rpc', 'laddr', `"tcp://127.0.0.1:${rpcPort}"`);
  text = setIn(text, 'p2p', 'laddr', `"tcp://127.0.0.1:${linkPort}"`);
  text = set(text, 'persistent_peers', `"${peers.join(',')}"`);
  writeFileSync(file, text);
}

interface Answer {
  readonly result?: {
    readonly n_peers?: string;
    readonly height?: string;
    readonly tx_result?: { readonly code: number };
    readonly check_tx?: { readonly code: number };
    readonly sync_info?: { readonly latest_block_height: string };
    readonly block_metas?: readonly { readonly num_txs: string }[];
  };
  readonly error?: { readonly data?: string; readonly message: string };
}

export class CometClient {
  readonly #pool: Pool;

  constructor(endpoint: string) {
    this.#pool = new Pool(endpoint, { connections: 16, pipelining: 1 });
  }

  async isLinked(peers: number): Promise<boolean> {
    try {
      const { result } = await this.#call('net_info', {});
      return Number(result?.n_peers) >= peers && (await this.height()) > 0;
    } catch (error) {
      // It does not listen yet.
      if (error instanceof Error && 'code' in error) return false;
      throw error;
    }
  }

  /** Resolves when the transaction is in a block and executed on the node. */
  async submitFinal(transaction: Uint8Array): Promise<void> {
    const { result, error } = await this.#call('broadcast_tx_commit', { tx: base64(transaction) });
    if (result?.tx_result?.code === 0 && result.height !== '0') return;
    throw new Error(`the transaction is not final: ${error?.data ?? error?.message ?? 'refused'}`);
  }

  /** Resolves when all are checked and in the node's mempool. */
  async submitBatch(transactions: readonly Uint8Array[]): Promise<void> {
    const calls = transactions.map((transaction, id) => ({
      jsonrpc: '2.0',
      id,
      method: 'broadcast_tx_sync',
      params: { tx: base64(transaction) },
    }));
    const answers = (await this.#post(calls)) as readonly Answer[];
    const refused = answers.find(({ error }) => error !== undefined);
    if (refused !== undefined) throw new Error(`the batch was not taken: ${refused.error?.data ?? ''}`);
  }

  async height(): Promise<number> {
    const { result } = await this.#call('status', {});
    return Number(result?.sync_info?.latest_block_height ?? 0);
  }

  /** Transactions in the blocks from one height to another, at most 20 blocks. */
  async transactionsIn(from: number, to: number): Promise<number> {
    const { result } = await this.#call('blockchain', { minHeight: String(from), maxHeight: String(to) });
    return (result?.block_metas ?? []).reduce((sum, meta) => sum + Number(meta.num_txs), 0);
  }

  async #call(method: string, parameters: object): Promise<Answer> {
    return (await this.#post({ jsonrpc: '2.0', id: 1, method, params: parameters })) as Answer;
  }

  async #post(body: unknown): Promise<unknown> {
    const headers = { 'content-type': 'application/json' };
    const sent = await this.#pool.request({ path: '/', method: 'POST', headers, body: JSON.stringify(body) });
    return sent.body.json();
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

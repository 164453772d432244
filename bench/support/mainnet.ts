/** The network of nodes/mainnet.yaml as an operator starts it, on ports and in a folder of its own. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { freePortRange } from './free-ports.ts';

const root = join(import.meta.dirname, '..', '..');
const command = join(root, 'bin', 'mainnet.js');
const execute = promisify(execFile);

interface Manifest {
  readonly spec: {
    readonly chain: { genesisFile?: string };
    readonly defaults: { dataDir: string };
    readonly nodes: readonly {
      readonly replicas: number;
      readonly ports: { link: number; api: number; metrics: number };
    }[];
  };
}

interface Status {
  readonly nodes: readonly { readonly name: string; readonly pid: number | null }[];
}

export class Mainnet {
  readonly #directory: string;
  readonly #manifestFile: string;

  private constructor(directory: string, manifestFile: string) {
    this.#directory = directory;
    this.#manifestFile = manifestFile;
  }

  static async prepare(): Promise<Mainnet> {
    const directory = mkdtempSync(join(tmpdir(), 'bpci-mainnet-'));
    const manifest = parse(readFileSync(join(root, 'nodes', 'mainnet.yaml'), 'utf8')) as Manifest;
    const [validators] = manifest.spec.nodes;
    if (validators === undefined) throw new Error('nodes/mainnet.yaml has no nodes');
    const count = validators.replicas;
    const first = await freePortRange(2 * count + 1);
    Object.assign(validators.ports, { link: first, metrics: first + count, api: first + 2 * count });
    manifest.spec.defaults.dataDir = join(directory, 'data');
    manifest.spec.chain.genesisFile = join(directory, 'genesis.json');
    const manifestFile = join(directory, 'mainnet.yaml');
    writeFileSync(manifestFile, stringify(manifest));
    return new Mainnet(directory, manifestFile);
  }

  /** Milliseconds from the command to its end, when every node is ready. */
  async up(): Promise<number> {
    const startMs = performance.now();
    await this.#run('up', '--detach');
    return performance.now() - startMs;
  }

  /** Process ids of the nodes. */
  async pids(): Promise<readonly number[]> {
    const status = JSON.parse(await this.#run('status', '--json')) as Status;
    return status.nodes.flatMap(({ pid }) => (pid === null ? [] : [pid]));
  }

  async down(): Promise<void> {
    await this.#run('down');
  }

  async #run(...parts: readonly string[]): Promise<string> {
    const [verb = '', ...options] = parts;
    const { stdout } = await execute(process.execPath, [command, verb, this.#manifestFile, ...options]);
    return stdout;
  }

  /** Deletes the folder; the network must be down. */
  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

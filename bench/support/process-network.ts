/** A network of production nodes, one operating-system process each, in a temporary folder, over loopback. */
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chainIdOf, type ChainParameters, type Genesis } from '../../src/protocols/ledger/genesis.ts';
import { genesisToJson } from '../../src/protocols/ledger/genesis-json.ts';
import { possessionSigningBytes } from '../../src/protocols/ledger/possession.ts';
import type { ChainId, PublicKey } from '../../src/protocols/shared/brands.ts';
import { compareText } from '../../src/protocols/shared/bytes.ts';
import { createKeyFile, readSigner, showKeyFile } from '../../src/runtime/adapters/key-files.ts';
import type { NodeConfig } from '../../src/runtime/node-config.ts';
import { freePorts } from './free-ports.ts';

/** The built entry point: what an operator runs. */
const entryFile = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'node-process.js');

export interface ProcessNetworkOptions {
  readonly validators: number;
  readonly parameters: Partial<ChainParameters>;
  /** Accounts with a balance. */
  readonly accounts?: readonly PublicKey[];
  readonly historyBlocks?: number;
  /** Options of the node program, such as --cpu-prof. */
  readonly nodeOptions?: readonly string[];
}

export interface NodeProcess {
  readonly name: string;
  readonly pid: number;
  /** `http://127.0.0.1:port`. */
  readonly endpoint: string;
}

const defaults: ChainParameters = {
  blockTimeMs: 0,
  emptyBlockPeriodMs: 60_000,
  finalityThreshold: 67,
  roundTimeoutBaseMs: 1000,
  roundTimeoutMaxMs: 60_000,
  voteLapseBlocks: 100,
  evidenceAgeBlocks: 100_000,
  unbondingBlocks: 100_000,
  trustPeriodBlocks: 100_000,
  checkpointIntervalBlocks: 100,
};

interface Identity {
  readonly name: string;
  readonly directory: string;
  readonly keyFile: string;
  readonly vrfKeyFile: string;
  readonly publicKey: PublicKey;
  readonly linkPort: number;
  readonly apiPort: number;
}

export class ProcessNetwork {
  readonly chainId: ChainId;
  readonly genesis: Genesis;
  readonly directory: string;
  readonly #configs: readonly NodeConfig[];
  readonly #nodeOptions: readonly string[];
  readonly #children = new Map<number, { readonly child: ChildProcess; readonly node: NodeProcess }>();

  private constructor(
    directory: string,
    genesis: Genesis,
    configs: readonly NodeConfig[],
    nodeOptions: readonly string[],
  ) {
    this.directory = directory;
    this.genesis = genesis;
    this.chainId = chainIdOf(genesis);
    this.#configs = configs;
    this.#nodeOptions = nodeOptions;
  }

  /** Keys, genesis and configurations; nothing runs yet. */
  static async prepare(options: ProcessNetworkOptions): Promise<ProcessNetwork> {
    if (!existsSync(entryFile)) throw new Error('the program is not built: npm run build');
    const directory = mkdtempSync(join(tmpdir(), 'bpci-bench-'));
    const ports = await freePorts(options.validators * 2);
    const identities: Identity[] = [];
    for (let i = 0; i < options.validators; i++) {
      identities.push(
        await makeIdentity(directory, `validator-${i + 1}`, ports[2 * i] as number, ports[2 * i + 1] as number),
      );
    }
    const genesis = await makeGenesis(identities, options);
    const genesisFile = join(directory, 'genesis.json');
    writeFileSync(genesisFile, JSON.stringify(genesisToJson(genesis)));
    const configs = identities.map((identity) => configOf(identity, identities, genesisFile, options));
    return new ProcessNetwork(directory, genesis, configs, options.nodeOptions ?? []);
  }

  /** Prepared and running, everybody ready. */
  static async start(options: ProcessNetworkOptions): Promise<ProcessNetwork> {
    const network = await ProcessNetwork.prepare(options);
    await network.startNodes();
    return network;
  }

  get nodes(): readonly NodeProcess[] {
    return [...this.#children.values()].map(({ node }) => node);
  }

  get configs(): readonly NodeConfig[] {
    return this.#configs;
  }

  /** Resolves when all of these are ready. */
  async startNodes(indices = this.#configs.map((_, i) => i)): Promise<void> {
    await Promise.all(indices.map((index) => this.startNode(index)));
  }

  /** Resolves when it is ready. */
  async startNode(index: number, config = this.#configs[index] as NodeConfig): Promise<NodeProcess> {
    const { name } = config;
    const file = join(config.dataDir, 'config.json');
    writeFileSync(file, JSON.stringify([config]));
    const execArgv = [...this.#nodeOptions];
    const child = fork(entryFile, [file], { execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const node = { name, pid: child.pid ?? -1, endpoint: `http://${config.apiAddress ?? ''}` };
    this.#children.set(index, { child, node });
    await new Promise<void>((resolve, reject) => {
      child.on('message', (message: { readonly type: string }) => {
        if (message.type === 'ready') resolve();
      });
      child.once('exit', (code, signal) => reject(new Error(`${name} ended with ${signal ?? String(code)}`)));
    });
    return node;
  }

  async stopNode(index: number, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const running = this.#children.get(index);
    if (running === undefined) return;
    this.#children.delete(index);
    const { child } = running;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  /** Stops everything and deletes the folder. */
  async close(): Promise<void> {
    await Promise.all([...this.#children.keys()].map((index) => this.stopNode(index)));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function makeIdentity(directory: string, name: string, linkPort: number, apiPort: number): Promise<Identity> {
  const own = join(directory, name);
  mkdirSync(own, { recursive: true, mode: 0o700 });
  const keyFile = join(own, 'node.key.json');
  const vrfKeyFile = join(own, 'vrf.key.json');
  const { publicKey } = await createKeyFile(keyFile, 'ed25519', null);
  await createKeyFile(vrfKeyFile, 'vrf', null);
  return { name, directory: own, keyFile, vrfKeyFile, publicKey, linkPort, apiPort };
}

async function makeGenesis(identities: readonly Identity[], options: ProcessNetworkOptions): Promise<Genesis> {
  const chainName = 'bench';
  const validators = [];
  for (const { name, keyFile, vrfKeyFile, publicKey } of identities) {
    const signer = await readSigner(keyFile, null);
    const vrfPublicKey = showKeyFile(vrfKeyFile).publicKey;
    const possession = signer.sign(possessionSigningBytes(chainName, publicKey, vrfPublicKey));
    validators.push({ publicKey, vrfPublicKey, name, possession, bond: 1_000_000n });
  }
  return {
    chainName,
    time: Date.now() - 1000,
    protocolVersion: 1,
    parameters: { ...defaults, ...options.parameters },
    validators: validators.sort((a, b) => compareText(a.publicKey, b.publicKey)),
    accounts: [...(options.accounts ?? [])]
      .sort(compareText)
      .map((publicKey) => ({ publicKey, balance: 1_000_000_000_000n })),
    governors: [],
    networkAuthority: null,
    previous: null,
  };
}

function configOf(
  { name, directory, keyFile, vrfKeyFile, linkPort, apiPort }: Identity,
  identities: readonly Identity[],
  genesisFile: string,
  { historyBlocks }: ProcessNetworkOptions,
): NodeConfig {
  const others = identities.filter((other) => other.name !== name);
  return {
    name,
    roles: ['validator'],
    dataDir: directory,
    genesisFile,
    keyFile,
    vrfKeyFile,
    passphraseVariable: null,
    linkAddress: `127.0.0.1:${linkPort}`,
    apiAddress: `127.0.0.1:${apiPort}`,
    metricsAddress: null,
    http: null,
    peers: others.map((other) => ({
      name: other.name,
      publicKey: other.publicKey,
      addresses: [`127.0.0.1:${other.linkPort}`],
    })),
    logLevel: 'info',
    logTo: 'file',
    historyBlocks: historyBlocks ?? 1000,
    restoredWholeNetwork: false,
    otlpEndpoint: null,
  };
}

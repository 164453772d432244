/**
 * A network of real node processes from `dist`, on loopback, in a temporary folder: what operators run, without the
 * launcher. Validators keep their ports and directories over restarts.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ChainParameters, chainIdOf, type Genesis } from '../../src/protocols/ledger/genesis.ts';
import { genesisToJson } from '../../src/protocols/ledger/genesis-json.ts';
import { possessionSigningBytes } from '../../src/protocols/ledger/possession.ts';
import { type ChainId, type PublicKey, publicKey as toPublicKey } from '../../src/protocols/shared/brands.ts';
import { compareText } from '../../src/protocols/shared/bytes.ts';
import { createSigner } from '../../src/runtime/adapters/ed25519.ts';
import { createKeyFile, readSigner } from '../../src/runtime/adapters/key-files.ts';
import type { NodeConfig } from '../../src/runtime/node-config.ts';
import type { BlockView } from '../../src/runtime/ports/chain-api.ts';
import type { Signer } from '../../src/runtime/ports/signer.ts';
import { NodeChild, root } from './node-child.ts';
import { freePort } from './ports.ts';
import { conflicts, readSignatures } from './signatures.ts';
import { present, until } from './waiting.ts';

let isBuilt = false;

/** Builds `dist` where a source is newer. */
export function ensureBuilt(): void {
  if (isBuilt) return;
  const program = "import('./scripts/prepare.js').then(({ ensureBuilt }) => ensureBuilt())";
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--eval', program], { cwd: root });
  if (status !== 0) throw new Error(`the build failed:\n${String(stdout)}${String(stderr)}`);
  isBuilt = true;
}

export interface SystemNetworkOptions {
  readonly validators: number;
  readonly parameters?: Partial<ChainParameters>;
  /** Accounts with a balance. */
  readonly accounts?: readonly Signer[];
}

interface Identity {
  readonly name: string;
  readonly signer: Signer;
  readonly vrfPublicKey: PublicKey;
  readonly keyFile: string;
  readonly vrfKeyFile: string;
  readonly linkAddress: string;
}

export const signers = (count: number): readonly Signer[] =>
  Array.from({ length: count }, () => createSigner(randomBytes(32)));

const loopback = async (): Promise<string> => `127.0.0.1:${await freePort()}`;

export class SystemNetwork {
  readonly directory: string;
  readonly genesis: Genesis;
  readonly nodes: readonly NodeChild[];
  readonly #identities: readonly Identity[];

  private constructor(
    directory: string,
    genesis: Genesis,
    identities: readonly Identity[],
    nodes: readonly NodeChild[],
  ) {
    this.directory = directory;
    this.genesis = genesis;
    this.#identities = identities;
    this.nodes = nodes;
  }

  /** Keys, genesis and configurations of validators; starts none. */
  static async create(options: SystemNetworkOptions): Promise<SystemNetwork> {
    ensureBuilt();
    const directory = mkdtempSync(join(tmpdir(), 'bpci-system-'));
    const identities: Identity[] = [];
    for (let i = 1; i <= options.validators; i++) identities.push(await makeIdentity(directory, `validator-${i}`));
    const genesis = makeGenesis(identities, options);
    writeFileSync(join(directory, 'genesis.json'), JSON.stringify(genesisToJson(genesis)));
    const nodes: NodeChild[] = [];
    for (const identity of identities) {
      nodes.push(new NodeChild(await makeConfig(directory, identity, identities), directory));
    }
    return new SystemNetwork(directory, genesis, identities, nodes);
  }

  get chainId(): ChainId {
    return chainIdOf(this.genesis);
  }

  get running(): readonly NodeChild[] {
    return this.nodes.filter(({ isRunning }) => isRunning);
  }

  node(index: number): NodeChild {
    return present(this.nodes[index], `node ${index}`);
  }

  named(name: string): NodeChild {
    return present(
      this.nodes.find((node) => node.name === name),
      name,
    );
  }

  signer(index: number): Signer {
    return present(this.#identities[index], `validator ${index}`).signer;
  }

  signatureLog(index: number): string {
    return present(this.node(index).config.signatureLog, 'signature log');
  }

  async start(): Promise<void> {
    for (const node of this.nodes) node.start();
    await Promise.all(this.nodes.map((node) => node.ready()));
  }

  /** Ends every process, and removes everything but what a failed test left to look at. */
  async close({ keep }: { readonly keep: boolean }): Promise<void> {
    await Promise.all(this.running.map((node) => node.kill()));
    if (keep) console.log(`      left for a look: ${this.directory}`);
    else rmSync(this.directory, { recursive: true, force: true });
  }

  /** What any validator ever signed in contradiction to itself. */
  conflicts(): readonly string[] {
    return this.nodes.flatMap((_, index) => conflicts(readSignatures(this.signatureLog(index))));
  }

  /**
   * Compares the digest of the block at `height` on all nodes that run, and walks one of them from the genesis up:
   * digests name their parents, so the chains below are one too. Returns the blocks.
   */
  async expectOneChain(height: number): Promise<readonly BlockView[]> {
    const digests = await Promise.all(
      this.running.map(async (node) => {
        await node.reached(height);
        return (await node.client.block(height)).digest;
      }),
    );
    const fork = digests.findIndex((digest) => digest !== digests[0]);
    if (fork >= 0) throw new Error(`a fork: at height ${height} there are ${digests.join(' and ')}`);
    const { client } = present(this.running[0], 'node that runs');
    const blocks: BlockView[] = [];
    let parent: string = this.chainId;
    while (blocks.length < height) {
      const block = await client.block(blocks.length + 1);
      if (block.header['parent'] !== parent) throw new Error(`block ${block.height} has another parent`);
      parent = block.digest;
      blocks.push(block);
    }
    return blocks;
  }

  /** Resolves when a block carries this validator's seal of its parent. */
  async sealedBy(index: number, { above, on }: { readonly above: number; readonly on: NodeChild }): Promise<number> {
    const { publicKey } = this.signer(index);
    let at = above;
    return until(`a seal of validator-${index + 1}`, async () => {
      for (const height = await on.height(); at < height; at++) {
        const { commit } = await on.client.block(at + 1);
        if (commit.seals.some(({ validator }) => validator === publicKey)) return at + 1;
      }
      return false;
    });
  }
}

async function makeIdentity(directory: string, name: string): Promise<Identity> {
  const keyFile = join(directory, 'keys', `${name}.json`);
  const vrfKeyFile = join(directory, 'keys', `${name}-vrf.json`);
  await createKeyFile(keyFile, 'ed25519', null);
  const { publicKey } = await createKeyFile(vrfKeyFile, 'vrf', null);
  return {
    ...{ name, keyFile, vrfKeyFile },
    signer: await readSigner(keyFile, null),
    vrfPublicKey: toPublicKey(publicKey),
    linkAddress: await loopback(),
  };
}

function makeGenesis(identities: readonly Identity[], options: SystemNetworkOptions): Genesis {
  const chainName = 'system-test';
  const validators = identities.map(({ name, signer, vrfPublicKey }) => {
    const { publicKey } = signer;
    const possession = signer.sign(possessionSigningBytes(chainName, publicKey, vrfPublicKey));
    return { name, publicKey, vrfPublicKey, possession, bond: 1_000_000n };
  });
  const accounts = (options.accounts ?? []).map(({ publicKey }) => ({ publicKey, balance: 1_000_000_000n }));
  return {
    chainName,
    time: Date.now() - 1000,
    protocolVersion: 1,
    parameters: {
      blockTimeMs: 200,
      emptyBlockPeriodMs: 1000,
      finalityThreshold: 67,
      roundTimeoutBaseMs: 1000,
      roundTimeoutMaxMs: 60_000,
      voteLapseBlocks: 100,
      evidenceAgeBlocks: 1000,
      unbondingBlocks: 1000,
      trustPeriodBlocks: 1000,
      checkpointIntervalBlocks: 10,
      ...options.parameters,
    },
    validators: validators.sort((a, b) => compareText(a.publicKey, b.publicKey)),
    accounts: accounts.sort((a, b) => compareText(a.publicKey, b.publicKey)),
    governors: [],
    networkAuthority: null,
    previous: null,
  };
}

async function makeConfig(directory: string, identity: Identity, identities: readonly Identity[]): Promise<NodeConfig> {
  const { name, keyFile, vrfKeyFile, linkAddress } = identity;
  const others = identities.filter((other) => other !== identity);
  return {
    ...{ name, keyFile, vrfKeyFile, linkAddress },
    roles: ['validator'],
    dataDir: join(directory, name),
    genesisFile: join(directory, 'genesis.json'),
    passphraseVariable: null,
    apiAddress: await loopback(),
    metricsAddress: await loopback(),
    http: null,
    peers: others.map((other) => ({
      name: other.name,
      publicKey: other.signer.publicKey,
      addresses: [other.linkAddress],
    })),
    logLevel: 'info',
    logTo: 'file',
    historyBlocks: 1000,
    restoredWholeNetwork: false,
    otlpEndpoint: null,
    signatureLog: join(directory, 'signatures', `${name}.jsonl`),
  };
}

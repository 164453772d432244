/** A network of production nodes inside the test process: real links over loopback, real stores in a temporary folder. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chain } from '../../src/actors/chain/chain.ts';
import type { MempoolMessage } from '../../src/actors/mempool.ts';
import type { Genesis } from '../../src/protocols/ledger/genesis.ts';
import { chainIdOf } from '../../src/protocols/ledger/genesis.ts';
import { possessionSigningBytes } from '../../src/protocols/ledger/possession.ts';
import type { PublicKey } from '../../src/protocols/shared/brands.ts';
import { compareText } from '../../src/protocols/shared/bytes.ts';
import { createActorSystem } from '../../src/runtime/actor-system.ts';
import { createSigner, createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import { openLmdbStore } from '../../src/runtime/adapters/lmdb-store.ts';
import { createSystemClock } from '../../src/runtime/adapters/system-clock.ts';
import { createSystemRandom } from '../../src/runtime/adapters/system-random.ts';
import { createTelemetry } from '../../src/runtime/adapters/telemetry.ts';
import { createVrfSigner } from '../../src/runtime/adapters/vrf.ts';
import { createWsTransport } from '../../src/runtime/adapters/ws-transport.ts';
import { createLinks, type LocalLinks } from '../../src/runtime/links/create-links.ts';
import { type Wiring, wireNode, type WiringOptions } from '../../src/actors/node/wiring.ts';
import type { ActorSystem } from '../../src/runtime/ports/actors.ts';
import type { SubmitOutcome } from '../../src/runtime/ports/chain-api.ts';
import type { Signer } from '../../src/runtime/ports/signer.ts';

export interface LocalNode {
  readonly name: string;
  readonly key: PublicKey;
  readonly chain: Chain;
  readonly wiring: Wiring;
  readonly links: LocalLinks;
  readonly system: ActorSystem;
  submit(transactions: readonly Uint8Array[]): Promise<readonly SubmitOutcome[]>;
  /** Resolves when this height is final and durable on the node. */
  reached(height: number): Promise<void>;
  stop(): Promise<void>;
}

interface Identity {
  readonly name: string;
  readonly seed: Uint8Array;
  readonly vrfSeed: Uint8Array;
  readonly signer: Signer;
  readonly dataDir: string;
}

export interface LocalNetworkOptions {
  readonly validators: number;
  readonly blockTimeMs: number;
  /** Accounts with a balance. */
  readonly accounts?: readonly PublicKey[];
  readonly historyBlocks?: number;
  readonly log?: boolean;
}

export class LocalNetwork {
  readonly genesis: Genesis;
  readonly directory = mkdtempSync(join(tmpdir(), 'bpci-network-'));
  readonly #identities: readonly Identity[];
  readonly #addresses = new Map<PublicKey, string>();
  readonly #running = new Map<number, LocalNode>();
  readonly #options: LocalNetworkOptions;

  constructor(options: LocalNetworkOptions) {
    this.#options = options;
    this.#identities = Array.from({ length: options.validators }, (_, i) => this.#identity(`validator-${i + 1}`));
    this.genesis = this.#makeGenesis();
  }

  node(index: number): LocalNode {
    const node = this.#running.get(index);
    if (node === undefined) throw new Error(`node ${index} does not run`);
    return node;
  }

  get nodes(): readonly LocalNode[] {
    return [...this.#running.values()];
  }

  identity(index: number): Identity {
    return this.#identities[index] as Identity;
  }

  async start(indices = this.#identities.map((_, i) => i)): Promise<void> {
    for (const index of indices) this.#running.set(index, await this.#startNode(this.identity(index), true));
    this.#introduce();
  }

  /** A node that follows. */
  async follow(name: string): Promise<LocalNode> {
    const node = await this.#startNode(this.#identity(name), false);
    this.#running.set(-1 - this.#running.size, node);
    this.#introduce();
    return node;
  }

  /** Removes what a stopped node keeps; `chain` leaves its guard alone. */
  wipe(index: number, what: 'chain' | 'everything'): void {
    const { dataDir } = this.identity(index);
    rmSync(what === 'chain' ? join(dataDir, 'chain') : dataDir, { recursive: true, force: true });
  }

  async stop(index: number): Promise<void> {
    await this.node(index).stop();
    this.#running.delete(index);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running.values()].map((node) => node.stop()));
    this.#running.clear();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Everybody knows everybody's present address. */
  #introduce(): void {
    for (const { links } of this.#running.values()) {
      const peers = [...this.#addresses].filter(([key]) => key !== links.self);
      links.setPeers(peers.map(([key, address]) => ({ key, addresses: [address] })));
    }
  }

  #identity(name: string): Identity {
    const seed = randomBytes(32);
    return {
      name,
      seed,
      vrfSeed: randomBytes(32),
      signer: createSigner(seed),
      dataDir: join(this.directory, name),
    };
  }

  #makeGenesis(): Genesis {
    const chainName = 'test';
    const validators = this.#identities.map(({ name, signer, vrfSeed }) => {
      const vrfPublicKey = createVrfSigner(vrfSeed).publicKey;
      const { publicKey } = signer;
      const possession = signer.sign(possessionSigningBytes(chainName, publicKey, vrfPublicKey));
      return { publicKey, vrfPublicKey, name, possession, bond: 1_000_000n };
    });
    return {
      chainName,
      time: Date.now() - 1000,
      protocolVersion: 1,
      parameters: {
        blockTimeMs: this.#options.blockTimeMs,
        emptyBlockPeriodMs: 1000,
        finalityThreshold: 67,
        roundTimeoutBaseMs: 1000,
        roundTimeoutMaxMs: 60_000,
        voteLapseBlocks: 100,
        evidenceAgeBlocks: 1000,
        unbondingBlocks: 1000,
        trustPeriodBlocks: 1000,
        checkpointIntervalBlocks: 5,
      },
      validators: validators.sort((a, b) => compareText(a.publicKey, b.publicKey)),
      accounts: [...(this.#options.accounts ?? [])]
        .sort(compareText)
        .map((publicKey) => ({ publicKey, balance: 1_000_000_000_000n })),
      governors: [],
      networkAuthority: null,
      previous: null,
    };
  }

  async #startNode(identity: Identity, validates: boolean, extra: Partial<WiringOptions> = {}): Promise<LocalNode> {
    const { name, signer, seed, vrfSeed, dataDir } = identity;
    const running = createTelemetry({
      ...{ name, role: 'test', dataDir, otlpEndpoint: null },
      logTo: this.#options.log === true ? 'stdout' : 'silent',
      logLevel: 'info',
    });
    const { telemetry } = running;
    const verifier = createVerifier();
    const clock = createSystemClock();
    const random = createSystemRandom();
    const chainId = chainIdOf(this.genesis);
    const records = openLmdbStore({ directory: join(dataDir, 'guard'), schema: { kind: 'guard', version: 1 } });
    const store = openLmdbStore({ directory: join(dataDir, 'chain'), schema: { kind: 'chain', version: 1, chainId } });
    const historyBlocks = this.#options.historyBlocks ?? 100;
    const chain = new Chain({ store, genesis: this.genesis, signatures: verifier, historyBlocks });
    const links = createLinks({
      ...{ clock, random, signer, verifier, chainId, telemetry },
      transport: await createWsTransport(seed),
      listenAddress: this.#addresses.get(signer.publicKey) ?? '127.0.0.1:0',
      roles: [validates ? 'validator' : 'follower'],
      protocolRange: { min: 1, max: 1 },
      authorize: () => false,
    });
    const system = createActorSystem({ clock, random, telemetry, links });
    const vrf = validates ? createVrfSigner(vrfSeed) : null;
    const wiring = wireNode({
      ...{ chain, records, system, links, clock, telemetry, verifier, signer, vrf },
      restoredWholeNetwork: false,
      ...extra,
    });
    await links.start();
    this.#addresses.set(signer.publicKey, links.address);
    return {
      ...{ name, key: signer.publicKey, chain, wiring, links, system },
      submit: (transactions) =>
        system.ask<MempoolMessage, readonly SubmitOutcome[]>(
          wiring.mempool,
          (replyTo) => ({ type: 'submit', transactions, replyTo }),
          { timeoutMs: 10_000 },
        ),
      reached: (height) => reached(chain, wiring, height),
      stop: async () => {
        wiring.detach();
        await system.terminate();
        await links.stop();
        await Promise.all([store.close(), records.close()]);
        await running.close();
      },
    };
  }
}

function reached(chain: Chain, wiring: Wiring, height: number): Promise<void> {
  if (chain.tip.height >= height) return Promise.resolve();
  return new Promise((resolve) => {
    const leave = wiring.finality.subscribe((at) => {
      if (at < height) return;
      leave();
      resolve();
    });
  });
}

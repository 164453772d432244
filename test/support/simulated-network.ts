/** Validators spawned through the public API in actor systems of their own, over a network and disks in memory. */
import {
  type ActorSystem,
  chainIdOf,
  createActorSystem,
  createLinks,
  createSigner,
  createSystemClock,
  createSystemRandom,
  createVerifier,
  createVrfSigner,
  type Genesis,
  type LocalLinks,
  noTelemetry,
  possessionSigningBytes,
  type PublicKey,
  type Signer,
  type SpawnedNode,
  spawnFollower,
  spawnValidator,
} from '../../src/index.ts';
import type { Envelope } from '../../src/runtime/ports/links.ts';
import type { Telemetry } from '../../src/runtime/ports/telemetry.ts';
import { MemoryDisk, PipeNetwork } from '../../src/simulated.ts';

export interface SimulatedNode {
  readonly key: PublicKey;
  readonly spawned: SpawnedNode;
  readonly system: ActorSystem;
  readonly links: LocalLinks;
  /** Of the guard and the consensus journal. */
  readonly recordsDisk: MemoryDisk;
  readonly fatal: unknown[];
}

export interface SimulatedNetworkOptions {
  /** Of a node, by its place. Default: none. */
  readonly telemetry?: (index: number) => Telemetry;
  /** What becomes of an envelope on its way. */
  readonly envelope?: (sent: Envelope) => Envelope;
}

const chainName = 'simulated';
const seedOf = (number: number): Uint8Array => new Uint8Array(32).fill(number);

export class SimulatedNetwork {
  readonly faucet = createSigner(seedOf(99));
  readonly genesis: Genesis;
  readonly nodes: SimulatedNode[] = [];
  readonly #clock = createSystemClock();
  readonly #network = new PipeNetwork({ clock: this.#clock });
  readonly #verifier = createVerifier();
  readonly #options: SimulatedNetworkOptions;

  constructor(validators: number, options: SimulatedNetworkOptions = {}) {
    this.#options = options;
    const members = Array.from({ length: validators }, (_, index) => {
      const signer = createSigner(seedOf(index + 1));
      const vrfPublicKey = createVrfSigner(seedOf(index + 51)).publicKey;
      const { publicKey } = signer;
      const possession = signer.sign(possessionSigningBytes(chainName, publicKey, vrfPublicKey));
      return { publicKey, vrfPublicKey, name: `validator-${index + 1}`, possession, bond: 1_000_000n };
    });
    this.genesis = {
      chainName,
      time: Date.now() - 1000,
      protocolVersion: 1,
      parameters: {
        blockTimeMs: 50,
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
      validators: members.sort((a, b) => (a.publicKey < b.publicKey ? -1 : 1)),
      accounts: [{ publicKey: this.faucet.publicKey, balance: 1_000_000_000n }],
      governors: [],
      networkAuthority: null,
      previous: null,
    };
  }

  /** The validators, and `followers` nodes that only follow; all know each other. */
  async start(validators: number, followers = 0): Promise<void> {
    for (let index = 0; index < validators + followers; index++) {
      this.nodes.push(await this.#spawn(index, index < validators));
    }
    for (const { links } of this.nodes) {
      const others = this.nodes.filter((node) => node.links !== links);
      links.setPeers(others.map((node) => ({ key: node.key, addresses: [node.links.address] })));
    }
  }

  async close(): Promise<void> {
    await Promise.all(
      this.nodes.map(async ({ system, links }) => {
        await system.terminate();
        await links.stop();
      }),
    );
  }

  async #spawn(index: number, validates: boolean): Promise<SimulatedNode> {
    const signer: Signer = createSigner(seedOf(index + 1));
    const { telemetry = () => noTelemetry, envelope } = this.#options;
    const shared = { clock: this.#clock, random: createSystemRandom(), telemetry: telemetry(index) };
    const links = createLinks({
      ...{ ...shared, signer, verifier: this.#verifier, chainId: chainIdOf(this.genesis) },
      transport: this.#network.transport(signer.publicKey),
      listenAddress: `node-${index}:0`,
      roles: [validates ? 'validator' : 'follower'],
      protocolRange: { min: 1, max: 1 },
      authorize: () => false,
    });
    if (envelope !== undefined) {
      const send = links.send.bind(links);
      links.send = (peer, sent, how) => send(peer, envelope(sent), how);
    }
    const system = createActorSystem({ ...shared, links });
    const fatal: unknown[] = [];
    system.onFatal((cause) => fatal.push(cause));
    const recordsDisk = new MemoryDisk();
    const store = new MemoryDisk().open({ kind: 'chain', version: 1 });
    const ports = { ...shared, links, store, signer, verifier: this.#verifier };
    const { genesis } = this;
    const spawned = validates
      ? await spawnValidator(
          system,
          {
            ...ports,
            records: recordsDisk.open({ kind: 'guard', version: 1 }),
            vrf: createVrfSigner(seedOf(index + 51)),
          },
          { genesis },
        )
      : await spawnFollower(system, ports, { genesis });
    await links.start();
    return { key: signer.publicKey, spawned, system, links, recordsDisk, fatal };
  }
}

/**
 * Validators with their production actors, links and consensus in one process, over a network, disks and time in memory:
 * minutes of outages pass in seconds, and what takes long is measured in the time of the chain.
 */
import { Chain } from '../../src/actors/chain/chain.ts';
import { type Wiring, wireNode } from '../../src/actors/node/wiring.ts';
import type { MachineState } from '../../src/protocols/ibft/machine-types.ts';
import { chainIdOf, type Genesis } from '../../src/protocols/ledger/genesis.ts';
import { possessionSigningBytes } from '../../src/protocols/ledger/possession.ts';
import type { PublicKey } from '../../src/protocols/shared/brands.ts';
import { compareText } from '../../src/protocols/shared/bytes.ts';
import { createActorSystem } from '../../src/runtime/actor-system.ts';
import { createSigner, createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import type { SignatureRecord } from '../../src/runtime/adapters/signature-log.ts';
import { createVrfSigner } from '../../src/runtime/adapters/vrf.ts';
import { createLinks, type LocalLinks } from '../../src/runtime/links/create-links.ts';
import type { LinkLimits } from '../../src/runtime/links/limits.ts';
import type { ActorSystem } from '../../src/runtime/ports/actors.ts';
import type { Envelope } from '../../src/runtime/ports/links.ts';
import { noTelemetry } from '../../src/runtime/ports/no-telemetry.ts';
import type { Signer } from '../../src/runtime/ports/signer.ts';
import type { Telemetry } from '../../src/runtime/ports/telemetry.ts';
import { MemoryDisk, PipeNetwork, SeededRandom, VirtualClock } from '../../src/simulated.ts';
import { present } from './waiting.ts';

export interface VirtualNode {
  readonly name: string;
  readonly key: PublicKey;
  readonly chain: Chain;
  readonly wiring: Wiring;
  readonly links: LocalLinks;
  readonly system: ActorSystem;
}

export interface VirtualNetworkOptions {
  readonly seed: string;
  readonly validators: number;
  readonly blockTimeMs: number;
  readonly roundTimeoutBaseMs: number;
  /** Of every frame, each way. */
  readonly delayMs: number;
  /** How many of the validators, from the first on, run. Default: all. The others' keys are in the test's hands. */
  readonly honest?: number;
  readonly telemetry?: Telemetry;
  readonly linkLimits?: Partial<LinkLimits>;
}

/** Turns of the event loop without a message to any actor after which nothing more comes by itself. */
const quietTurns = 6;

export class VirtualNetwork {
  readonly clock = new VirtualClock();
  readonly genesis: Genesis;
  readonly signatures: SignatureRecord[] = [];
  readonly #options: VirtualNetworkOptions;
  readonly #network: PipeNetwork;
  readonly #identities: readonly { readonly name: string; readonly signer: Signer; readonly vrfSeed: Uint8Array }[];
  readonly #closed = new Set<string>();
  #nodes: VirtualNode[] = [];

  constructor(options: VirtualNetworkOptions) {
    this.#options = options;
    const keys = new SeededRandom(`${options.seed}/keys`);
    this.#identities = Array.from({ length: options.validators }, (_, index) => ({
      name: `validator-${index + 1}`,
      signer: createSigner(keys.bytes(32)),
      vrfSeed: keys.bytes(32),
    }));
    this.genesis = this.#makeGenesis();
    const { delayMs } = options;
    this.#network = new PipeNetwork({
      clock: this.clock,
      conditions: (from, to) => ({ delayMs, open: !this.#closed.has(`${from} ${to}`) }),
    });
  }

  /** Those that have not been crashed. */
  get nodes(): readonly VirtualNode[] {
    return this.#nodes;
  }

  async start(): Promise<void> {
    const honest = this.#options.honest ?? this.#identities.length;
    for (let index = 0; index < honest; index++) this.#nodes.push(await this.#spawn(index));
    for (const { links } of this.#nodes) this.#introduce(links);
  }

  signer(index: number): Signer {
    return present(this.#identities[index], `validator ${index}`).signer;
  }

  /** Links of a validator that does not run: what is sent over them is the test's. They dial everybody. */
  async impersonate(index: number, onEnvelope: (envelope: Envelope) => void): Promise<LocalLinks> {
    const links = this.#links(index);
    links.attach({
      onEnvelope: (_peer, envelope, consumed) => {
        onEnvelope(envelope);
        consumed();
      },
      onUp: () => undefined,
      onDown: () => undefined,
    });
    await links.start();
    this.#introduce(links);
    return links;
  }

  /** Names every validator; those that run have an address. */
  #introduce(links: LocalLinks): void {
    links.setPeers(
      this.#identities.map(({ signer: { publicKey } }) => {
        const node = this.#nodes.find(({ key }) => key === publicKey);
        return { key: publicKey, addresses: node === undefined ? [] : [node.links.address] };
      }),
    );
  }

  /** Which pairs may talk from now on; the links of the others are reset. */
  connect(mayTalk: (a: number, b: number) => boolean): void {
    this.#closed.clear();
    this.#nodes.forEach((a, i) => {
      this.#nodes.forEach((b, j) => {
        if (i >= j || mayTalk(i, j)) return;
        this.#closed.add(`${a.key} ${b.key}`).add(`${b.key} ${a.key}`);
        this.#network.cut(a.key, b.key);
      });
    });
    this.#network.changed();
  }

  async crash(node: VirtualNode): Promise<void> {
    this.#nodes = this.#nodes.filter((other) => other !== node);
    this.#network.crash(node.key);
    node.wiring.detach();
    await node.system.terminate();
    await node.links.stop();
  }

  async close(): Promise<void> {
    for (const node of [...this.#nodes]) await this.crash(node);
  }

  /** Moves time from timer to timer until `isSo` or for `limitMs`. Returns what passed, or null where it never was so. */
  async runUntil(isSo: () => boolean, limitMs: number): Promise<number | null> {
    const from = this.clock.monotonicMs();
    for (;;) {
      await this.#settle();
      if (isSo()) return this.clock.monotonicMs() - from;
      const next = this.clock.nextAtMs;
      if (next === undefined || next > from + limitMs) return null;
      this.clock.runNext();
    }
  }

  async pass(durationMs: number): Promise<void> {
    const endMs = this.clock.monotonicMs() + durationMs;
    await this.runUntil(() => false, durationMs);
    this.clock.advanceTo(endMs);
  }

  machine(node: VirtualNode): MachineState {
    return present(node.wiring.machine(), `machine of ${node.name}`);
  }

  /** Everybody that is left is linked with everybody else, at both ends. */
  isMeshed(): boolean {
    return this.#nodes.every(({ links, key }) =>
      this.#nodes.every(
        (other) => other.key === key || links.peers().some((peer) => peer.key === other.key && peer.state === 'up'),
      ),
    );
  }

  /** What the actors do within one moment of virtual time takes turns of the real event loop. */
  async #settle(): Promise<void> {
    let before = -1;
    for (let quiet = 0; quiet < quietTurns; ) {
      await new Promise((resolve) => setImmediate(resolve));
      const messages = this.#nodes.reduce((sum, { system }) => sum + system.stats().messages, 0);
      quiet = messages === before ? quiet + 1 : 0;
      before = messages;
    }
  }

  #makeGenesis(): Genesis {
    const chainName = 'virtual';
    const validators = this.#identities.map(({ name, signer, vrfSeed }) => {
      const vrfPublicKey = createVrfSigner(vrfSeed).publicKey;
      const { publicKey } = signer;
      const possession = signer.sign(possessionSigningBytes(chainName, publicKey, vrfPublicKey));
      return { publicKey, vrfPublicKey, name, possession, bond: 1_000_000n };
    });
    const { blockTimeMs, roundTimeoutBaseMs } = this.#options;
    return {
      chainName,
      time: this.clock.now() - blockTimeMs,
      protocolVersion: 1,
      parameters: {
        ...{ blockTimeMs, roundTimeoutBaseMs },
        emptyBlockPeriodMs: 1000,
        finalityThreshold: 67,
        roundTimeoutMaxMs: 60_000,
        voteLapseBlocks: 100,
        evidenceAgeBlocks: 1000,
        unbondingBlocks: 1000,
        trustPeriodBlocks: 1000,
        checkpointIntervalBlocks: 1000,
      },
      validators: validators.sort((a, b) => compareText(a.publicKey, b.publicKey)),
      accounts: [],
      governors: [],
      networkAuthority: null,
      previous: null,
    };
  }

  async #spawn(index: number): Promise<VirtualNode> {
    const { name, signer, vrfSeed } = present(this.#identities[index], `validator ${index}`);
    const { clock, genesis } = this;
    const random = new SeededRandom(`${this.#options.seed}/${name}/actors`);
    const telemetry = this.#options.telemetry ?? noTelemetry;
    // On the event loop, not in the thread pool: time stands still until it is done.
    const verifier = createVerifier({ parallelism: 1 });
    const chainId = chainIdOf(genesis);
    const records = new MemoryDisk().open({ kind: 'guard', version: 1 });
    const store = new MemoryDisk().open({ kind: 'chain', version: 1, chainId });
    const chain = new Chain({ store, genesis, signatures: verifier, historyBlocks: 100 });
    const links = this.#links(index);
    const system = createActorSystem({ clock, random, telemetry, links });
    const wiring = wireNode({
      ...{ chain, records, system, links, clock, telemetry, verifier, signer },
      vrf: createVrfSigner(vrfSeed),
      restoredWholeNetwork: false,
      onSigned: (payload) => this.signatures.push({ ...payload, author: signer.publicKey, signature: '' }),
    });
    await links.start();
    return { name, key: signer.publicKey, chain, wiring, links, system };
  }

  #links(index: number): LocalLinks {
    const { name, signer } = present(this.#identities[index], `validator ${index}`);
    const { telemetry = noTelemetry, linkLimits = {}, seed } = this.#options;
    return createLinks({
      ...{ clock: this.clock, signer, telemetry, limits: linkLimits },
      random: new SeededRandom(`${seed}/${name}/links`),
      verifier: createVerifier({ parallelism: 1 }),
      chainId: chainIdOf(this.genesis),
      transport: this.#network.transport(signer.publicKey),
      listenAddress: `${name}:0`,
      roles: ['validator'],
      protocolRange: { min: 1, max: 1 },
      authorize: () => false,
    });
  }
}

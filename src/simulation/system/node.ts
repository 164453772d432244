/** A simulated validator: the production actors, links, chain and stores of one node, and its disks, across its lives. */
import { Chain } from '../../actors/chain/chain.ts';
import { type Wiring, wireNode, type WiringOptions } from '../../actors/node/wiring.ts';
import type { Genesis } from '../../protocols/ledger/genesis.ts';
import { chainIdOf } from '../../protocols/ledger/genesis.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { createActorSystem } from '../../runtime/actor-system.ts';
import { createLinks, type LocalLinks } from '../../runtime/links/create-links.ts';
import type { ActorSystem } from '../../runtime/ports/actors.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import type { Random } from '../../runtime/ports/random.ts';
import type { Signer, Verifier, VrfSigner } from '../../runtime/ports/signer.ts';
import type { Store } from '../../runtime/ports/store.ts';
import type { Telemetry } from '../../runtime/ports/telemetry.ts';
import { MemoryDisk } from '../../runtime/simulated/memory-store.ts';
import type { PipeNetwork } from '../../runtime/simulated/pipe-transport.ts';
import type { SeededRandom } from '../../runtime/simulated/seeded-random.ts';
import type { Draw } from '../draw.ts';
import type { Identity } from './genesis.ts';
import { type Nact, type NactGlobals, NodeProcess } from './node-process.ts';
import { type TraceHash, TracedRandom } from '../trace-hash.ts';

/** What a node's actors are given. A simulation may give them others, to see what then happens. */
export interface NodePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly verifier: Verifier;
  readonly signer: Signer;
  readonly vrf: VrfSigner;
  /** The chain's. */
  readonly store: Store;
  /** Guard and consensus journal. */
  readonly records: Store;
}

export interface NodeSurroundings {
  readonly clock: Clock;
  readonly network: PipeNetwork;
  readonly trace: TraceHash;
  readonly genesis: Genesis;
  readonly verifier: Verifier;
  readonly identities: readonly Identity[];
  readonly telemetry: (node: number) => Telemetry;
  readonly loadNact: (globals: NactGlobals) => Nact;
  readonly ports: (ports: NodePorts, node: number) => NodePorts;
  readonly syncMs: readonly [least: number, most: number];
  readonly onSigned: (node: number, ...signed: Parameters<NonNullable<WiringOptions['onSigned']>>) => void;
  /** A block is final and durable on the node. */
  readonly onFinal: (node: SimulatedNode, height: number) => void;
  /** What a production node would end itself for. */
  readonly onFatal: (node: number, cause: unknown) => void;
}

/** One life, as far as it has come. */
interface Life {
  readonly process: NodeProcess;
  parts: {
    readonly chain: Chain;
    readonly wiring: Wiring;
    readonly links: LocalLinks;
    readonly system: ActorSystem;
  } | null;
}

interface Disks {
  readonly chain: MemoryDisk;
  readonly records: MemoryDisk;
}

const historyBlocks = 100;
const addressOf = (index: number): string => `validator-${index}:7000`;

export class SimulatedNode {
  readonly index: number;
  /** Of its wall clock, ms. */
  clockOffsetMs = 0;
  readonly #surroundings: NodeSurroundings;
  readonly #random: SeededRandom;
  readonly #crashes: Draw;
  #disks: Disks;
  #life: Life | null = null;
  #lives = 0;
  #paused = false;
  #actorFailures = 0;

  /** `random` is the node's own stream, `crashes` that of what its crashes leave on its disks. */
  constructor(index: number, surroundings: NodeSurroundings, random: SeededRandom, crashes: Draw) {
    this.index = index;
    this.#surroundings = surroundings;
    this.#random = random;
    this.#crashes = crashes;
    this.#disks = { chain: this.#newDisk('chain'), records: this.#newDisk('records') };
  }

  get key(): PublicKey {
    return this.#identity.signer.publicKey;
  }

  /** What runs; null from a crash until the node has booted again. */
  get parts(): Life['parts'] {
    return this.#life?.parts ?? null;
  }

  get isDown(): boolean {
    return this.#life === null;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** How often an actor of any of its lives threw and was started again. */
  get actorFailures(): number {
    return this.#actorFailures + (this.parts?.system.stats().restarts ?? 0);
  }

  /** A step of the node's own: what the outside world does to it through its API. */
  enter(callback: () => void): void {
    this.#life?.process.enter(callback);
  }

  boot(): void {
    const { clock, trace } = this.#surroundings;
    this.#lives += 1;
    const random = new TracedRandom(this.#random.fork(`life ${this.#lives}`), trace, this.index);
    const offsetMs = (): number => this.clockOffsetMs;
    const life: Life = {
      process: new NodeProcess({ clock, trace, node: this.index, random, offsetMs }),
      parts: null,
    };
    this.#life = life;
    this.#assemble(life, random).catch((cause: unknown) => {
      if (this.#life === life) this.#surroundings.onFatal(this.index, cause);
    });
  }

  /** The process dies in the midst of whatever it does. Disks keep what was synced, and a part of the rest in order. */
  crash(): void {
    this.#actorFailures = this.actorFailures;
    this.#life?.process.end();
    this.#life = null;
    this.#paused = false;
    this.#surroundings.network.crash(this.key);
    for (const disk of [this.#disks.chain, this.#disks.records]) {
      disk.crash((unsynced) => {
        const kept = this.#crashes.between(0, unsynced);
        this.#surroundings.trace.record('crash', this.index, kept);
        return kept;
      });
    }
  }

  /** Of a node that is down. */
  wipe(): void {
    this.#disks = { chain: this.#newDisk('chain'), records: this.#newDisk('records') };
  }

  copyDisks(): Disks {
    return { chain: this.#disks.chain.copy(), records: this.#disks.records.copy() };
  }

  /** Of a node that is down. */
  restore(disks: Disks): void {
    this.#disks = disks;
  }

  pause(): void {
    this.#paused = true;
    this.#life?.process.pause();
    this.#surroundings.network.changed();
  }

  resume(): void {
    this.#paused = false;
    this.#life?.process.resume();
    this.#surroundings.network.changed();
  }

  get #identity(): Identity {
    return this.#surroundings.identities[this.index] as Identity;
  }

  #newDisk(name: string): MemoryDisk {
    const { clock, trace, syncMs } = this.#surroundings;
    const durations = this.#random.fork(`syncs of ${name} ${this.#lives}`);
    const [least, most] = syncMs;
    return new MemoryDisk({
      onCommit: (writes) => trace.commit(this.index, writes),
      sync: () =>
        new Promise((resolve) => {
          // Of the life that asked: a sync ends within the process, which may be paused or gone by then.
          (this.#life?.process.clock ?? clock).setTimer(least + durations.fraction() * (most - least), resolve);
        }),
    });
  }

  async #assemble(life: Life, random: Random): Promise<void> {
    const { genesis, verifier, loadNact, network, onSigned, onFinal, onFatal, ports } = this.#surroundings;
    const chainId = chainIdOf(genesis);
    const { process } = life;
    const given = ports(
      {
        ...{ clock: process.clock, random, telemetry: this.#surroundings.telemetry(this.index), verifier },
        ...{ signer: this.#identity.signer, vrf: this.#identity.vrf },
        store: this.#disks.chain.open({ kind: 'chain', version: 1, chainId }),
        records: this.#disks.records.open({ kind: 'guard', version: 1 }),
      },
      this.index,
    );
    const chain = new Chain({ store: given.store, genesis, signatures: given.verifier, historyBlocks });
    await given.store.durable();
    const links = createLinks({
      ...{ ...given, chainId },
      transport: process.transport(network.transport(given.signer.publicKey)),
      listenAddress: addressOf(this.index),
      roles: ['validator'],
      protocolRange: { min: 1, max: 1 },
      authorize: () => false,
    });
    links.setPeers(this.#peers());
    const system = createActorSystem({ ...given, links, nact: loadNact(process.nactGlobals) });
    system.onFatal((cause) => onFatal(this.index, cause));
    const wiring = wireNode({
      ...{ ...given, chain, system, links },
      restoredWholeNetwork: false,
      onSigned: (payload, signature) => onSigned(this.index, payload, signature),
    });
    wiring.finality.subscribe((height) => onFinal(this, height));
    life.parts = { chain, wiring, links, system };
    await links.start();
  }

  #peers(): { readonly key: PublicKey; readonly addresses: readonly string[] }[] {
    return this.#surroundings.identities
      .map(({ signer }, index) => ({ key: signer.publicKey, addresses: [addressOf(index)] }))
      .filter(({ key }) => key !== this.key);
  }
}

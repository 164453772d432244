/** A simulated node: what runs on it, life after life, and the disks that outlive each. It knows nothing of what it runs. */
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { ActorSystem } from '../../runtime/ports/actors.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import type { Random } from '../../runtime/ports/random.ts';
import type { Signer, Verifier, VrfSigner } from '../../runtime/ports/signer.ts';
import type { Store, StoreSchema } from '../../runtime/ports/store.ts';
import type { Telemetry } from '../../runtime/ports/telemetry.ts';
import type { Transport } from '../../runtime/ports/transport.ts';
import { MemoryDisk } from '../../runtime/simulated/memory-store.ts';
import type { PipeNetwork } from '../../runtime/simulated/pipe-transport.ts';
import type { SeededRandom } from '../../runtime/simulated/seeded-random.ts';
import type { Draw } from '../draw.ts';
import { type TraceHash, TracedRandom } from '../trace-hash.ts';
import type { Identity } from './identities.ts';
import { type Nact, type NactGlobals, NodeProcess } from './node-process.ts';

/** All that the programs of a node have of the world, for one life. */
export interface LifePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly verifier: Verifier;
  readonly signer: Signer;
  readonly vrf: VrfSigner;
  readonly transport: Transport;
  /** Where the node is to listen: peers dial it there. */
  readonly address: string;
  readonly peers: readonly { readonly key: PublicKey; readonly addresses: readonly string[] }[];
  /** This life's own instance. */
  readonly nact: Nact;
  /** The node's disk of that name, made at its first opening. */
  readonly open: (disk: string, schema: StoreSchema) => Store;
}

/** What runs on a node, as far as the simulator must know it. */
export interface Program {
  readonly system: ActorSystem;
}

export interface NodeSurroundings<P extends Program> {
  readonly clock: Clock;
  readonly network: PipeNetwork;
  readonly trace: TraceHash;
  readonly verifier: Verifier;
  readonly identities: readonly Identity[];
  readonly telemetry: (node: number) => Telemetry;
  readonly loadNact: (globals: NactGlobals) => Nact;
  readonly syncMs: readonly [least: number, most: number];
  /** Starts what the node runs. `running` is to be called as soon as that can be asked, before it is awaited further. */
  readonly boot: (node: number, ports: LifePorts, running: (program: P) => void) => Promise<void>;
  /** What a production node would end itself for. */
  readonly onFatal: (node: number, cause: unknown) => void;
}

/** One life, as far as it has come. */
interface Life<P> {
  readonly process: NodeProcess;
  parts: P | null;
}

export type Disks = ReadonlyMap<string, MemoryDisk>;

const addressOf = (index: number): string => `node-${index}:7000`;

export class SimulatedNode<P extends Program = Program> {
  readonly index: number;
  /** Of its wall clock, ms. */
  clockOffsetMs = 0;
  readonly #surroundings: NodeSurroundings<P>;
  readonly #random: SeededRandom;
  readonly #crashes: Draw;
  #disks: Map<string, MemoryDisk> = new Map();
  #life: Life<P> | null = null;
  #lives = 0;
  #paused = false;
  #actorFailures = 0;

  /** `random` is the node's own stream, `crashes` that of what its crashes leave on its disks. */
  constructor(index: number, surroundings: NodeSurroundings<P>, random: SeededRandom, crashes: Draw) {
    this.index = index;
    this.#surroundings = surroundings;
    this.#random = random;
    this.#crashes = crashes;
  }

  get key(): PublicKey {
    return this.identity.signer.publicKey;
  }

  get identity(): Identity {
    return this.#surroundings.identities[this.index] as Identity;
  }

  /** What runs; null from a crash until the node has booted again. */
  get parts(): P | null {
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
    const { clock, trace, boot, onFatal } = this.#surroundings;
    this.#lives += 1;
    const random = new TracedRandom(this.#random.fork(`life ${this.#lives}`), trace, this.index);
    const offsetMs = (): number => this.clockOffsetMs;
    const life: Life<P> = {
      process: new NodeProcess({ clock, trace, node: this.index, random, offsetMs }),
      parts: null,
    };
    this.#life = life;
    const ports = this.#portsOf(life.process, random);
    const failed = (cause: unknown): void => {
      if (this.#life === life) onFatal(this.index, cause);
    };
    boot(this.index, ports, (program) => {
      life.parts = program;
      program.system.onFatal(failed);
    }).catch(failed);
  }

  /** The process dies in the midst of whatever it does. Disks keep what was synced, and a part of the rest in order. */
  crash(): void {
    this.#actorFailures = this.actorFailures;
    this.#life?.process.end();
    this.#life = null;
    this.#paused = false;
    this.#surroundings.network.crash(this.key);
    for (const disk of this.#disks.values()) {
      disk.crash((unsynced) => {
        const kept = this.#crashes.between(0, unsynced);
        this.#surroundings.trace.record('crash', this.index, kept);
        return kept;
      });
    }
  }

  /** Of a node that is down. */
  wipe(): void {
    this.#disks = new Map();
  }

  copyDisks(): Disks {
    return new Map([...this.#disks].map(([name, disk]) => [name, disk.copy()]));
  }

  /** Of a node that is down. */
  restore(disks: Disks): void {
    this.#disks = new Map(disks);
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

  #portsOf(process: NodeProcess, random: Random): LifePorts {
    const { network, verifier, telemetry, loadNact, identities } = this.#surroundings;
    const { signer, vrf } = this.identity;
    return {
      ...{ clock: process.clock, random, telemetry: telemetry(this.index), verifier, signer, vrf },
      transport: process.transport(network.transport(signer.publicKey)),
      address: addressOf(this.index),
      peers: identities
        .map((identity, index) => ({ key: identity.signer.publicKey, addresses: [addressOf(index)] }))
        .filter(({ key }) => key !== signer.publicKey),
      nact: loadNact(process.nactGlobals),
      open: (disk, schema) => this.#disk(disk).open(schema),
    };
  }

  #disk(name: string): MemoryDisk {
    let disk = this.#disks.get(name);
    if (disk === undefined) {
      disk = this.#newDisk(name);
      this.#disks.set(name, disk);
    }
    return disk;
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
}

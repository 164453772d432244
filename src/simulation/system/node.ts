/** A simulated node: what runs on it, life after life, and the disks that outlive each. It knows nothing of what it runs. */
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { ActorSystem } from '../../runtime/ports/actors.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import type { Random } from '../../runtime/ports/random.ts';
import type { Signer, Verifier, VrfSigner } from '../../runtime/ports/signer.ts';
import type { Store, StoreSchema } from '../../runtime/ports/store.ts';
import type { Telemetry } from '../../runtime/ports/telemetry.ts';
import type { Transport } from '../../runtime/ports/transport.ts';
import type { PipeNetwork } from '../../runtime/simulated/pipe-transport.ts';
import type { SeededRandom } from '../../runtime/simulated/seeded-random.ts';
import type { Draw } from '../draw.ts';
import { type TraceHash, TracedRandom } from '../trace-hash.ts';
import { frameKinds } from '../../runtime/links/frames.ts';
import type { NactGlobals } from '../../runtime/ports/nact-globals.ts';
import type { Identity } from './identities.ts';
import { NodeClock } from './node-clock.ts';
import { type EffectPhase, NodeDisks } from './node-disks.ts';
import { type Nact, NodeProcess } from './node-process.ts';

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
  /** The node's process has been stopped, or goes on. */
  readonly onPause: (node: number, isPaused: boolean) => void;
  /** The node's process has died. */
  readonly onCrash: (node: number) => void;
  /** The node has ended itself because its disk failed, as it is to do. */
  readonly onStopped: (node: number) => void;
}

/** Something that a node does and others may come to know of. Heartbeats are none. */
export interface NodeEffect {
  readonly kind: 'write' | 'send';
  /** Of a send there is no `during`. */
  readonly phase: EffectPhase;
}

export interface EffectWatcher {
  readonly onEffect: (effect: NodeEffect) => void;
  /** Whether `during` is of interest: it takes a timer more a sync. */
  readonly halves: boolean;
}

/** What is left of a process that dies. Each is told how much there is, and says how much of it, from the first on. */
export interface Remains {
  /** Commits since the last sync of a disk. */
  readonly unsynced?: (count: number) => number;
  /** Frames on their way to one peer. */
  readonly inFlight?: (count: number) => number;
}

/** One life, as far as it has come. */
interface Life<P> {
  readonly process: NodeProcess;
  parts: P | null;
  /** What the node ends itself for is then no failure of it. */
  hasDiskFailed: boolean;
}

const addressOf = (index: number): string => `node-${index}:7000`;

export class SimulatedNode<P extends Program = Program> {
  readonly index: number;
  readonly time: NodeClock;
  readonly disks: NodeDisks;
  readonly #surroundings: NodeSurroundings<P>;
  readonly #random: SeededRandom;
  readonly #crashes: Draw;
  readonly #watchers = new Set<EffectWatcher>();
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
    this.time = new NodeClock(surroundings.clock);
    this.disks = new NodeDisks({
      ...{ node: index, trace: surroundings.trace, random, syncMs: surroundings.syncMs },
      clock: () => this.#life?.process.clock ?? surroundings.clock,
      isWatched: () => [...this.#watchers].some(({ halves }) => halves),
      onSync: (phase) => this.#onEffect({ kind: 'write', phase }),
      onRefused: (code) => {
        const life = this.#life;
        // A node that runs waits for room; one that starts on a full disk ends, and is started again.
        if (life !== null && (code === 'failed' || (code === 'full' && life.parts === null))) life.hasDiskFailed = true;
      },
    });
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
    const isExcused = this.#life?.hasDiskFailed === true;
    return this.#actorFailures + (isExcused ? 0 : (this.parts?.system.stats().restarts ?? 0));
  }

  /** A step of the node's own: what the outside world does to it through its API. */
  enter(callback: () => void): void {
    this.#life?.process.enter(callback);
  }

  /** Told of every effect until the function returned is called. May crash the node then and there. */
  watchEffects(watcher: EffectWatcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  boot(): void {
    const { trace, boot, onFatal, onStopped } = this.#surroundings;
    this.#lives += 1;
    const random = new TracedRandom(this.#random.fork(`life ${this.#lives}`), trace, this.index);
    const onSend = (frame: Uint8Array, send: () => void): void => this.#send(frame, send);
    const onThrown = (cause: unknown): void => failed(cause);
    const life: Life<P> = {
      process: new NodeProcess({ clock: this.time, trace, node: this.index, random, onSend, onThrown }),
      parts: null,
      hasDiskFailed: false,
    };
    this.#life = life;
    const ports = this.#portsOf(life.process, random);
    const failed = (cause: unknown): void => {
      if (this.#life !== life) return;
      if (!life.hasDiskFailed) onFatal(this.index, cause);
      else {
        this.crash();
        onStopped(this.index);
      }
    };
    boot(this.index, ports, (program) => {
      life.parts = program;
      program.system.onFatal(failed);
    }).catch(failed);
  }

  /**
   * The process dies in the midst of whatever it does. Disks keep what was synced, and unless told otherwise a part of
   * the rest in order; peers receive a part of what was on its way to them.
   */
  crash(remains: Remains = {}): void {
    const some = (count: number): number => this.#crashes.between(0, count);
    const { unsynced = some, inFlight = some } = remains;
    const traced =
      (keep: (count: number) => number) =>
      (count: number): number => {
        const kept = keep(count);
        this.#surroundings.trace.record('crash', this.index, kept);
        return kept;
      };
    this.#actorFailures = this.actorFailures;
    this.#life?.process.end();
    this.#life = null;
    this.#paused = false;
    this.#surroundings.network.crash(this.key, traced(inFlight));
    this.disks.crash(traced(unsynced));
    this.#surroundings.onCrash(this.index);
  }

  /** The process is gone, and the network of its key goes on without it: there is another instance. */
  vanish(): void {
    this.#life?.process.end();
    this.#life = null;
  }

  pause(): void {
    this.#paused = true;
    this.#life?.process.pause();
    this.#surroundings.network.changed();
    this.#surroundings.onPause(this.index, true);
  }

  resume(): void {
    this.#paused = false;
    this.#life?.process.resume();
    this.#surroundings.network.changed();
    this.#surroundings.onPause(this.index, false);
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
      open: (disk, schema) => this.disks.open(disk, schema),
    };
  }

  #send(frame: Uint8Array, send: () => void): void {
    const life = this.#life;
    const isEffect = this.#watchers.size > 0 && frame[0] !== frameKinds.heartbeat;
    if (isEffect) this.#onEffect({ kind: 'send', phase: 'before' });
    if (this.#life !== life) return;
    send();
    if (isEffect) this.#onEffect({ kind: 'send', phase: 'after' });
  }

  #onEffect(effect: NodeEffect): void {
    for (const { onEffect } of [...this.#watchers]) onEffect(effect);
  }
}

/**
 * Nodes on one virtual clock, with their network, their disks and the faults that befall them. What runs on the nodes, what
 * is asked of them and what must hold is an application's. One world, one run.
 */
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { PipeNetwork } from '../../runtime/simulated/pipe-transport.ts';
import { SeededRandom } from '../../runtime/simulated/seeded-random.ts';
import { SignatureAuthority } from '../../runtime/simulated/signer.ts';
import { VirtualClock } from '../../runtime/simulated/virtual-clock.ts';
import type { NactGlobals } from '../../runtime/ports/nact-globals.ts';
import { Draw } from '../draw.ts';
import type { OnEvent } from '../events.ts';
import { TraceHash } from '../trace-hash.ts';
import { scheduleFaults } from './fault-schedule.ts';
import type { ValidatorTargets } from './faults/fault-kind.ts';
import { calmAtMs, type Fault } from './faults/index.ts';
import { Outages } from './faults/outages.ts';
import { createIdentities, type Identity } from './identities.ts';
import { NetworkFaults } from './network-faults.ts';
import { type LifePorts, type Program, SimulatedNode } from './node.ts';
import type { Nact } from './node-process.ts';
import { type LogLine, Observer } from './observer.ts';
import type { Violation } from './violation.ts';

/** Of every application. */
export type WorldCheckerName = 'no-failures' | 'sealed-off' | 'liveness';

/** What is simulated: the programs of the nodes, what reaches them from outside, and what must hold. Made for one world. */
export interface Application<P extends Program> {
  /** Starts a node's programs, after every crash again. `running` tells what runs as soon as it can be asked. */
  boot(node: SimulatedNode<P>, ports: LifePorts, running: (program: P) => void): Promise<void>;
  /** Before the first step: load, clocks of its own. */
  start(): void;
  /** What the faults of validators act upon; none in other applications. */
  readonly validators?: ValidatorTargets;
  /** The last fault has ended, but for those that may last. */
  calm(): void;
  /** The process of this node has died. */
  onCrash?(node: number): void;
  /** The disks of this node forget what they held. */
  onDiskLost(node: number): void;
  /** After the last step, unless something was violated: what only the end shows. */
  finish(): void;
}

export interface WorldOptions {
  readonly nodes: number;
  /** More nodes, numbered after those; among their keys, those of these may stand anywhere. */
  readonly standbys?: number;
  readonly seed: string;
  readonly durationMs: number;
  /** Time of flight of a frame; time that a sync takes. */
  readonly delayMs: readonly [least: number, most: number];
  readonly syncMs: readonly [least: number, most: number];
  readonly faults: readonly Fault[];
  readonly loadNact: (globals: NactGlobals) => Nact;
  readonly onLog: (line: LogLine) => void;
  /** Watches the run; null: nobody does. */
  readonly onEvent: OnEvent | null;
}

/** Steps within one moment of virtual time after which it is said to stand still. */
const stepsPerMomentMax = 1_000_000;
/** A node that has ended itself is started again after this. */
const restartAfterMs = 2_000;

export class World<P extends Program, A extends Application<P> = Application<P>> {
  readonly trace = new TraceHash();
  readonly observer: Observer;
  readonly violations: Violation[] = [];
  readonly clock: VirtualClock;
  readonly authority: SignatureAuthority;
  readonly identities: readonly Identity[];
  readonly nodes: readonly SimulatedNode<P>[];
  readonly application: A;
  readonly #options: WorldOptions;
  readonly #random: SeededRandom;
  readonly #outages = new Outages();
  readonly #network: PipeNetwork;
  #steps = 0;
  #twins = 0;
  #moment = { atMs: 0, steps: 0 };
  #hasEnded = false;

  constructor(options: WorldOptions, createApplication: (world: World<P>) => A) {
    this.#options = options;
    const { delayMs } = options;
    this.#random = new SeededRandom(options.seed);
    const priorities = this.#random.fork('priorities');
    this.clock = new VirtualClock({ priority: () => priorities.uint32() });
    this.observer = new Observer(() => this.clock.monotonicMs(), options.onLog, options.onEvent);
    this.authority = new SignatureAuthority(this.#random.fork('keys'));
    const { nodes, standbys = 0 } = options;
    this.identities = [nodes, standbys].flatMap((count) => createIdentities(this.authority, count));

    const networkFaults = new NetworkFaults(this.#random.fork('network'), delayMs, this.trace, this.clock);
    this.#network = new PipeNetwork({
      clock: this.clock,
      conditions: (from, to) => networkFaults.conditions(from, to),
      onFrame: (from, to, frame) => networkFaults.onFrame(from, to, frame),
      disorder: (from, to) => networkFaults.disorder(from, to),
    });
    const network = this.#network;
    this.nodes = this.#createNodes(network);
    for (const node of this.nodes) networkFaults.add(node);
    this.application = createApplication(this);
    this.#begin(network, networkFaults);
  }

  get steps(): number {
    return this.#steps;
  }

  get elapsedMs(): number {
    return this.clock.monotonicMs();
  }

  /** Whether the run has come to its end, and not only to a violation. */
  get isOver(): boolean {
    return this.#hasEnded || this.elapsedMs >= this.#options.durationMs;
  }

  /** Nothing more is to come: the run ends after this step. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Choices of their own: a function of the seed and the label only. */
  draw(label: string): Draw {
    return new Draw(this.#random.fork(label));
  }

  /** One callback. False when the run is over: its time has passed or it was ended, or something that must not be has been seen. */
  readonly step = (): boolean => {
    const next = this.clock.nextAtMs;
    if (this.violations.length > 0 || this.#hasEnded) return false;
    if (next === undefined || next > this.#options.durationMs) {
      this.clock.advanceTo(this.#options.durationMs);
      return false;
    }
    this.#steps += 1;
    this.trace.record('step', 0, this.#steps);
    this.trace.time(next);
    this.clock.runNext();
    this.#watchMoment(next);
    return true;
  };

  /** After the last step. */
  finish(): void {
    if (this.violations.length === 0) this.application.finish();
  }

  /** The node that has this key; -1 where none has. */
  indexOf(key: PublicKey): number {
    return this.identities.findIndex(({ signer }) => signer.publicKey === key);
  }

  violated(checker: string, detail: string): void {
    this.violations.push({ checker, atMs: this.clock.monotonicMs(), detail });
    this.observer.tell?.({ type: 'violated', checker, detail });
  }

  /** A promise of simulated code was rejected, and nobody listened: that ends a process. */
  readonly onRejected = (cause: unknown): void => {
    this.#violated('no-failures', `a rejected promise that nobody handled: ${describe(cause)}`);
  };

  /** Simulated code reached for the real world. */
  readonly onLeak = (name: string, stack: string): void => {
    this.#violated('sealed-off', `${name} was used: ${stack}`);
  };

  /** Another instance of a node, with its key and with nothing on its disks. Whatever becomes of it is nobody's failure. */
  createTwin(index: number): SimulatedNode<P> {
    this.#twins += 1;
    const label = `twin ${this.#twins} of ${index}`;
    const nothing = (): void => undefined;
    const twin: SimulatedNode<P> = new SimulatedNode<P>(
      index,
      {
        ...this.#surroundings(this.#network),
        boot: (_node, ports, running) => this.application.boot(twin, ports, running),
        ...{ onFatal: nothing, onPause: nothing, onCrash: nothing, onStopped: nothing },
      },
      this.#random.fork(label),
      this.draw(`crashes of ${label}`),
    );
    return twin;
  }

  #surroundings(network: PipeNetwork) {
    const { loadNact, syncMs } = this.#options;
    const { clock, trace, identities } = this;
    return {
      ...{ clock, network, trace, verifier: this.authority.verifier, identities, loadNact, syncMs },
      telemetry: (node: number) => this.observer.telemetry(node),
    };
  }

  #createNodes(network: PipeNetwork): readonly SimulatedNode<P>[] {
    return this.identities.map((_, index) => {
      const surroundings = {
        ...this.#surroundings(network),
        boot: (node: number, ports: LifePorts, running: (program: P) => void) => {
          this.observer.tell?.({ type: 'started', node });
          return this.application.boot(this.nodes[node] as SimulatedNode<P>, ports, running);
        },
        onFatal: (node: number, cause: unknown) => {
          this.#violated('no-failures', `node ${node} could not go on: ${describe(cause)}`);
        },
        onPause: (node: number, isPaused: boolean) => {
          this.observer.tell?.({ type: isPaused ? 'paused' : 'resumed', node });
        },
        onCrash: (node: number) => {
          this.observer.tell?.({ type: 'down', node });
          this.application.onCrash?.(node);
        },
        onStopped: (node: number) => this.#onStopped(this.nodes[node] as SimulatedNode<P>),
      };
      return new SimulatedNode(
        index,
        surroundings,
        this.#random.fork(`node ${index}`),
        this.draw(`crashes of ${index}`),
      );
    });
  }

  #begin(network: PipeNetwork, networkFaults: NetworkFaults): void {
    const { faults } = this.#options;
    const priorities = this.#random.fork('priorities of faults');
    // Leaving out a fault, as shrinking does, shifts nothing else.
    const faultClock = this.clock.withPriority(() => priorities.uint32());
    for (const node of this.nodes) this.clock.setTimer(0, () => node.boot());
    this.application.start();
    scheduleFaults(faults, {
      ...{ clock: faultClock, nodes: this.nodes, network, networkFaults, outages: this.#outages },
      count: (what) => this.observer.count(what),
      draw: (fault) => this.draw(`fault ${JSON.stringify(fault)}`),
      validators: this.application.validators ?? null,
      onFault: (fault) => {
        this.observer.count(`fault ${fault.kind}`);
        this.trace.record('fault', 0, fault.atMs);
        this.observer.tell?.({ type: 'fault', fault });
      },
      onDiskLost: (node) => this.application.onDiskLost(node),
    });
    this.clock.setTimer(calmAtMs(faults), () => this.application.calm());
  }

  /** As the supervisor of a production node does: again and again, until it stays up. */
  #onStopped(node: SimulatedNode<P>): void {
    this.observer.count('stopped itself for its disk');
    this.clock.setTimer(restartAfterMs, () => {
      if (node.isDown && !this.#outages.isDown(node)) node.boot();
    });
  }

  #watchMoment(atMs: number): void {
    if (this.#moment.atMs !== atMs) this.#moment = { atMs, steps: 0 };
    this.#moment.steps += 1;
    if (this.#moment.steps < stepsPerMomentMax) return;
    this.#violated('liveness', `time stands still: ${stepsPerMomentMax} callbacks at ${atMs} ms`);
  }

  #violated(checker: WorldCheckerName, detail: string): void {
    this.violated(checker, detail);
  }
}

const describe = (cause: unknown): string => (cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));

/** Validators, their network, disks and load on one virtual clock, with the checkers watching. One world, one run. */
import { chainIdOf } from '../../protocols/ledger/genesis.ts';
import { blockDigest } from '../../protocols/ledger/block.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import { PipeNetwork } from '../../runtime/simulated/pipe-transport.ts';
import { SeededRandom } from '../../runtime/simulated/seeded-random.ts';
import { SignatureAuthority } from '../../runtime/simulated/signer.ts';
import { VirtualClock } from '../../runtime/simulated/virtual-clock.ts';
import { Acknowledgements, Agreement, checkLedger, type CheckerName, Signatures, type Violation } from './checkers.ts';
import { Draw } from '../draw.ts';
import { scheduleFaults } from './fault-schedule.ts';
import type { Fault } from './faults/index.ts';
import { createGenesis, createIdentities } from './genesis.ts';
import { Load } from './load.ts';
import { NetworkFaults } from './network-faults.ts';
import { SimulatedNode, type NodePorts } from './node.ts';
import type { Nact, NactGlobals } from './node-process.ts';
import { type LogLine, Observer } from './observer.ts';
import { Recovery } from './recovery.ts';
import type { Scenario } from './scenario.ts';
import { TraceHash } from '../trace-hash.ts';

export interface WorldOptions {
  readonly scenario: Scenario;
  readonly seed: string;
  readonly durationMs: number;
  readonly faults: readonly Fault[];
  readonly loadNact: (globals: NactGlobals) => Nact;
  readonly ports: (ports: NodePorts, node: number) => NodePorts;
  readonly onLog: (line: LogLine) => void;
}

const accountsCount = 50;
/** Steps within one moment of virtual time after which it is said to stand still. */
const stepsPerMomentMax = 1_000_000;
/** Heights by which a validator may be behind at the end. */
const behindMax = 2;

export class World {
  readonly trace = new TraceHash();
  readonly observer: Observer;
  readonly violations: Violation[] = [];
  readonly agreement = new Agreement();
  readonly acknowledgements = new Acknowledgements();
  readonly recovery: Recovery;
  readonly load: Load;
  readonly #options: WorldOptions;
  readonly #clock: VirtualClock;
  readonly #authority: SignatureAuthority;
  readonly #genesis;
  readonly #accounts: readonly Signer[];
  readonly #nodes: readonly SimulatedNode[];
  readonly #signatures: Signatures;
  #steps = 0;
  #moment = { atMs: 0, steps: 0 };

  constructor(options: WorldOptions) {
    this.#options = options;
    const { scenario, durationMs } = options;
    const { blockTimeMs = 2000, roundTimeoutBaseMs = 1000 } = scenario;
    const root = new SeededRandom(options.seed);
    const priorities = root.fork('priorities');
    this.#clock = new VirtualClock({ priority: () => priorities.uint32() });
    this.observer = new Observer(() => this.#clock.monotonicMs(), options.onLog);
    this.#authority = new SignatureAuthority(root.fork('keys'));
    const identities = createIdentities(this.#authority, scenario.validators);
    this.#accounts = Array.from({ length: accountsCount }, () => this.#authority.createSigner());
    const time = this.#clock.now() - blockTimeMs;
    this.#genesis = createGenesis(identities, this.#accounts, { time, blockTimeMs, roundTimeoutBaseMs });
    const chainId = chainIdOf(this.#genesis);
    this.#signatures = new Signatures(chainId);

    const { delayMs = [5, 50], syncMs = [1, 8] } = scenario;
    const networkFaults = new NetworkFaults(root.fork('network'), delayMs, this.trace);
    const network = new PipeNetwork({
      clock: this.#clock,
      conditions: (from, to) => networkFaults.conditions(from, to),
      onFrame: (from, to, frame) => networkFaults.onFrame(from, to, frame),
    });
    this.#nodes = identities.map((_, index) => {
      const surroundings = { ...this.#surroundings(network, syncMs), identities };
      const crashes = new Draw(root.fork(`crashes of ${index}`));
      return new SimulatedNode(index, surroundings, root.fork(`node ${index}`), crashes);
    });
    for (const node of this.#nodes) networkFaults.add(node);

    const { nodes } = { nodes: this.#nodes };
    const clock = this.#clock;
    this.load = new Load({
      ...{ clock, chainId, nodes, accounts: this.#accounts, draw: new Draw(root.fork('load')) },
      perSecond: scenario.transfersPerSecond ?? 5,
      untilMs: durationMs - quietMs,
      onAcknowledged: (hash, node) => this.acknowledgements.onAcknowledged(hash, node),
    });
    this.recovery = new Recovery({
      ...{ clock, nodes, blockTimeMs, roundTimeoutBaseMs },
      slackMs: 20 * delayMs[1] + 20 * syncMs[1],
      highest: () => this.agreement.highest,
      onViolation: (detail) => this.#violated('liveness', detail),
    });
    this.#begin(network, networkFaults);
  }

  get steps(): number {
    return this.#steps;
  }

  get elapsedMs(): number {
    return this.#clock.monotonicMs();
  }

  /** One callback. False when the run is over: its time has passed, or something that must not be has been seen. */
  readonly step = (): boolean => {
    const next = this.#clock.nextAtMs;
    if (this.violations.length > 0) return false;
    if (next === undefined || next > this.#options.durationMs) {
      this.#clock.advanceTo(this.#options.durationMs);
      return false;
    }
    this.#steps += 1;
    this.trace.record('step', 0, this.#steps);
    this.trace.time(next);
    this.#clock.runNext();
    this.#watchMoment(next);
    return true;
  };

  /** After the last step: what only the end shows. */
  finish(): void {
    if (this.violations.length > 0) return;
    const failures = this.#nodes.reduce((sum, { actorFailures }) => sum + actorFailures, 0);
    if (failures > 0) this.#violated('no-failures', `${failures} actors threw and were started again`);
    const parts = this.#nodes.flatMap((node) => (node.parts === null ? [] : [node.parts]));
    const heights = this.#nodes.map((node) => node.parts?.chain.tip.height ?? 0);
    const best = Math.max(...heights);
    if (heights.some((height) => best - height > behindMax)) {
      this.#violated('recovery', `at the end the validators are at heights ${heights.join(', ')}`);
    }
    const whole = parts.find(({ chain, wiring }) => {
      return chain.tip.height === best && wiring.reader.blockBytes(1) !== undefined;
    });
    if (whole === undefined) return;
    const { chain, wiring } = whole;
    const lost = this.acknowledgements.check(wiring.reader);
    if (lost !== null) this.#violated('transactions', lost);
    const wrong = checkLedger(chain, wiring.reader, {
      ...{ genesis: this.#genesis, verifier: this.#authority.verifier },
      accounts: this.#accounts.map(({ publicKey }) => publicKey),
      nowMs: this.#clock.now(),
    });
    if (wrong !== null) this.#violated('value', wrong);
  }

  /** Simulated code reached for the real world. */
  readonly onLeak = (name: string, stack: string): void => {
    this.#violated('sealed-off', `${name} was used: ${stack}`);
  };

  #surroundings(network: PipeNetwork, syncMs: readonly [least: number, most: number]) {
    const { loadNact, ports } = this.#options;
    const { trace } = this;
    return {
      ...{ clock: this.#clock, network, trace, genesis: this.#genesis, loadNact, ports, syncMs },
      verifier: this.#authority.verifier,
      telemetry: (node: number) => this.observer.telemetry(node),
      onSigned: (node: number, payload: Parameters<Signatures['onSigned']>[1]) => {
        this.#report('signatures', this.#signatures.onSigned(node, payload));
      },
      onFinal: (node: SimulatedNode, height: number) => this.#onFinal(node, height),
      onFatal: (node: number, cause: unknown) => {
        this.#violated('no-failures', `validator ${node} could not go on: ${describe(cause)}`);
      },
    };
  }

  #begin(network: PipeNetwork, networkFaults: NetworkFaults): void {
    const { faults } = this.#options;
    for (const node of this.#nodes) this.#clock.setTimer(0, () => node.boot());
    this.load.start();
    scheduleFaults(faults, {
      ...{ clock: this.#clock, nodes: this.#nodes, network, networkFaults },
      onFault: (fault) => {
        this.observer.count(`fault ${fault.kind}`);
        this.trace.record('fault', 0, fault.atMs);
      },
      onDiskLost: (node) => this.acknowledgements.onDiskLost(node),
    });
    const overMs = Math.max(0, ...faults.map(({ atMs, forMs }) => atMs + forMs));
    this.#clock.setTimer(overMs, () => this.recovery.start());
  }

  #onFinal(node: SimulatedNode, height: number): void {
    const { parts } = node;
    if (parts === null) return;
    const { chain, wiring } = parts;
    const block = chain.tip.height === height ? undefined : wiring.reader.block(height);
    const digest = block === undefined ? chain.tip.digest : blockDigest(block.header);
    this.#report('agreement', this.agreement.onFinal(node.index, height, digest));
  }

  #watchMoment(atMs: number): void {
    if (this.#moment.atMs !== atMs) this.#moment = { atMs, steps: 0 };
    this.#moment.steps += 1;
    if (this.#moment.steps < stepsPerMomentMax) return;
    this.#violated('liveness', `time stands still: ${stepsPerMomentMax} callbacks at ${atMs} ms`);
  }

  #report(checker: CheckerName, problem: string | null): void {
    if (problem !== null) this.#violated(checker, problem);
  }

  #violated(checker: CheckerName, detail: string): void {
    this.violations.push({ checker, atMs: this.#clock.monotonicMs(), detail });
  }
}

/** Without new load at the end, so that what was acknowledged has time to become final. */
const quietMs = 15_000;

const describe = (cause: unknown): string => (cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));

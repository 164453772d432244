/** The application that this package is about: a network of validators with its chain, its load, and what must hold of it. */
import type { UnsignedPayload } from '../../protocols/ibft/messages.ts';
import { blockDigest } from '../../protocols/ledger/block.ts';
import { chainIdOf, type Genesis } from '../../protocols/ledger/genesis.ts';
import type { PolicyContent } from '../../protocols/policy/content.ts';
import type { LocalLinks } from '../../runtime/links/create-links.ts';
import type { Acknowledgements } from './checkers/acknowledgements.ts';
import type { Agreement } from './checkers/agreement.ts';
import type { CheckerName } from './checkers/index.ts';
import { Checking } from './checking.ts';
import type { FaultBase, ValidatorTargets } from './faults/fault-kind.ts';
import { liarsOf } from './faults/index.ts';
import { Liars } from './byzantine/liars.ts';
import { Twins } from './byzantine/twins.ts';
import type { Identity } from './identities.ts';
import { Bonds } from './bonds.ts';
import { Cheats } from './cheats.ts';
import { Clerks } from './clerks.ts';
import { Flood } from './flood.ts';
import { Governance } from './governance.ts';
import { Membership } from './membership.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import { createGenesis } from './genesis.ts';
import { type Cast, createCast, everybody, genesisCourtOf, tenantOf } from './court/cast.ts';
import { Litigants } from './court/litigants.ts';
import { Load } from './load.ts';
import type { LifePorts } from './node.ts';
import { Recovery } from './recovery.ts';
import { EarlyEnd } from './early-end.ts';
import { SharedChecks } from './shared-checks.ts';
import { Milestones } from './sometimes.ts';
import { defaults, type DrawnNetwork, type Scenario } from './scenario.ts';
import { bootValidator, type NodePorts, type ValidatorNode, type ValidatorProgram } from './validator-node.ts';
import { ExecutionSide } from './enc/execution-side.ts';
import { TrafficSide } from './traffic/traffic-side.ts';
import { watchedLinks } from './watched-links.ts';
import type { Application, World } from './world.ts';

export interface ValidatorNetworkOptions {
  /** What lights begin with; null: there are none. */
  readonly policies: PolicyContent | null;
  readonly scenario: Scenario & DrawnNetwork;
  readonly durationMs: number;
  readonly faults: readonly FaultBase[];
  /** null: the run lasts its whole time. */
  readonly mayEndFromMs: number | null;
  readonly ports: (ports: NodePorts, node: number) => NodePorts;
}

/** Of clients that transfer, that have other business, that flood, that cheat, and that govern. */
const accountCounts = { load: 50, clerks: 6, flood: 16, cheats: 8, governors: 2 };
/** Heights by which a validator may be behind at the end. */
const behindMax = 2;
/** Without new load at the end, so that what was acknowledged has time to become final. */
const quietMs = 15_000;

/** Of so many transfers some are taken, whatever happens. */
const submittedLeast = 50;

/** Faults that let rounds run out while a quorum is linked. */
const slowing: readonly string[] = ['delay', 'slow-link', 'bandwidth', 'slow-disk'];

export class ValidatorNetwork implements Application<ValidatorProgram> {
  readonly agreement: Agreement;
  readonly acknowledgements: Acknowledgements;
  readonly recovery: Recovery;
  readonly load: Load;
  readonly #world: World<ValidatorProgram>;
  readonly #options: ValidatorNetworkOptions;
  readonly #genesis: Genesis;
  readonly #liars: Liars;
  readonly #twins: Twins;
  readonly #clerks: Clerks;
  readonly #flood: Flood;
  readonly #cheats: Cheats;
  readonly #membership: Membership;
  readonly #bonds: Bonds;
  readonly #governance: Governance;
  /** null: there is no court. */
  readonly #litigants: Litigants | null;
  /** null: there are no lights. */
  readonly #traffic: TrafficSide | null;
  /** null: there are no clusters. */
  readonly #execution: ExecutionSide | null;
  readonly #cast: Cast | null;
  readonly #checking: Checking;
  readonly #milestones: Milestones;
  readonly #earlyEnd: EarlyEnd;
  readonly #checks = new SharedChecks();

  constructor(world: World<ValidatorProgram>, options: ValidatorNetworkOptions) {
    this.#world = world;
    this.#options = options;
    const { scenario, durationMs, faults } = options;
    const { blockTimeMs, roundTimeoutBaseMs = 1000, delayMs = defaults.delayMs, syncMs = defaults.syncMs } = scenario;
    const { clock, nodes, authority } = world;
    const createSigner = (): Signer => authority.createSigner();
    const accounts = signersOf(createSigner);
    const { disputants = 0 } = scenario;
    const cast = disputants === 0 ? null : createCast(createSigner, disputants);
    const times = { time: clock.now() - blockTimeMs, blockTimeMs, roundTimeoutBaseMs };
    const members = world.identities.slice(0, scenario.validators);
    const standbys = world.identities.slice(scenario.validators).map(({ signer }) => signer);
    this.#cast = cast;
    this.#traffic = this.#createTraffic(createSigner);
    this.#execution = this.#createExecution(createSigner);
    const operators = this.#execution?.accounts ?? [];
    const people = [...(cast === null ? [] : everybody(cast)), ...(this.#traffic?.accounts ?? []), ...operators];
    this.#genesis = createGenesis(members, [...Object.values(accounts).flat(), ...standbys, ...people], {
      ...times,
      governors: this.#traffic === null ? accounts.governors : [...accounts.governors, this.#traffic.governor],
      policies: this.#traffic?.policies ?? null,
      court: cast === null ? null : genesisCourtOf(cast),
    });
    const chainId = chainIdOf(this.#genesis);
    this.#milestones = new Milestones((name) => world.observer.count(name));
    this.#liars = new Liars({
      nodes: liarsOf(faults),
      draw: world.draw('liars'),
      signerOf: (node) => (world.identities[node] as Identity).signer,
      chainOf: (node) => nodes[node]?.parts?.chain ?? null,
    });
    this.#twins = new Twins(nodes, (node) => world.createTwin(node));
    const isCorrect = (node: number): boolean => !this.#liars.has(node);
    this.#checking = new Checking({
      ...{ clock, nodes, isCorrect, chainId, genesis: this.#genesis, verifier: authority.verifier },
      policies: this.#traffic?.known ?? null,
      vrfOutput: (key, input, proof) => authority.vrfOutput(key, input, proof),
      onViolation: (checker, detail) => this.#violated(checker, detail),
    });
    ({ agreement: this.agreement, acknowledgements: this.acknowledgements } = this.#checking.checkers);
    const untilMs = Math.min(durationMs - quietMs, options.mayEndFromMs ?? Number.POSITIVE_INFINITY);
    const onAcknowledged = (hash: string, node: number): void => this.#checking.onAcknowledged(hash, node);
    const clients = { clock, chainId, nodes, untilMs, onAcknowledged };
    this.load = new Load({
      ...{ ...clients, accounts: accounts.load, draw: world.draw('load') },
      perSecond: scenario.transfersPerSecond,
    });
    this.#clerks = new Clerks({ ...clients, accounts: accounts.clerks, draw: world.draw('clerks'), createSigner });
    this.#litigants = cast === null ? null : new Litigants({ ...clients, cast, draw: world.draw('litigants') });
    this.#flood = new Flood({ ...clients, accounts: accounts.flood, createSigner });
    this.#cheats = new Cheats({ clock, chainId, nodes, accounts: accounts.cheats });
    this.#membership = new Membership({
      ...{ clock, chainId, genesis: this.#genesis, nodes, isCorrect },
      count: (what) => world.observer.count(what),
    });
    const send = (node: ValidatorNode, kind: string, body: unknown): void => this.#membership.send(node, kind, body);
    this.#bonds = new Bonds({ clock, nodes, send });
    this.#governance = new Governance({ clock, chainId, nodes, isCorrect, send, governors: accounts.governors });
    this.recovery = new Recovery({
      ...{ clock, nodes, isCorrect, blockTimeMs, roundTimeoutBaseMs },
      roundTimeoutMaxMs: this.#genesis.parameters.roundTimeoutMaxMs,
      isSlowed: faults.some(({ kind }) => slowing.includes(kind)),
      slackMs: 20 * delayMs[1] + 20 * syncMs[1],
      highest: () => this.agreement.highest,
      onViolation: (detail) => this.#violated('liveness', detail),
    });
    this.#earlyEnd = new EarlyEnd({
      ...{ clock, nodes, isCorrect, highest: () => this.agreement.highest },
      hasRecovered: () => this.recovery.tookMs !== null,
      isOutstanding: () => this.#checking.isOutstanding(),
      onEnd: () => world.end(),
    });
  }

  get validators(): ValidatorTargets {
    return {
      tell: (node, lie) => this.#liars.tell(node, lie),
      double: (node, options) => this.#twins.begin(node, options),
      flood: (node, perSecond, draw) => this.#flood.begin(node, perSecond, draw),
      cheat: (perSecond, draw) => this.#cheats.begin(perSecond, draw),
      unbond: (node, draw) => this.#bonds.begin(node, draw),
      govern: (draw) => this.#governance.begin(draw),
      change: (wanted) => this.#membership.start(wanted),
    };
  }

  boot(node: ValidatorNode, ports: LifePorts, running: (program: ValidatorProgram) => void): Promise<void> {
    const checking = this.#checking;
    const transport = this.#twins.transport(node, ports.transport);
    const started = (program: ValidatorProgram): void => {
      running(program);
      this.#traffic?.onRunning(node, program, ports);
      this.#execution?.onRunning(node, program, ports);
    };
    return bootValidator(node, { ...ports, transport }, started, {
      genesis: this.#genesis,
      // The older copy of two does not ask whether it is one.
      isRash: this.#twins.isSecond(node),
      checkBlock: this.#checks.check,
      ports: this.#options.ports,
      linksOf: (index, links) => this.#liars.links(index, checking.links(index, this.#watched(index, links))),
      onOpen: (opened, chain) => checking.onOpen(opened, chain),
      onAccusation: (index, offender, height) => checking.onAccusation(index, offender, height),
      onSigned: (index, payload) => {
        this.#tellSigned(index, payload);
        this.#milestones.onSigned(payload);
        this.recovery.onSigned(index, payload);
        this.#earlyEnd.onSigned(index, payload);
        checking.onSigned(this.#node(index), payload);
      },
      onCutShort: () => this.#milestones.onCutShort(),
      onFinal: (finalNode, height) => {
        this.#tellFinal(finalNode, height);
        checking.onFinal(finalNode, height);
      },
    });
  }

  start(): void {
    this.load.start();
    if (this.#options.scenario.transfersPerSecond > 0) this.#clerks.start();
    this.#litigants?.start();
    this.#startTraffic();
    this.#startExecution();
    this.#checking.start();
    const { mayEndFromMs } = this.#options;
    if (mayEndFromMs !== null) this.#earlyEnd.start(mayEndFromMs);
  }

  calm(): void {
    this.recovery.start();
  }

  onCrash(node: number): void {
    this.#checking.onCrash(node);
  }

  onDiskLost(node: number): void {
    this.#checking.onDiskLost(node);
  }

  finish(): void {
    const nodes = this.#world.nodes.filter(({ index }) => !this.#liars.has(index));
    const failures = nodes.reduce((sum, { actorFailures }) => sum + actorFailures, 0);
    if (failures > 0) this.#violated('no-failures', `${failures} actors threw and were started again`);
    const heights = nodes.map((node) => node.parts?.chain.tip.height ?? 0);
    const best = Math.max(...heights);
    if (heights.some((height) => best - height > behindMax)) {
      this.#violated('recovery', `at the end the validators are at heights ${heights.join(', ')}`);
    }
    if (this.load.submitted > submittedLeast && this.acknowledgements.count === 0) {
      this.#violated('transactions', `of ${this.load.submitted} transfers no validator took one`);
    }
    this.#checking.finish();
  }

  #createTraffic(createSigner: () => Signer): TrafficSide | null {
    const { scenario, policies: content } = this.#options;
    const { decisionsPerSecond = 0, changesPolicies = false, workloads = 0 } = scenario;
    const { clock, nodes } = this.#world;
    if (content === null) return null;
    const draw = this.#world.draw('traffic');
    return new TrafficSide({
      clock,
      createSigner,
      content,
      nodes,
      draw,
      decisionsPerSecond,
      changesPolicies,
      needsEngines: workloads > 0,
    });
  }

  #createExecution(createSigner: () => Signer): ExecutionSide | null {
    const { workloads = 0 } = this.#options.scenario;
    const { clock, nodes } = this.#world;
    const lights = this.#traffic?.lights;
    const engines = this.#traffic?.engines ?? null;
    if (workloads === 0 || lights === undefined || engines === null) return null;
    return new ExecutionSide({
      clock,
      createSigner,
      nodes,
      lights,
      engines,
      workloads,
      draw: this.#world.draw('workloads'),
    });
  }

  #startExecution(): void {
    const { authority, observer } = this.#world;
    const checking = this.#checking;
    const { durationMs } = this.#options;
    this.#execution?.start({
      ...{ chainId: chainIdOf(this.#genesis), verifier: authority.verifier },
      ...{ durationMs, untilMs: durationMs - quietMs },
      onAcknowledged: (hash, node) => checking.onAcknowledged(hash, node),
      tenants: this.#cast?.pairs.map(tenantOf) ?? [],
      onStarted: (started) => {
        observer.count('container started');
        checking.onContainerStarted(started);
      },
      onRunning: (change) => checking.onContainerRunning(change),
      onDecision: (decision) => checking.onAdmissionDecided(decision),
      onAudited: (audited) => {
        for (const receipt of audited.receipts)
          observer.count(`receipt ${receipt?.stop?.by ?? receipt?.exit.kind ?? 'bad'}`);
        checking.onReceiptsAudited(audited);
      },
      onDisturbed: (node) => checking.onDisturbed(node),
    });
  }

  #startTraffic(): void {
    const { authority, observer } = this.#world;
    const checking = this.#checking;
    this.#traffic?.start({
      ...{ chainId: chainIdOf(this.#genesis), genesis: this.#genesis, verifier: authority.verifier },
      ...{ durationMs: this.#options.durationMs, untilMs: this.#options.durationMs - quietMs },
      tenants: this.#cast?.pairs.map(tenantOf) ?? [],
      onAcknowledged: (hash, node) => checking.onAcknowledged(hash, node),
      onEvaluation: (node, judged) => {
        observer.count(`evaluation ${judged.state}`);
        checking.onEvaluation(node, judged);
      },
      onDecision: (seen) => {
        const { state, reasons } = seen.decision;
        observer.count(`decision ${state}`);
        for (const reason of reasons) observer.count(`decision Red for ${reason.replace(/:.*/, '')}`);
        checking.onDecision(seen);
      },
      onDecisionAudited: (audited) => {
        observer.count(`decision audited, ${audited.replayed} when made again`);
        checking.onDecisionAudited(audited);
      },
      onLightAudited: (audited) => checking.onLightAudited(audited),
      answered: (node) => checking.checkers.decisions.answered.filter((seen) => seen.node === node),
    });
  }

  #watched(node: number, links: LocalLinks): LocalLinks {
    const { observer } = this.#world;
    if (observer.tell === null) return links;
    return watchedLinks(links, { node, indexOf: (key) => this.#world.indexOf(key), tell: observer.tell });
  }

  #tellSigned(node: number, payload: UnsignedPayload): void {
    const { kind, height, round } = payload;
    const digest = payload.kind === 'round-change' ? payload.preparedDigest : payload.digest;
    this.#world.observer.tell?.({ type: 'signed', node, kind, height, round, digest });
  }

  #tellFinal({ index, parts }: ValidatorNode, height: number): void {
    const { tell } = this.#world.observer;
    if (tell === null || parts === null) return;
    const { chain, wiring } = parts;
    const block = chain.tip.height === height ? undefined : wiring.reader.block(height);
    const digest = block === undefined ? chain.tip.digest : blockDigest(block.header);
    tell({ type: 'final', node: index, height, digest });
  }

  #node(index: number): ValidatorNode {
    return this.#world.nodes[index] as ValidatorNode;
  }

  #violated(checker: CheckerName, detail: string): void {
    this.#world.violated(checker, detail);
  }
}

function signersOf(create: () => Signer): Readonly<Record<keyof typeof accountCounts, readonly Signer[]>> {
  const several = (length: number): readonly Signer[] => Array.from({ length }, create);
  const { load, clerks, flood, cheats, governors } = accountCounts;
  return {
    ...{ load: several(load), clerks: several(clerks), flood: several(flood) },
    ...{ cheats: several(cheats), governors: several(governors) },
  };
}

/** The application that this package is about: a network of validators with its chain, its load, and what must hold of it. */
import type { UnsignedPayload } from '../../protocols/ibft/messages.ts';
import { blockDigest } from '../../protocols/ledger/block.ts';
import { chainIdOf, type Genesis } from '../../protocols/ledger/genesis.ts';
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
import { createGenesis } from './genesis.ts';
import { Load } from './load.ts';
import type { LifePorts } from './node.ts';
import { Recovery } from './recovery.ts';
import { defaults, type Scenario } from './scenario.ts';
import { bootValidator, type NodePorts, type ValidatorNode, type ValidatorProgram } from './validator-node.ts';
import { watchedLinks } from './watched-links.ts';
import type { Application, World } from './world.ts';

export interface ValidatorNetworkOptions {
  readonly scenario: Scenario;
  readonly durationMs: number;
  readonly faults: readonly FaultBase[];
  readonly ports: (ports: NodePorts, node: number) => NodePorts;
}

const accountsCount = 50;
/** Heights by which a validator may be behind at the end. */
const behindMax = 2;
/** Without new load at the end, so that what was acknowledged has time to become final. */
const quietMs = 15_000;

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
  readonly #checking: Checking;

  constructor(world: World<ValidatorProgram>, options: ValidatorNetworkOptions) {
    this.#world = world;
    this.#options = options;
    const { scenario, durationMs, faults } = options;
    const {
      blockTimeMs = 2000,
      roundTimeoutBaseMs = 1000,
      delayMs = defaults.delayMs,
      syncMs = defaults.syncMs,
    } = scenario;
    const { clock, nodes, authority } = world;
    const accounts = Array.from({ length: accountsCount }, () => authority.createSigner());
    const time = clock.now() - blockTimeMs;
    this.#genesis = createGenesis(world.identities, accounts, { time, blockTimeMs, roundTimeoutBaseMs });
    const chainId = chainIdOf(this.#genesis);
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
      onViolation: (checker, detail) => this.#violated(checker, detail),
    });
    ({ agreement: this.agreement, acknowledgements: this.acknowledgements } = this.#checking.checkers);
    this.load = new Load({
      ...{ clock, chainId, nodes, accounts, draw: world.draw('load') },
      perSecond: scenario.transfersPerSecond ?? 5,
      untilMs: durationMs - quietMs,
      onAcknowledged: (hash, node) => this.#checking.onAcknowledged(hash, node),
    });
    this.recovery = new Recovery({
      ...{ clock, nodes, isCorrect, blockTimeMs, roundTimeoutBaseMs },
      slackMs: 20 * delayMs[1] + 20 * syncMs[1],
      highest: () => this.agreement.highest,
      onViolation: (detail) => this.#violated('liveness', detail),
    });
  }

  get validators(): ValidatorTargets {
    return {
      tell: (node, lie) => this.#liars.tell(node, lie),
      double: (node, options) => this.#twins.begin(node, options),
    };
  }

  boot(node: ValidatorNode, ports: LifePorts, running: (program: ValidatorProgram) => void): Promise<void> {
    const checking = this.#checking;
    const transport = this.#twins.transport(node, ports.transport);
    return bootValidator(node, { ...ports, transport }, running, {
      genesis: this.#genesis,
      // The older copy of two does not ask whether it is one.
      isRash: this.#twins.isSecond(node),
      ports: this.#options.ports,
      linksOf: (index, links) => this.#liars.links(index, checking.links(index, this.#watched(index, links))),
      onOpen: (opened, chain) => checking.onOpen(opened, chain),
      onAccusation: (index, offender, height) => checking.onAccusation(index, offender, height),
      onSigned: (index, payload) => {
        this.#tellSigned(index, payload);
        checking.onSigned(this.#node(index), payload);
      },
      onFinal: (finalNode, height) => {
        this.#tellFinal(finalNode, height);
        checking.onFinal(finalNode, height);
      },
    });
  }

  start(): void {
    this.load.start();
    this.#checking.start();
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
    this.#checking.finish();
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

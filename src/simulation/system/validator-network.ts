/** The application that this package is about: a network of validators with its chain, its load, and what must hold of it. */
import { blockDigest } from '../../protocols/ledger/block.ts';
import { chainIdOf, type Genesis } from '../../protocols/ledger/genesis.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import { Acknowledgements, Agreement, checkLedger, type CheckerName, Signatures } from './checkers.ts';
import { createGenesis } from './genesis.ts';
import { Load } from './load.ts';
import type { LifePorts } from './node.ts';
import { Recovery } from './recovery.ts';
import { defaults, type Scenario } from './scenario.ts';
import { bootValidator, type NodePorts, type ValidatorNode, type ValidatorProgram } from './validator-node.ts';
import type { Application, World } from './world.ts';

export interface ValidatorNetworkOptions {
  readonly scenario: Scenario;
  readonly durationMs: number;
  readonly ports: (ports: NodePorts, node: number) => NodePorts;
}

const accountsCount = 50;
/** Heights by which a validator may be behind at the end. */
const behindMax = 2;
/** Without new load at the end, so that what was acknowledged has time to become final. */
const quietMs = 15_000;

export class ValidatorNetwork implements Application<ValidatorProgram> {
  readonly agreement = new Agreement();
  readonly acknowledgements = new Acknowledgements();
  readonly recovery: Recovery;
  readonly load: Load;
  readonly #world: World<ValidatorProgram>;
  readonly #options: ValidatorNetworkOptions;
  readonly #genesis: Genesis;
  readonly #accounts: readonly Signer[];
  readonly #signatures: Signatures;

  constructor(world: World<ValidatorProgram>, options: ValidatorNetworkOptions) {
    this.#world = world;
    this.#options = options;
    const { scenario, durationMs } = options;
    const {
      blockTimeMs = 2000,
      roundTimeoutBaseMs = 1000,
      delayMs = defaults.delayMs,
      syncMs = defaults.syncMs,
    } = scenario;
    const { clock, nodes, authority } = world;
    this.#accounts = Array.from({ length: accountsCount }, () => authority.createSigner());
    const time = clock.now() - blockTimeMs;
    this.#genesis = createGenesis(world.identities, this.#accounts, { time, blockTimeMs, roundTimeoutBaseMs });
    const chainId = chainIdOf(this.#genesis);
    this.#signatures = new Signatures(chainId);
    this.load = new Load({
      ...{ clock, chainId, nodes, accounts: this.#accounts, draw: world.draw('load') },
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
  }

  boot(node: ValidatorNode, ports: LifePorts, running: (program: ValidatorProgram) => void): Promise<void> {
    return bootValidator(node, ports, running, {
      genesis: this.#genesis,
      ports: this.#options.ports,
      onSigned: (index, payload) => this.#report('signatures', this.#signatures.onSigned(index, payload)),
      onFinal: (finalNode, height) => this.#onFinal(finalNode, height),
    });
  }

  start(): void {
    this.load.start();
  }

  calm(): void {
    this.recovery.start();
  }

  onDiskLost(node: number): void {
    this.acknowledgements.onDiskLost(node);
  }

  finish(): void {
    const { nodes, clock, authority } = this.#world;
    const failures = nodes.reduce((sum, { actorFailures }) => sum + actorFailures, 0);
    if (failures > 0) this.#violated('no-failures', `${failures} actors threw and were started again`);
    const parts = nodes.flatMap((node) => (node.parts === null ? [] : [node.parts]));
    const heights = nodes.map((node) => node.parts?.chain.tip.height ?? 0);
    const best = Math.max(...heights);
    if (heights.some((height) => best - height > behindMax)) {
      this.#violated('recovery', `at the end the validators are at heights ${heights.join(', ')}`);
    }
    const whole = parts.find(({ chain, wiring }) => {
      return chain.tip.height === best && wiring.reader.blockBytes(1) !== undefined;
    });
    if (whole === undefined) return;
    const { chain, wiring } = whole;
    this.#report('transactions', this.acknowledgements.check(wiring.reader));
    const wrong = checkLedger(chain, wiring.reader, {
      ...{ genesis: this.#genesis, verifier: authority.verifier },
      accounts: this.#accounts.map(({ publicKey }) => publicKey),
      nowMs: clock.now(),
    });
    this.#report('value', wrong);
  }

  #onFinal(node: ValidatorNode, height: number): void {
    const { parts } = node;
    if (parts === null) return;
    const { chain, wiring } = parts;
    const block = chain.tip.height === height ? undefined : wiring.reader.block(height);
    const digest = block === undefined ? chain.tip.digest : blockDigest(block.header);
    this.#report('agreement', this.agreement.onFinal(node.index, height, digest));
  }

  #report(checker: CheckerName, problem: string | null): void {
    if (problem !== null) this.#violated(checker, problem);
  }

  #violated(checker: CheckerName, detail: string): void {
    this.#world.violated(checker, detail);
  }
}

/** Everything of a simulation that has to do with data flows: lights, who asks them, who changes policies, the audit. */
import type { Genesis } from '../../../protocols/ledger/genesis.ts';
import type { GenesisPolicies } from '../../../protocols/ledger/modules/policies/genesis-policies.ts';
import type { PolicyContent } from '../../../protocols/policy/content.ts';
import type { ChainId } from '../../../protocols/shared/brands.ts';
import { utcDay } from '../../../protocols/traffic/calendar.ts';
import type { Clock } from '../../../runtime/ports/clock.ts';
import type { Signer } from '../../../runtime/ports/signer.ts';
import type { Draw } from '../../draw.ts';
import type { DecisionSeen, Judged, KnownPolicies } from '../checkers/told-decisions.ts';
import type { LifePorts } from '../node.ts';
import type { ValidatorNode, ValidatorProgram } from '../validator-node.ts';
import { Askers } from './askers.ts';
import { type AuditOptions, auditLight } from './audit.ts';
import { Engines } from './engines.ts';
import { Lights } from './lights.ts';
import { PolicyShelf } from './policy-shelf.ts';
import { Publishers } from './publishers.ts';

export interface TrafficOptions {
  readonly clock: Clock;
  readonly createSigner: () => Signer;
  readonly content: PolicyContent;
  readonly nodes: readonly ValidatorNode[];
  readonly draw: Draw;
  readonly decisionsPerSecond: number;
  readonly changesPolicies: boolean;
  /** Somebody else asks policy engines. */
  readonly needsEngines: boolean;
}

/** What is known once there is a genesis. */
export interface TrafficRun extends Omit<AuditOptions, 'lights' | 'onDecision' | 'onLight'> {
  readonly chainId: ChainId;
  readonly genesis: Genesis;
  /** By their names in agreements. */
  readonly tenants: readonly string[];
  readonly untilMs: number;
  readonly durationMs: number;
  readonly onAcknowledged: (hash: string, node: number) => void;
  readonly onDecision: (seen: DecisionSeen) => void;
  readonly onEvaluation: (node: number, judged: Judged) => void;
  readonly onDecisionAudited: AuditOptions['onDecision'];
  readonly onLightAudited: AuditOptions['onLight'];
  /** What the light of a node answered so far. */
  readonly answered: (node: number) => readonly DecisionSeen[];
}

/** Those whose engines run beside the first validators. One more has none, and does not say what it should. */
const engineCount = 3;
/** Tenants with accounts, and policies, of their own. */
const tenantCount = 2;
const attestationsMin = 2;
/** A tenant that no agreement knows, nor the chain. */
const unknownTenant = 'acme';
/** What the agreements of the cast bind their tenants to. */
const boundClass = 'Internal';
/** Before the end of a run. */
const auditMs = 10_000;

export class TrafficSide {
  readonly accounts: readonly Signer[];
  readonly policies: GenesisPolicies;
  readonly #options: TrafficOptions;
  readonly #lights: Lights;
  readonly #shelf: PolicyShelf;
  readonly #governor: Signer;
  /** null: nobody publishes anything. */
  readonly #engines: Engines | null;
  readonly #falseEvaluator: Signer;
  readonly #tenants: readonly Signer[];
  readonly #officer: Signer;
  readonly #caller: Signer;

  constructor(options: TrafficOptions) {
    this.#options = options;
    const { createSigner, content, clock, nodes, draw } = options;
    this.#shelf = new PolicyShelf(content, utcDay(clock.now()));
    const signers = nodes.map(createSigner);
    [this.#governor, this.#officer, this.#caller] = [createSigner(), createSigner(), createSigner()];
    const evaluators = Array.from({ length: engineCount }, createSigner);
    this.#falseEvaluator = createSigner();
    this.#tenants = Array.from({ length: tenantCount }, createSigner);
    const all = [...evaluators, this.#falseEvaluator];
    const keys = all.map(({ publicKey }) => publicKey);
    this.policies = this.#shelf.genesis(this.#governor.publicKey, keys, attestationsMin);
    const policyNode = nodes.at(-1) as ValidatorNode;
    const reviewers = this.#shelf.roles.map((role) => ({ role, key: this.#officer.publicKey }));
    this.#lights = new Lights({ shelf: this.#shelf, policyNode, signers, reviewers });
    this.#engines =
      options.changesPolicies || options.needsEngines
        ? new Engines({ shelf: this.#shelf, policyNode, evaluators, draw: draw.fork('engines') })
        : null;
    this.accounts = [...signers, this.#governor, this.#officer, ...all, ...this.#tenants];
  }

  get lights(): Lights {
    return this.#lights;
  }

  /** null: nobody needs any. */
  get engines(): Engines | null {
    return this.#engines;
  }

  /** As they were written. */
  get known(): KnownPolicies {
    return this.#shelf;
  }

  /** Named by genesis. */
  get governor(): Signer {
    return this.#governor;
  }

  /** A life of a node has begun. Throws as stores do at opening. */
  onRunning(node: ValidatorNode, program: ValidatorProgram, life: LifePorts): void {
    this.#lights.start(node, program, life);
    this.#engines?.start(node, program, life);
  }

  start(run: TrafficRun): void {
    const { clock, nodes, draw, decisionsPerSecond, changesPolicies } = this.#options;
    const { chainId, untilMs, onAcknowledged, onDecision, onEvaluation, durationMs } = run;
    const lights = this.#lights;
    const unbound = [unknownTenant, ...this.#tenants.map(({ publicKey }) => publicKey)];
    new Askers({
      ...{
        clock,
        chainId,
        nodes,
        lights,
        draw: draw.fork('askers'),
        perSecond: decisionsPerSecond,
        untilMs,
        onDecision,
        onEvaluation,
        engines: this.#engines,
      },
      tenants: [
        ...unbound.map((name) => ({ name, classification: 'Confidential' })),
        ...run.tenants.map((name) => ({ name, classification: boundClass })),
      ],
      ...{ caller: this.#caller, officer: this.#officer },
    }).start();
    if (changesPolicies) {
      new Publishers({
        ...{ clock, chainId, nodes, draw: draw.fork('publishers'), shelf: this.#shelf, untilMs, onAcknowledged },
        ...{ governor: this.#governor, tenants: this.#tenants, falseEvaluator: this.#falseEvaluator },
      }).start();
    }
    const { onDecisionAudited, onLightAudited } = run;
    const audit = { ...run, lights, onDecision: onDecisionAudited, onLight: onLightAudited };
    clock.setTimer(durationMs - auditMs, () => {
      for (const node of nodes) auditLight(node, run.answered(node.index), audit);
    });
  }
}

/** Traffic lights beside validators: each node runs one, in its process and on its disks, from its own chain. */
import { defaultTrafficLightLimits } from '../../../actors/traffic/following.ts';
import { trafficLightActor } from '../../../actors/traffic/traffic-light.ts';
import type { TrafficLightMessage } from '../../../actors/traffic/messages.ts';
import { PolicyLibrary } from '../../../actors/policy/policy-library.ts';
import type { ReviewerRole } from '../../../protocols/ledger/modules/traffic/bodies.ts';
import type { ActorRef } from '../../../runtime/ports/actors.ts';
import type { Signer } from '../../../runtime/ports/signer.ts';
import type { LifePorts } from '../node.ts';
import type { ValidatorNode, ValidatorProgram } from '../validator-node.ts';
import { contentAt, passing } from './content-at.ts';
import { NodeFeed } from './node-feed.ts';
import type { PolicyShelf } from './policy-shelf.ts';

export interface LightsOptions {
  readonly shelf: PolicyShelf;
  /** Serves what is published. */
  readonly policyNode: ValidatorNode;
  /** One a node. */
  readonly signers: readonly Signer[];
  readonly reviewers: readonly ReviewerRole[];
}

/** State older than this decides nothing. */
export const stateAgeMsMax = 8_000;
const quarantineMax = 24;
/** Compiling takes its time; a virtual clock sees it only where it is told. */
export const compileMs = 300;

export class Lights {
  readonly #options: LightsOptions;
  readonly #running = new WeakMap<ValidatorProgram, ActorRef<TrafficLightMessage>>();

  constructor(options: LightsOptions) {
    this.#options = options;
  }

  signerOf(node: number): Signer {
    return this.#options.signers[node] as Signer;
  }

  /** That of the node's present life; null where there is none. */
  of({ parts }: ValidatorNode): ActorRef<TrafficLightMessage> | null {
    return parts === null ? null : (this.#running.get(parts) ?? null);
  }

  /** Starts the light of a life. Throws as stores do at opening. */
  start(node: ValidatorNode, program: ValidatorProgram, { open, clock, verifier, telemetry }: LifePorts): void {
    const { shelf, reviewers, policyNode } = this.#options;
    const signer = this.signerOf(node.index);
    const { system, chain } = program;
    const store = open('traffic', { kind: 'traffic', version: 1, chainId: chain.chainId });
    let light: ActorRef<TrafficLightMessage> | null = null;
    const library = new PolicyLibrary({
      source: contentAt(clock, shelf, policyNode),
      compile: async (job) => {
        await passing(clock, compileMs);
        return shelf.compile(job);
      },
      onReady: () => light !== null && system.tell(light, { type: 'tables' }),
      onProblem: (content, problem) => telemetry.log.warn('a published policy set is not here', { content, problem }),
    });
    light = system.spawn(
      trafficLightActor({
        ...{ feed: new NodeFeed(node, program, signer), store, signer, verifier, library, telemetry, reviewers, clock },
        listing: { id: `light-${node.index}`, endpoints: [], region: 'EU' },
        limits: { ...defaultTrafficLightLimits, stateAgeMsMax, quarantineMax },
        onDecision: () => undefined,
      }),
    );
    this.#running.set(program, light);
  }
}

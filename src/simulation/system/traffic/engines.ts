/**
 * Policy engines beside validators, each an evaluator: they follow their node's chain, attest what they compiled, and answer
 * evaluations. Cedar's own word on a set is not asked for: whether it takes one is known of each set that is published.
 */
import type { PolicyEngineMessage } from '../../../actors/policy/messages.ts';
import { policyEngineActor } from '../../../actors/policy/policy-engine.ts';
import { PolicyLibrary } from '../../../actors/policy/policy-library.ts';
import { type PolicyWork, type PolicyWorkshop, type WorkName, WorkshopError } from '../../../actors/policy/workshop.ts';
import { decodeContent, namesOf } from '../../../protocols/policy/content.ts';
import { noTightening } from '../../../protocols/policy/published.ts';
import type { ActorRef } from '../../../runtime/ports/actors.ts';
import type { Clock } from '../../../runtime/ports/clock.ts';
import type { Signer } from '../../../runtime/ports/signer.ts';
import type { Draw } from '../../draw.ts';
import type { LifePorts } from '../node.ts';
import type { ValidatorNode, ValidatorProgram } from '../validator-node.ts';
import { contentAt, passing } from './content-at.ts';
import { compileMs, stateAgeMsMax } from './lights.ts';
import { NodeFeed } from './node-feed.ts';
import type { PolicyShelf } from './policy-shelf.ts';

export interface EnginesOptions {
  readonly shelf: PolicyShelf;
  /** Serves what is published. */
  readonly policyNode: ValidatorNode;
  /** One a node, from the first on. */
  readonly evaluators: readonly Signer[];
  readonly draw: Draw;
}

/** How long a check takes, and how often a thread has no room for it. */
const checkMs = [200, 2_000] as const;
const overloads = 0.1;

export class Engines {
  readonly #options: EnginesOptions;
  readonly #running = new WeakMap<ValidatorProgram, ActorRef<PolicyEngineMessage>>();

  constructor(options: EnginesOptions) {
    this.#options = options;
  }

  /** That of the node's present life; null where there is none. */
  of({ parts }: ValidatorNode): ActorRef<PolicyEngineMessage> | null {
    return parts === null ? null : (this.#running.get(parts) ?? null);
  }

  start(node: ValidatorNode, program: ValidatorProgram, { clock, telemetry }: LifePorts): void {
    const { shelf, evaluators, policyNode, draw } = this.#options;
    const signer = evaluators[node.index];
    if (signer === undefined) return;
    let engine: ActorRef<PolicyEngineMessage> | null = null;
    const library = new PolicyLibrary({
      source: contentAt(clock, shelf, policyNode),
      compile: async (job) => {
        await passing(clock, compileMs);
        return shelf.compile(job);
      },
      onReady: () => engine !== null && program.system.tell(engine, { type: 'tables' }),
      onProblem: (content, problem) => telemetry.log.warn('a published policy set is not here', { content, problem }),
    });
    engine = program.system.spawn(
      policyEngineActor({
        feed: new NodeFeed(node, program, signer),
        ...{ library, account: signer.publicKey, telemetry, stateAgeMsMax },
        attesting: { workshop: workshopOf(clock, shelf, draw.fork(`workshop of ${node.index}`)), random: 0 },
      }),
    );
    this.#running.set(program, engine);
  }
}

/** Checks alone: nobody here asks for anything else. */
const workshopOf = (clock: Clock, shelf: PolicyShelf, draw: Draw): PolicyWorkshop => ({
  do: async <Name extends WorkName>(name: Name, job: PolicyWork[Name]['job']) => {
    if (name !== 'check') throw new WorkshopError('failed', `nothing does ${name} here`);
    await passing(clock, draw.between(...checkMs));
    if (draw.chance(overloads)) throw new WorkshopError('overload', 'too much is waiting');
    return checked((job as PolicyWork['check']['job']).bytes, shelf);
  },
});

function checked(bytes: Uint8Array, shelf: PolicyShelf): PolicyWork['check']['result'] {
  const names = namesOf(decodeContent(bytes), bytes);
  const { base } = shelf.compile({ bytes, names, tightening: noTightening });
  const { compiledHash, validUntil, regimes } = base;
  return {
    ...{ names, compiledHash, validUntil, regimes, rules: base.set.rules.length, compared: 0, mismatches: [] },
    invalid: shelf.isTaken(names.content) ? [] : ['Cedar does not take it'],
    analysis: shelf.analysisOf(base),
  };
}

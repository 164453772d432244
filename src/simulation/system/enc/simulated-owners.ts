/** Who answers an admission on a simulated node: its own court's rules, an engine and the light of that node; the way there takes time. */
import type { AdmissionOwners } from '../../../actors/enc/owners.ts';
import type { Evaluated, PolicyEngineMessage } from '../../../actors/policy/messages.ts';
import type { Answered, DecisionAnswer } from '../../../actors/traffic/messages.ts';
import type { BoundDecision } from '../../../protocols/enc/admission.ts';
import { checkCompliance } from '../../../protocols/court/compliance.ts';
import { CourtBook } from '../../../protocols/court/court-book.ts';
import type { PolicyState } from '../../../protocols/policy/rules.ts';
import type { PublicKey } from '../../../protocols/shared/brands.ts';
import { CodedError } from '../../../protocols/shared/errors.ts';
import type { TrafficDecision } from '../../../protocols/traffic/receipt.ts';
import type { Clock } from '../../../runtime/ports/clock.ts';
import { isReachable } from '../client.ts';
import { askLight } from '../traffic/askers.ts';
import { passing } from '../traffic/content-at.ts';
import type { Engines } from '../traffic/engines.ts';
import type { Lights } from '../traffic/lights.ts';
import type { ValidatorNode } from '../validator-node.ts';

class OwnerError extends CodedError<'no-answer'> {
  override readonly name = 'OwnerError';
}

export interface SimulatedOwnersOptions {
  /** Of the operator's life. */
  readonly clock: Clock;
  readonly node: ValidatorNode;
  readonly nodes: readonly ValidatorNode[];
  readonly lights: Lights;
  readonly engines: Engines;
  readonly caller: PublicKey;
  /** Told of every decision that an operator was given. */
  readonly onDecision: (decision: TrafficDecision) => void;
}

const wayMs = 20;
const noAnswer = (who: string): never => {
  throw new OwnerError('no-answer', `${who} does not answer`);
};

const boundOf = ({ id, state, enforcementAction, policy, reasons, expires }: TrafficDecision): BoundDecision => ({
  ...{ id, state: state as PolicyState, action: enforcementAction, reasons, expires },
  policySet: policy?.policySetHash ?? null,
});

export function simulatedOwners(options: SimulatedOwnersOptions): AdmissionOwners {
  const { clock, node, nodes, lights, engines, caller, onDecision } = options;
  const book = new CourtBook();
  return {
    court: async ({ tenant, workload, classification, countries }) => {
      await passing(clock, wayMs);
      const state = node.parts?.chain.state;
      if (state === undefined) return noAnswer('the court');
      const rules = book.rulesOf(state);
      const answers = countries.map((country) => checkCompliance(rules, { tenant, workload, country, classification }));
      return {
        complies: answers.some((answer) => answer.state !== 'Red'),
        problems: answers.flatMap(({ reasons }) => reasons),
      };
    },
    policy: async (requests, minHeight) => {
      await passing(clock, wayMs);
      for (const each of nodes) {
        const engine = engines.of(each);
        if (engine === null || each.parts === null || !isReachable(each)) continue;
        const answers = await each.parts.system
          .ask<PolicyEngineMessage, readonly Evaluated[]>(
            engine,
            (replyTo) => ({ type: 'evaluate', requests, replyTo }),
            { timeoutMs: 5_000 },
          )
          .catch(() => []);
        if (answers.length === requests.length && answers.every(({ height }) => height >= minHeight))
          return answers.map(({ outcome }) => outcome.state);
      }
      return noAnswer('the policy engine');
    },
    traffic: async ({ requestId, flow, minHeight, salt }) => {
      await passing(clock, wayMs);
      const receivedMs = node.time.monotonicMs();
      const request = { requestId, flow, minHeight, salt, receipt: false };
      const answers = await askLight<readonly Answered<DecisionAnswer>[]>(lights, node, (replyTo) => ({
        ...{ type: 'decide', requests: [request], caller, receivedMs, replyTo },
      }));
      const answer = answers?.[0];
      if (answer?.kind !== 'answer') return noAnswer('the light');
      onDecision(answer.value.decision);
      return boundOf(answer.value.decision);
    },
    released: async (held) => {
      await passing(clock, wayMs);
      const all = await askLight<readonly TrafficDecision[]>(lights, node, (replyTo) => ({
        ...{ type: 'decisions', filter: { limit: 500 }, viewer: null, replyTo },
      }));
      const found = all?.find(({ releases, state }) => releases === held && state !== 'Red');
      if (found === undefined) return null;
      onDecision(found);
      return boundOf(found);
    },
  };
}

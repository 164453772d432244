/**
 * Enforcement points that ask for decisions, ask again where none came, and note what they were told; officers who prove
 * obligations of what is held, in time or too late; and at the end an audit of everything that was told.
 */
import type { Evaluated, PolicyEngineMessage } from '../../../actors/policy/messages.ts';
import type {
  Answered,
  DecisionAnswer,
  ReviewAnswered,
  TrafficLightMessage,
} from '../../../actors/traffic/messages.ts';
import { readLight } from '../../../protocols/ledger/modules/traffic/traffic.ts';
import { View } from '../../../protocols/ledger/view.ts';
import type { ChainId, Digest } from '../../../protocols/shared/brands.ts';
import { dischargeSigningBytes } from '../../../protocols/traffic/quarantine.ts';
import { readTrafficRequest, type TrafficRequest } from '../../../protocols/traffic/flow.ts';
import type { ReplyTo } from '../../../runtime/ports/actors.ts';
import type { Clock } from '../../../runtime/ports/clock.ts';
import type { Signer } from '../../../runtime/ports/signer.ts';
import type { Draw } from '../../draw.ts';
import { isReachable } from '../client.ts';
import type { DecisionSeen, Judged } from '../checkers/told-decisions.ts';
import type { ValidatorNode } from '../validator-node.ts';
import type { Engines } from './engines.ts';
import type { Lights } from './lights.ts';

export interface AskersOptions {
  readonly clock: Clock;
  readonly chainId: ChainId;
  readonly nodes: readonly ValidatorNode[];
  readonly lights: Lights;
  readonly draw: Draw;
  readonly perSecond: number;
  /** Whose flows are asked about, and of which class their data is. */
  readonly tenants: readonly { readonly name: string; readonly classification: string }[];
  readonly caller: Signer;
  /** Proves every obligation. */
  readonly officer: Signer;
  readonly untilMs: number;
  /** null: there are none. */
  readonly engines: Engines | null;
  readonly onDecision: (seen: DecisionSeen) => void;
  readonly onEvaluation: (node: number, judged: Judged) => void;
}

const answerTimeoutMs = 8_000;
const attemptsMax = 4;

type Asked = Pick<TrafficRequest, 'requestId' | 'flow'>;
type Ask<Reply> = (replyTo: ReplyTo<Reply>) => TrafficLightMessage;

/** Asks a light that runs; null where no answer came, for whatever reason. */
export function askLight<Reply>(lights: Lights, node: ValidatorNode, make: Ask<Reply>): Promise<Reply | null> {
  const { parts } = node;
  const light = lights.of(node);
  if (parts === null || light === null) return Promise.resolve(null);
  return parts.system.ask<TrafficLightMessage, Reply>(light, make, { timeoutMs: answerTimeoutMs }).then(
    (reply) => reply,
    () => null,
  );
}

export class Askers {
  readonly #options: AskersOptions;
  #asked = 0;

  constructor(options: AskersOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, draw, perSecond, untilMs, nodes } = this.#options;
    const meanMs = 1_000 / perSecond;
    const next = (): void => {
      if (clock.monotonicMs() >= untilMs) return;
      const node = draw.pick(nodes);
      if (isReachable(node)) this.#ask(node, this.#request(node), 1);
      clock.setTimer(draw.between(0, 2 * meanMs), next);
    };
    clock.setTimer(meanMs, next);
  }

  #request(node: ValidatorNode): TrafficRequest {
    const { draw, tenants } = this.#options;
    this.#asked += 1;
    const persons = draw.pick([1, 40, 700, 2_500]);
    const [source, country, flow] = draw.pick<readonly [string, string, object]>([
      ['DE', 'FR', { bases: ['contract'] }],
      ['DE', 'FR', { bases: ['contract'] }],
      ['DE', 'FR', { bases: ['contract'], counters: { bulkHealth: persons } }],
      ['DE', 'US', { bases: ['dpf'] }],
      ['DE', 'US', { bases: ['dpf'] }],
      ['DE', 'NZ', { bases: ['contract'] }],
      ['DE', 'CN', {}],
      ['CN', 'SG', { bases: ['pipl-standard-contract'], counters: { piplPersons: persons } }],
    ]);
    const height = node.parts?.chain.tip.height ?? 0;
    const { name: tenant, classification } = draw.pick(tenants);
    return readTrafficRequest({
      requestId: `request-${this.#asked}`,
      flow: {
        subject: { tenant, workload: 'orders' },
        ...{ operation: 'transfer', classification, contents: ['personal'] },
        ...{ purpose: 'service-provision', source: { country: source }, destination: { country }, ...flow },
      },
      ...(draw.chance(0.1) ? { minHeight: Math.max(0, height + draw.between(-2, 2)) } : {}),
    });
  }

  #ask(node: ValidatorNode, request: TrafficRequest, attempt: number): void {
    const { clock, caller, draw, lights } = this.#options;
    const again = (): void => {
      clock.setTimer(draw.between(500, 4_000), () => {
        if (isReachable(node)) this.#ask(node, request, attempt + 1);
      });
    };
    node.enter(() => {
      this.#evaluate(node, request);
      const receivedMs = node.time.monotonicMs();
      void askLight<readonly Answered<DecisionAnswer>[]>(lights, node, (replyTo) => ({
        ...{ type: 'decide', requests: [request], caller: caller.publicKey, receivedMs, replyTo },
      })).then((answers) => {
        const answer = answers?.[0];
        if (answer?.kind === 'answer') this.#note(node, request, answer.value);
        // Some ask a second time though they were answered: as one whose answer got lost.
        const isDone = answer?.kind === 'answer' && !draw.chance(0.1);
        if (!isDone && attempt < attemptsMax) again();
      });
    });
  }

  /** The engine beside the light, where there is one, is asked the same. */
  #evaluate(node: ValidatorNode, { requestId, flow }: Asked): void {
    const { engines, onEvaluation } = this.#options;
    const engine = engines?.of(node) ?? null;
    if (engine === null || node.parts === null) return;
    node.parts.system
      .ask<PolicyEngineMessage, readonly Evaluated[]>(
        engine,
        (replyTo) => ({ type: 'evaluate', requests: [flow], replyTo }),
        { timeoutMs: answerTimeoutMs },
      )
      .then(
        ([evaluated]) => {
          if (evaluated === undefined) return;
          const { outcome, height, time } = evaluated;
          const name = `evaluation of ${requestId} at node ${node.index}`;
          onEvaluation(node.index, { ...outcome, name, height, time, flow });
        },
        () => undefined,
      );
  }

  #note(node: ValidatorNode, { requestId, flow }: Asked, { decision, checkpoint, quarantine }: DecisionAnswer): void {
    const { lights, clock, onDecision, draw } = this.#options;
    const { parts } = node;
    if (parts === null) return;
    const light = lights.signerOf(node.index).publicKey;
    const record = readLight(new View(parts.chain.state), light);
    const { reader } = parts.wiring;
    const stateTime = reader.block(decision.height)?.header.time ?? null;
    const anchored = record?.logId === decision.logId ? record : null;
    // An answer that was asked for again may be older than the anchor.
    const anchorTime = anchored === null ? null : (reader.block(anchored.anchoredAt)?.header.time ?? null);
    const anchoredSize = anchorTime !== null && anchorTime < decision.time ? (anchored?.size ?? 0) : 0;
    onDecision({ node: node.index, light, requestId, flow, decision, checkpoint, stateTime, anchoredSize });
    if (quarantine === null || decision.releases !== null) return;
    clock.setTimer(draw.between(0, 12_000), () => this.#prove(node, quarantine, { requestId, flow, decision }));
  }

  /** Proofs of all that has to be proved before; one in eight is false. */
  #prove(
    node: ValidatorNode,
    held: Digest,
    { requestId, flow, decision }: Asked & Pick<DecisionAnswer, 'decision'>,
  ): void {
    const { lights, chainId, officer, caller, draw } = this.#options;
    const policySetHash = decision.policy?.policySetHash;
    if (!isReachable(node) || policySetHash === undefined) return;
    const { request } = decision;
    for (const { id: obligation, phase } of decision.obligations) {
      if (phase !== 'before') continue;
      const claim = { decision: held, request, obligation, policySetHash };
      const signer = draw.chance(1 / 8) ? caller : officer;
      const proof = { by: officer.publicKey, signature: signer.sign(dischargeSigningBytes(chainId, claim)) };
      node.enter(() => {
        void askLight<Answered<ReviewAnswered>>(lights, node, (replyTo) => ({
          ...{ type: 'review', decision: held, review: { how: 'discharge', obligation }, proof, replyTo },
        })).then((answer) => {
          const release = answer?.kind === 'answer' ? answer.value.release : null;
          if (release !== null) this.#note(node, { requestId: `release of ${requestId}`, flow }, release);
        });
      });
    }
  }
}

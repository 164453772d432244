/** At the end of a run: every light is asked about itself, and about all that it answered. */
import type { Answered, DecisionAnswer, LightStatus } from '../../../actors/traffic/messages.ts';
import type { Genesis } from '../../../protocols/ledger/genesis.ts';
import { type DecisionProof, verifyDecisionProof } from '../../../protocols/traffic/decision-proof.ts';
import type { ReplayVerdict } from '../../../protocols/traffic/entry.ts';
import { nextDue, type QuarantineItem } from '../../../protocols/traffic/quarantine.ts';
import type { Verifier } from '../../../runtime/ports/signer.ts';
import type { DecisionAudited, DecisionSeen, LightAudited } from '../checkers/told-decisions.ts';
import type { ValidatorNode } from '../validator-node.ts';
import { askLight } from './askers.ts';
import type { Lights } from './lights.ts';

export interface AuditOptions {
  readonly lights: Lights;
  readonly genesis: Genesis;
  readonly verifier: Pick<Verifier, 'verify'>;
  readonly onDecision: (audited: DecisionAudited) => void;
  readonly onLight: (audited: LightAudited) => void;
}

/** Of so many decisions the proof of one is asked for. */
const proofOfEach = 8;
/** What time decides, it decides within two ticks of a light. */
const lapseMs = 2_500;

/** Within the node's own steps. `seen`: what this node's light answered. */
export function auditLight(node: ValidatorNode, seen: readonly DecisionSeen[], options: AuditOptions): void {
  node.enter(() => {
    void auditStatus(node, options);
    seen.forEach((one, index) => void auditDecision(node, one, index % proofOfEach === 0, options));
  });
}

async function auditStatus(node: ValidatorNode, { lights, onLight }: AuditOptions): Promise<void> {
  const status = await askLight<LightStatus>(lights, node, (replyTo) => ({ type: 'status', replyTo }));
  const held = await askLight<readonly QuarantineItem[]>(lights, node, (replyTo) => {
    return { type: 'quarantine', viewer: null, replyTo };
  });
  const now = node.time.now();
  const overdue = (held ?? []).filter((item) => (nextDue(item) ?? now) < now - lapseMs);
  onLight({
    node: node.index,
    logId: status?.head?.logId ?? null,
    size: status?.head?.size ?? 0,
    root: status?.head?.root ?? '',
    problem: status === null ? 'it does not answer' : status.problem,
    overdue: overdue.map(({ decision }) => decision),
  });
}

async function auditDecision(
  node: ValidatorNode,
  { decision: { id } }: DecisionSeen,
  isProofWanted: boolean,
  { lights, genesis, verifier, onDecision }: AuditOptions,
): Promise<void> {
  const viewer = null;
  const about = <Reply>(type: 'decision' | 'replay' | 'proof') =>
    askLight<Answered<Reply>>(lights, node, (replyTo) => ({ type, id, viewer, replyTo }) as never);
  const found = await about<DecisionAnswer>('decision');
  const replayed = await about<ReplayVerdict>('replay');
  const proof = isProofWanted ? await about<DecisionProof>('proof') : null;
  const verdict =
    proof?.kind === 'answer'
      ? verifyDecisionProof(proof.value, genesis, {
          verifySignature: (key, message, signature) => verifier.verify(key, message, signature),
        }).verdict
      : null;
  onDecision({
    ...{ node: node.index, id, proof: verdict },
    found: found?.kind === 'answer' ? found.value.decision : null,
    replayed: replayed?.kind === 'answer' ? replayed.value.kind : 'not-recomputable',
  });
}

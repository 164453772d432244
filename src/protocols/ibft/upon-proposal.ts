/** Proposals and the answers about their blocks. Source: consensus design, rules 2, 3, 4, 10 and 12. */
import type { Digest } from '../shared/brands.ts';
import { accepted, ignored, rejected } from '../shared/errors.ts';
import { futureRoundsMax } from './bounds.ts';
import { accuse, heightOf, keyAt, placeOf, proposerOfRound, setTimer, type Step } from './draft.ts';
import { justify, refusalOfBlock } from './justification.ts';
import type {
  BlockCheck,
  MachineState,
  MachineVerdict,
  ProposalMessage,
  TrackedProposal,
  Verified,
} from './machine-types.ts';
import { enterRound, notePosition, notePositions } from './rounds.ts';
import { acceptProposal, completeAwaited } from './voting.ts';
import type { PublicKey } from '../shared/brands.ts';

/** Rule 4's first half, and rules 2 and 3. */
function judge(
  state: MachineState,
  message: ProposalMessage,
): { readonly mode: TrackedProposal['mode'] } | { readonly refusal: MachineVerdict } {
  const refusal = refusalOfBlock(placeOf(state), message.block, message.payload.digest);
  if (refusal !== null) return { refusal: rejected(refusal) };
  const judged = justify(message, state.facts.set);
  if ('refusal' in judged) return { refusal: rejected(judged.refusal) };
  if (judged.mode === 'fresh' && message.block.value.header.proposer !== message.payload.author)
    return { refusal: rejected('wrong-header-proposer') };
  return judged;
}

export function uponProposal(
  step: Step,
  author: number,
  message: Verified<ProposalMessage>,
  peer: PublicKey,
): MachineVerdict {
  const { state } = step;
  const { payload } = message;
  const { round } = payload;
  if (round < state.round) return ignored('past-round');
  if (author !== proposerOfRound(state, round)) return rejected('not-the-proposer');
  const known = round === state.round ? state.proposal : null;
  if (known !== null) {
    if (known.digest === payload.digest) return ignored('duplicate');
    if (known.payload !== null) accuse(step, author, { kind: 'proposal', first: known.payload, second: payload });
    return rejected('equivocation');
  }
  if (state.awaited !== null && refusalOfBlock(placeOf(state), message.block, payload.digest) === null)
    if (completeAwaited(step, payload.digest, message.block)) return accepted;
  const judged = judge(state, message);
  if ('refusal' in judged) return judged.refusal;
  notePosition(step, author, round);
  if (round > state.round + futureRoundsMax) {
    // Its round changes will move this node near it; the proposal itself comes again with a resend.
    notePositions(step, message.roundChanges);
    return ignored('round-too-far');
  }
  if (round > state.round) enterRound(step, round, 'proposal');
  notePositions(step, message.roundChanges);
  trackProposal(step, {
    status: 'checking',
    mode: judged.mode,
    peer,
    payload,
    digest: payload.digest,
    block: message.block,
    roundChanges: message.roundChanges,
    prepares: message.prepares,
  });
  return accepted;
}

/** A justified proposal of the current round: accepted at once where its block was found valid before, else checked. */
export function trackProposal(step: Step, proposal: TrackedProposal): void {
  const { state } = step;
  if (state.lastValid?.digest === proposal.digest) acceptProposal(step, proposal);
  else {
    state.proposal = proposal;
    askCheck(step, proposal);
  }
}

export function askCheck(step: Step, proposal: TrackedProposal): void {
  const { mode, peer, digest, block } = proposal;
  const { round } = step.state;
  step.effects.push({ type: 'check-block', height: heightOf(step.state), round, digest, block, mode, peer });
}

export function uponBlockChecked(step: Step, digest: Digest, result: BlockCheck): MachineVerdict {
  const { state } = step;
  const { proposal } = state;
  if (state.decided !== null || proposal?.status !== 'checking' || proposal.digest !== digest) return ignored('stale');
  switch (result.kind) {
    case 'valid':
      acceptProposal(step, proposal);
      return accepted;
    case 'early':
      // Rule 12: held until it is valid, never refused for that.
      state.proposal = { ...proposal, status: 'held' };
      setTimer(step, 'proposal-held', { atMs: result.validAtMs });
      return accepted;
    case 'invalid': {
      state.proposal = { ...proposal, status: 'refused' };
      // A bad block is its proposer's doing; whoever passed it on could not know.
      const author = keyAt(state, proposerOfRound(state, state.round));
      step.effects.push({ type: 'report', peer: author, reason: 'invalid-block' });
      return accepted;
    }
  }
}

export function uponHeldProposalDue(step: Step): MachineVerdict {
  const { state } = step;
  const { proposal } = state;
  if (state.decided !== null || proposal?.status !== 'held') return ignored('stale');
  state.proposal = { ...proposal, status: 'checking' };
  askCheck(step, proposal);
  return accepted;
}

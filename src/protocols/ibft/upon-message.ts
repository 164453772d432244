/** Verified messages, by kind and height, and this node's own signed ones. Source: consensus design, rules 6 and 14. */
import type { PublicKey } from '../shared/brands.ts';
import { accepted, ignored, invariant, rejected } from '../shared/errors.ts';
import { heightOf, recountKept, type Step } from './draft.ts';
import { keepForLater } from './later-heights.ts';
import type { MachineVerdict, OwnMessage, Verified } from './machine-types.ts';
import type { ConsensusMessage, UnsignedPayload } from './messages.ts';
import { memberIndex } from './quorum.ts';
import { trackProposal, uponProposal } from './upon-proposal.ts';
import { uponRoundChange } from './upon-round-change.ts';
import { uponCommit, uponLateCommit, uponPrepare } from './voting.ts';

/** A message of a decided height: a late seal, or a sign that its deliverer is behind. */
function uponPastHeight(step: Step, message: ConsensusMessage, peer: PublicKey): MachineVerdict {
  const { height } = message.payload;
  if (message.type === 'commit') {
    const verdict = uponLateCommit(step, message.payload);
    if (verdict !== null) return verdict;
  }
  // Votes of the height just decided are merely late.
  const isStuck = message.type === 'round-change' || height < heightOf(step.state) - 1;
  if (isStuck && peer !== step.state.self) step.effects.push({ type: 'peer-behind', peer, height });
  return ignored('past-height');
}

function uponCurrent(step: Step, author: number, message: Verified<ConsensusMessage>, peer: PublicKey): MachineVerdict {
  switch (message.type) {
    case 'proposal':
      return uponProposal(step, author, message, peer);
    case 'prepare':
      return uponPrepare(step, author, message.payload);
    case 'commit':
      return uponCommit(step, author, message.payload);
    case 'round-change':
      return uponRoundChange(step, author, message);
  }
}

export function uponMessage(step: Step, message: Verified<ConsensusMessage>, peer: PublicKey): MachineVerdict {
  const { state } = step;
  const { payload } = message;
  if (payload.height < heightOf(state)) return uponPastHeight(step, message, peer);
  const author = memberIndex(state.facts.set, payload.author);
  // Who decides a later height is not known here; whoever joins before it is sends it again.
  if (payload.height > heightOf(state))
    return author < 0 ? ignored('not-yet-member') : keepForLater(step, author, message, peer);
  if (author < 0) return rejected('unknown-author');
  if (state.decided !== null)
    return (message.type === 'commit' ? uponLateCommit(step, message.payload) : null) ?? ignored('decided');
  return uponCurrent(step, author, message, peer);
}

const isSameRequest = (own: OwnMessage, payload: { readonly height: number; readonly round: number }): boolean =>
  own.request.payload.height === payload.height && own.request.payload.round === payload.round;

/** The own message that was asked for, signed: to be sent again, and counted like anyone's. */
export function uponSigned(step: Step, message: Verified<ConsensusMessage>): MachineVerdict {
  const { state } = step;
  const { payload } = message;
  invariant(payload.author === state.self, 'only own messages are given back as signed');
  if (payload.height !== heightOf(state)) {
    const late = message.type === 'commit' ? uponLateCommit(step, message.payload) : null;
    return late ?? ignored('past-height');
  }
  const own = state.own[message.type];
  if (own !== null && isSameRequest(own, payload))
    state.own = { ...state.own, [message.type]: { ...own, message, status: 'signed' } };
  if (state.selfIndex === null) return ignored('not-needed');
  if (state.decided !== null)
    return (message.type === 'commit' ? uponLateCommit(step, message.payload) : null) ?? ignored('decided');
  if (message.type !== 'proposal') return uponCurrent(step, state.selfIndex, message, payload.author);
  if (message.payload.round !== state.round || state.proposal !== null) return ignored('not-needed');
  trackProposal(step, {
    status: 'checking',
    mode: message.prepares.length > 0 ? 're-proposed' : 'fresh',
    peer: payload.author,
    payload: message.payload,
    digest: message.payload.digest,
    block: message.block,
    roundChanges: message.roundChanges,
    prepares: message.prepares,
  });
  return accepted;
}

/** The guard refused. Nothing was sent; where it refused only for now, the next resend asks again. */
export function uponSignRefused(step: Step, payload: UnsignedPayload, permanent: boolean): MachineVerdict {
  const { state } = step;
  const own = state.own[payload.kind];
  if (payload.height !== heightOf(state) || own === null || !isSameRequest(own, payload)) return ignored('stale');
  const status = permanent ? 'refused' : 'refused-for-now';
  state.own = { ...state.own, [payload.kind]: { ...own, status } };
  return ignored('sign-refused');
}

/** What came before its height began, in the order in which it came. Refusals are found only now. */
export function replayLater(step: Step): void {
  const { state } = step;
  const due = state.future.filter(({ message }) => message.payload.height === heightOf(state));
  if (due.length === 0) return;
  state.future = state.future.filter(({ message }) => message.payload.height > heightOf(state));
  state.keptBytes = recountKept(state, (key) => memberIndex(state.facts.set, key));
  for (const { message, peer } of due) {
    const verdict = uponMessage(step, message, peer);
    if (verdict.kind === 'rejected') step.effects.push({ type: 'report', peer, reason: verdict.reason });
  }
}

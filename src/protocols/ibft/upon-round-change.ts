/** Round changes. Source: consensus design, rules 3, 5, 9 and 10. */
import { accepted, ignored, rejected } from '../shared/errors.ts';
import { chargeOf } from './bounds.ts';
import { accuse, charge, hasRoom, placeOf, proposerOfRound, replaceAt, type Step } from './draft.ts';
import { refusalOfRoundChange } from './justification.ts';
import type {
  MachineState,
  MachineVerdict,
  PreparedCertificate,
  RoundChangeEntry,
  RoundChangeMessage,
} from './machine-types.ts';
import type { RoundChangePayload } from './messages.ts';
import { notePosition } from './rounds.ts';
import { checkAmnesia, completeAwaited } from './voting.ts';

const sameClaim = (a: RoundChangePayload, b: RoundChangePayload): boolean =>
  a.preparedRound === b.preparedRound && a.preparedDigest === b.preparedDigest;

function certificateOf(message: RoundChangeMessage): PreparedCertificate | null {
  const { payload, block, prepares } = message;
  const { preparedRound: round, preparedDigest: digest } = payload;
  return round === null || digest === null || block === null ? null : { round, digest, block, prepares };
}

/**
 * The certificate where this node will need it: it proposes that round, and (in the current round, where only the best
 * one is kept) no certificate at least as high is held.
 */
function neededCertificate(state: MachineState, message: RoundChangeMessage): PreparedCertificate | null {
  const certificate = certificateOf(message);
  const { round } = message.payload;
  if (certificate === null || round < state.round || proposerOfRound(state, round) !== state.selfIndex) return null;
  if (state.prepared?.round === certificate.round && state.prepared.digest === certificate.digest) return null;
  if (round !== state.round) return certificate;
  const isOutdone = state.roundChanges.some(
    (entry) =>
      entry?.payload.round === round && entry.certificate !== null && entry.certificate.round >= certificate.round,
  );
  return isOutdone ? null : certificate;
}

function store(step: Step, author: number, message: RoundChangeMessage): void {
  const { state } = step;
  const { payload } = message;
  let certificate = neededCertificate(state, message);
  const old = state.roundChanges[author]?.certificate ?? null;
  const oldRound = state.roundChanges[author]?.payload.round;
  if (old !== null && oldRound !== state.round) charge(step, author, -chargeOf(messageOf(payload, old)));
  let entries = state.roundChanges;
  if (certificate !== null && payload.round === state.round) {
    // Only the best certificate of the current round is kept.
    entries = entries.map((entry) =>
      entry !== null && entry.payload.round === state.round && entry.certificate !== null
        ? { ...entry, certificate: null }
        : entry,
    );
  } else if (certificate !== null) {
    if (hasRoom(state, author, chargeOf(message))) charge(step, author, chargeOf(message));
    else certificate = null;
  }
  const entry: RoundChangeEntry = { payload, certificate };
  state.roundChanges = replaceAt(entries, author, entry);
}

const messageOf = (payload: RoundChangePayload, { block, prepares }: PreparedCertificate): RoundChangeMessage => ({
  type: 'round-change',
  payload,
  block,
  prepares,
});

export function uponRoundChange(step: Step, author: number, message: RoundChangeMessage): MachineVerdict {
  const { state } = step;
  const { payload } = message;
  const known = state.roundChanges[author] ?? null;
  if (known !== null && known.payload.round > payload.round) return ignored('superseded');
  if (known?.payload.round === payload.round) {
    if (!sameClaim(known.payload, payload)) {
      accuse(step, author, { kind: 'round-change', first: known.payload, second: payload });
      return rejected('equivocation');
    }
    // The same again is of use only where its certificate was not kept the first time.
    if (known.certificate !== null || neededCertificate(state, message) === null) return ignored('duplicate');
  }
  const refusal = refusalOfRoundChange(message, state.facts.set, placeOf(state));
  if (refusal !== null) return rejected(refusal);
  const certificate = certificateOf(message);
  if (certificate !== null && completeAwaited(step, certificate.digest, certificate.block)) return accepted;
  for (const votes of state.votes.values()) {
    const commit = votes.commits[author] ?? null;
    if (commit !== null) checkAmnesia(step, author, commit, payload);
  }
  notePosition(step, author, payload.round);
  store(step, author, message);
  return payload.round < state.round ? ignored('past-round') : accepted;
}

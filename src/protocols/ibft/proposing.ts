/** What this node proposes. Source: consensus design, rules 2 to 4. */
import type { Round } from '../shared/brands.ts';
import { accepted, ignored, invariant } from '../shared/errors.ts';
import { heightOf, isActive, persist, proposerOfRound, sign, type Step } from './draft.ts';
import { digestOf, highestPreparedRound } from './justification.ts';
import type { MachineState, MachineVerdict, PreparedCertificate } from './machine-types.ts';
import type { EncodedBlock, PreparePayload, RoundChangePayload } from './messages.ts';

interface Choice {
  readonly roundChanges: readonly RoundChangePayload[];
  /** null: a fresh block. */
  readonly certificate: PreparedCertificate | null;
}

function certificateFor(state: MachineState, claim: RoundChangePayload): PreparedCertificate | null {
  const fits = (held: PreparedCertificate | null): boolean =>
    held !== null && held.round === claim.preparedRound && held.digest === claim.preparedDigest;
  if (fits(state.prepared)) return state.prepared;
  for (const entry of state.roundChanges) if (entry !== null && fits(entry.certificate)) return entry.certificate;
  return null;
}

/**
 * The justification for the current round out of the round changes to it, or null while there are too few. A
 * claim whose certificate was not kept (its author's share was full) is left out; it comes again with a resend.
 */
function chooseJustification(state: MachineState): Choice | null {
  let claims: RoundChangePayload[] = [];
  for (const entry of state.roundChanges)
    if (entry !== null && entry.payload.round === state.round) claims.push(entry.payload);
  while (claims.length >= state.facts.set.quorum) {
    const highest = highestPreparedRound(claims);
    if (highest === null) return { roundChanges: claims, certificate: null };
    for (const claim of claims) {
      const certificate = claim.preparedRound === highest ? certificateFor(state, claim) : null;
      if (certificate !== null) return { roundChanges: claims, certificate };
    }
    claims = claims.filter((claim) => claim.preparedRound !== highest);
  }
  return null;
}

function propose(
  step: Step,
  block: EncodedBlock,
  roundChanges: readonly RoundChangePayload[],
  prepares: readonly PreparePayload[],
): void {
  const { state } = step;
  const { round } = state;
  const height = heightOf(state);
  const digest = digestOf(block);
  state.proposing = 'proposed';
  persist(step, { type: 'accepted', height, round, digest, block, roundChanges, prepares });
  sign(step, { kind: 'proposal', height, round, digest }, { block, roundChanges, prepares });
}

/** Proposes, or asks for a block, once this node is the round's proposer and may. */
export function tryPropose(step: Step): void {
  const { state } = step;
  if (!isActive(state) || state.proposing !== 'no' || state.proposal !== null) return;
  if (proposerOfRound(state, state.round) !== state.selfIndex) return;
  if (state.round > 0) {
    const choice = chooseJustification(state);
    if (choice === null) return;
    if (choice.certificate !== null) {
      propose(step, choice.certificate.block, choice.roundChanges, choice.certificate.prepares);
      return;
    }
  } else if (!state.isDue) return;
  state.proposing = 'building';
  step.effects.push({ type: 'build-block', height: heightOf(state), round: state.round });
}

/** The block asked for is there. Round changes that came meanwhile count: one may have brought a certificate. */
export function uponBlockBuilt(step: Step, round: Round, block: EncodedBlock): MachineVerdict {
  const { state } = step;
  if (!isActive(state) || round !== state.round || state.proposing !== 'building') return ignored('stale');
  // An own proposal from before a restart came back from a peer: there is none to make.
  if (state.proposal !== null) return ignored('not-needed');
  invariant(block.value.header.proposer === state.self, 'a built block names this node as its proposer');
  invariant(block.value.header.height === heightOf(state), 'a built block is of the current height');
  if (round === 0) {
    state.lastValid = { digest: digestOf(block), block };
    propose(step, block, [], []);
    return accepted;
  }
  const choice = chooseJustification(state);
  if (choice === null) {
    // Enough round changes were superseded by later ones: this round is over for their authors.
    state.proposing = 'no';
    return ignored('stale');
  }
  if (choice.certificate !== null) {
    propose(step, choice.certificate.block, choice.roundChanges, choice.certificate.prepares);
    return accepted;
  }
  state.lastValid = { digest: digestOf(block), block };
  propose(step, block, choice.roundChanges, []);
  return accepted;
}

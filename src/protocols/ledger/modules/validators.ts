/**
 * The validator set: changes by vote, evidence and what follows from it. Source: consensus design, "Validator set".
 *
 * A change voted in block H first acts at H + 2: it is scheduled in H, made at the end of H + 1, and the set that it
 * makes decides H + 2. Evidence in block H acts at the same time: the offender's bond is forfeited at once, and it
 * leaves as soon as the set without it is large enough, else when it is replaced.
 */
import type { Digest, PublicKey } from '../../shared/brands.ts';
import { struct, uint } from '../../shared/codec.ts';
import { invariant } from '../../shared/errors.ts';
import { scheduleDeadline, sortable } from '../deadline-queue.ts';
import { classifyEvidence, type Evidence, evidenceCodec, isEvidenceSigned } from '../evidence.ts';
import type { Genesis } from '../genesis.ts';
import { jsonBoolean, jsonDigest, jsonStruct } from '../json-codec.ts';
import {
  type BlockContext,
  type DueDeadline,
  kind,
  type LedgerModule,
  ok,
  type Outcome,
  refuse,
  type TransactionContext,
} from '../module.ts';
import { table, type View } from '../view.ts';
import { bondOf, forfeitBond, lockBond } from './accounts.ts';
import {
  type Ballot,
  ballotCodec,
  ballotStatus,
  castVote,
  isMember,
  openBallot,
  proposalsPerProposerMax,
} from './ballots.ts';
import { readParameters } from './parameters.ts';
import {
  candidateRefusal,
  changed,
  joinerOf,
  leaverOf,
  type Membership,
  membership,
  membershipRefusal,
  sizeRefusal,
  type ValidatorChange,
  validatorChangeCodec,
} from './validator-changes.ts';
import {
  forgetTerms,
  isSameSet,
  readLastSet,
  readMember,
  readMembers,
  readNextSet,
  readSettings,
  removeMember,
  setOf,
  wasMember,
  writeMember,
  writeSets,
  writeSettings,
} from './validator-state.ts';

const membersMinOfMainnet = 4;

interface Proposal {
  readonly change: ValidatorChange;
  readonly ballot: Ballot;
}
interface Vote {
  /** Hash of the transaction that proposed. */
  readonly proposal: Digest;
  readonly approve: boolean;
}

const proposals = table(
  'validators/proposal/',
  struct<Proposal>({ change: validatorChangeCodec, ballot: ballotCodec }),
);
const scheduled = table('validators/scheduled/', validatorChangeCodec);
/** Offender and height of evidence that was punished, to the height of the block that did. */
const punished = table('validators/punished/', uint);

const voteCodec = jsonStruct<Vote>({ proposal: jsonDigest, approve: jsonBoolean });

const emit = (view: View, name: string, attributes: Readonly<Record<string, string>>): void => {
  view.emit({ module: 'validators', kind: name, attributes });
};

/** The members once every scheduled change is made. */
function projected(view: View): Membership {
  let members = membership(view);
  for (const [, change] of view.scan(scheduled)) members = changed(members, change);
  return members;
}

function changeRefusal(change: ValidatorChange, view: View, { signatures }: BlockContext): string | null {
  const settings = readSettings(view);
  const joiner = joinerOf(change);
  return (
    membershipRefusal(projected(view), change, settings.membersMin, readParameters(view).finalityThreshold) ??
    (joiner === null ? null : candidateRefusal(joiner, view, settings, signatures))
  );
}

function propose(change: ValidatorChange, view: View, context: TransactionContext): Outcome {
  const { sender, height, hash } = context;
  let open = 0;
  for (const [, { ballot }] of view.scan(proposals)) if (ballot.proposer === sender) open += 1;
  if (open >= proposalsPerProposerMax) return refuse('too-many-proposals');
  const refusal = changeRefusal(change, view, context);
  if (refusal !== null) return refuse(refusal);
  const lapseHeight = height + readParameters(view).voteLapseBlocks;
  scheduleDeadline(view, 'height', lapseHeight, { module: 'validators', action: 'lapse', subject: hash });
  emit(view, 'change-proposed', { proposal: hash, change: change.type, proposer: sender });
  settle(hash, { change, ballot: openBallot(sender, readNextSet(view), lapseHeight) }, view, context);
  return ok;
}

function vote({ proposal: id, approve }: Vote, view: View, context: TransactionContext): Outcome {
  const proposal = view.get(proposals, id);
  if (proposal === undefined) return refuse('unknown-proposal');
  const ballot = castVote(proposal.ballot, context.sender, approve);
  if (ballot === undefined) return refuse('already-voted');
  emit(view, 'change-voted', { proposal: id, validator: context.sender, approve: String(approve) });
  settle(id, { ...proposal, ballot }, view, context);
  return ok;
}

/** Keeps the proposal open, or closes it. What was sound when it was proposed may not be any more. */
function settle(id: string, proposal: Proposal, view: View, context: TransactionContext): void {
  const status = ballotStatus(proposal.ballot, readNextSet(view));
  if (status === 'open') {
    view.set(proposals, id, proposal);
    return;
  }
  view.delete(proposals, id);
  const { change } = proposal;
  const refusal = status === 'passed' ? changeRefusal(change, view, context) : 'rejected';
  if (refusal !== null) {
    emit(view, 'change-closed', { proposal: id, reason: refusal });
    return;
  }
  const joiner = joinerOf(change);
  if (joiner !== null) lockBond(view, joiner.publicKey, joiner.bond);
  view.set(scheduled, `${sortable(context.height)}/${id}`, change);
  emit(view, 'change-passed', { proposal: id, actsAt: String(context.height + 2) });
}

function evidence(body: Evidence, view: View, context: TransactionContext): Outcome {
  const { offender, first } = body;
  const offence = classifyEvidence(body);
  if (offence === undefined) return refuse('not-evidence');
  if (first.height > context.height) return refuse('evidence-from-future');
  if (context.height - first.height > readParameters(view).evidenceAgeBlocks) return refuse('evidence-too-old');
  if (!wasMember(view, offender, first.height)) return refuse('not-a-validator');
  const key = `${offender}/${sortable(first.height)}`;
  if (view.get(punished, key) !== undefined) return refuse('already-punished');
  if (!isEvidenceSigned(context.chainId, body, context.signatures)) return refuse('bad-signature');
  view.set(punished, key, context.height);
  const forfeited = forfeitBond(view, offender);
  const member = readMember(view, offender);
  if (member !== undefined) {
    writeMember(view, offender, { ...member, bond: 0n, leaving: member.leaving ?? context.height });
  }
  const attributes = { offender, offence, height: String(first.height), forfeited: forfeited.toString() };
  emit(view, 'punished', attributes);
  return ok;
}

function leave(view: View, key: PublicKey, { height }: BlockContext): void {
  // The set that this block ends with decides height + 1.
  const until = height + 1;
  removeMember(view, key, until);
  lockBond(view, key, 0n);
  const forgetAt = until + readParameters(view).evidenceAgeBlocks;
  const subject = `${key}/${until}`;
  scheduleDeadline(view, 'height', forgetAt, { module: 'validators', action: 'forget-term', subject });
  emit(view, 'left', { validator: key, at: String(until) });
}

/** Makes one change that has waited its block. */
function make(change: ValidatorChange, view: View, context: BlockContext): void {
  const { membersMin } = readSettings(view);
  const joiner = joinerOf(change);
  const leaver = leaverOf(change);
  const { finalityThreshold } = readParameters(view);
  const refusal =
    membershipRefusal(membership(view), change, membersMin, finalityThreshold) ??
    // Evidence from an earlier membership may have taken the bond meanwhile.
    (joiner !== null && bondOf(view, joiner.publicKey) < joiner.bond ? 'insufficient-bond' : null);
  if (refusal !== null) {
    if (joiner !== null) lockBond(view, joiner.publicKey, 0n);
    emit(view, 'change-refused', { change: change.type, reason: refusal });
    return;
  }
  if (leaver !== null) leave(view, leaver, context);
  if (joiner === null) return;
  const { publicKey, vrfPublicKey, name, bond } = joiner;
  writeMember(view, publicKey, { vrfPublicKey, name, bond, since: context.height + 1, leaving: null });
  emit(view, 'joined', { validator: publicKey, name, at: String(context.height + 1) });
}

function endBlock(view: View, context: BlockContext): void {
  const deciding = readNextSet(view);
  for (const [key, change] of [...view.scan(scheduled)]) {
    if (key >= sortable(context.height)) break;
    view.delete(scheduled, key);
    make(change, view, context);
  }
  const { finalityThreshold } = readParameters(view);
  const { membersMin } = readSettings(view);
  let members = readMembers(view);
  for (const [key, { leaving }] of members) {
    if (leaving === null || leaving >= context.height) continue;
    if (sizeRefusal(members.size - 1, membersMin, finalityThreshold) !== null) continue;
    leave(view, key, context);
    members = readMembers(view);
  }
  const next = setOf(members, finalityThreshold);
  if (!isSameSet(next, deciding) || !isSameSet(deciding, readLastSet(view))) writeSets(view, deciding, next);
}

function onDeadline({ action, subject }: DueDeadline, view: View, { height }: BlockContext): void {
  if (action === 'lapse') {
    if (view.get(proposals, subject) === undefined) return;
    view.delete(proposals, subject);
    emit(view, 'change-closed', { proposal: subject, reason: 'lapsed' });
    return;
  }
  invariant(action === 'forget-term', `unknown deadline ${action}`);
  const [key, until] = subject.split('/') as [string, string];
  invariant(Number(until) <= height, 'a term is forgotten after it ended');
  forgetTerms(view, key as PublicKey, Number(until));
}

function genesis({ chainName, validators, parameters }: Genesis, view: View): void {
  for (const { publicKey, vrfPublicKey, name, bond } of validators) {
    writeMember(view, publicKey, { vrfPublicKey, name, bond, since: 1, leaving: null });
  }
  writeSettings(view, { chainName, membersMin: Math.min(validators.length, membersMinOfMainnet) });
  const first = setOf(readMembers(view), parameters.finalityThreshold);
  writeSets(view, first, first);
}

export const validatorsModule: LedgerModule = {
  name: 'validators',
  kinds: new Map([
    ['propose', kind<ValidatorChange>({ body: validatorChangeCodec, execute: propose })],
    ['vote', kind<Vote>({ body: voteCodec, execute: vote })],
    ['evidence', kind<Evidence>({ body: evidenceCodec, execute: evidence })],
  ]),
  genesis,
  roles: (account, view) => (isMember(readNextSet(view), account) ? ['validator'] : []),
  onDeadline,
  endBlock,
};

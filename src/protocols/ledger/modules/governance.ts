/**
 * Governance: parameters of the chain, changed by governors' proposals and validators' votes. Source: ledger design,
 * "Modules"; consensus design, "Upgrades".
 *
 * A change passed in block H is in force from H + 2, or from its activation height where that is later: everything that
 * a block depends on is fixed by the state of its parent. `protocolVersion` is one of the parameters: a validator that
 * votes for a version thereby says that it has it, so that the version becomes active once a quorum does.
 */
import type { Digest } from '../../shared/brands.ts';
import { boolean, struct } from '../../shared/codec.ts';
import { scheduleDeadline, sortable } from '../deadline-queue.ts';
import type { ChainParameters, Genesis } from '../genesis.ts';
import { jsonBoolean, jsonChecked, jsonDigest, jsonList, jsonPattern, jsonStruct, jsonUint } from '../json-codec.ts';
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
import { type ReadView, table, type View } from '../view.ts';
import { type Ballot, ballotCodec, ballotStatus, castVote, openBallot, proposalsPerProposerMax } from './ballots.ts';
import {
  parameterNames,
  parameterProblems,
  readParameters,
  readProtocolVersion,
  writeParameters,
  writeProtocolVersion,
} from './parameters.ts';
import { readMembers, readNextSet } from './validator-state.ts';

interface ParameterChange {
  /** A field of the chain parameters, or `protocolVersion`. */
  readonly name: string;
  readonly value: number;
}
interface ParameterProposal {
  /** Made together or not at all. */
  readonly changes: readonly ParameterChange[];
  /** First height at which they are in force, where that is later than two blocks after the vote; 0 for none. */
  readonly activationHeight: number;
}
interface Vote {
  /** Hash of the transaction that proposed. */
  readonly proposal: Digest;
  readonly approve: boolean;
}
interface OpenProposal {
  readonly body: ParameterProposal;
  readonly ballot: Ballot;
}

const changeCodec = jsonStruct<ParameterChange>({ name: jsonPattern(/^[a-zA-Z]{1,64}$/, 64), value: jsonUint() });
const changesCodec = jsonList(changeCodec, 16);
const proposalCodec = jsonStruct<ParameterProposal>({
  changes: jsonChecked(changesCodec, (changes: readonly ParameterChange[]) =>
    changes.length > 0 && new Set(changes.map(({ name }) => name)).size === changes.length
      ? undefined
      : 'at least one change, and each name once, expected',
  ),
  activationHeight: jsonUint(2 ** 40),
});
const voteCodec = jsonStruct<Vote>({ proposal: jsonDigest, approve: jsonBoolean });

const governors = table('governance/governor/', boolean);
const proposals = table('governance/proposal/', struct<OpenProposal>({ body: proposalCodec, ballot: ballotCodec }));
const scheduled = table('governance/scheduled/', changesCodec);

const emit = (view: View, name: string, attributes: Readonly<Record<string, string>>): void => {
  view.emit({ module: 'governance', kind: name, attributes });
};

interface Changed {
  readonly parameters: ChainParameters;
  readonly version: number;
}

/** What the changes lead to, or why they cannot be made. */
function applied(changes: readonly ParameterChange[], view: ReadView): Changed | { readonly refusal: string } {
  let parameters = readParameters(view);
  let version = readProtocolVersion(view);
  for (const { name, value } of changes) {
    if (name === 'protocolVersion') {
      if (value <= version) return { refusal: 'version-not-newer' };
      version = value;
      continue;
    }
    const known = parameterNames.find((candidate) => candidate === name);
    if (known === undefined) return { refusal: 'unknown-parameter' };
    parameters = { ...parameters, [known]: value };
  }
  const problems = parameterProblems(parameters, readMembers(view).size);
  return problems.length > 0 ? { refusal: 'parameter-out-of-range' } : { parameters, version };
}

function propose(body: ParameterProposal, view: View, context: TransactionContext): Outcome {
  const { sender, height, hash } = context;
  let open = 0;
  for (const [, { ballot }] of view.scan(proposals)) if (ballot.proposer === sender) open += 1;
  if (open >= proposalsPerProposerMax) return refuse('too-many-proposals');
  const outcome = applied(body.changes, view);
  if ('refusal' in outcome) return refuse(outcome.refusal);
  const lapseHeight = height + readParameters(view).voteLapseBlocks;
  scheduleDeadline(view, 'height', lapseHeight, { module: 'governance', action: 'lapse', subject: hash });
  emit(view, 'parameters-proposed', { proposal: hash, proposer: sender, ...described(body.changes) });
  settle(hash, { body, ballot: openBallot(sender, readNextSet(view), lapseHeight) }, view, context);
  return ok;
}

const described = (changes: readonly ParameterChange[]): Record<string, string> =>
  Object.fromEntries(changes.map(({ name, value }) => [name, String(value)]));

function vote({ proposal: id, approve }: Vote, view: View, context: TransactionContext): Outcome {
  const proposal = view.get(proposals, id);
  if (proposal === undefined) return refuse('unknown-proposal');
  const ballot = castVote(proposal.ballot, context.sender, approve);
  if (ballot === undefined) return refuse('already-voted');
  emit(view, 'parameters-voted', { proposal: id, validator: context.sender, approve: String(approve) });
  settle(id, { ...proposal, ballot }, view, context);
  return ok;
}

function settle(id: string, proposal: OpenProposal, view: View, { height }: BlockContext): void {
  const status = ballotStatus(proposal.ballot, readNextSet(view));
  if (status === 'open') {
    view.set(proposals, id, proposal);
    return;
  }
  view.delete(proposals, id);
  if (status === 'rejected') {
    emit(view, 'parameters-closed', { proposal: id, reason: 'rejected' });
    return;
  }
  const activation = Math.max(proposal.body.activationHeight, height + 2);
  view.set(scheduled, `${sortable(activation)}/${id}`, proposal.body.changes);
  emit(view, 'parameters-passed', { proposal: id, actsAt: String(activation) });
}

/** Makes the changes that are in force for the next block. They are checked again: others came between. */
function endBlock(view: View, { height }: BlockContext): void {
  const activation = sortable(height + 1);
  for (const [key, changes] of [...view.scan(scheduled)]) {
    if (key.slice(0, activation.length) > activation) break;
    view.delete(scheduled, key);
    const outcome = applied(changes, view);
    if ('refusal' in outcome) {
      emit(view, 'parameters-refused', { reason: outcome.refusal, ...described(changes) });
      continue;
    }
    writeParameters(view, outcome.parameters);
    writeProtocolVersion(view, outcome.version);
    emit(view, 'parameters-changed', { at: String(height + 1), ...described(changes) });
  }
}

function onDeadline({ subject }: DueDeadline, view: View): void {
  if (view.get(proposals, subject) === undefined) return;
  view.delete(proposals, subject);
  emit(view, 'parameters-closed', { proposal: subject, reason: 'lapsed' });
}

function genesis(document: Genesis, view: View): void {
  writeParameters(view, document.parameters);
  writeProtocolVersion(view, document.protocolVersion);
  for (const key of document.governors) view.set(governors, key, true);
}

export const governanceModule: LedgerModule = {
  name: 'governance',
  kinds: new Map([
    ['propose-parameter', kind<ParameterProposal>({ body: proposalCodec, execute: propose })],
    ['vote', kind<Vote>({ body: voteCodec, execute: vote })],
  ]),
  genesis,
  roles: (account, view) => (view.get(governors, account) === undefined ? [] : ['governor']),
  onDeadline,
  endBlock,
};

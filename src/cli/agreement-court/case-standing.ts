/** Where a case stands for somebody who wants to act in it: too early, too late, or with no part in it; with the deadlines. */
import type { Command } from 'commander';
import type { ChainClient } from '../../client/chain-client.ts';
import type { Deadline } from '../../protocols/court/deadlines.ts';
import { type CaseStage, caseStages, stagesFor } from '../../protocols/ledger/modules/court/case-state.ts';
import { partyOf } from '../../protocols/ledger/modules/court/agreement-terms.ts';
import type { Seat } from '../../protocols/ledger/modules/court/panel-state.ts';
import type { Digest, PublicKey } from '../../protocols/shared/brands.ts';
import type { CommandContext } from '../bpci/command-context.ts';
import { CommandError } from '../terminal.ts';
import { courtEvents, fetchAgreement, fetchCase, type StandingCase } from './chain-reading.ts';
import { attempt, refusedBy, type Sender } from './sending.ts';

export const momentOf = ({ at, expectedAt }: Deadline): string =>
  expectedAt === null ? `block ${at}` : new Date(expectedAt).toISOString();

/** Rejects with CommandError where the chain knows no such case. */
export async function requireCase(client: ChainClient, id: Digest): Promise<StandingCase> {
  const found = await fetchCase(client, id);
  if (found !== undefined) return found;
  throw new CommandError('failed', `the chain knows no case ${id}`, ['List them:  npx agreement-court cases']);
}

const deeds = {
  file: 'file a claim',
  respond: 'answer the claim',
  'submit-evidence': 'add evidence',
  accept: 'accept a seat',
  recuse: 'step back',
  'challenge-panelist': 'refuse an arbitrator',
  'commit-vote': 'vote',
  'reveal-vote': 'reveal a vote',
  appeal: 'appeal',
  settle: 'settle',
  withdraw: 'withdraw',
} as const;
export type Deed = keyof typeof deeds;

/** When the last of these stages that the case was in ended at the latest; null where it was in none. */
async function endOf(
  client: ChainClient,
  { id, outagesMs }: StandingCase,
  stages: readonly CaseStage[],
): Promise<string | null> {
  const entries = await courtEvents(
    client,
    'stage',
    ({ attributes }) => attributes['case'] === id && stages.some((stage) => stage === attributes['to']),
  );
  const due = Number(entries.at(-1)?.attributes['due'] ?? 0);
  return due === 0 ? null : new Date(due + outagesMs).toISOString();
}

/** Rejects with CommandError `failed`, with the deadline that is to come or has passed. */
export async function requireStage(client: ChainClient, found: StandingCase, deed: Deed): Promise<void> {
  const stages: readonly CaseStage[] = stagesFor[deed];
  const { stage } = found.record;
  if (stages.includes(stage)) return;
  const last = Math.max(...stages.map((each) => caseStages.indexOf(each)));
  const { deadline } = found;
  const isEarly = caseStages.indexOf(stage) < last && deadline !== null;
  if (isEarly) {
    throw new CommandError('failed', `too early to ${deeds[deed]}: the case ${found.id} is in ${stage}`, [
      `Until ${momentOf(deadline)}: then ${deadline.then}.`,
    ]);
  }
  const end = await endOf(client, found, stages);
  throw new CommandError('failed', `too late to ${deeds[deed]}: the case ${found.id} is in ${stage}`, [
    end === null ? `It was never in ${stages.join(' or ')}.` : `The deadline was ${end}.`,
  ]);
}

/** The seat of an arbitrator. Rejects with CommandError `failed` where it has none. */
export async function requireSeat(
  client: ChainClient,
  { id, record, panel }: StandingCase,
  arbitrator: PublicKey,
): Promise<Seat> {
  const seat = panel.seats.find((each) => each.arbitrator === arbitrator);
  if (seat !== undefined) return seat;
  const agreement = await fetchAgreement(client, record.agreement);
  const party = agreement === undefined ? undefined : partyOf(agreement.terms, arbitrator);
  if (party !== undefined) {
    throw new CommandError('failed', `${arbitrator} acts for a party of the case ${id}, the ${party.role}`, [
      'Nobody judges a case of his own.',
    ]);
  }
  const seats = panel.seats.map((each) => each.arbitrator);
  throw new CommandError('failed', `${arbitrator} does not sit on the panel of the case ${id}`, [
    seats.length === 0 ? 'Nobody sits on it now.' : `Seats: ${seats.join(', ')}`,
  ]);
}

/** Sends what belongs to a case. Rejects with CommandError that names the deadline where its time is over. */
export async function sendInCase(
  context: CommandContext,
  command: Command,
  sender: Sender,
  deed: Deed,
  body: { readonly case: Digest } & Readonly<Record<string, unknown>>,
): Promise<void> {
  const client = await context.client(command);
  await requireStage(client, await requireCase(client, body.case), deed);
  const kind = `court.${deed}`;
  const receipt = await attempt(context, command, sender, kind, body);
  if (receipt.result === 'ok') return;
  if (receipt.result === 'wrong-stage' || receipt.result === 'too-late') {
    // It went on while this was under way, or is about to.
    const found = await requireCase(client, body.case);
    await requireStage(client, found, deed);
    const due = found.deadline === null ? '' : `: the deadline was ${momentOf(found.deadline)}`;
    throw new CommandError('failed', `too late to ${deeds[deed]}${due}`);
  }
  throw refusedBy(kind, receipt);
}

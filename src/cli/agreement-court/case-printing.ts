/** Cases as people read them, and what commands about cases share. */
import { type Command, Option } from 'commander';
import { formatAmount } from '../../client/amounts.ts';
import type { ChainClient } from '../../client/chain-client.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import type { EventView } from '../../runtime/ports/chain-api.ts';
import { wholeNumber } from '../bpci/chain-commands.ts';
import type { CommandContext } from '../bpci/command-context.ts';
import { CommandError, formatTable } from '../terminal.ts';
import { agreementLines } from './agreement-commands.ts';
import { momentOf } from './case-standing.ts';
import { courtEvents, fetchAgreement, fetchCase, type StandingCase } from './chain-reading.ts';

/** Enforcement rules of an agreement, by their numbers. */
export const actionOption = (): Option =>
  new Option('--action <number>', "one of the agreement's enforcement rules, from 0; may be given again")
    .argParser((text: string, before: readonly number[]) => [...before, wholeNumber(text)])
    .default([], 'none');

const standingOf = ({ hasAccepted, commitment, vote }: StandingCase['panel']['seats'][number]): string =>
  vote !== null ? vote.decision : commitment !== null ? 'committed' : hasAccepted ? 'accepted' : 'invited';

const caseLines = ({ id, record, panel, actions, deadline }: StandingCase): readonly string[] => [
  `case        ${id}`,
  `agreement   ${record.agreement}, ${record.obligation}, period ${record.period}`,
  `stage       ${record.stage}${record.outcome === 'open' ? '' : `, ${record.outcome}`}`,
  ...(deadline === null ? [] : [`deadline    ${momentOf(deadline)}: then ${deadline.then}`]),
  ...(record.claim === null ? [] : [`claimed     ${formatAmount(record.claim.amount)}`]),
  ...(record.ruling === null
    ? []
    : [`ruling      ${record.ruling.decision} by ${record.ruling.by}, penalty ${formatAmount(record.ruling.penalty)}`]),
  ...panel.seats.map((seat) => `panel       ${seat.arbitrator} ${standingOf(seat)}`),
  ...actions.flatMap(({ order, status, service, receipt }) => [
    `action      ${order.action} ${order.target}: ${status}${service === '' ? '' : ` by ${service}`}`,
    ...(receipt === null ? [] : [`receipt     ${receipt}`]),
  ]),
];

/** Deadlines are of the court's time; the draw of a panel waits for a block. */
const stageRow = ({ height, attributes }: EventView, outagesMs: number): readonly string[] => {
  const due = Number(attributes['due']);
  const isHeight = attributes['to'] === 'panel-draw';
  const until = due === 0 ? '-' : isHeight ? `block ${due}` : new Date(due + outagesMs).toISOString();
  return [String(height), String(attributes['from']), String(attributes['to']), until];
};

/** Prints a case with its timeline. Rejects with CommandError where the chain knows neither a case nor an agreement of the name. */
export async function showCase(
  context: CommandContext,
  command: Command,
  client: ChainClient,
  id: Digest,
): Promise<void> {
  const found = await fetchCase(client, id);
  if (found === undefined) {
    const agreement = await fetchAgreement(client, id);
    if (agreement === undefined) throw new CommandError('failed', `the chain knows neither agreement nor case ${id}`);
    context.print(command, { agreement: id, state: agreement.record.state }, () => agreementLines(agreement));
    return;
  }
  const timeline = await courtEvents(client, 'stage', ({ attributes }) => attributes['case'] === id);
  const { stage, outcome, ruling } = found.record;
  const decision = ruling === null ? null : { decision: ruling.decision, penalty: ruling.penalty.toString() };
  const panel = found.panel.seats.map((seat) => ({ arbitrator: seat.arbitrator, is: standingOf(seat) }));
  context.print(
    command,
    { case: id, stage, outcome, deadline: found.deadline, ruling: decision, panel, actions: found.actions, timeline },
    () => [
      ...caseLines(found),
      ...formatTable([['height', 'from', 'to', 'until'], ...timeline.map((event) => stageRow(event, found.outagesMs))]),
    ],
  );
}

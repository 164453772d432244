/** `agreement-court file|respond|settle|withdraw|appeal|status|cases`. */
import { createHash } from 'node:crypto';
import type { Command } from 'commander';
import { formatAmount } from '../../client/amounts.ts';
import type { ChainClient } from '../../client/chain-client.ts';
import { caseIdOf } from '../../protocols/ledger/modules/court/case-state.ts';
import type { CaseView } from '../../protocols/ledger/modules/court/court-queries.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import type { EventView } from '../../runtime/ports/chain-api.ts';
import { wholeNumber } from '../bpci/chain-commands.ts';
import { type CommandContext, readText } from '../bpci/command-context.ts';
import { CommandError, formatTable } from '../terminal.ts';
import { agreementLines, amountOf } from './agreement-commands.ts';
import { courtEvents, fetchAgreement, fetchCase, idOf } from './chain-reading.ts';
import { sendAs, signing, type SigningOptions } from './sending.ts';

const digestOfFile = (file: string): string => createHash('sha256').update(readText(file, 'file')).digest('hex');

interface FileOptions extends SigningOptions {
  readonly breach: string;
  readonly period: number;
  readonly amount: bigint;
  readonly evidence: string;
  readonly action: readonly number[];
}

/** Waits until the case can be filed: cure and negotiation come first, and take what the jurisdiction says. */
async function untilFiling(client: ChainClient, id: Digest, timeoutS: number): Promise<void> {
  const deadline = performance.now() + timeoutS * 1000;
  for (;;) {
    const stage = (await fetchCase(client, id))?.record.stage;
    if (stage === 'filing') return;
    if (stage !== 'cure' && stage !== 'negotiation') {
      throw new CommandError('failed', `the case ${id} is in ${stage ?? 'no stage'}: nothing can be filed`);
    }
    if (performance.now() > deadline) {
      throw new CommandError('failed', `the case ${id} is in ${stage} still: it is noticed and not filed`, [
        'File it by the same command when negotiation is over.',
      ]);
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

async function file(context: CommandContext, agreement: Digest, options: FileOptions, command: Command): Promise<void> {
  const { breach: obligation, period, amount, action } = options;
  const client = await context.client(command);
  const id = caseIdOf(agreement, obligation, period);
  const grounds = digestOfFile(options.evidence);
  if ((await fetchCase(client, id)) === undefined) {
    const notice = { agreement, obligation, period, statements: [], grounds };
    await sendAs(context, command, options, 'court.notice-breach', notice);
  }
  await untilFiling(client, id, options.timeout);
  const actions = [...new Set(action)].sort((a, b) => a - b);
  await sendAs(context, command, options, 'court.file', { case: id, amount: amount.toString(), actions, grounds });
  await show(context, command, client, id);
}

const caseLines = ({ id, record, panel, actions }: CaseView): readonly string[] => [
  `case        ${id}`,
  `agreement   ${record.agreement}, ${record.obligation}, period ${record.period}`,
  `stage       ${record.stage}${record.outcome === 'open' ? '' : `, ${record.outcome}`}`,
  ...(record.claim === null ? [] : [`claimed     ${formatAmount(record.claim.amount)}`]),
  ...(record.ruling === null
    ? []
    : [`ruling      ${record.ruling.decision} by ${record.ruling.by}, penalty ${formatAmount(record.ruling.penalty)}`]),
  ...panel.seats.map((seat) => `panel       ${seat.arbitrator}${seat.hasAccepted ? '' : ' (invited)'}`),
  ...actions.map(({ order, status }) => `action      ${order.action} ${order.target}: ${status}`),
];

const stageRow = ({ height, attributes }: EventView): readonly string[] => [
  String(height),
  String(attributes['from']),
  String(attributes['to']),
  String(attributes['due']),
];

async function show(context: CommandContext, command: Command, client: ChainClient, id: Digest): Promise<void> {
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
  context.print(command, { case: id, stage, outcome, ruling: decision, timeline }, () => [
    ...caseLines(found),
    ...formatTable([['height', 'from', 'to', 'due'], ...timeline.map(stageRow)]),
  ]);
}

const parties = [
  ['withdraw', 'Give a claim up, or consent to that', ''],
  ['appeal', 'Take a ruling to a larger panel', 'grounds'],
] as const;

export function registerCases(program: Command, context: CommandContext): void {
  const whole = (text: string, before: readonly number[]): readonly number[] => [...before, wholeNumber(text)];
  signing(program.command('file'))
    .description('Notice a breach and, when its time has come, file the claim')
    .argument('<agreement>', 'its name', idOf)
    .requiredOption('--breach <obligation>', 'name of the obligation')
    .option('--period <number>', 'period of the obligation, from 0', wholeNumber, 0)
    .requiredOption('--amount <units>', 'claimed, whole units', amountOf)
    .requiredOption('--evidence <file>', 'what shows it; its SHA-256 goes on chain')
    .option('--action <number>', "one of the agreement's enforcement rules, from 0; may be given again", whole, [])
    .addHelpText(
      'after',
      '\nExample:\n  $ agreement-court file ID --breach availability --evidence receipt.json --amount 250 --as acme',
    )
    .action((agreement: Digest, options: FileOptions, command: Command) => file(context, agreement, options, command));
  signing(program.command('respond'))
    .description('Answer a claim')
    .argument('<case>', 'its name', idOf)
    .requiredOption('--answer <file>', 'the answer; its SHA-256 goes on chain')
    .option('--admit', 'admit the breach as claimed')
    .action(async (id: Digest, options: SigningOptions & { answer: string; admit?: boolean }, command: Command) => {
      const body = { case: id, admits: options.admit === true, answer: digestOfFile(options.answer) };
      await sendAs(context, command, options, 'court.respond', body);
      await show(context, command, await context.client(command), id);
    });
  signing(program.command('settle'))
    .description('Propose a settlement, or agree to the same one')
    .argument('<case>', 'its name', idOf)
    .requiredOption('--amount <units>', 'from the respondent to the claimant', amountOf)
    .requiredOption('--terms <file>', 'its terms; their SHA-256 goes on chain')
    .action(async (id: Digest, options: SigningOptions & { amount: bigint; terms: string }, command: Command) => {
      const body = { case: id, penalty: options.amount.toString(), terms: digestOfFile(options.terms) };
      await sendAs(context, command, options, 'court.settle', body);
      await show(context, command, await context.client(command), id);
    });
  for (const [name, description, field] of parties) {
    const defined = signing(program.command(name)).description(description).argument('<case>', 'its name', idOf);
    if (field !== '') defined.requiredOption(`--${field} <file>`, 'its SHA-256 goes on chain');
    defined.action(async (id: Digest, options: SigningOptions & { grounds?: string }, command: Command) => {
      const body = options.grounds === undefined ? { case: id } : { case: id, grounds: digestOfFile(options.grounds) };
      await sendAs(context, command, options, `court.${name}`, body);
      await show(context, command, await context.client(command), id);
    });
  }
  program
    .command('status')
    .description('Show an agreement, or a case with its timeline')
    .argument('<name>', 'of either', idOf)
    .action(async (id: Digest, _options: object, command: Command) =>
      show(context, command, await context.client(command), id),
    );
  program
    .command('cases')
    .description('List cases, of one agreement or all')
    .option('--agreement <name>', 'of this agreement', idOf)
    .action(async (options: { agreement?: Digest }, command: Command) => {
      const client = await context.client(command);
      const noticed = await courtEvents(
        client,
        'breach-noticed',
        ({ attributes }) => options.agreement === undefined || attributes['agreement'] === options.agreement,
      );
      const rows: (readonly string[])[] = [];
      for (const { attributes } of noticed) {
        const id = idOf(String(attributes['case']));
        const stage = (await fetchCase(client, id))?.record.stage ?? 'unknown';
        rows.push([id, String(attributes['obligation']), String(attributes['period']), stage]);
      }
      const cases = rows.map(([id, obligation, period, stage]) => ({ case: id, obligation, period, stage }));
      context.print(command, { cases }, () => formatTable([['case', 'obligation', 'period', 'stage'], ...rows]));
    });
}

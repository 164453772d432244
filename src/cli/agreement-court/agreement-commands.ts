/** `agreement-court draft|sign|fund|suspend|resume|terminate|lapse` and the state of an agreement. */
import type { Command } from 'commander';
import { formatAmount, parseAmount } from '../../client/amounts.ts';
import { documentId, storedOf } from '../../protocols/ledger/modules/court/agreement-document.ts';
import { storedAgreementJson } from '../../protocols/ledger/modules/court/agreement-terms.ts';
import type { AgreementView } from '../../protocols/ledger/modules/court/court-queries.ts';
import { CommandError, formatTable } from '../terminal.ts';
import type { CommandContext } from '../bpci/command-context.ts';
import { fetchAgreement, idOf } from './chain-reading.ts';
import { sendAs, signing, type SigningOptions } from './sending.ts';
import { readAgreement } from './template-commands.ts';

/** Throws CommandError `usage`. */
export function amountOf(text: string): bigint {
  const amount = parseAmount(text);
  if (amount !== null) return amount;
  throw new CommandError('usage', `${text} is no amount`, ['An amount has at most six decimals: 5, 0.25']);
}

const simple = [
  ['sign', 'Sign an offered agreement'],
  ['suspend', 'Consent to its suspension'],
  ['resume', 'Consent to its resumption, or ask whether the conditions of a signed one are met'],
  ['terminate', 'Give notice, or consent to its end at once'],
  ['lapse', 'Take back a draft or an offer'],
] as const;

export function registerAgreements(program: Command, context: CommandContext): void {
  const done = async (command: Command, id: string): Promise<void> => {
    const found = await fetchAgreement(await context.client(command), idOf(id));
    const state = found?.record.state ?? 'unknown';
    context.print(command, { agreement: id, state }, () => [`agreement  ${id}`, `state      ${state}`]);
  };
  signing(program.command('draft'))
    .description('Draft and offer an agreement, or amend one')
    .argument('<file>', 'agreement')
    .addHelpText('after', '\nExample:\n  $ agreement-court draft sla.json --as acme')
    .action(async (file: string, options: SigningOptions, command: Command) => {
      const document = readAgreement(file);
      const id = documentId(document);
      const body = storedAgreementJson.toJson(storedOf(document));
      if (document.terms.previous !== null) await sendAs(context, command, options, 'agreements.amend', body);
      else {
        await sendAs(context, command, options, 'agreements.draft', body);
        await sendAs(context, command, options, 'agreements.offer', { agreement: id });
      }
      await done(command, id);
    });
  for (const [name, description] of simple) {
    signing(program.command(name))
      .description(description)
      .argument('<agreement>', 'its name', idOf)
      .addHelpText('after', `\nExample:\n  $ agreement-court ${name} ID --as acme`)
      .action(async (agreement: string, options: SigningOptions, command: Command) => {
        await sendAs(context, command, options, `agreements.${name}`, { agreement });
        await done(command, agreement);
      });
  }
  signing(program.command('fund'))
    .description('Pay into the escrow, debts first')
    .argument('<agreement>', 'its name', idOf)
    .requiredOption('--amount <units>', 'whole units, up to six decimals', amountOf)
    .addHelpText('after', '\nExample:\n  $ agreement-court fund ID --amount 500 --as provider')
    .action(async (agreement: string, options: SigningOptions & { amount: bigint }, command: Command) => {
      await sendAs(context, command, options, 'agreements.fund', { agreement, amount: options.amount.toString() });
      await done(command, agreement);
    });
}

const moment = (time: number): string => (time === 0 ? '-' : new Date(time).toISOString());

export const agreementLines = ({ id, terms, record }: AgreementView): readonly string[] => [
  `agreement  ${id}`,
  `state      ${record.state}, version ${terms.version}, ${terms.type}, ${terms.jurisdiction}`,
  `in force   ${moment(record.activeSince)} to ${moment(record.endedAt === 0 ? terms.expires : record.endedAt)}`,
  `cases      ${record.openCases} open`,
  ...formatTable([
    ['party', 'role', 'escrow asked', 'signed'],
    ...terms.parties.map(({ account, role, representatives, deposit }) => [
      account,
      role,
      formatAmount(deposit),
      record.signatures.some((key) => key === account || representatives.includes(key)) ? 'yes' : 'no',
    ]),
  ]),
  ...formatTable([
    ['obligation', 'owed by', 'to', 'at most'],
    ...terms.obligations.map((each) => [each.id, each.debtor, each.creditor, formatAmount(each.penaltyMax)]),
  ]),
];

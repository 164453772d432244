/** `agreement-court draft|sign|fund|discharge|suspend|resume|terminate|lapse` and the state of an agreement. */
import { createHash } from 'node:crypto';
import type { Command } from 'commander';
import { formatAmount, parseAmount } from '../../client/amounts.ts';
import { documentId, storedOf } from '../../protocols/ledger/modules/court/agreement-document.ts';
import {
  type AgreementTerms,
  partyOf,
  storedAgreementJson,
} from '../../protocols/ledger/modules/court/agreement-terms.ts';
import type { AgreementView } from '../../protocols/ledger/modules/court/court-queries.ts';
import type { Digest, PublicKey } from '../../protocols/shared/brands.ts';
import { wholeNumber } from '../bpci/chain-commands.ts';
import { type CommandContext, readText } from '../bpci/command-context.ts';
import { CommandError, formatTable } from '../terminal.ts';
import { fetchAgreement, idOf } from './chain-reading.ts';
import { chooseKey, sendAs, type Sender, signing, type SigningOptions } from './sending.ts';
import { readAgreement } from './template-commands.ts';

interface DischargeOptions {
  readonly of: string;
  readonly period: number;
  readonly receipt: string;
}

/** SHA-256, hex. Throws CommandError `usage`. */
export const digestOfFile = (file: string): string => createHash('sha256').update(readText(file, 'file')).digest('hex');

/** Throws CommandError `usage`. */
export function amountOf(text: string): bigint {
  const amount = parseAmount(text);
  if (amount !== null) return amount;
  throw new CommandError('usage', `${text} is no amount`, ['An amount has at most six decimals: 5, 0.25']);
}

/** The key that acts for a party: the one named, or the only one here. */
const senderOf = (context: CommandContext, terms: AgreementTerms, { as: name, timeout }: SigningOptions): Sender => {
  const isMeant = (key: PublicKey): boolean => partyOf(terms, key) !== undefined;
  return { key: chooseKey(context, name, isMeant, 'one of a party of the agreement'), timeout };
};

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
  const send = async (
    command: Command,
    options: SigningOptions,
    kind: string,
    body: { readonly agreement: Digest } & Readonly<Record<string, unknown>>,
  ): Promise<void> => {
    const terms = (await fetchAgreement(await context.client(command), body.agreement))?.terms;
    if (terms === undefined) throw new CommandError('failed', `the chain knows no agreement ${body.agreement}`);
    await sendAs(context, command, senderOf(context, terms, options), `agreements.${kind}`, body);
    await done(command, body.agreement);
  };
  signing(program.command('draft'))
    .description('Draft and offer an agreement, or amend one')
    .argument('<file>', 'agreement')
    .addHelpText('after', '\nExample:\n  $ agreement-court draft sla.json --as acme')
    .action(async (file: string, options: SigningOptions, command: Command) => {
      const document = readAgreement(file);
      const id = documentId(document);
      const body = storedAgreementJson.toJson(storedOf(document));
      const sender = senderOf(context, document.terms, options);
      if (document.terms.previous !== null) await sendAs(context, command, sender, 'agreements.amend', body);
      else {
        await sendAs(context, command, sender, 'agreements.draft', body);
        await sendAs(context, command, sender, 'agreements.offer', { agreement: id });
      }
      await done(command, id);
    });
  for (const [name, description] of simple) {
    signing(program.command(name))
      .description(description)
      .argument('<agreement>', 'its name', idOf)
      .addHelpText('after', `\nExample:\n  $ agreement-court ${name} ID --as acme`)
      .action((agreement: Digest, options: SigningOptions, command: Command) =>
        send(command, options, name, { agreement }),
      );
  }
  signing(program.command('fund'))
    .description('Pay into the escrow, debts first')
    .argument('<agreement>', 'its name', idOf)
    .requiredOption('--amount <units>', 'whole units, up to six decimals', amountOf)
    .addHelpText('after', '\nExample:\n  $ agreement-court fund ID --amount 500 --as provider')
    .action((agreement: Digest, options: SigningOptions & { amount: bigint }, command: Command) =>
      send(command, options, 'fund', { agreement, amount: options.amount.toString() }),
    );
  signing(program.command('discharge'))
    .description('Say, as its creditor, that an obligation is fulfilled, or confirm a condition')
    .argument('<agreement>', 'its name', idOf)
    .requiredOption('--of <name>', 'name of the obligation or of the condition')
    .option('--period <number>', 'period of the obligation, from 0', wholeNumber, 0)
    .requiredOption('--receipt <file>', 'what shows it; its SHA-256 goes on chain')
    .addHelpText('after', '\nExample:\n  $ agreement-court discharge ID --of delivery --receipt receipt.json --as acme')
    .action((agreement: Digest, options: SigningOptions & DischargeOptions, command: Command) => {
      const { of: name, period, receipt } = options;
      return send(command, options, 'discharge-obligation', {
        agreement,
        name,
        period,
        receipt: digestOfFile(receipt),
      });
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

/** `agreement-court file|respond|evidence|challenge|settle|withdraw|appeal|status|cases`. */
import type { Command } from 'commander';
import type { ChainClient } from '../../client/chain-client.ts';
import { readJson } from '../../protocols/ledger/json-codec.ts';
import { obligationOf, partyOf } from '../../protocols/ledger/modules/court/agreement-terms.ts';
import { caseIdOf } from '../../protocols/ledger/modules/court/case-state.ts';
import { statementsCodec } from '../../protocols/ledger/modules/court/statements.ts';
import type { Digest, PublicKey } from '../../protocols/shared/brands.ts';
import { wholeNumber } from '../bpci/chain-commands.ts';
import { type CommandContext, readJsonFile } from '../bpci/command-context.ts';
import type { NamedKey } from '../bpci/key-store.ts';
import { CommandError, formatTable } from '../terminal.ts';
import { amountOf, digestOfFile } from './agreement-commands.ts';
import { actionOption, showCase } from './case-printing.ts';
import { type Deed, momentOf, requireCase, sendInCase } from './case-standing.ts';
import { courtEvents, fetchAgreement, fetchCase, idOf, type StandingCase } from './chain-reading.ts';
import { attempt, chooseKey, refusedBy, signing, type SigningOptions } from './sending.ts';

interface FileOptions extends SigningOptions {
  readonly breach: string;
  readonly period: number;
  readonly amount: bigint;
  readonly evidence: string;
  readonly action: readonly number[];
}

/** Waits until the case can be filed: cure and negotiation come first, and take what the jurisdiction says. */
async function untilFiling(client: ChainClient, id: Digest, timeoutS: number): Promise<void> {
  const until = performance.now() + timeoutS * 1000;
  for (;;) {
    const found = await fetchCase(client, id);
    const stage = found?.record.stage;
    if (stage === 'filing') return;
    if (found === undefined || (stage !== 'cure' && stage !== 'negotiation')) {
      throw new CommandError('failed', `the case ${id} is in ${stage ?? 'no stage'}: nothing can be filed`);
    }
    if (performance.now() > until) {
      const due = found.deadline === null ? '' : ` until ${momentOf(found.deadline)}`;
      throw new CommandError('failed', `the case ${id} is in ${stage}${due}: it is noticed and not filed`, [
        'File it by the same command when negotiation is over.',
      ]);
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

async function file(context: CommandContext, agreement: Digest, options: FileOptions, command: Command): Promise<void> {
  const { breach: obligation, period, amount, action, timeout } = options;
  const client = await context.client(command);
  const terms = (await fetchAgreement(client, agreement))?.terms;
  if (terms === undefined) throw new CommandError('failed', `the chain knows no agreement ${agreement}`);
  const creditor = obligationOf(terms, obligation)?.creditor;
  if (creditor === undefined) {
    throw new CommandError('usage', `the agreement has no obligation ${obligation}`, [
      `Obligations: ${terms.obligations.map((each) => each.id).join(', ')}`,
    ]);
  }
  const isMeant = (key: PublicKey): boolean => partyOf(terms, key)?.account === creditor;
  const key = chooseKey(context, options.as, isMeant, "one of the obligation's creditor");
  const sender = { key, timeout };
  const id = caseIdOf(agreement, obligation, period);
  const grounds = digestOfFile(options.evidence);
  if ((await fetchCase(client, id)) === undefined) {
    const notice = { agreement, obligation, period, statements: [], grounds };
    const receipt = await attempt(context, command, sender, 'court.notice-breach', notice);
    // The court may have given notice of it meanwhile.
    if (receipt.result !== 'ok' && receipt.result !== 'already-noticed')
      throw refusedBy('court.notice-breach', receipt);
  }
  await untilFiling(client, id, timeout);
  const actions = [...new Set(action)].sort((a, b) => a - b);
  await sendInCase(context, command, sender, 'file', { case: id, amount: amount.toString(), actions, grounds });
  await showCase(context, command, client, id);
}

/** The key of one of these sides: the one named, or the only one here. */
async function sideKey(
  context: CommandContext,
  client: ChainClient,
  { record }: StandingCase,
  name: string | undefined,
  sides: readonly ('claimant' | 'respondent')[],
): Promise<NamedKey> {
  if (name !== undefined) return context.keys.find(name);
  const terms = (await fetchAgreement(client, record.agreement))?.terms;
  const accounts = sides.map((side) => record[side]);
  const isMeant = (key: PublicKey): boolean => {
    const account = terms === undefined ? undefined : partyOf(terms, key)?.account;
    return account !== undefined && accounts.includes(account);
  };
  return chooseKey(context, name, isMeant, `one of the ${sides.join(' or ')}`);
}

interface DeedOptions extends SigningOptions {
  readonly answer?: string;
  readonly admit?: boolean;
  readonly file?: string;
  readonly statements?: string;
  readonly arbitrator?: string;
  readonly amount?: bigint;
  readonly terms?: string;
  readonly grounds?: string;
}

interface PartyCommand {
  readonly name: string;
  readonly deed: Deed;
  readonly description: string;
  readonly sides: readonly ('claimant' | 'respondent')[];
  readonly options: (command: Command) => Command;
  readonly body: (options: DeedOptions) => Readonly<Record<string, unknown>>;
  readonly example: string;
}

/** As sources signed them. Throws CommandError `usage`. */
function statementsOf(path: string | undefined): unknown {
  if (path === undefined) return [];
  const json = readJsonFile(path, 'statements');
  const read = readJson(statementsCodec, json);
  if ('value' in read) return json;
  const lines = read.problems.map(({ path: place, message }) => `${place}: ${message}`);
  throw new CommandError('usage', `${path} is no list of statements`, lines);
}

const both = ['claimant', 'respondent'] as const;
const partyCommands: readonly PartyCommand[] = [
  {
    ...{ name: 'respond', deed: 'respond', description: 'Answer a claim', sides: ['respondent'] },
    options: (command) =>
      command
        .requiredOption('--answer <file>', 'the answer; its SHA-256 goes on chain')
        .option('--admit', 'admit the breach as claimed'),
    body: ({ answer = '', admit = false }) => ({ admits: admit, answer: digestOfFile(answer) }),
    example: '--answer answer.txt --as provider',
  },
  {
    ...{ name: 'evidence', deed: 'submit-evidence', description: 'Add evidence', sides: both },
    options: (command) =>
      command
        .requiredOption('--file <file>', 'the evidence; its SHA-256 goes on chain')
        .option('--statements <file>', 'JSON list of statements that the sources of the evidence rule signed'),
    body: ({ file: path = '', statements }) => ({
      evidence: digestOfFile(path),
      statements: statementsOf(statements),
    }),
    example: '--file log.txt --as acme',
  },
  {
    ...{ name: 'challenge', deed: 'challenge-panelist', description: 'Refuse an arbitrator', sides: both },
    options: (command) => command.requiredOption('--arbitrator <account>', 'who is refused'),
    body: ({ arbitrator }) => ({ arbitrator }),
    example: '--arbitrator ACCOUNT --as acme',
  },
  {
    ...{ name: 'settle', deed: 'settle', description: 'Propose a settlement, or agree to the same one', sides: both },
    options: (command) =>
      command
        .requiredOption('--amount <units>', 'from the respondent to the claimant', amountOf)
        .requiredOption('--terms <file>', 'its terms; their SHA-256 goes on chain'),
    body: ({ amount = 0n, terms = '' }) => ({ penalty: amount.toString(), terms: digestOfFile(terms) }),
    example: '--amount 100 --terms settlement.txt --as acme',
  },
  {
    ...{ name: 'withdraw', deed: 'withdraw', description: 'Give a claim up, or consent to that', sides: both },
    options: (command) => command,
    body: () => ({}),
    example: '--as acme',
  },
  {
    ...{ name: 'appeal', deed: 'appeal', description: 'Take a ruling to a larger panel', sides: both },
    options: (command) => command.requiredOption('--grounds <file>', 'its SHA-256 goes on chain'),
    body: ({ grounds = '' }) => ({ grounds: digestOfFile(grounds) }),
    example: '--grounds grounds.txt --as provider',
  },
];

function registerPartyCommand(program: Command, context: CommandContext, made: PartyCommand): void {
  const { name, deed, description, sides, options: withOptions, body, example } = made;
  withOptions(signing(program.command(name)))
    .description(description)
    .argument('<case>', 'its name', idOf)
    .addHelpText('after', `\nExample:\n  $ agreement-court ${name} CASE ${example}`)
    .action(async (id: Digest, options: DeedOptions, command: Command) => {
      const client = await context.client(command);
      const key = await sideKey(context, client, await requireCase(client, id), options.as, sides);
      await sendInCase(context, command, { key, timeout: options.timeout }, deed, { case: id, ...body(options) });
      await showCase(context, command, client, id);
    });
}

interface CasesOptions {
  readonly agreement?: Digest;
  readonly arbitrator?: string;
}

async function listCases(context: CommandContext, options: CasesOptions, command: Command): Promise<void> {
  const client = await context.client(command);
  const { agreement } = options;
  const arbitrator = options.arbitrator === undefined ? undefined : context.keys.resolve(options.arbitrator);
  const noticed = await courtEvents(
    client,
    'breach-noticed',
    ({ attributes }) => agreement === undefined || attributes['agreement'] === agreement,
  );
  const cases: Record<'case' | 'obligation' | 'period' | 'stage' | 'until', string>[] = [];
  for (const { attributes } of noticed) {
    const found = await requireCase(client, idOf(String(attributes['case'])));
    const { id, record, panel, deadline } = found;
    if (arbitrator !== undefined && !panel.seats.some((seat) => seat.arbitrator === arbitrator)) continue;
    const until = deadline === null ? '-' : momentOf(deadline);
    const { obligation, stage } = record;
    cases.push({ case: id, obligation, period: String(record.period), stage, until });
  }
  context.print(command, { cases }, () =>
    formatTable([['case', 'obligation', 'period', 'stage', 'until'], ...cases.map((row) => Object.values(row))]),
  );
}

export function registerCases(program: Command, context: CommandContext): void {
  signing(program.command('file'))
    .description('Notice a breach and, when its time has come, file the claim')
    .argument('<agreement>', 'its name', idOf)
    .requiredOption('--breach <obligation>', 'name of the obligation')
    .option('--period <number>', 'period of the obligation, from 0', wholeNumber, 0)
    .requiredOption('--amount <units>', 'claimed, whole units', amountOf)
    .requiredOption('--evidence <file>', 'what shows it; its SHA-256 goes on chain')
    .addOption(actionOption())
    .addHelpText(
      'after',
      '\nExample:\n  $ agreement-court file ID --breach availability --evidence receipt.json --amount 250 --as acme',
    )
    .action((agreement: Digest, options: FileOptions, command: Command) => file(context, agreement, options, command));
  for (const made of partyCommands) registerPartyCommand(program, context, made);
  program
    .command('status')
    .description('Show an agreement, or a case with its timeline and deadline')
    .argument('<name>', 'of either', idOf)
    .action(async (id: Digest, _options: object, command: Command) =>
      showCase(context, command, await context.client(command), id),
    );
  program
    .command('cases')
    .description('List cases, of one agreement or all')
    .option('--agreement <name>', 'of this agreement', idOf)
    .option('--arbitrator <name>', 'on whose panel this key of yours, or account, sits')
    .action((options: CasesOptions, command: Command) => listCases(context, options, command));
}

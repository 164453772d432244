/** `bpci tx …` and `bpci faucet`: making, sending, finding and proving transactions. */
import type { Command } from 'commander';
import { formatAmount, parseAmount } from '../../client/amounts.ts';
import type { ChainClient } from '../../client/chain-client.ts';
import { ClientError } from '../../client/client-error.ts';
import { signTransaction, TransactionError } from '../../client/transactions.ts';
import type { NetworkView, TransactionView } from '../../runtime/ports/chain-api.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import { application } from '../../protocols/ledger/application.ts';
import { CommandError, exitCodes, formatElapsed } from '../terminal.ts';
import { wholeNumber } from './chain-commands.ts';
import { type CommandContext, readText } from './command-context.ts';
import { faucetSigner } from './faucet-key.ts';

export interface SendOptions {
  readonly from: string;
  readonly account?: string;
  readonly wait?: boolean;
  readonly timeout: number;
  readonly expiry: number;
}

/** What is to be sent, and by whom. */
export interface Order {
  readonly signer: Signer;
  readonly sender: string;
  readonly kind: string;
  readonly body: unknown;
}

export interface Receipt {
  readonly hash: string;
  readonly status: 'pending' | 'final';
  readonly height: number | null;
  readonly result: string | null;
  readonly timeToFinalityMs: number | null;
}

const examples = `
Amounts are whole units with up to six decimals (5, 0.25); the chain counts millionths.

Examples:
  $ bpci tx transfer --from alice --to bob --amount 5 --wait
  $ bpci tx send accounts.bond --from alice --body '{"amount":"250000"}' --wait
  $ bpci tx proof HASH > proof.json && bpci verify proof.json --genesis genesis.json`;

export function registerTransactions(program: Command, context: CommandContext): void {
  const tx = program.command('tx').description('Send, find and prove transactions').addHelpText('after', examples);
  const sending = (command: Command): Command =>
    command
      .requiredOption('--from <name>', 'your key that signs')
      .option('--account <key>', 'account that sends, where its key was rotated')
      .option('--wait', 'wait until it is final')
      .option('--timeout <seconds>', 'how long to wait', wholeNumber, 60)
      .option('--expiry <blocks>', 'blocks within which it must be executed', wholeNumber, 600);
  sending(tx.command('transfer'))
    .description('Transfer an amount to an account')
    .requiredOption('--to <account>', 'name of a key of yours, or a public key')
    .requiredOption('--amount <units>', 'whole units, up to six decimals', amountOf)
    .addHelpText('after', '\nExample:\n  $ bpci tx transfer --from alice --to bob --amount 0.25 --wait')
    .action(async (options: SendOptions & { to: string; amount: bigint }, command: Command) => {
      const body = { to: context.keys.resolve(options.to), amount: options.amount.toString() };
      await send(context, command, options, { ...(await senderOf(context, options)), kind: 'accounts.transfer', body });
    });
  sending(tx.command('send'))
    .description('Send a transaction of any kind')
    .argument('<kind>', `one of ${[...application.kinds.keys()].join(', ')}`)
    .requiredOption('--body <json>', 'the body as JSON (amounts: decimal strings in millionths), or @FILE')
    .addHelpText('after', `\nExample:\n  $ bpci tx send accounts.bond --from alice --body '{"amount":"250000"}' --wait`)
    .action(async (kind: string, options: SendOptions & { body: string }, command: Command) => {
      const order = { ...(await senderOf(context, options)), kind, body: bodyOf(options.body) };
      await send(context, command, options, order);
    });
  registerLookups(tx, context);
  registerFaucet(program, context);
}

function registerLookups(tx: Command, context: CommandContext): void {
  tx.command('show')
    .description('Show a transaction and its result')
    .argument('<hash>', 'hash of the transaction')
    .action(async (hash: string, _options: object, command: Command) => {
      const found = await (await context.client(command)).transaction(hash);
      context.print(command, found, transactionLines);
    });
  tx.command('proof')
    .description('Print the proof bundle of a final transaction: it verifies with no node at all')
    .argument('<hash>', 'hash of the transaction')
    .option('--through <height>', 'pass through this header, for bpci verify --trusted HEIGHT:HASH', wholeNumber)
    .addHelpText(
      'after',
      '\nExamples:\n  $ bpci tx proof HASH > proof.json && bpci verify proof.json --genesis genesis.json\n  $ bpci tx proof HASH --through 51000 > proof.json   # for a reader who trusts the header at 51000',
    )
    .action(async (hash: string, options: { through?: number }, command: Command) => {
      const found = await (await context.client(command)).transaction(hash, { proof: true, ...options });
      if (found.status === 'pending') {
        throw new CommandError('failed', `${hash} is not final yet`, ['Try again after the next block.']);
      }
      if (found.proof === null || found.proof === undefined) {
        const way = options.through === undefined ? '' : ` that passes through height ${options.through}`;
        throw new CommandError('failed', `this node holds no proof of it${way}`, ['Ask another node: --endpoint URL.']);
      }
      context.terminal.json(found.proof);
    });
}

function registerFaucet(program: Command, context: CommandContext): void {
  program
    .command('faucet')
    .description('Give an account of yours something to spend (development and local networks)')
    .argument('<account>', 'name of a key of yours, or a public key')
    .argument('<amount>', 'whole units, up to six decimals', amountOf)
    .option(
      '--faucet-key <file>',
      "key file of the faucet account (default: looked for in the network's data directory)",
    )
    .option('--timeout <seconds>', 'how long to wait until it is final', wholeNumber, 60)
    .addHelpText('after', '\nExample:\n  $ bpci keys generate alice && bpci faucet alice 1000')
    .action(
      async (account: string, amount: bigint, options: { faucetKey?: string; timeout: number }, command: Command) => {
        const client = await context.client(command);
        const signer = await faucetSigner(client, options.faucetKey);
        await send(
          context,
          command,
          { from: 'faucet', wait: true, timeout: options.timeout, expiry: 600 },
          {
            signer,
            sender: signer.publicKey,
            kind: 'accounts.transfer',
            body: { to: context.keys.resolve(account), amount: amount.toString() },
          },
        );
      },
    );
}

/** Throws CommandError `usage`. */
function amountOf(text: string): bigint {
  const amount = parseAmount(text);
  if (amount !== null && amount > 0n) return amount;
  throw new CommandError('usage', `${text} is no amount`, [
    'An amount is more than 0, with at most six decimals: 5, 0.25',
  ]);
}

function bodyOf(text: string): unknown {
  const json = text.startsWith('@') ? readText(text.slice(1), '--body') : text;
  try {
    return JSON.parse(json) as unknown;
  } catch (cause) {
    throw new CommandError('usage', '--body is not JSON', [`Example: --body '{"amount":"250000"}'`], cause);
  }
}

async function senderOf(context: CommandContext, options: SendOptions): Promise<{ signer: Signer; sender: string }> {
  const signer = await context.keys.signer(options.from);
  return { signer, sender: options.account ?? signer.publicKey };
}

async function send(context: CommandContext, command: Command, options: SendOptions, order: Order): Promise<void> {
  const receipt = await submit(await context.client(command), options, order);
  context.print(command, receipt, () => receiptLines(receipt));
  if (options.wait !== true) return;
  if (receipt.status === 'pending') throw notFinal(receipt, options);
  if (receipt.result !== 'ok') process.exitCode = exitCodes.failed;
}

export const notFinal = ({ hash }: Receipt, { timeout }: SendOptions): CommandError =>
  new CommandError('failed', `not final after ${timeout} s`, [
    'It stays submitted and may still become final.',
    `Look again:  npx bpci tx show ${hash}`,
    'Why the chain may stand still:  npx bpci status',
  ]);

/** Signs and sends; with `wait`, what became of it. */
export async function submit(client: ChainClient, options: SendOptions, order: Order): Promise<Receipt> {
  const network = await client.network();
  const signed = sign(order, network, await nextNonceOf(client, order.sender), options.expiry);
  const startedAt = performance.now();
  const deadline = startedAt + options.timeout * 1000;
  const waitMs = options.wait === true ? Math.min(options.timeout * 1000, 60_000) : 0;
  const answer = await client.submit(signed.bytes, waitMs === 0 ? {} : { waitMs });
  const final = options.wait === true ? await untilFinal(client, signed.hash, answer, deadline) : null;
  const elapsed = performance.now() - startedAt;
  return {
    hash: signed.hash,
    status: final === null ? 'pending' : 'final',
    height: final?.height ?? null,
    result: final?.result?.code ?? null,
    timeToFinalityMs: final === null ? null : Math.round(elapsed * 10) / 10,
  };
}

async function nextNonceOf(client: ChainClient, sender: string): Promise<number> {
  try {
    return (await client.account(sender)).nextNonce;
  } catch (error) {
    if (!(error instanceof ClientError) || error.code !== 'not-found') throw error;
    throw new CommandError(
      'failed',
      `the account ${sender} does not exist on this chain`,
      ['An account begins with what it is given:  npx bpci faucet NAME 10  (on a development network)'],
      error,
    );
  }
}

function sign(order: Order, network: NetworkView, nonce: number, expiry: number): { bytes: Uint8Array; hash: string } {
  const { signer, sender, kind, body } = order;
  try {
    const expiryHeight = network.height + expiry;
    return signTransaction(signer, { chainId: network.chainId, sender, nonce, expiryHeight, kind, body });
  } catch (error) {
    if (!(error instanceof TransactionError)) throw error;
    const next = error.code === 'unknown-kind' ? [`Kinds: ${[...application.kinds.keys()].join(', ')}`] : [];
    throw new CommandError('usage', error.message, next, error);
  }
}

/** One request waits at most a minute; a longer patience asks again. */
async function untilFinal(
  client: ChainClient,
  hash: string,
  first: { readonly status: 'pending' | 'final' },
  deadline: number,
): Promise<TransactionView | null> {
  if (first.status === 'final') return first as TransactionView;
  for (;;) {
    const found = await client.transaction(hash);
    if (found.status === 'final') return found;
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) return null;
    await new Promise((resolve) => setTimeout(resolve, Math.min(leftMs, 500)));
  }
}

const receiptLines = ({ hash, status, height, result, timeToFinalityMs }: Receipt): readonly string[] => [
  `hash    ${hash}`,
  `status  ${status}`,
  ...(height === null ? [] : [`height  ${height}`]),
  ...(result === null ? [] : [`result  ${result}`]),
  ...(timeToFinalityMs === null ? [] : [`time to finality  ${formatElapsed(timeToFinalityMs)}`]),
];

function transactionLines({ hash, status, height, index, result, transaction }: TransactionView): readonly string[] {
  const { kind, sender, nonce, expiryHeight, body } = transaction;
  const amount = (body as { readonly amount?: unknown } | null)?.amount;
  return [
    `hash    ${hash}`,
    `status  ${status}`,
    ...(height === null ? [] : [`block   ${height}, place ${String(index)}`]),
    ...(result === null ? [] : [`result  ${result.code}`]),
    `kind    ${kind}`,
    `sender  ${sender}, nonce ${nonce}, expires at height ${expiryHeight}`,
    `body    ${JSON.stringify(body)}`,
    ...(typeof amount === 'string' && /^[0-9]+$/.test(amount) ? [`amount  ${formatAmount(BigInt(amount))}`] : []),
    ...(result?.events.map((event) => `event   ${event.module}.${event.kind} ${JSON.stringify(event.attributes)}`) ??
      []),
  ];
}

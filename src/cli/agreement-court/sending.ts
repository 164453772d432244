/** Sending a transaction of the court and waiting for what became of it. */
import type { Command } from 'commander';
import { notFinal, type Receipt, type SendOptions, submit } from '../bpci/transaction-commands.ts';
import { wholeNumber } from '../bpci/chain-commands.ts';
import type { CommandContext } from '../bpci/command-context.ts';
import { CommandError } from '../terminal.ts';

export interface SigningOptions {
  readonly as: string;
  readonly timeout: number;
}

/** Options of every command that signs. */
export const signing = (command: Command): Command =>
  command
    .requiredOption('--as <name>', 'your key that signs')
    .option('--timeout <seconds>', 'how long to wait until it is final', wholeNumber, 60);

/** Throws CommandError `failed` where the chain refuses it, with the refusal's code. */
export async function sendAs(
  context: CommandContext,
  command: Command,
  { as: name, timeout }: SigningOptions,
  kind: string,
  body: unknown,
): Promise<Receipt> {
  const signer = await context.keys.signer(name);
  const options: SendOptions = { from: name, wait: true, timeout, expiry: 600 };
  const receipt = await submit(await context.client(command), options, {
    signer,
    sender: signer.publicKey,
    kind,
    body,
  });
  if (receipt.status === 'pending') throw notFinal(receipt, options);
  if (receipt.result === 'ok') return receipt;
  throw new CommandError('failed', `${kind} was refused: ${receipt.result ?? 'unknown'}`, [
    `Look at it:  npx bpci tx show ${receipt.hash}`,
  ]);
}

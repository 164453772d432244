/** Signing and sending a transaction of the court, and waiting for what became of it. */
import type { Command } from 'commander';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { wholeNumber } from '../bpci/chain-commands.ts';
import type { CommandContext } from '../bpci/command-context.ts';
import type { NamedKey } from '../bpci/key-store.ts';
import { notFinal, type Receipt, type SendOptions, submit } from '../bpci/transaction-commands.ts';
import { CommandError } from '../terminal.ts';

export interface SigningOptions {
  readonly as?: string;
  readonly timeout: number;
}

/** Options of every command that signs. */
export const signing = (command: Command): Command =>
  command
    .option('--as <name>', 'your key that signs (default: the only one here that can be meant)')
    .option('--timeout <seconds>', 'how long to wait until it is final', wholeNumber, 60);

/** The key of this name; with none, the only key here that `isMeant` accepts. Throws CommandError. */
export function chooseKey(
  { keys }: CommandContext,
  name: string | undefined,
  isMeant: (key: PublicKey) => boolean,
  what: string,
): NamedKey {
  if (name !== undefined) return keys.find(name);
  const meant = keys.everyKey().filter(({ publicKey }) => isMeant(publicKey as PublicKey));
  const [first, ...others] = meant;
  if (first !== undefined && others.length === 0) return first;
  const problem = first === undefined ? `no key here is ${what}` : `several keys here are ${what}`;
  throw new CommandError('usage', `${problem}: say whose with --as NAME`, [
    ...(first === undefined ? [] : [`Keys: ${meant.map((key) => key.name).join(', ')}`]),
  ]);
}

export interface Sender {
  readonly key: NamedKey;
  /** Seconds. */
  readonly timeout: number;
}

/** What became of it, whether or not the chain took it. Throws CommandError where nobody can tell. */
export async function attempt(
  context: CommandContext,
  command: Command,
  { key, timeout }: Sender,
  kind: string,
  body: unknown,
): Promise<Receipt> {
  const signer = await context.keys.signer(key.name);
  const options: SendOptions = { from: key.name, wait: true, timeout, expiry: 600 };
  const order = { signer, sender: signer.publicKey, kind, body };
  const receipt = await submit(await context.client(command), options, order);
  if (receipt.status === 'pending') throw notFinal(receipt, options);
  return receipt;
}

/** What refusals mean, where their codes do not say it. */
const meanings: Readonly<Record<string, string>> = {
  'not-permitted': 'This key has no part in it that allows this.',
  'unknown-account': 'The account does not exist yet: give it something first, e.g.  npx bpci faucet NAME 10',
  'insufficient-balance': 'The account cannot pay for it.',
  'not-in-force': 'The agreement is not in force, or was not in the period that this is about.',
  'not-offered': 'Only what is offered can be signed: agreement-court status shows where it stands.',
  'not-active': 'The agreement is not active: agreement-court status shows where it stands.',
  'not-suspended': 'The agreement is not suspended.',
  'not-a-draft': 'The agreement has left its draft.',
  'already-signed': 'This key has signed it already.',
  'already-noticed': 'Somebody has given notice of this breach already: there is one case about it.',
  'already-discharged': 'It was called fulfilled already.',
  'agreement-exists': 'The chain has this very agreement already.',
  'previous-not-in-force': 'Only an agreement in force can be replaced.',
  'unknown-previous-version': 'The chain has no agreement of the name that this one replaces.',
  'nothing-to-fund': 'No escrow is owed: the agreement has ended, or everything was paid in.',
  'no-such-period': 'The obligation has no such period.',
  'claim-period-over': 'Nothing can be claimed under the agreement any more.',
  'too-many-agreements':
    'This account has as many agreements that are not active as it may have: sign or take back one.',
  'conditions-not-met':
    'A condition of the agreement is not confirmed, or its escrow not paid: agreement-court status shows which.',
  'duplicate-name': 'The agreement names something twice.',
  'commitment-mismatch': 'The vote and its salt are not those that were committed to.',
  'not-committed': 'This arbitrator committed to no vote in time: there is nothing to reveal.',
  'already-committed': 'A vote was committed to already: it cannot be changed.',
  'already-revealed': 'The vote was revealed already.',
  'already-accepted': 'The seat was accepted already.',
  'no-challenge-left': 'This party has refused as many arbitrators as the jurisdiction allows.',
  'not-seated': 'That arbitrator does not sit on the panel.',
  seated: 'The bond stays while its arbitrator sits on a panel.',
  'too-late-to-withdraw': 'A panel has voted, or could have.',
  'evidence-known': 'The same evidence is there already.',
  'too-much-evidence': 'The case has as many pieces of evidence as it can.',
  'nothing-to-consent-to': 'The claimant has not asked to withdraw.',
};

export const refusedBy = (kind: string, { result, hash }: Receipt): CommandError => {
  const meaning = meanings[result ?? ''];
  return new CommandError('failed', `${kind} was refused: ${result ?? 'unknown'}`, [
    ...(meaning === undefined ? [] : [meaning]),
    `Look at it:  npx bpci tx show ${hash}`,
  ]);
};

/** Throws CommandError `failed` where the chain refuses it, with the refusal's code. */
export async function sendAs(
  context: CommandContext,
  command: Command,
  sender: Sender,
  kind: string,
  body: unknown,
): Promise<Receipt> {
  const receipt = await attempt(context, command, sender, kind, body);
  if (receipt.result === 'ok') return receipt;
  throw refusedBy(kind, receipt);
}

/** `agreement-court register|accept|recuse`: being an arbitrator, and taking a seat. */
import type { Command } from 'commander';
import { formatAmount } from '../../client/amounts.ts';
import { isHex64, type Digest, type PublicKey } from '../../protocols/shared/brands.ts';
import type { CommandContext } from '../bpci/command-context.ts';
import { CommandError } from '../terminal.ts';
import { amountOf } from './agreement-commands.ts';
import { showCase } from './case-printing.ts';
import { requireCase, requireSeat, requireStage, sendInCase } from './case-standing.ts';
import { idOf } from './chain-reading.ts';
import { chooseKey, sendAs, signing, type SigningOptions } from './sending.ts';
import { panelistKey } from './vote-commands.ts';

interface Registration extends SigningOptions {
  readonly bond: bigint;
  readonly jurisdiction: readonly string[];
  readonly language: readonly string[];
  readonly affiliation: readonly string[];
}

const several = (text: string, before: readonly string[]): readonly string[] => [...before, text];

async function register(context: CommandContext, command: Command, options: Registration): Promise<void> {
  const { bond, jurisdiction: jurisdictions, language: languages } = options;
  if (bond > 0n && (jurisdictions.length === 0 || languages.length === 0)) {
    throw new CommandError('usage', 'an arbitrator judges somewhere, in some language: --jurisdiction, --language');
  }
  const key = chooseKey(context, options.as, () => true, "an arbitrator's");
  const affiliations = options.affiliation.map((account) =>
    isHex64(account) ? account : context.keys.resolve(account),
  );
  const body = { jurisdictions, languages, affiliations, bond: bond.toString() };
  await sendAs(context, command, { key, timeout: options.timeout }, 'court.register-arbitrator', body);
  context.print(command, { arbitrator: key.publicKey, bond: bond.toString() }, () => [
    `arbitrator  ${key.publicKey}`,
    bond === 0n ? 'taken off; the bond is back' : `bond        ${formatAmount(bond)}`,
  ]);
}

const seats = [
  ['accept', 'Accept the seat that you were drawn for'],
  ['recuse', 'Step back from the panel before voting begins'],
] as const;

export function registerArbitrators(program: Command, context: CommandContext): void {
  signing(program.command('register'))
    .description('Register as an arbitrator, or change the registration; a bond of 0 ends it')
    .requiredOption('--bond <units>', 'the bond as it is to be, whole units', amountOf)
    .option('--jurisdiction <name>', 'where you judge; may be given again', several, [])
    .option('--language <code>', 'in which (ISO 639-1); may be given again', several, [])
    .option('--affiliation <account>', 'account that you may not judge; may be given again', several, [])
    .addHelpText(
      'after',
      '\nExample:\n  $ agreement-court register --bond 100 --jurisdiction local --language en --as judge',
    )
    .action((options: Registration, command: Command) => register(context, command, options));
  for (const [name, description] of seats) {
    signing(program.command(name))
      .description(description)
      .argument('<case>', 'its name', idOf)
      .addHelpText('after', `\nExample:\n  $ agreement-court ${name} CASE --as arbitrator-3`)
      .action(async (id: Digest, options: SigningOptions, command: Command) => {
        const client = await context.client(command);
        const found = await requireCase(client, id);
        await requireStage(client, found, name);
        const key = panelistKey(context, found, options.as);
        await requireSeat(client, found, key.publicKey as PublicKey);
        await sendInCase(context, command, { key, timeout: options.timeout }, name, { case: id });
        await showCase(context, command, client, id);
      });
  }
}

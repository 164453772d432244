/** `agreement-court state`: a source signs what it has measured, and hands it in to the agreement's court. */
import type { Command } from 'commander';
import type { ChainClient } from '../../client/chain-client.ts';
import { ClientError } from '../../client/client-error.ts';
import { askService } from '../../client/service-request.ts';
import { handedInCodec } from '../../protocols/court/handed-in.ts';
import { obligationOf } from '../../protocols/ledger/modules/court/agreement-terms.ts';
import { statementSigningBytes } from '../../protocols/ledger/modules/court/statements.ts';
import { chainId, type Digest } from '../../protocols/shared/brands.ts';
import { wholeNumber } from '../bpci/chain-commands.ts';
import type { CommandContext } from '../bpci/command-context.ts';
import { CommandError } from '../terminal.ts';
import { fetchAgreement, idOf } from './chain-reading.ts';
import { chooseKey } from './sending.ts';

interface StateOptions {
  readonly of: string;
  readonly period: number;
  readonly value: number;
  readonly as?: string;
  readonly courtEndpoint?: string;
}

/** Where the chain's registry says that the court is. */
async function courtEndpointOf(client: ChainClient, court: string): Promise<string> {
  const listed = (await client.services()).find(({ id, kind }) => id === court && kind === 'court');
  if (listed !== undefined && listed.endpoint !== '') return listed.endpoint;
  throw new CommandError('failed', `the registry lists no court ${court}`, ['Say where it is: --court-endpoint URL']);
}

async function state(context: CommandContext, agreement: Digest, options: StateOptions, command: Command) {
  const { of: name, period, value } = options;
  const client = await context.client(command);
  const terms = (await fetchAgreement(client, agreement))?.terms;
  if (terms === undefined) throw new CommandError('failed', `the chain knows no agreement ${agreement}`);
  const rule = obligationOf(terms, name)?.evidenceRule ?? null;
  if (rule === null) {
    throw new CommandError('usage', `nothing is stated of ${name}: the agreement has no rule of evidence for it`);
  }
  const key = chooseKey(context, options.as, (each) => rule.sources.includes(each), "a source's that the rule names");
  const signer = await context.keys.signer(key.name);
  const chain = chainId((await client.network()).chainId);
  const subject = { agreement, obligation: name, period };
  const signature = signer.sign(statementSigningBytes(chain, subject, value));
  const statement = handedInCodec.toJson({ ...subject, source: signer.publicKey, value, signature });
  const endpoint = options.courtEndpoint ?? (await courtEndpointOf(client, terms.court));
  const answer = (await askService({ endpoint }, '/v1/statements', statement).catch((cause: unknown) => {
    if (!(cause instanceof ClientError) || cause.code !== 'unreachable') throw cause;
    throw new CommandError(
      'failed',
      `the court ${terms.court} cannot be reached at ${endpoint}`,
      ['Try again when it runs, or say where it is: --court-endpoint URL'],
      cause,
    );
  })) as { readonly isNew: boolean; readonly case: string };
  const { isNew, case: breach } = answer;
  context.print(command, { statement, isNew, case: breach }, () => [
    `stated  ${rule.metric} ${value} of ${name}, period ${period}${isNew ? '' : ' (as before)'}`,
    `a case about it would be  ${breach}`,
  ]);
}

export function registerStatements(program: Command, context: CommandContext): void {
  program
    .command('state')
    .description('State, as a source that the agreement names, what you measured of an obligation')
    .argument('<agreement>', 'its name', idOf)
    .requiredOption('--of <obligation>', 'name of the obligation')
    .requiredOption('--value <number>', "in the unit of the rule's metric", wholeNumber)
    .option('--period <number>', 'period of the obligation, from 0', wholeNumber, 0)
    .option('--as <name>', 'your key that signs (default: the only one here that can be meant)')
    .option(
      '--court-endpoint <url>',
      "the court that the agreement names (default: where the chain's registry lists it)",
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ agreement-court state ID --of availability --period 3 --value 998500 --as probe',
    )
    .action((agreement: Digest, options: StateOptions, command: Command) =>
      state(context, agreement, options, command),
    );
}

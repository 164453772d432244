/** `agreement-court vote|reveal`: a vote is saved with its salt before its commitment is sent, and read back to be revealed. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { formatAmount } from '../../client/amounts.ts';
import type { ChainClient } from '../../client/chain-client.ts';
import type { Seat } from '../../protocols/ledger/modules/court/panel-state.ts';
import { type Vote, voteCodec, voteProblem } from '../../protocols/ledger/modules/court/vote.ts';
import { chainId, digest, type Digest, type PublicKey } from '../../protocols/shared/brands.ts';
import { toHex } from '../../protocols/shared/bytes.ts';
import type { CommandContext } from '../bpci/command-context.ts';
import type { NamedKey } from '../bpci/key-store.ts';
import { CommandError } from '../terminal.ts';
import { amountOf, digestOfFile } from './agreement-commands.ts';
import { actionOption, showCase } from './case-printing.ts';
import { requireCase, requireSeat, requireStage, sendInCase } from './case-standing.ts';
import { fetchAgreement, idOf, type StandingCase } from './chain-reading.ts';
import { chooseKey, type Sender, signing, type SigningOptions } from './sending.ts';
import { type SavedVote, type VotePlace, VoteStore } from './vote-store.ts';

interface VoteOptions extends SigningOptions {
  readonly decision?: Vote['decision'];
  readonly penalty?: bigint;
  readonly action: readonly number[];
  readonly reasons?: string;
}

const votesOf = ({ keys }: CommandContext): VoteStore => new VoteStore(join(keys.home, 'votes'));

/** The key of a panelist: the one named, or the only one here. */
export const panelistKey = (context: CommandContext, { panel }: StandingCase, name: string | undefined): NamedKey =>
  chooseKey(
    context,
    name,
    (key) => panel.seats.some(({ arbitrator }) => arbitrator === key),
    "an arbitrator's on the panel of this case",
  );

/** The vote that the options describe. Throws CommandError `usage` where they describe none. */
function voteOf({ decision, penalty, action, reasons }: VoteOptions): Vote {
  if (decision === undefined || reasons === undefined) {
    throw new CommandError('usage', 'no vote of yours is saved for this round: say what it is', [
      'Example:  agreement-court vote CASE --decision breach --penalty 250 --reasons reasons.txt',
    ]);
  }
  if (decision !== 'no-breach' && penalty === undefined) {
    throw new CommandError('usage', `${decision}: say the penalty with --penalty`, ['0 is one too.']);
  }
  const actions = [...new Set(action)].sort((a, b) => a - b);
  return { decision, penalty: penalty ?? 0n, actions, reasons: digest(digestOfFile(reasons)) };
}

const problems = {
  'bad-actions': 'the agreement has no such enforcement rule',
  'penalty-without-breach': 'no breach has neither penalty nor actions',
} as const;

/** A vote that the chain would refuse at the reveal, when it is too late. Rejects with CommandError `usage`. */
async function checkVote(client: ChainClient, { record }: StandingCase, vote: Vote): Promise<void> {
  const agreement = await fetchAgreement(client, record.agreement);
  const problem = agreement === undefined ? null : voteProblem(vote, agreement.terms);
  if (problem === null) return;
  const rules = agreement?.terms.enforcementRules ?? [];
  const lines = rules.map(({ action, target }, index) => `--action ${index}: ${action} ${target}`);
  throw new CommandError('usage', problems[problem], lines);
}

const asText = (vote: Vote): string => JSON.stringify(voteCodec.toJson(vote));

/** The saved vote of this round, or the one that the options describe, saved. */
async function savedVote(
  client: ChainClient,
  found: StandingCase,
  options: VoteOptions,
  { store, place }: { readonly store: VoteStore; readonly place: VotePlace },
): Promise<SavedVote> {
  const known = store.read(place);
  if (known !== undefined && options.decision === undefined) return known;
  const vote = voteOf(options);
  await checkVote(client, found, vote);
  const saved = known ?? store.save({ ...place, vote, salt: randomBytes(32) });
  if (asText(saved.vote) === asText(vote)) return saved;
  throw new CommandError('failed', 'another vote of yours is saved for this round, and it may have been committed to', [
    `${saved.vote.decision}, penalty ${formatAmount(saved.vote.penalty)}, in ${store.fileOf(place)}`,
    'It is never overwritten. Without --decision the same one is sent again.',
  ]);
}

interface Panelist {
  readonly client: ChainClient;
  readonly found: StandingCase;
  readonly sender: Sender;
  readonly seat: Seat;
  readonly place: VotePlace;
}

/** Who votes or reveals, in time. Rejects with CommandError. */
async function panelist(
  context: CommandContext,
  command: Command,
  id: Digest,
  { as: name, timeout }: SigningOptions,
  deed: 'commit-vote' | 'reveal-vote',
): Promise<Panelist> {
  const client = await context.client(command);
  const found = await requireCase(client, id);
  await requireStage(client, found, deed);
  const key = panelistKey(context, found, name);
  const arbitrator = key.publicKey as PublicKey;
  const seat = await requireSeat(client, found, arbitrator);
  const chain = chainId((await client.network()).chainId);
  const place = { chain, caseId: id, round: found.record.round, arbitrator };
  return { client, found, sender: { key, timeout }, seat, place };
}

async function vote(context: CommandContext, command: Command, id: Digest, options: VoteOptions): Promise<void> {
  const { client, found, sender, seat, place } = await panelist(context, command, id, options, 'commit-vote');
  const store = votesOf(context);
  const known = store.read(place);
  if (seat.commitment !== null && seat.commitment !== known?.commitment) {
    throw new CommandError('failed', 'a vote that is not saved here was committed to with this key', [
      `It is revealed where it was saved; here it would be in ${store.fileOf(place)}`,
    ]);
  }
  const { commitment } = await savedVote(client, found, options, { store, place });
  // Sent before: the answer was lost, or the command is given twice.
  if (seat.commitment === null) await sendInCase(context, command, sender, 'commit-vote', { case: id, commitment });
  const file = store.fileOf(place);
  context.print(command, { case: id, round: place.round, commitment, file }, () => [
    `committed   ${commitment}`,
    `vote saved  ${file}  (keep it: it is needed to reveal)`,
    `next        agreement-court reveal ${id} --as ${sender.key.name}`,
  ]);
}

async function reveal(context: CommandContext, command: Command, id: Digest, options: SigningOptions): Promise<void> {
  const { client, sender, seat, place } = await panelist(context, command, id, options, 'reveal-vote');
  const store = votesOf(context);
  const saved = store.read(place);
  if (saved === undefined) {
    throw new CommandError('failed', 'no vote of yours is saved for this round', [`Looked in ${store.fileOf(place)}`]);
  }
  if (seat.commitment !== saved.commitment) {
    const what = seat.commitment === null ? 'no vote' : 'another vote than the saved one';
    throw new CommandError('failed', `${what} was committed to: nothing can be revealed`, [store.fileOf(place)]);
  }
  if (seat.vote === null) {
    const body = { case: id, vote: voteCodec.toJson(saved.vote), salt: toHex(saved.salt) };
    await sendInCase(context, command, sender, 'reveal-vote', body);
  }
  await showCase(context, command, client, id);
}

export function registerVoting(program: Command, context: CommandContext): void {
  signing(program.command('vote'))
    .description('Save a vote and commit to it; given again, send the same commitment again')
    .argument('<case>', 'its name', idOf)
    .addOption(new Option('--decision <decision>', 'your decision').choices(['breach', 'partial', 'no-breach']))
    .option('--penalty <units>', 'whole units, at most what is claimed', amountOf)
    .addOption(actionOption())
    .option('--reasons <file>', 'your reasons; their SHA-256 is part of the vote')
    .addHelpText(
      'after',
      '\nThe vote and its salt are kept in ~/.bpci/votes (or $BPCI_HOME/votes) until they are revealed.\n\nExample:\n  $ agreement-court vote CASE --decision breach --penalty 250 --reasons reasons.txt --as arbitrator-3',
    )
    .action((id: Digest, options: VoteOptions, command: Command) => vote(context, command, id, options));
  signing(program.command('reveal'))
    .description('Reveal the vote that was committed to')
    .argument('<case>', 'its name', idOf)
    .addHelpText('after', '\nExample:\n  $ agreement-court reveal CASE --as arbitrator-3')
    .action((id: Digest, options: SigningOptions, command: Command) => reveal(context, command, id, options));
}

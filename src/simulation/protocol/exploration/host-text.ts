/**
 * Hosts and messages as texts: equal texts are one state, or one message, of the exploration.
 *
 * `whole` text tells everything. `sliced` text leaves out what can change nothing that is looked at within the scope
 * (one height, rounds below a limit, time-outs whenever a timer runs, nothing too large to be kept):
 * - of time-outs only whether a timer runs: durations, counted expiries and links decide when it fires, which is free;
 * - prepares of past rounds, and those of the current round once it is prepared: no rule reads them again;
 * - who made a quorum inside a certificate or a justification: it was checked, and one quorum serves like another;
 * - round changes, except where this validator has still to propose: only proposers read them;
 * - positions in the last round, where nobody goes further; below it those not above the own round, in round 0;
 * - the last valid block, own messages kept for resends, accusations: they repeat or report what was sent;
 * - the journal, and what the guard holds of past rounds, where no crash may come.
 * That it leaves out no more is not taken on trust: `LocalStates` compares hosts of equal text, event by event.
 */
import type { MachineState, RoundChangeEntry, RoundVotes } from '../../../protocols/ibft/machine-types.ts';
import type { ConsensusMessage } from '../../../protocols/ibft/messages.ts';
import { digestOf } from '../../../protocols/ibft/justification.ts';
import type { Digest, PublicKey } from '../../../protocols/shared/brands.ts';
import type { HostState } from '../host-state.ts';
import { memberOf } from '../setting.ts';
import { proposerOf, type Renaming } from './scope.ts';

export interface Naming {
  readonly renaming: Renaming;
  readonly nameOfBlock: (digest: Digest, renaming: Renaming) => string;
}

const member = ({ renaming }: Naming, key: PublicKey): number => renaming.members[memberOf(key)] ?? -1;
const block = (naming: Naming, digest: Digest | null): string =>
  digest === null ? '-' : naming.nameOfBlock(digest, naming.renaming);

function renamed<T>({ renaming }: Naming, slots: readonly T[], text: (slot: T) => string): string {
  const texts = new Array<string>(slots.length);
  slots.forEach((slot, index) => (texts[renaming.members[index] as number] = text(slot)));
  return texts.join(',');
}

// --- messages ----------------------------------------------------------------------------------------------------

export function slicedMessage(message: ConsensusMessage, naming: Naming): string {
  const { payload } = message;
  const place = `${member(naming, payload.author)}@${payload.round}`;
  switch (message.type) {
    case 'proposal': {
      const { roundChanges, prepares } = message;
      return `proposal ${place} ${block(naming, message.payload.digest)} ${roundChanges.length}+${prepares.length}`;
    }
    case 'prepare':
    case 'commit':
      return `${message.type} ${place} ${block(naming, message.payload.digest)}`;
    case 'round-change': {
      const { preparedRound, preparedDigest } = message.payload;
      const certificate = message.block === null ? '' : ` +${message.prepares.length}`;
      return `round-change ${place} ${preparedRound ?? '-'}:${block(naming, preparedDigest)}${certificate}`;
    }
  }
}

export function wholeMessage(message: ConsensusMessage, naming: Naming): string {
  const sliced = slicedMessage(message, naming);
  const authors = (payloads: readonly { readonly author: PublicKey }[]): string =>
    payloads
      .map(({ author }) => member(naming, author))
      .sort((a, b) => a - b)
      .join('');
  if (message.type === 'round-change') return `${sliced} ${authors(message.prepares)}`;
  if (message.type !== 'proposal') return sliced;
  const claims = message.roundChanges.map(
    ({ author, preparedRound, preparedDigest }) =>
      `${member(naming, author)}:${preparedRound ?? '-'}:${block(naming, preparedDigest)}`,
  );
  return `${sliced} ${claims.sort().join(' ')} ${authors(message.prepares)}`;
}

// --- hosts -------------------------------------------------------------------------------------------------------

export interface HostText {
  /** Everything but the votes that it holds. */
  readonly core: string;
  readonly prepares: string;
  readonly commits: string;
}

export interface TextScope {
  readonly rounds: number;
  readonly validators: number;
  /** The journal and the guard matter: a crash may come. */
  readonly keepsDisk: boolean;
}

export function slicedHost(host: HostState, scope: TextScope, naming: Naming): HostText {
  const { machine } = host;
  if (machine === null) {
    const decided = host.stored.blocks[0]?.digest ?? null;
    return { core: `done ${block(naming, decided)}`, prepares: '', commits: '' };
  }
  const { round, proposal, proposing, awaited, selfIndex } = machine;
  const parts = [
    `${round}`,
    proposal === null ? '-' : `${proposal.status}:${block(naming, proposal.digest)}`,
    proposerOf(scope.validators, round) === selfIndex ? proposing : '',
    preparedText(machine, scope, naming),
    awaited === null ? '' : `${awaited.round}:${block(naming, awaited.digest)}`,
    pace(host, machine, scope, naming),
    roundChangesText(machine, scope, naming),
    diskText(host, machine, scope, naming),
  ];
  return { core: parts.join('/'), prepares: preparesText(machine, naming), commits: commitsText(machine, naming) };
}

/** What its next round change, proposal or commit says. */
function preparedText(machine: MachineState, scope: TextScope, naming: Naming): string {
  const { prepared, round } = machine;
  if (prepared === null) return '-';
  const isNeeded = prepared.round === round || !isLastRound(machine, scope) || hasToPropose(machine, scope);
  return isNeeded ? `${prepared.round}:${block(naming, prepared.digest)}` : '-';
}

const isLastRound = ({ round }: MachineState, { rounds }: TextScope): boolean => round >= rounds - 1;

/** What lets it go on to the next round. */
function pace(host: HostState, machine: MachineState, scope: TextScope, naming: Naming): string {
  const { round, isDue, positions, selfIndex } = machine;
  if (isLastRound(machine, scope)) return round === 0 ? `${isDue}` : '';
  const seen = renamed(naming, positions, (position) => (round > 0 || position > 0 ? `${position}` : '-'));
  return `${host.timers.round !== null} ${round === 0 ? isDue : ''} ${selfIndex === null ? '' : seen}`;
}

const sortedRounds = (votes: ReadonlyMap<number, RoundVotes>): [number, RoundVotes][] =>
  [...votes].sort(([a], [b]) => a - b);

function preparesText({ votes, round, prepared }: MachineState, naming: Naming): string {
  let text = '';
  for (const [at, { prepares }] of sortedRounds(votes)) {
    if (at < round || (at === round && prepared?.round === round)) continue;
    if (prepares.every((vote) => vote === null)) continue;
    text += `${at}:${renamed(naming, prepares, (vote) => block(naming, vote?.digest ?? null))};`;
  }
  return text;
}

function commitsText({ votes }: MachineState, naming: Naming): string {
  let text = '';
  for (const [at, { commits }] of sortedRounds(votes)) {
    if (commits.every((vote) => vote === null)) continue;
    text += `${at}:${renamed(naming, commits, (vote) => block(naming, vote?.digest ?? null))};`;
  }
  return text;
}

/** Whether it has still to propose, from round changes, in this round or a later one. */
function hasToPropose({ round, proposing, proposal, selfIndex }: MachineState, scope: TextScope): boolean {
  for (let at = Math.max(1, round); at < scope.rounds; at++)
    if (proposerOf(scope.validators, at) === selfIndex && (at > round || (proposing === 'no' && proposal === null)))
      return true;
  return false;
}

function roundChangesText(machine: MachineState, scope: TextScope, naming: Naming): string {
  if (!hasToPropose(machine, scope)) return '';
  const { roundChanges, round } = machine;
  return renamed(naming, roundChanges, (entry) =>
    entry === null || entry.payload.round < round ? '-' : claim(entry, naming),
  );
}

function claim({ payload, certificate }: RoundChangeEntry, naming: Naming): string {
  const held = certificate === null ? '' : '+';
  return `${payload.round}:${payload.preparedRound ?? '-'}:${block(naming, payload.preparedDigest)}${held}`;
}

/** What the guard can still refuse; where a crash may come, all that the disk holds. */
function diskText({ stored }: HostState, machine: MachineState, scope: TextScope, naming: Naming): string {
  const { journal, guard } = stored;
  const { keepsDisk } = scope;
  const signed: string[] = [];
  for (const payload of guard.signed) {
    if (!keepsDisk && payload.round < machine.round) continue;
    const digest = payload.kind === 'round-change' ? payload.preparedDigest : payload.digest;
    // Which certificate a round change named decides nothing any more, once it is signed.
    const content = !keepsDisk && payload.kind === 'round-change' ? '' : block(naming, digest);
    signed.push(`${payload.kind}@${payload.round}:${content}`);
  }
  const records = (keepsDisk ? journal : []).map((record) => {
    const digest = record.type === 'round' ? record.preparedDigest : record.digest;
    return `${record.type}@${record.round}:${block(naming, digest)}`;
  });
  const commitRound = keepsDisk || !isLastRound(machine, scope) ? guard.commitRound : null;
  return `${commitRound ?? ''} ${signed.sort().join(' ')} ${records.sort().join(' ')}`;
}

// --- reading -----------------------------------------------------------------------------------------------------

const readKinds = ['proposal', 'prepare', 'round-change', 'commit'] as const;

/** The bit of a kind and round in what `readsOf` gives. */
export const readBit = (kind: (typeof readKinds)[number], round: number): number =>
  1 << (readKinds.indexOf(kind) + readKinds.length * round);

/** Bits of all kinds and rounds of which a message can still change something, now or after whatever comes. */
export function readsOf({ machine }: HostState, scope: TextScope): number {
  if (machine === null) return 0;
  let reads = 0;
  for (let round = 0; round < scope.rounds; round++)
    for (const kind of readKinds) if (isRead(machine, scope, kind, round)) reads |= readBit(kind, round);
  return reads;
}

function isRead(machine: MachineState, scope: TextScope, kind: (typeof readKinds)[number], at: number): boolean {
  const { round, proposal, prepared } = machine;
  if (kind === 'commit') return true;
  // Every message of a round shows that its author got there.
  if (at > round || (at > 0 && at === round && !isLastRound(machine, scope))) return true;
  if (kind === 'round-change') return at === round && hasToPropose(machine, scope);
  return at === round && (kind === 'proposal' ? proposal === null : prepared?.round !== round);
}

/** Everything but the bytes of blocks and signatures, which their digests and payloads determine. */
export function wholeHost(host: HostState, naming: Naming): HostText {
  const text = JSON.stringify({ ...host, live: 0, durable: 0 }, (name, value: unknown) => {
    if (name === 'signature' || name === 'facts') return undefined;
    if (value instanceof Map) return [...(value as Map<number, unknown>)].sort(([a], [b]) => a - b);
    if (name === 'block' && value !== null)
      return naming.nameOfBlock(digestOf(value as Parameters<typeof digestOf>[0]), naming.renaming);
    return value;
  });
  return { core: text, prepares: '', commits: '' };
}

/**
 * A deliberately dumb oracle for what validators send and decide, written from the sentences of the consensus design with
 * no regard for speed and without the machine's code: it remembers every message and counts again from the beginning.
 */
import type { ConsensusMessage, PreparePayload, RoundChangePayload } from '../../src/protocols/ibft/messages.ts';
import type { HostState } from '../../src/simulation/protocol/host-state.ts';
import { type Cast, isFaulty, memberOfInstance } from '../../src/simulation/protocol/schedule.ts';
import type { DecidedBlock } from '../../src/simulation/protocol/setting.ts';
import type { Watcher } from '../../src/simulation/protocol/world.ts';

type Message<Kind extends ConsensusMessage['type']> = Extract<ConsensusMessage, { type: Kind }>;

/** The least number of votes that is at least two thirds. */
export function dumbQuorum(n: number): number {
  let votes = 0;
  while (votes * 3 < n * 2) votes += 1;
  return votes;
}

/** Walks the circle of keys from the first one above the parent's proposer. */
export function dumbProposer(keys: readonly string[], parentProposer: string | null, round: number): string {
  const circle = [...keys].sort();
  let at = 0;
  if (parentProposer !== null) {
    const above = circle.filter((key) => key > parentProposer).sort();
    if (above[0] !== undefined) at = circle.indexOf(above[0]);
  }
  for (let step = 0; step < round; step++) at = at + 1 === circle.length ? 0 : at + 1;
  return circle[at] as string;
}

const textOf = (kind: string, payload: object): string =>
  `${kind} ${JSON.stringify({ ...payload, signature: undefined })}`;

export class DumbOracle implements Watcher {
  readonly problems: string[] = [];
  readonly decided = new Map<number, DecidedBlock>();
  readonly #cast: Cast;
  readonly #keys: readonly string[];
  readonly #quorum: number;
  /** Everything that was ever said, by whoever. */
  readonly #said = new Set<string>();
  readonly #proposals: Message<'proposal'>[] = [];
  readonly #prepares: PreparePayload[] = [];

  constructor(cast: Cast, keys: readonly string[]) {
    this.#cast = cast;
    this.#keys = keys;
    this.#quorum = dumbQuorum(keys.length);
  }

  readonly onSent = (from: number, message: ConsensusMessage): void => {
    this.#remember(message);
    if (isFaulty(this.#cast, memberOfInstance(this.#cast, from))) return;
    const wrong = this.#judge(message);
    if (wrong !== null) this.problems.push(`${from} sent a ${textOf(message.type, message.payload)}: ${wrong}`);
  };

  readonly onDecided = (host: HostState, { height, round, digest, block, commit }: DecidedBlock): void => {
    if (isFaulty(this.#cast, host.member)) return;
    for (const { message } of host.held) this.#remember(message);
    const problem = (text: string): void => {
      this.problems.push(`${host.instance} decided height ${height} in round ${round}: ${text}`);
    };
    const before = this.decided.get(height);
    if (before !== undefined && before.digest !== digest) problem('another block than others');
    if (before === undefined) this.decided.set(height, { height, round, digest, block, commit });
    if (height > 1 && block.value.header.parent !== this.decided.get(height - 1)?.digest) problem('not on its parent');
    if (!this.#proposals.some(({ payload }) => payload.height === height && payload.digest === digest))
      problem('a block that nobody proposed');
    const authors = new Set(commit.seals.map(({ validator }) => validator));
    if (authors.size !== commit.seals.length || authors.size < this.#quorum) problem('without a quorum of seals');
    for (const author of authors)
      if (!this.#said.has(textOf('commit', { height, round: commit.round, digest, author })))
        problem(`with a seal that ${author} never gave`);
  };

  #remember(message: ConsensusMessage): void {
    const { type, payload } = message;
    if (type === 'prepare') this.#prepares.push(payload);
    if (type === 'proposal') this.#proposals.push(message);
    if (type !== 'round-change') {
      const { height, round, digest, author } = payload;
      this.#said.add(textOf(type, { height, round, digest, author }));
    } else this.#said.add(claimText(payload));
  }

  #judge(message: ConsensusMessage): string | null {
    switch (message.type) {
      case 'proposal':
        return this.#judgeProposal(message);
      case 'prepare':
        return this.#proposals.some(({ payload }) => isSameVote(payload, message.payload))
          ? null
          : 'nothing to prepare';
      case 'commit': {
        const authors = this.#prepares.filter((one) => isSameVote(one, message.payload)).map(({ author }) => author);
        return new Set(authors).size >= this.#quorum ? null : 'a commit without a quorum of prepares';
      }
      case 'round-change':
        return this.#judgeRoundChange(message);
    }
  }

  #judgeProposal({ payload, block, roundChanges, prepares }: Message<'proposal'>): string | null {
    const { height, round, digest, author } = payload;
    const parent = this.decided.get(height - 1)?.block.value.header.proposer ?? null;
    if (author !== dumbProposer(this.#keys, parent, round)) return 'not its turn';
    const { header } = block.value;
    if (round === 0) {
      if (header.proposer !== author) return 'a fresh block of someone else';
      return roundChanges.length + prepares.length === 0 ? null : 'a justification that round 0 does not need';
    }
    const authors = new Set(roundChanges.map((one) => one.author));
    if (authors.size !== roundChanges.length || authors.size < this.#quorum) return 'too few round changes';
    if (roundChanges.some((one) => one.height !== height || one.round !== round)) return 'round changes for elsewhere';
    this.#hearOwn(author, prepares);
    for (const one of roundChanges) if (one.author === author) this.#said.add(claimText(one));
    if (roundChanges.some((one) => !this.#said.has(claimText(one)))) return 'a round change that nobody sent';
    const rounds = roundChanges.flatMap(({ preparedRound }) => (preparedRound === null ? [] : [preparedRound]));
    if (rounds.length === 0) return header.proposer === author ? null : 'a fresh block of someone else';
    rounds.sort((a, b) => b - a);
    const highest = rounds[0] as number;
    if (!roundChanges.some((one) => one.preparedRound === highest && one.preparedDigest === digest))
      return 'not the block that was prepared last';
    return this.#judgePrepares(prepares, height, highest, digest);
  }

  #judgeRoundChange({ payload, block, prepares }: Message<'round-change'>): string | null {
    const { height, round, preparedRound, preparedDigest, author } = payload;
    this.#hearOwn(author, prepares);
    if (preparedRound === null) return block === null && preparedDigest === null ? null : 'half a certificate';
    if (block === null || preparedDigest === null) return 'half a certificate';
    if (preparedRound >= round) return 'prepared in a round that is still to come';
    return this.#judgePrepares(prepares, height, preparedRound, preparedDigest);
  }

  /** What it signed right before a crash leaves it first within what it sends after that. */
  #hearOwn(author: string, prepares: readonly PreparePayload[]): void {
    for (const one of prepares) if (one.author === author) this.#said.add(textOf('prepare', one));
  }

  #judgePrepares(prepares: readonly PreparePayload[], height: number, round: number, digest: string): string | null {
    const authors = new Set(prepares.map(({ author }) => author));
    if (authors.size !== prepares.length || authors.size < this.#quorum) return 'too few prepares';
    for (const author of authors)
      if (!this.#said.has(textOf('prepare', { height, round, digest, author }))) return 'a prepare that nobody sent';
    return null;
  }
}

function claimText({ height, round, preparedRound, preparedDigest, author }: RoundChangePayload): string {
  return textOf('round-change', { height, round, preparedRound, preparedDigest, author });
}

type Vote = Pick<PreparePayload, 'height' | 'round' | 'digest'>;

const isSameVote = (a: Vote, b: Vote): boolean => a.height === b.height && a.round === b.round && a.digest === b.digest;

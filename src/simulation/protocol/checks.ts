/**
 * What no run at the protocol level may show, whatever the faults. The checks look at what leaves hosts and what they
 * decide and report, never into a machine. Faulty validators (twins, adversaries) may do as they like.
 */
import type { ConsensusMessage, UnsignedPayload } from '../../protocols/ibft/messages.ts';
import { commitRefusal } from '../../protocols/ledger/block-limits.ts';
import { isSameContent } from './guard.ts';
import type { Report } from './host-state.ts';
import { ProposerChecks } from './proposer-checks.ts';
import { RoundChecks } from './round-checks.ts';
import { type Cast, isFaulty } from './schedule.ts';
import { areSealsAuthentic } from './signatures.ts';
import { type DecidedBlock, genesisDigest, isValidBlock, memberOf, type Setting } from './setting.ts';

export const protocolCheckNames = [
  /** One block a height. */
  'agreement',
  /** What is decided is valid and follows what was decided before. */
  'validity',
  /** What is decided was proposed, and a quorum of seals of one round that were really signed decides it. */
  'integrity',
  /** A correct validator never signs two contents for one height, round and kind. */
  'signatures',
  /**
   * A correct validator that committed says so in every later round change; its prepared rounds never fall; it proposes
   * and prepares nothing that is not justified.
   */
  'certificates',
  /**
   * No correct validator reaches a round that none of them timed out into, or stays behind f + 1 others, or proposes
   * nothing where it has heard all it needs.
   */
  'rounds',
  /** What a machine counts as kept of each validator is what it keeps. */
  'memory',
  /** Who gets a new link is told at once what the other said last (rule 11). */
  'resends',
  /** A correct machine never asks for what its guard must refuse. */
  'guard',
  /** No correct validator is accused, and none of its messages refused. */
  'innocence',
  /** A seal that comes after the decision is handed on, for the next block to carry. */
  'seals',
  /** A machine fails on nothing that others send. */
  'no-failures',
  /** Once calm, the next block is decided within the recovery bound. */
  'liveness',
] as const;
export type ProtocolCheck = (typeof protocolCheckNames)[number];

export interface ProtocolViolation {
  readonly check: ProtocolCheck;
  readonly detail: string;
}

/** What one correct validator said in one height. */
interface Said {
  /** By round; at most one a kind. */
  readonly proposals: Map<number, UnsignedPayload>;
  readonly prepares: Map<number, UnsignedPayload>;
  readonly commits: Map<number, UnsignedPayload>;
  readonly roundChanges: Map<number, UnsignedPayload>;
  committedRound: number;
  /** Highest round change, and the prepared round in it. */
  leftFor: number;
  claimedRound: number;
}

const newSaid = (): Said => ({
  ...{ proposals: new Map(), prepares: new Map(), commits: new Map(), roundChanges: new Map() },
  ...{ committedRound: -1, leftFor: -1, claimedRound: -1 },
});

function unsignedOf(message: ConsensusMessage): UnsignedPayload {
  if (message.type === 'round-change') {
    const { height, round, preparedRound, preparedDigest } = message.payload;
    return { kind: 'round-change', height, round, preparedRound, preparedDigest };
  }
  const { height, round, digest } = message.payload;
  return { kind: message.type, height, round, digest };
}

export class ProtocolChecks {
  readonly violations: ProtocolViolation[] = [];
  readonly #setting: Setting;
  readonly #cast: Cast;
  readonly #said: Map<number, Said>[];
  readonly #decided: DecidedBlock[] = [];
  readonly #proposed = new Set<string>();
  readonly rounds: RoundChecks;
  readonly proposers: ProposerChecks;
  /** By instance: the highest height whose block a crash took away after it was decided. */
  readonly #lost: number[] = [];

  constructor(setting: Setting, cast: Cast) {
    this.#setting = setting;
    this.#cast = cast;
    this.#said = Array.from({ length: cast.validators }, () => new Map<number, Said>());
    this.rounds = new RoundChecks(setting, cast, (check, detail) => this.violate(check, detail));
    this.proposers = new ProposerChecks(setting, cast, (detail) => this.violate('rounds', detail));
  }

  /** Heights decided by anyone who is correct. */
  get heights(): number {
    return this.#decided.length;
  }

  /** The block decided at a height. */
  decidedAt(height: number): DecidedBlock | undefined {
    return this.#decided[height - 1];
  }

  violate(check: ProtocolCheck, detail: string): void {
    this.violations.push({ check, detail });
  }

  // --- messages --------------------------------------------------------------------------------------------------

  /** A message left an instance, for the first time or again. */
  onSent(member: number, message: ConsensusMessage): void {
    if (message.type === 'proposal') {
      this.#proposed.add(message.payload.digest);
      this.rounds.onProposal(message);
    }
    if (isFaulty(this.#cast, member)) return;
    const { height, round } = message.payload;
    const heights = this.#said[member] as Map<number, Said>;
    let said = heights.get(height);
    if (said === undefined) {
      said = newSaid();
      heights.set(height, said);
    }
    const contents = contentsOf(said, message.type);
    const known = contents.get(round);
    if (known !== undefined && message.type !== 'round-change' && 'digest' in known) {
      // The common case of a resend.
      if (known.digest === message.payload.digest) return;
    }
    const payload = unsignedOf(message);
    if (known !== undefined) {
      if (!isSameContent(known, payload))
        this.violate(
          'signatures',
          `validator ${member} signed two ${message.type}s at height ${height}, round ${round}`,
        );
      return;
    }
    contents.set(round, payload);
    this.rounds.onFirstSent(member, payload);
    this.#checkPromises(member, said, payload);
  }

  /** After a round change no vote of a lower round, after a commit no round change that forgets it. */
  #checkPromises(member: number, said: Said, payload: UnsignedPayload): void {
    const { height, round } = payload;
    const at = `validator ${member} at height ${height}`;
    if (payload.kind !== 'round-change') {
      if (round < said.leftFor) this.violate('certificates', `${at}: ${payload.kind} of round ${round}, left before`);
      if (payload.kind === 'commit') said.committedRound = Math.max(said.committedRound, round);
      return;
    }
    const claimed = this.#setting.rules.hasCertificates ? (payload.preparedRound ?? -1) : Infinity;
    if (round > said.committedRound && claimed < said.committedRound)
      this.violate('certificates', `${at}: its round change to ${round} forgets its commit of ${said.committedRound}`);
    if (round > said.leftFor && claimed < said.claimedRound)
      this.violate('certificates', `${at}: its round change to ${round} forgets prepared round ${said.claimedRound}`);
    if (round > said.leftFor) {
      said.leftFor = round;
      said.claimedRound = claimed;
    }
  }

  // --- decisions -------------------------------------------------------------------------------------------------

  onDecided(member: number, block: DecidedBlock): void {
    if (isFaulty(this.#cast, member)) return;
    const { height, digest } = block;
    const known = this.#decided[height - 1];
    if (known !== undefined) {
      if (known.digest !== digest)
        this.violate('agreement', `height ${height} has two blocks: ${describe(known)}, and ${describe(block)}`);
      return;
    }
    this.#decided[height - 1] = block;
    this.#checkDecision(block);
  }

  #checkDecision(decided: DecidedBlock): void {
    const { height, digest, block, commit } = decided;
    const parent = height === 1 ? genesisDigest : this.#decided[height - 2]?.digest;
    const { header } = block.value;
    if (!isValidBlock(block)) this.violate('validity', `height ${height}: an invalid block is decided`);
    if (header.height !== height || header.parent !== parent)
      this.violate('validity', `height ${height}: the block does not follow the one decided before`);
    if (!this.#proposed.has(digest)) this.violate('integrity', `height ${height}: nobody proposed the decided block`);
    const refusal = commitRefusal(commit, height, this.#setting.set);
    if (refusal !== null) this.violate('integrity', `height ${height}: decided by ${refusal}`);
    if (!areSealsAuthentic(decided)) this.violate('integrity', `height ${height}: decided by a seal nobody signed`);
  }

  // --- reports ---------------------------------------------------------------------------------------------------

  /** A crash of this instance took away blocks up to this height. */
  onBlocksLost(instance: number, height: number): void {
    this.#lost[instance] = Math.max(height, this.#lost[instance] ?? 0);
  }

  onReport(instance: number, member: number, report: Report): void {
    if (isFaulty(this.#cast, member)) return;
    switch (report.type) {
      case 'evidence': {
        const offender = memberOf(report.offender);
        if (!isFaulty(this.#cast, offender))
          this.violate(
            'innocence',
            `validator ${member} accuses ${offender}, which is correct, of ${report.conflict.kind}`,
          );
        return;
      }
      case 'report':
        this.onRefused(member, memberOf(report.peer), report.reason);
        return;
      case 'guard-refused':
        // Who lost a decided block decides it again, but may have signed for the next height already.
        if (report.payload.height > (this.#lost[instance] ?? 0))
          this.violate('guard', `validator ${member} asked for a ${report.payload.kind} that is ${report.reason}`);
        return;
      case 'decided-invalid':
        this.violate('validity', `validator ${member} decided an invalid block at height ${report.block.height}`);
        return;
      case 'round-entered':
      case 'peer-behind':
      case 'late-seal':
      case 'fetch-block':
        return;
    }
  }

  /** What `by` got from `from` was refused. */
  onRefused(by: number, from: number, reason: string): void {
    if (!isFaulty(this.#cast, from) && !isFaulty(this.#cast, by))
      this.violate('innocence', `validator ${by} refuses what ${from}, which is correct, sent: ${reason}`);
  }
}

function contentsOf(said: Said, kind: UnsignedPayload['kind']): Map<number, UnsignedPayload> {
  switch (kind) {
    case 'proposal':
      return said.proposals;
    case 'prepare':
      return said.prepares;
    case 'commit':
      return said.commits;
    case 'round-change':
      return said.roundChanges;
  }
}

/** A decision as messages name it: the block's proposer, the deciding round, who sealed it. */
function describe({ round, digest, block, commit }: DecidedBlock): string {
  const seals = commit.seals.map(({ validator }) => memberOf(validator)).join(' ');
  return `${digest.slice(0, 8)} of validator ${memberOf(block.value.header.proposer)} in round ${round}, sealed by ${seals}`;
}

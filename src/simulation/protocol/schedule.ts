/**
 * What a protocol-level run does, as data: who plays, and one choice after the other. A choice that makes no sense where it
 * stands (a message that nobody sent, a timer that does not run) does nothing, so that any part of a schedule is a
 * schedule: minimisation only leaves things out. Messages that are never delivered are lost, those delivered twice
 * duplicated, those delivered late delayed; partitions are messages not delivered.
 */
import type { TimerKind } from '../../protocols/ibft/machine-types.ts';
import type { PayloadKind } from '../../protocols/ibft/messages.ts';

/** Validators are numbered by key; instances 0 to n − 1 are theirs, those from n on are the twins', in their order. */
export interface Cast {
  /** 1 to 31. */
  readonly validators: number;
  /** Validators that run twice with one key and two disks: Byzantine. */
  readonly twins: readonly number[];
  /** Validators of whom nothing runs: whoever plays the adversary signs with their keys. */
  readonly adversaries: readonly number[];
}

/** A message by who sent it: `nth` tells contents apart where one instance sent several of a kind in a round. */
export interface MessageName {
  readonly from: number;
  readonly kind: PayloadKind;
  readonly height: number;
  readonly round: number;
  /** 0 where it is left out. */
  readonly nth?: number;
}

/**
 * A block by the message that carries it, or a new one of the adversary: `valid` says whether execution finds it valid,
 * `salt` tells its blocks apart, `stray`: it follows another block than the one decided before.
 */
export type BlockName = MessageName | { readonly salt: number; readonly valid: boolean; readonly stray?: true };

/** A message that the adversary makes. What travels beside it is made of payloads that were sent. */
export interface Forgery {
  readonly kind: PayloadKind;
  readonly height: number;
  readonly round: number;
  /** Of a proposal, prepare or commit: what it is for. Of a round change: the block of its claim; null claims nothing. */
  readonly block: BlockName | null;
  /** Of a round change with a block: the round that it says it was prepared in. */
  readonly preparedRound?: number;
  /** Of a proposal: the round changes beside it. */
  readonly roundChanges?: readonly MessageName[];
  /** Of a proposal or round change: the prepares beside it. */
  readonly prepares?: readonly MessageName[];
}

/** `later`: what the step writes is not synced at its end, and what it sends waits for the next sync. */
interface Step {
  readonly later?: true;
}

export type Choice =
  | ({ readonly do: 'deliver'; readonly to: number } & MessageName & Step)
  | ({ readonly do: 'expire'; readonly host: number; readonly timer: TimerKind } & Step)
  /** The oldest question about a block is answered. */
  | ({ readonly do: 'answer'; readonly host: number } & Step)
  | { readonly do: 'sync'; readonly host: number }
  /** Of what was not synced the first so many writes and blocks are left. */
  | { readonly do: 'crash'; readonly host: number; readonly writes: number; readonly blocks: number }
  | ({ readonly do: 'restart'; readonly host: number } & Step)
  /** Block sync: all final blocks of another instance. */
  | ({ readonly do: 'adopt'; readonly host: number; readonly from: number } & Step)
  /** The instances that it has links with. */
  | ({ readonly do: 'link'; readonly host: number; readonly live: readonly number[] } & Step)
  | { readonly do: 'forge'; readonly by: number; readonly to: readonly number[]; readonly message: Forgery };

export const protocolRuleNames = ['production', 'ibft-1.0'] as const;
export type ProtocolRuleName = (typeof protocolRuleNames)[number];

/** After the choices: all links come up, and those alive must decide within the recovery bound. */
export interface Calm {
  /** Of the delays. */
  readonly seed: string;
  /** Instances that stay down. Together with the Byzantine ones at most f. */
  readonly dead: readonly number[];
  /** Links stay as they are: what was lost comes back with resends only. All must be linked and alive before. */
  readonly keepsLinks?: true;
  /** Time for the next decision, where the recovery bound is not what is wanted, ms. */
  readonly withinMs?: number;
}

export interface ProtocolSchedule {
  readonly rules: ProtocolRuleName;
  readonly cast: Cast;
  readonly heights: number;
  /** Votes that decide; null: the least that the protocol asks for. */
  readonly quorum: number | null;
  /** Proposers by round; null: rule 1. */
  readonly proposerOrder: readonly number[] | null;
  /** Whether blocks are built and checked at once or by `answer`. */
  readonly blocks: 'at-once' | 'later';
  readonly choices: readonly Choice[];
  /** null: the run ends with the last choice. */
  readonly calm: Calm | null;
}

export const instancesOf = ({ validators, twins }: Cast): number => validators + twins.length;

/** The validator that an instance is of. */
export const memberOfInstance = ({ validators, twins }: Cast, instance: number): number =>
  instance < validators ? instance : (twins[instance - validators] ?? -1);

export const isFaulty = ({ twins, adversaries }: Cast, member: number): boolean =>
  twins.includes(member) || adversaries.includes(member);

/**
 * What the hosts of one protocol-level simulation share: the rules that run, the validators, a stand-in for the ledger.
 * Everything here is constant during a run.
 */
import { createMachine, transition } from '../../protocols/ibft/machine.ts';
import type {
  BlockCheck,
  ConsensusParameters,
  HeightFacts,
  Input,
  MachineState,
  StartOptions,
  Transition,
} from '../../protocols/ibft/machine-types.ts';
import { digestOf } from '../../protocols/ibft/justification.ts';
import type { EncodedBlock } from '../../protocols/ibft/messages.ts';
import type { Commit } from '../../protocols/ledger/block.ts';
import { type ValidatorSet, validatorSet } from '../../protocols/ledger/validator-set.ts';
import {
  chainId,
  type Digest,
  digest,
  height as toHeight,
  type Height,
  publicKey,
  type PublicKey,
  type Round,
} from '../../protocols/shared/brands.ts';
import { invariant } from '../../protocols/shared/errors.ts';

/** The consensus machine that a host runs: the one that ships, a defective one, or another protocol of the same inputs. */
export interface Rules {
  readonly create: (options: StartOptions) => Transition;
  readonly transition: (state: MachineState, input: Input) => Transition;
  /** Whether round changes carry what was prepared, so that forgetting it is a fault. */
  readonly hasCertificates: boolean;
}

export const productionRules: Rules = { create: createMachine, transition, hasCertificates: true };

export interface Setting {
  readonly rules: Rules;
  readonly set: ValidatorSet;
  readonly parameters: ConsensusParameters;
  /** The last height: who has decided it begins no other. */
  readonly heightsMax: number;
  /** Indices of proposers by round, where another order than rule 1's is wanted. */
  readonly proposerOrder: readonly number[] | null;
  /** at-once: what a step persists is durable, and what it sends has left, when it ends. later: `sync` does that. */
  readonly syncs: 'at-once' | 'later';
  /** at-once: a block is built or checked within the step that asks for it. later: `answer` does that. */
  readonly blocks: 'at-once' | 'later';
  /** Length of every block: what keeping one is charged. */
  readonly blockBytes: number;
}

export const chain = chainId('c1'.repeat(32));
export const genesisDigest: Digest = digest(chain);
/** Wall-clock time of the genesis, and of the beginning of a simulation, milliseconds. */
export const genesisTimeMs = 1_000_000;

const defaultParameters: ConsensusParameters = {
  blockTimeMs: 2000,
  emptyBlockPeriodMs: 10_000,
  roundTimeoutBaseMs: 1000,
  roundTimeoutMaxMs: 60_000,
};

const keys: PublicKey[] = [];

/** Key of validator i; ascending with i, so that i is also its index in the set. */
export function keyOf(member: number): PublicKey {
  while (keys.length <= member) keys.push(publicKey((keys.length + 1).toString(16).padStart(4, '0').repeat(16)));
  return keys[member] as PublicKey;
}

const members = new Map<PublicKey, number>();

/** The validator of a key that `keyOf` gave; −1 for any other. */
export function memberOf(key: PublicKey): number {
  for (let member = members.size; member < keys.length; member++) members.set(keyOf(member), member);
  return members.get(key) ?? -1;
}

export function validatorsOf(count: number): ValidatorSet {
  const all = Array.from({ length: count }, (_, member) => keyOf(member));
  return validatorSet(
    all.map((key) => ({ publicKey: key, vrfPublicKey: key })),
    1,
  );
}

/** One height unless told otherwise; steps are atomic. */
export function settingOf(validators: number, options: Partial<Setting> = {}): Setting {
  return {
    rules: productionRules,
    set: validatorsOf(validators),
    parameters: defaultParameters,
    heightsMax: 1,
    proposerOrder: null,
    syncs: 'at-once',
    blocks: 'at-once',
    blockBytes: 300,
    ...options,
  };
}

// --- blocks ------------------------------------------------------------------------------------------------------

/** A block that was decided, and the seals of the round that decided it. */
export interface DecidedBlock {
  readonly height: Height;
  readonly round: Round;
  readonly digest: Digest;
  readonly block: EncodedBlock;
  readonly commit: Commit;
}

const valid = digest('00'.repeat(32));
const invalid = digest('ff'.repeat(32));
const beacon = { output: new Uint8Array(64), proof: new Uint8Array(80) };
/** Nobody reads them; their length counts against the bounds of the machine. */
const contents = new Map<number, Uint8Array>();

function contentOf(length: number): Uint8Array {
  let content = contents.get(length);
  if (content === undefined) contents.set(length, (content = new Uint8Array(length)));
  return content;
}

const clockToleranceMs = 500;

export interface BlockContent {
  readonly height: number;
  readonly parent: Digest;
  readonly proposer: number;
  readonly timeMs: number;
  /** Tells blocks apart that are otherwise alike: 64 hexadecimal digits at most. */
  readonly salt: string;
  /** Whether execution finds it valid. */
  readonly isValid: boolean;
  /** Length; 300 unless told otherwise. */
  readonly bytes?: number;
}

/** A block without transactions. Its validity is a mark in it, which every correct host sees alike. */
export function blockOf({ height, parent, proposer, timeMs, salt, isValid, bytes = 300 }: BlockContent): EncodedBlock {
  const header = {
    chainId: chain,
    protocolVersion: 1,
    height: toHeight(height),
    parent,
    time: timeMs,
    proposer: keyOf(proposer),
    transactionsRoot: digest(salt.padStart(64, '0')),
    stateRoot: isValid ? valid : invalid,
    eventsRoot: valid,
    logSize: 0,
    logRoot: valid,
    validatorsHash: valid,
    nextValidatorsHash: valid,
    lastCommitHash: valid,
    beacon,
  };
  return { bytes: contentOf(bytes), value: { header, transactions: [], lastCommit: null } };
}

/** The predicate: whether a block may become final. */
export const isValidBlock = (block: EncodedBlock): boolean => block.value.header.stateRoot === valid;

/** What execution says of a block on a clock. Only a fresh block may be early (rule 4). */
export function checkBlock(block: EncodedBlock, mode: 'fresh' | 're-proposed', wallMs: number): BlockCheck {
  const validAtMs = block.value.header.time - clockToleranceMs;
  if (mode === 'fresh' && validAtMs > wallMs) return { kind: 'early', validAtMs };
  return isValidBlock(block) ? { kind: 'valid' } : { kind: 'invalid', reason: 'marked as invalid' };
}

/** Facts of the height after these decided blocks, or null after the last one. */
export function factsAfter(setting: Setting, blocks: readonly DecidedBlock[]): HeightFacts | null {
  const { set, parameters, heightsMax, proposerOrder } = setting;
  if (blocks.length >= heightsMax) return null;
  const tip = blocks.at(-1);
  const header = tip?.block.value.header;
  invariant(tip === undefined || tip.digest === digestOf(tip.block), 'a decided block is the one that was sealed');
  return {
    height: toHeight(blocks.length + 1),
    parent: {
      time: header?.time ?? genesisTimeMs,
      proposer: header?.proposer ?? null,
      digest: tip?.digest ?? genesisDigest,
    },
    set,
    parameters,
    hasTransactions: false,
    ...(proposerOrder === null ? {} : { proposerOrder }),
  };
}

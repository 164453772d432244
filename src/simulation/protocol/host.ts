/**
 * A host of one consensus machine: performs the effects of the machine as their contract says (machine-types.ts), on
 * plain data. `step` is a pure function; nothing here knows of other hosts. The order of one step:
 *
 * 1. the input, then the inputs that its effects caused, first come first served, until none is left;
 * 2. sends wait until everything written before them is durable: at the end of the step, or at `sync`;
 * 3. own commits are given back then, after the sends, and what follows from them waits for the next sync.
 *
 * A crash between any two effects is a step with later syncs, then `crash` with the part of the writes that was kept;
 * a crash among the sends of a sync is a sync of which some messages are lost on the way.
 *
 * Not modelled, the system level has it: start permits (a disk restored from an old copy), transactions, block bodies,
 * changes of the validator set.
 */
import type {
  Effect,
  HeightFacts,
  Input,
  JournalRecord,
  MachineVerdict,
  TimerKind,
} from '../../protocols/ibft/machine-types.ts';
import { commitRefusal } from '../../protocols/ledger/block-limits.ts';
import { height as toHeight, type PublicKey, round as toRound } from '../../protocols/shared/brands.ts';
import { accepted, ignored, invariant } from '../../protocols/shared/errors.ts';
import { signedMessage } from '../../actors/validator/signed-message.ts';
import { advance, askGuard, emptyGuard } from './guard.ts';
import {
  type Held,
  type HostState,
  noTimers,
  nothingUnsynced,
  type Report,
  type Sent,
  type Stepped,
  type Stored,
  type Write,
} from './host-state.ts';
import { areSealsAuthentic, signatureOf } from './signatures.ts';
import {
  blockOf,
  chain,
  checkBlock,
  type DecidedBlock,
  factsAfter,
  isValidBlock,
  keyOf,
  type Setting,
} from './setting.ts';

type Draft = { -readonly [Field in keyof HostState]: HostState[Field] };

/** The working copy of one step; lives as long as its call. */
interface Work {
  readonly setting: Setting;
  readonly nowMs: number;
  readonly host: Draft;
  readonly inputs: Input[];
  sent: readonly Sent[];
  decided: readonly DecidedBlock[];
  reports: readonly Report[];
}

const none: readonly never[] = [];

function begin(setting: Setting, host: HostState, nowMs: number): Work {
  return { setting, nowMs, host: { ...host }, inputs: [], sent: none, decided: none, reports: none };
}

function finish(work: Work, verdict: MachineVerdict): Stepped {
  if (work.setting.syncs === 'at-once') while (isWaitingForSync(work.host)) syncStores(work);
  const { host, sent, decided, reports } = work;
  return { host, sent, decided, reports, verdict };
}

// --- inputs ------------------------------------------------------------------------------------------------------

/** One input, and everything that follows from it within the host. A host without a machine ignores it. */
export function step(setting: Setting, host: HostState, input: Input, nowMs: number): Stepped {
  const work = begin(setting, host, nowMs);
  const verdict = give(work, input);
  drain(work);
  return finish(work, verdict);
}

function give(work: Work, input: Input): MachineVerdict {
  const { machine } = work.host;
  if (machine === null) return ignored('stale');
  const { state, effects, verdict } = work.setting.rules.transition(machine, input);
  work.host.machine = state;
  for (const effect of effects) perform(work, effect);
  return verdict;
}

function drain(work: Work): void {
  // Inputs are appended while this runs.
  for (let at = 0; at < work.inputs.length; at++) give(work, work.inputs[at] as Input);
  work.inputs.length = 0;
}

/** A running timer fires. */
export function expire(setting: Setting, host: HostState, timer: TimerKind, nowMs: number): Stepped {
  const running = host.timers[timer];
  invariant(running !== null, 'only a running timer fires');
  const { height, round } = running;
  const stopped = { ...host, timers: { ...host.timers, [timer]: null } };
  return step(
    setting,
    stopped,
    { type: 'timer-expired', timer, height: toHeight(height), round: toRound(round) },
    nowMs,
  );
}

/** The oldest question about a block is answered (setting.blocks: later). */
export function answer(setting: Setting, host: HostState, nowMs: number): Stepped {
  const [oldest, ...rest] = host.answers;
  invariant(oldest !== undefined, 'a block is being worked on');
  return step(setting, { ...host, answers: rest }, oldest, nowMs);
}

/** Another set of peers is linked: keys in any order. */
export function setLive(setting: Setting, host: HostState, live: readonly PublicKey[], nowMs: number): Stepped {
  return step(setting, { ...host, live: [...live].sort() }, { type: 'links-changed', live }, nowMs);
}

/** Final blocks from a peer. Those that are known, do not follow, or are not sealed by a quorum are left out. */
export function adopt(setting: Setting, host: HostState, blocks: readonly DecidedBlock[], nowMs: number): Stepped {
  const work = begin(setting, host, nowMs);
  for (const block of blocks) {
    if (host.machine === null || block.height !== work.host.stored.blocks.length + 1) continue;
    if (commitRefusal(block.commit, block.height, setting.set) !== null || !areSealsAuthentic(block)) continue;
    storeBlock(work, block);
  }
  if (work.decided.length === 0) return finish(work, ignored('stale'));
  const { blocks: stored } = work.host.stored;
  work.inputs.push({ type: 'decided-by-sync', height: toHeight(stored.length) });
  const facts = factsAfter(setting, stored);
  if (facts !== null) work.inputs.push({ type: 'height-started', facts });
  drain(work);
  return finish(work, accepted);
}

// --- effects -----------------------------------------------------------------------------------------------------

function perform(work: Work, effect: Effect): void {
  switch (effect.type) {
    case 'persist':
      write(work, { type: 'journal', record: effect.record });
      return;
    case 'sign':
      sign(work, effect);
      return;
    case 'broadcast':
      hold(work, { to: 'all', message: effect.message, countsOnceDurable: false });
      return;
    case 'send':
      hold(work, { to: effect.to, message: effect.message, countsOnceDurable: false });
      return;
    case 'set-timer':
      setTimer(work, effect);
      return;
    case 'cancel-timer':
      if (work.host.timers[effect.timer] !== null) work.host.timers = { ...work.host.timers, [effect.timer]: null };
      return;
    case 'build-block':
      build(work, effect);
      return;
    case 'check-block': {
      const { height, digest, block, mode } = effect;
      const result = checkBlock(block, mode, work.nowMs + work.host.clockOffsetMs);
      reply(work, { type: 'block-checked', height, digest, result });
      return;
    }
    case 'decide':
      decide(work, effect);
      return;
    default:
      work.reports = [...work.reports, effect];
  }
}

/** An answer about a block: now, or when the caller says so. */
function reply(work: Work, input: Input): void {
  if (work.setting.blocks === 'at-once') work.inputs.push(input);
  else work.host.answers = [...work.host.answers, input];
}

function sign(work: Work, { payload, beside }: Extract<Effect, { type: 'sign' }>): void {
  const { host } = work;
  const guarded = askGuard(host.stored.guard, payload, work.setting.rules.hasCertificates);
  if (guarded.kind === 'refused') {
    work.reports = [...work.reports, { type: 'guard-refused', payload, reason: guarded.reason }];
    work.inputs.push({ type: 'sign-refused', payload, permanent: true });
    return;
  }
  if (guarded.guard !== host.stored.guard) write(work, { type: 'guard', payload });
  const message = signedMessage(payload, keyOf(host.member), signatureOf(host.member, payload), beside);
  const countsOnceDurable = payload.kind === 'commit';
  hold(work, { to: 'all', message, countsOnceDurable });
  if (!countsOnceDurable) work.inputs.push({ type: 'signed', message });
}

function hold({ host }: Work, held: Held): void {
  host.held = [...host.held, held];
}

function setTimer(work: Work, effect: Extract<Effect, { type: 'set-timer' }>): void {
  const { timer, height, round, due, keepEarlier } = effect;
  const { host, nowMs } = work;
  const delayMs = 'afterMs' in due ? due.afterMs : Math.max(0, due.atMs - nowMs - host.clockOffsetMs);
  const running = host.timers[timer];
  const dueMs = nowMs + delayMs;
  if (keepEarlier && running?.height === height && running.round === round && running.dueMs <= dueMs) return;
  host.timers = { ...host.timers, [timer]: { height, round, dueMs } };
}

function build(work: Work, { height, round }: Extract<Effect, { type: 'build-block' }>): void {
  const { host, nowMs } = work;
  const facts: HeightFacts | undefined = host.machine?.facts;
  invariant(facts?.height === height, 'a block is asked for at the height of the machine');
  const { parent, parameters } = facts;
  const block = blockOf({
    height,
    parent: parent.digest,
    proposer: host.member,
    timeMs: Math.max(parent.time + parameters.blockTimeMs, nowMs + host.clockOffsetMs),
    salt: (host.instance * 0x1_0000 + round + 1).toString(16),
    isValid: true,
    bytes: work.setting.blockBytes,
  });
  reply(work, { type: 'block-built', height, round, block });
}

function decide(work: Work, effect: Extract<Effect, { type: 'decide' }>): void {
  const { height, round, digest, block, commit } = effect;
  invariant(height === work.host.stored.blocks.length + 1, 'heights are decided one after the other');
  const decided = { height, round, digest, block, commit };
  storeBlock(work, decided);
  if (!isValidBlock(block)) work.reports = [...work.reports, { type: 'decided-invalid', block: decided }];
  const facts = factsAfter(work.setting, work.host.stored.blocks);
  if (facts !== null) work.inputs.push({ type: 'height-started', facts });
}

// --- storage -----------------------------------------------------------------------------------------------------

/** A later record of one height and type replaces the earlier one, as in the production journal. */
function withRecord(journal: readonly JournalRecord[], record: JournalRecord): readonly JournalRecord[] {
  return [...journal.filter(({ height, type }) => height !== record.height || type !== record.type), record];
}

function withWrite(stored: Stored, written: Write): Stored {
  return written.type === 'journal'
    ? { ...stored, journal: withRecord(stored.journal, written.record) }
    : { ...stored, guard: advance(stored.guard, written.payload) };
}

function write(work: Work, written: Write): void {
  const { host } = work;
  host.stored = withWrite(host.stored, written);
  host.unsynced = { ...host.unsynced, writes: [...host.unsynced.writes, written] };
}

function storeBlock(work: Work, block: DecidedBlock): void {
  const { host } = work;
  host.stored = { ...host.stored, blocks: [...host.stored.blocks, block] };
  host.unsynced = { ...host.unsynced, blocks: [...host.unsynced.blocks, block] };
  work.decided = [...work.decided, block];
}

/** Whether a crash would undo something, or something waits to leave or to be counted. */
export const isWaitingForSync = ({ held, stored, durable }: HostState): boolean =>
  held.length > 0 || stored !== durable;

/** Everything written becomes durable, journals of final heights go, what waited leaves, own commits are given back. */
function syncStores(work: Work): void {
  const { host } = work;
  if (host.unsynced.blocks.length > 0) {
    const final = host.stored.blocks.length;
    host.stored = { ...host.stored, journal: host.stored.journal.filter(({ height }) => height > final) };
  }
  host.durable = host.stored;
  if (host.unsynced !== nothingUnsynced) host.unsynced = nothingUnsynced;
  const { held } = host;
  if (held.length === 0) return;
  host.held = none;
  work.sent = work.sent.length === 0 ? held : [...work.sent, ...held];
  for (const { message, countsOnceDurable } of held)
    if (countsOnceDurable) work.inputs.push({ type: 'signed', message });
  drain(work);
}

/** The disk has synced once. With later syncs, what follows from own commits waits for the next one. */
export function sync(setting: Setting, host: HostState, nowMs: number): Stepped {
  const work = begin(setting, host, nowMs);
  syncStores(work);
  return finish(work, accepted);
}

// --- life --------------------------------------------------------------------------------------------------------

export interface HostOptions {
  readonly member: number;
  /** The member, unless it is a twin. */
  readonly instance?: number;
  /** All other validators unless told otherwise. */
  readonly live?: readonly PublicKey[];
  /** What it finds on its disk; nothing unless told otherwise. */
  readonly stored?: Partial<Stored>;
  readonly clockOffsetMs?: number;
}

/** A host that is down; `restart` starts it. */
export function createHost(setting: Setting, options: HostOptions): HostState {
  const { member, instance = member, live, clockOffsetMs = 0 } = options;
  const stored: Stored = { journal: [], guard: emptyGuard, blocks: [], ...options.stored };
  const others = setting.set.validators.map(({ publicKey }) => publicKey).filter((key) => key !== keyOf(member));
  return {
    ...{ member, instance, isUp: false, machine: null, live: live ?? others, timers: noTimers, answers: none },
    ...{ stored, durable: stored, unsynced: nothingUnsynced, held: none, clockOffsetMs },
  };
}

/** How many of the writes since the last sync a crash left on the disk. */
export interface Kept {
  readonly writes: number;
  readonly blocks: number;
}

export const nothingKept: Kept = { writes: 0, blocks: 0 };

/** The process dies: of what was not synced only the first so many writes and blocks are left. */
export function crash(host: HostState, kept: Kept): HostState {
  let stored = host.durable;
  for (const written of host.unsynced.writes.slice(0, kept.writes)) stored = withWrite(stored, written);
  const blocks = host.unsynced.blocks.slice(0, kept.blocks);
  if (blocks.length > 0) stored = { ...stored, blocks: [...stored.blocks, ...blocks] };
  const { member, instance, clockOffsetMs, live } = host;
  return {
    ...{ member, instance, isUp: false, machine: null, live, timers: noTimers, answers: none },
    ...{ stored, durable: stored, unsynced: nothingUnsynced, held: none, clockOffsetMs },
  };
}

/** A host that is down starts from its disk. */
export function restart(setting: Setting, host: HostState, live: readonly PublicKey[], nowMs: number): Stepped {
  invariant(!host.isUp, 'only a host that is down starts');
  const work = begin(setting, { ...host, isUp: true, live: [...live].sort() }, nowMs);
  const facts = factsAfter(setting, host.stored.blocks);
  if (facts === null) return finish(work, accepted);
  const { rules } = setting;
  const records = host.stored.journal;
  const started = rules.create({ chainId: chain, self: keyOf(host.member), facts, records, live: work.host.live });
  work.host.machine = started.state;
  for (const effect of started.effects) perform(work, effect);
  drain(work);
  return finish(work, started.verdict);
}

/**
 * A small deterministic network of consensus machines: virtual time, perfect signatures, a journal and a guard that
 * survive crashes, links that go up and down, delays and losses, block sync between linked nodes. Effects are performed
 * as the contract on the effect type says; a node may crash between any two of them.
 *
 * It checks on its own, always: agreement (one block a height), seals that were really signed, and that a correct
 * machine never asks its guard for anything that contradicts what it signed before, also across crashes.
 */
import { digestOf } from '../../../src/protocols/ibft/justification.ts';
import { createMachine, transition } from '../../../src/protocols/ibft/machine.ts';
import type {
  Effect,
  HeightFacts,
  Input,
  JournalRecord,
  MachineState,
  Verified,
} from '../../../src/protocols/ibft/machine-types.ts';
import type { ConsensusMessage } from '../../../src/protocols/ibft/messages.ts';
import type { ValidatorSet } from '../../../src/protocols/ledger/validator-set.ts';
import type { PublicKey } from '../../../src/protocols/shared/brands.ts';
import { height as toHeight } from '../../../src/protocols/shared/brands.ts';
import { signedMessage } from './desk.ts';
import type { Filter, ModelNode, ModelOptions } from './model-types.ts';
import { SafetyChecks } from './safety-checks.ts';
import { EventQueue, type Random, randomOf } from './virtual-time.ts';
import { blockOf, chain, genesisDigest, genesisTime, keyOf, parameters, setOf } from './world.ts';

const journalKey = (record: JournalRecord): string => `${record.height}/${record.round}/${record.type}`;

const rotation = (count: number, first: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => (first + index) % count);

export class NetworkModel {
  readonly nodes: ModelNode[] = [];
  readonly random: Random;
  readonly events = new EventQueue();
  readonly effectCounts = new Map<string, number>();
  filter: Filter = () => 0;
  lossRate = 0;
  delivered = 0;
  highestRound = 0;
  readonly #options: ModelOptions;
  readonly #set: ValidatorSet;
  readonly #checks: SafetyChecks;
  readonly #down = new Set<string>();
  #salt = 0;

  constructor(options: ModelOptions) {
    this.#options = options;
    this.random = randomOf(options.seed);
    const set = setOf(options.count);
    this.#set = { ...set, quorum: options.quorum ?? set.quorum };
    this.#checks = new SafetyChecks(this.#set);
    const members = Array.from({ length: options.count }, (_, member) => member);
    for (const member of [...members, ...(options.twins ?? [])]) this.#addNode(member);
    for (const node of this.nodes) this.#start(node);
    for (const node of this.nodes) this.#heartbeat(node);
  }

  get violations(): string[] {
    return this.#checks.violations;
  }

  get now(): number {
    return this.events.now;
  }

  get baseMs(): number {
    return this.#options.roundTimeoutBaseMs ?? parameters.roundTimeoutBaseMs;
  }

  get blockTimeMs(): number {
    return this.#options.blockTimeMs ?? parameters.blockTimeMs;
  }

  /** Two block times plus (f+1)·base. */
  get recoveryBoundMs(): number {
    return 2 * this.blockTimeMs + (Math.floor((this.#options.count - 1) / 3) + 1) * this.baseMs;
  }

  get correct(): readonly ModelNode[] {
    return this.nodes.filter((node) => !node.isFaulty);
  }

  /** Heights decided by anyone. */
  get heightMax(): number {
    return Math.max(...this.nodes.map((node) => node.chain.length));
  }

  run(untilMs: number): void {
    this.events.run(untilMs, () => this.violations.length === 0);
  }

  /** Runs until the condition holds; the time that took, or null where it never did. */
  runUntil(condition: () => boolean, atMostMs: number): number | null {
    const start = this.now;
    this.events.run(start + atMostMs, () => this.violations.length === 0 && !condition());
    return condition() ? this.now - start : null;
  }

  // --- faults ----------------------------------------------------------------------------------------------------

  crash(node: ModelNode): void {
    if (!node.isUp) return;
    node.isUp = false;
    node.incarnation += 1;
    node.timers.clear();
    node.inputs.length = 0;
    node.effectsUntilCrash = null;
    this.#linksChanged(node);
  }

  restart(node: ModelNode): void {
    if (node.isUp) return;
    node.isUp = true;
    this.#start(node);
    this.#linksChanged(node);
    this.#heartbeat(node);
  }

  setLink(a: ModelNode, b: ModelNode, isUp: boolean): void {
    const key = a.id < b.id ? `${a.id}-${b.id}` : `${b.id}-${a.id}`;
    if (this.#down.has(key) === !isUp) return;
    if (isUp) this.#down.delete(key);
    else this.#down.add(key);
    for (const node of [a, b]) if (node.isUp) this.give(node, { type: 'links-changed', live: this.#live(node) });
  }

  /** Links exactly the nodes that share a group; nodes in no group are alone. */
  partition(groups: readonly (readonly ModelNode[])[]): void {
    for (const a of this.nodes)
      for (const b of this.nodes)
        if (a.id < b.id)
          this.setLink(
            a,
            b,
            groups.some((group) => group.includes(a) && group.includes(b)),
          );
  }

  heal(): void {
    this.filter = () => 0;
    this.lossRate = 0;
    this.partition([this.nodes]);
  }

  // --- inputs and effects ----------------------------------------------------------------------------------------

  give(node: ModelNode, input: Input): void {
    node.inputs.push(input);
    this.#drain(node);
  }

  #drain(node: ModelNode): void {
    for (let input = node.inputs.shift(); input !== undefined; input = node.inputs.shift()) {
      if (!node.isUp) return;
      const next = transition(node.state, input);
      node.state = next.state;
      this.#perform(node, next.effects);
    }
  }

  #addNode(member: number): void {
    const isFaulty = (this.#options.twins ?? []).includes(member);
    this.nodes.push({
      id: this.nodes.length,
      member,
      isFaulty,
      isUp: true,
      incarnation: 0,
      state: undefined as unknown as MachineState,
      chain: [],
      journal: [...(this.#options.journals?.[member] ?? [])],
      guard: new Map(),
      timers: new Map(),
      inputs: [],
      clockOffsetMs: 0,
      effectsUntilCrash: null,
    });
  }

  #start(node: ModelNode): void {
    const started = createMachine({
      chainId: chain,
      self: keyOf(node.member),
      facts: this.#facts(node),
      records: node.journal,
      live: this.#live(node),
    });
    node.state = started.state;
    this.#perform(node, started.effects);
    this.#drain(node);
  }

  #facts(node: ModelNode): HeightFacts {
    const { firstProposer, roundTimeoutMaxMs } = this.#options;
    const tip = node.chain.at(-1)?.block ?? null;
    return {
      height: toHeight(node.chain.length + 1),
      parent:
        tip === null
          ? { time: genesisTime, proposer: null, digest: genesisDigest }
          : { time: tip.value.header.time, proposer: tip.value.header.proposer, digest: digestOf(tip) },
      set: this.#set,
      parameters: {
        ...parameters,
        blockTimeMs: this.blockTimeMs,
        roundTimeoutBaseMs: this.baseMs,
        ...(roundTimeoutMaxMs === undefined ? {} : { roundTimeoutMaxMs }),
      },
      hasTransactions: true,
      ...(firstProposer === undefined ? {} : { proposerOrder: rotation(this.#options.count, firstProposer) }),
    };
  }

  #perform(node: ModelNode, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (node.effectsUntilCrash !== null && node.effectsUntilCrash-- <= 0) this.crash(node);
      if (!node.isUp) return;
      this.effectCounts.set(effect.type, (this.effectCounts.get(effect.type) ?? 0) + 1);
      this.#performOne(node, effect);
    }
  }

  #performOne(node: ModelNode, effect: Effect): void {
    switch (effect.type) {
      case 'persist':
        node.journal = [...node.journal.filter((old) => journalKey(old) !== journalKey(effect.record)), effect.record];
        return;
      case 'sign': {
        this.#sign(node, effect);
        return;
      }
      case 'broadcast':
        for (const to of this.nodes) this.#send(node, to, effect.message);
        return;
      case 'send':
        for (const to of this.nodes) if (keyOf(to.member) === effect.to) this.#send(node, to, effect.message);
        return;
      case 'set-timer': {
        this.#setTimer(node, effect);
        return;
      }
      case 'cancel-timer':
        node.timers.delete(effect.timer);
        return;
      case 'build-block': {
        this.#build(node, effect);
        return;
      }
      case 'check-block': {
        this.#check(node, effect);
        return;
      }
      case 'decide': {
        this.#decide(node, effect);
        return;
      }
      case 'peer-behind':
        for (const peer of this.nodes) if (keyOf(peer.member) === effect.peer) this.#sync(peer, node);
        return;
      case 'round-entered':
        this.highestRound = Math.max(this.highestRound, effect.round);
        return;
      case 'report':
        if (this.#options.twins === undefined) this.violations.push(`a correct node was reported: ${effect.reason}`);
        return;
      case 'evidence':
        if (this.correct.some((other) => keyOf(other.member) === effect.offender))
          this.violations.push(`a correct node was accused of ${effect.conflict.kind}`);
        return;
      // A decided block that is not here comes with the next heartbeat; late seals are not put into blocks.
      case 'fetch-block':
      case 'late-seal':
        return;
    }
  }

  #sign(node: ModelNode, effect: Extract<Effect, { type: 'sign' }>): void {
    const { payload } = effect;
    this.#checks.signed(node, payload);
    const message = signedMessage(effect, node.member);
    for (const to of this.nodes) this.#send(node, to, message);
    node.inputs.push({ type: 'signed', message });
  }

  #send(from: ModelNode, to: ModelNode, message: Verified<ConsensusMessage>): void {
    if (from === to || !this.#isLinked(from, to)) return;
    if (this.lossRate > 0 && this.random() < this.lossRate) return;
    const extraMs = this.filter(message, from, to);
    if (extraMs === null) return;
    const { incarnation } = to;
    this.events.after(this.#delay() + extraMs, () => {
      if (!to.isUp || to.incarnation !== incarnation || !this.#isLinked(from, to)) return;
      this.delivered += 1;
      this.give(to, { type: 'message', message, peer: keyOf(from.member) });
    });
  }

  #setTimer(node: ModelNode, effect: Extract<Effect, { type: 'set-timer' }>): void {
    const { timer, height, round, due, keepEarlier } = effect;
    const at =
      'afterMs' in due ? this.now + due.afterMs : Math.max(this.now, due.atMs - genesisTime - node.clockOffsetMs);
    const running = node.timers.get(timer);
    if (keepEarlier && running?.height === height && running.round === round && running.at <= at) return;
    const id = ++this.#salt;
    node.timers.set(timer, { at, height, round, id });
    this.events.after(at - this.now, () => {
      if (node.timers.get(timer)?.id !== id) return;
      node.timers.delete(timer);
      this.give(node, { type: 'timer-expired', timer, height, round });
    });
  }

  #wallMs(node: ModelNode): number {
    return genesisTime + this.now + node.clockOffsetMs;
  }

  #later(node: ModelNode, delayMs: number, callback: () => void): void {
    const { incarnation } = node;
    this.events.after(delayMs, () => {
      if (node.isUp && node.incarnation === incarnation) callback();
    });
  }

  #build(node: ModelNode, { height, round }: Extract<Effect, { type: 'build-block' }>): void {
    this.#later(node, 1, () => {
      const { parent, parameters: chosen } = node.state.facts;
      const time = Math.max(parent.time + chosen.blockTimeMs, Math.floor(this.#wallMs(node)));
      const block = blockOf({ height, parent: parent.digest, proposer: node.member, time, salt: ++this.#salt });
      this.give(node, { type: 'block-built', height, round, block });
    });
  }

  #check(node: ModelNode, { height, digest, block, mode }: Extract<Effect, { type: 'check-block' }>): void {
    const validAtMs = block.value.header.time - 500;
    const isEarly = mode === 'fresh' && validAtMs > this.#wallMs(node);
    const result = isEarly ? ({ kind: 'early', validAtMs } as const) : ({ kind: 'valid' } as const);
    this.#later(node, 1, () => this.give(node, { type: 'block-checked', height, digest, result }));
  }

  #decide(node: ModelNode, { height, round, digest, block, commit }: Extract<Effect, { type: 'decide' }>): void {
    this.#checks.decided(node, { height, digest, commit });
    node.chain.push({ block, round, commit });
    node.journal = [];
    node.inputs.push({ type: 'height-started', facts: this.#facts(node) });
  }

  // --- links and sync --------------------------------------------------------------------------------------------

  #isLinked(a: ModelNode, b: ModelNode): boolean {
    return a.isUp && b.isUp && !this.#down.has(a.id < b.id ? `${a.id}-${b.id}` : `${b.id}-${a.id}`);
  }

  #live(node: ModelNode): readonly PublicKey[] {
    return this.nodes
      .filter((other) => other.member !== node.member && this.#isLinked(node, other))
      .map((other) => keyOf(other.member));
  }

  #linksChanged(changed: ModelNode): void {
    for (const node of this.nodes)
      if (node !== changed && node.isUp) this.give(node, { type: 'links-changed', live: this.#live(node) });
  }

  #delay(): number {
    const [least, most] = this.#options.delayMs ?? [1, 20];
    return least + this.random() * (most - least);
  }

  /** `behind` fetches the blocks it lacks from `source`. */
  #sync(behind: ModelNode, source: ModelNode): void {
    if (!this.#isLinked(behind, source) || source.chain.length <= behind.chain.length) return;
    this.#later(behind, 2 * this.#delay(), () => {
      if (!this.#isLinked(behind, source)) return;
      const missing = source.chain.slice(behind.chain.length);
      if (missing.length === 0) return;
      behind.chain.push(...missing);
      behind.journal = [];
      behind.inputs.push({ type: 'decided-by-sync', height: toHeight(behind.chain.length) });
      behind.inputs.push({ type: 'height-started', facts: this.#facts(behind) });
      this.#drain(behind);
    });
  }

  /** Every second each node tells its linked peers how far it is; those behind sync. */
  #heartbeat(node: ModelNode): void {
    this.#later(node, 1000, () => {
      for (const peer of this.nodes) if (!peer.isFaulty) this.#sync(node, peer);
      this.#heartbeat(node);
    });
  }
}

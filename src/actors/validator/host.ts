/**
 * Hosts the consensus machine: gives it verified inputs one at a time and performs its effects in their order, each
 * send behind the durability of what it rests on. No protocol decision is made here.
 */
import type { ConsensusMessage, EncodedBlock } from '../../protocols/ibft/messages.ts';
import { createMachine, transition } from '../../protocols/ibft/machine.ts';
import type {
  Effect,
  HeightFacts,
  Input,
  JournalRecord,
  MachineState,
  MachineVerdict,
  TimerKind,
  Verified,
} from '../../protocols/ibft/machine-types.ts';
import type { ValidatorSet } from '../../protocols/ledger/validator-set.ts';
import type { Height, PublicKey, Round } from '../../protocols/shared/brands.ts';
import type { BlocksDelivery } from '../block-sync.ts';
import { applySynced } from '../chain/apply-synced.ts';
import { BlockMaker, clockToleranceMs } from './block-maker.ts';
import { BlockTraces } from './block-traces.ts';
import { ConsensusTimers } from './consensus-timers.ts';
import type { Examined, Gathered, ValidatorContext, ValidatorDependencies } from './dependencies.ts';
import { ExecutedBlocks } from './executed-blocks.ts';
import { JournalStore } from './journal-store.ts';
import { LastCommit } from './last-commit.ts';
import { Outbox } from './outbox.ts';
import { ownPrepares } from './own-prepares.ts';
import { SignGuard } from './sign-guard.ts';
import { signedMessage } from './signed-message.ts';
import { StartPermit } from './start-permit.ts';
import { areProven, signStart } from './start-proofs.ts';
import { tellNode } from './tell-node.ts';
import { wireMessage } from './validator-wire.ts';
import { PayloadVerifier } from './verify-message.ts';

export class Host {
  readonly dependencies: ValidatorDependencies;
  readonly permit: StartPermit;
  readonly outbox: Outbox;
  readonly payloads: PayloadVerifier;
  readonly traces: BlockTraces;
  readonly #context: ValidatorContext;
  readonly #guard: SignGuard;
  readonly #journal: JournalStore;
  readonly #maker: BlockMaker;
  readonly #inputs: Input[] = [];
  readonly #executed = new ExecutedBlocks();
  readonly #timers: ConsensusTimers;
  readonly #lastCommit: LastCommit;
  #state: MachineState;
  #live: readonly PublicKey[] = [];
  #members: { readonly set: ValidatorSet; readonly keys: ReadonlySet<PublicKey> } | null = null;

  constructor(dependencies: ValidatorDependencies, context: ValidatorContext, token: Uint8Array) {
    this.dependencies = dependencies;
    this.#context = context;
    const { chain, records, signer } = dependencies;
    const chainId = chain.chainId;
    this.#guard = new SignGuard({ store: records, signer, chainId });
    this.#journal = new JournalStore(records, chainId, signer.publicKey);
    this.outbox = new Outbox({ records, chain: chain.store });
    this.payloads = new PayloadVerifier(dependencies.verifier, chainId);
    this.#maker = new BlockMaker(dependencies, this.payloads);
    this.traces = new BlockTraces(dependencies.telemetry, dependencies.traces);
    this.#lastCommit = new LastCommit(chain.tip.commit);
    this.#timers = new ConsensusTimers(context);
    const counter = this.#guard.startCounter + 1;
    this.outbox.record([this.#guard.writeStartCounter(counter)]);
    this.permit = new StartPermit({
      start: signStart(signer, chainId, { counter, token }),
      startedAtMs: context.clock.now(),
      guarded: this.#guard.watermark,
      override: dependencies.restoredWholeNetwork,
      areProven: (claims) => areProven(chainId, signer.publicKey, claims, dependencies.verifier),
    });
    this.#live = dependencies.livePeers();
    const journaled = this.#journal.read(chain.tip.height + 1);
    const started = createMachine({
      chainId,
      self: signer.publicKey,
      facts: this.#facts(),
      records: journaled,
      live: this.#live,
    });
    this.#state = started.state;
    this.#tellRestored(journaled);
    this.#perform(started.effects);
    this.#maker.prepareTurn();
    this.run();
  }

  #tellRestored(records: readonly JournalRecord[]): void {
    const { onSigned, signer } = this.dependencies;
    if (onSigned === undefined) return;
    for (const { payload, signature } of ownPrepares(records, signer.publicKey))
      this.outbox.whenDurable(() => onSigned(payload, signature));
  }

  /** Of the set that decides the present height. */
  get members(): ReadonlySet<PublicKey> {
    const { set } = this.#state.facts;
    if (this.#members?.set !== set) {
      this.#members = { set, keys: new Set(set.validators.map(({ publicKey }) => publicKey)) };
    }
    return this.#members.keys;
  }

  get machine(): MachineState {
    return this.#state;
  }

  /** One input and everything that follows from it. The verdict is on this input. */
  give(input: Input): MachineVerdict {
    const verdict = this.#step(input);
    this.run();
    return verdict;
  }

  /** Inputs that effects caused. */
  run(): void {
    for (let input = this.#inputs.shift(); input !== undefined; input = this.#inputs.shift()) this.#step(input);
    this.dependencies.publish(this.#state, this.permit.state);
  }

  onTimer(timer: TimerKind, height: Height, round: Round): void {
    this.#timers.expired(timer, height, round);
    this.give({ type: 'timer-expired', timer, height, round });
  }

  /** The mempool says that it holds something; it may not know yet that this is final. */
  noteTransactions(): void {
    if (this.#hasTransactions()) this.give({ type: 'transactions-available', height: this.#state.facts.height });
  }

  #hasTransactions(): boolean {
    const { chain, hasTransactions } = this.dependencies;
    return hasTransactions(chain.transactionsOf(chain.tip.height));
  }

  setLive(live: readonly PublicKey[]): void {
    this.#live = live;
    this.give({ type: 'links-changed', live });
  }

  /** After answers to the start question, or a decision. */
  updatePermit(): void {
    const { set } = this.#state.facts;
    const members = set.validators.map(({ publicKey }) => publicKey);
    if (!this.permit.update(members, set.quorum, this.dependencies.chain.tip)) return;
    const { start, state, highestSeen } = this.permit;
    if (state === 'abstaining') {
      this.#context.log.warn('this looks like a copy restored from a backup: not signing for two heights', {
        start: start.counter,
        highestSeen,
      });
    } else if (highestSeen >= start.counter) {
      // The next start must be newer than every one that peers have seen.
      this.outbox.record([this.#guard.writeStartCounter(highestSeen)]);
    }
  }

  /** Final blocks from peers: checked, stored, and the machine moved to the height after them. */
  applyDelivery(delivery: BlocksDelivery): void {
    const { chain, onMissed } = this.dependencies;
    const before = chain.tip.height;
    if (delivery.from > before + 1) {
      // What came before it was lost here; the peer that sent this one is not to blame.
      onMissed();
      return;
    }
    const now = this.#context.clock.now();
    const refusal = applySynced(chain, this.dependencies.verifier, delivery.blocks, now);
    if (chain.tip.height > before) {
      this.#lastCommit.decided(chain.tip.commit);
      this.outbox.chainWritten();
      this.#inputs.push({ type: 'decided-by-sync', height: chain.tip.height });
      this.#announceFinal(before + 1);
      this.#startNextHeight();
    }
    if (refusal !== null) this.dependencies.onRefusedBlock(refusal.height, delivery.peer, refusal.reason);
    this.run();
  }

  #step(input: Input): MachineVerdict {
    const { state, effects, verdict } = transition(this.#state, input);
    this.#state = state;
    this.#perform(effects);
    return verdict;
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) this.#performOne(effect);
  }

  #performOne(effect: Effect): void {
    switch (effect.type) {
      case 'persist':
        this.outbox.record([this.#journal.write(effect.record)]);
        break;
      case 'sign':
        this.#sign(effect);
        break;
      case 'broadcast':
        this.#broadcast(effect.message);
        break;
      case 'send':
        this.#send([effect.to], effect.message);
        break;
      case 'set-timer':
        this.#timers.set(effect);
        break;
      case 'cancel-timer':
        this.#timers.cancel(effect.timer);
        break;
      case 'build-block':
        this.#build(effect);
        break;
      case 'check-block':
        this.#check(effect);
        break;
      case 'decide':
        this.#decide(effect);
        break;
      case 'late-seal':
        this.#lastCommit.addLateSeal(this.dependencies.chain.tip, effect);
        break;
      default:
        tellNode(effect, this.dependencies);
    }
  }

  #sign(effect: Extract<Effect, { type: 'sign' }>): void {
    const { payload, beside } = effect;
    if (this.permit.state !== 'permitted') {
      this.#inputs.push({ type: 'sign-refused', payload, permanent: false });
      return;
    }
    const signed = this.#guard.sign(payload);
    if (signed.kind === 'refused') {
      this.dependencies.onGuardRefusal?.(signed.reason, payload);
      this.#inputs.push({ type: 'sign-refused', payload, permanent: true });
      return;
    }
    this.outbox.record(signed.writes);
    const { onSigned } = this.dependencies;
    if (onSigned !== undefined) this.outbox.whenDurable(() => onSigned(payload, signed.signature));
    const message = signedMessage(payload, this.#guard.publicKey, signed.signature, beside);
    this.payloads.trust(message);
    this.#broadcast(message);
    // Its own seal must not complete a block, which others can then fetch here, before it is sure to be remembered.
    if (payload.kind === 'commit') this.outbox.whenDurable(() => this.give({ type: 'signed', message }));
    else this.#inputs.push({ type: 'signed', message });
  }

  #broadcast(message: Verified<ConsensusMessage>): void {
    const self = this.dependencies.signer.publicKey;
    const validators = this.#state.facts.set.validators.map(({ publicKey }) => publicKey);
    this.#send(
      validators.filter((key) => key !== self),
      message,
    );
  }

  #send(peers: readonly PublicKey[], message: Verified<ConsensusMessage>): void {
    const trace = message.type === 'proposal' ? this.traces.of(message.payload.digest) : undefined;
    this.outbox.whenDurable(() => {
      const outgoing = wireMessage(this.dependencies.signer.publicKey, message);
      this.#context.within(trace, () => {
        for (const peer of peers) this.#context.tell(this.dependencies.remote(peer), outgoing);
      });
    });
  }

  #build(effect: Extract<Effect, { type: 'build-block' }>): void {
    const { height, round } = effect;
    const startedAt = this.#context.clock.now();
    this.#context.pipeToSelf(this.#maker.gather(), (outcome) =>
      'value' in outcome
        ? { type: 'gathered', height, round, ingredients: outcome.value, startedAt }
        : { type: 'failed', what: 'gathering a block', error: outcome.error },
    );
  }

  /** Beacon and candidates are here: the block is made on the tip, if it is still wanted. */
  finishBuild({ height, round, ingredients, startedAt }: Gathered): void {
    const { beacon, candidates } = ingredients;
    const { chain, signer } = this.dependencies;
    if (height !== this.#state.facts.height) return;
    const { time: parentTime, parameters } = chain.tip;
    const time = Math.max(parentTime + parameters.blockTimeMs, this.#context.clock.now());
    const choice = { time, proposer: signer.publicKey, beacon, lastCommit: this.#lastCommit.commit };
    const { executed, refused } = chain.build(choice, candidates);
    this.#executed.keep(executed);
    this.traces.begin('block.build', executed, startedAt)?.end();
    if (refused.length > 0) this.dependencies.onRefusedTransactions(refused);
    const block: EncodedBlock = { bytes: executed.bytes, value: executed.block };
    this.give({ type: 'block-built', height, round, block });
  }

  #check(effect: Extract<Effect, { type: 'check-block' }>): void {
    const { height, digest, block, mode } = effect;
    const validAtMs = block.value.header.time - clockToleranceMs;
    const startedAt = this.#context.clock.now();
    if (mode === 'fresh' && validAtMs > startedAt) {
      this.#inputs.push({ type: 'block-checked', height, digest, result: { kind: 'early', validAtMs } });
    } else if (this.#executed.has(digest)) {
      this.#inputs.push({ type: 'block-checked', height, digest, result: { kind: 'valid' } });
    } else {
      this.#context.pipeToSelf(this.#maker.examine(block.value), (outcome) =>
        'value' in outcome
          ? { type: 'examined', height, digest, block, examination: outcome.value, startedAt }
          : { type: 'failed', what: 'examining a block', error: outcome.error },
      );
    }
  }

  /** Its signatures hold (or why they do not): now the block is executed on the tip. */
  finishCheck({ height, digest, block, examination, startedAt }: Examined): void {
    const { chain } = this.dependencies;
    if (height !== this.#state.facts.height || chain.tip.height + 1 !== height) return;
    const { transactions } = examination;
    const span = this.traces.begin('block.check', { digest, block: block.value, transactions }, startedAt);
    const verdict =
      examination.refusal === null
        ? chain.check(block.value, transactions)
        : ({ kind: 'invalid', reason: examination.refusal, detail: '' } as const);
    span?.end(verdict.kind === 'valid' ? 'ok' : 'error');
    if (verdict.kind === 'valid') this.#executed.keep(verdict.executed);
    else {
      const { proposer } = block.value.header;
      this.#context.log.warn('invalid block', { height, proposer, reason: verdict.reason, detail: verdict.detail });
    }
    const result = verdict.kind === 'valid' ? ({ kind: 'valid' } as const) : verdict;
    this.give({ type: 'block-checked', height, digest, result });
  }

  #decide(effect: Extract<Effect, { type: 'decide' }>): void {
    const { chain } = this.dependencies;
    const executed = this.#executed.get(effect.digest) ?? this.#maker.executeDecided(effect.block.value);
    const deciding = this.traces.begin('block.decide', executed);
    chain.append(executed, effect.commit, this.#context.clock.now());
    if (deciding !== undefined) this.traces.decided(executed, deciding);
    deciding?.end();
    this.#lastCommit.decided(effect.commit);
    this.outbox.chainWritten();
    const storing = this.traces.begin('block.store', executed);
    if (storing !== undefined) this.outbox.whenDurable(() => storing.end());
    this.#announceFinal(effect.height);
    this.#startNextHeight();
  }

  #announceFinal(from: number): void {
    const { chain } = this.dependencies;
    for (let height = from; height <= chain.tip.height; height++) {
      this.dependencies.onDecided(height);
      this.outbox.whenDurable(() => {
        this.dependencies.onFinal(height);
        // Not before: if the block were lost in a crash, its prepared certificate must still be there.
        this.outbox.recordUnawaited(this.#journal.prune(height + 1));
        this.outbox.recordUnawaited(this.#guard.prune(height));
      });
    }
  }

  #startNextHeight(): void {
    this.#executed.clear();
    this.traces.clear();
    this.#inputs.push({ type: 'height-started', facts: this.#facts() });
    this.updatePermit();
    this.#maker.prepareTurn();
  }

  #facts(): HeightFacts {
    const { chain } = this.dependencies;
    const { height, time, proposer, digest, set, parameters } = chain.tip;
    return {
      height: (height + 1) as Height,
      parent: { time, proposer, digest },
      set,
      parameters,
      hasTransactions: this.#hasTransactions(),
    };
  }
}

/** Gathers the facts of one run for its checkers, and tells them. Nothing that a liar says or does is among them. */
import type { Chain } from '../../actors/chain/chain.ts';
import { cosignerWire, readCheckpoint } from '../../actors/checkpoint-cosigner.ts';
import { parseCheckpoint } from '../../protocols/ledger/checkpoint.ts';
import { blockDigest } from '../../protocols/ledger/block.ts';
import { genesisValidatorSet } from '../../protocols/ledger/genesis.ts';
import { parseSignedNote } from '../../protocols/ledger/signed-note.ts';
import type { ValidatorSet } from '../../protocols/ledger/validator-set.ts';
import type { UnsignedPayload } from '../../protocols/ibft/messages.ts';
import type { TrafficDecision } from '../../protocols/traffic/receipt.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { LocalLinks } from '../../runtime/links/create-links.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import type { Envelope } from '../../runtime/ports/links.ts';
import type { CheckedRun, Checker, FinalNode, RunEnd } from './checkers/checker.ts';
import type { DecisionAudited, DecisionSeen, Judged, LightAudited } from './checkers/told-decisions.ts';
import type { Executions } from './checkers/executions.ts';
import type { ContainerRunning, ContainerStarted, ReceiptsAudited } from './checkers/told-executions.ts';
import { type CheckerName, createCheckers } from './checkers/index.ts';
import { relayedLinks } from './relayed-links.ts';
import type { ValidatorNode } from './validator-node.ts';

export interface CheckingOptions extends Omit<CheckedRun, 'setAt' | 'liars'> {
  readonly clock: Clock;
  readonly nodes: readonly ValidatorNode[];
  readonly isCorrect: (node: number) => boolean;
  readonly onViolation: (checker: CheckerName, detail: string) => void;
}

/** How often nodes are asked what they hold. */
const sampleMs = 2_000;

export class Checking {
  readonly checkers: ReturnType<typeof createCheckers>;
  readonly #options: CheckingOptions;
  readonly #sets = new Map<number, ValidatorSet>();
  #aheadMsMax = 0;

  constructor(options: CheckingOptions) {
    this.#options = options;
    const { nodes, isCorrect } = options;
    const liars = new Set(nodes.flatMap(({ index, key }) => (isCorrect(index) ? [] : [key])));
    this.#sets.set(1, genesisValidatorSet(options.genesis));
    const setAt = (height: number): ValidatorSet | undefined => this.#sets.get(height);
    const stateOf = (node: number) => nodes[node]?.parts?.chain.state ?? null;
    this.checkers = createCheckers({ ...options, liars, setAt }, stateOf);
  }

  start(): void {
    const { clock } = this.#options;
    const sample = (): void => {
      for (const node of this.#correct()) this.#sample(node);
      clock.setTimer(sampleMs, sample);
    };
    clock.setTimer(sampleMs, sample);
  }

  onOpen(node: ValidatorNode, { tip }: Chain): void {
    if (!this.#options.isCorrect(node.index)) return;
    this.#sets.set(tip.height + 1, tip.set);
    this.#tell((checker) => checker.onStart?.(node.index, tip.height));
  }

  onSigned(node: ValidatorNode, payload: UnsignedPayload): void {
    if (!this.#options.isCorrect(node.index)) return;
    if (payload.kind === 'prepare') {
      this.#aheadMsMax = Math.max(this.#aheadMsMax, node.time.now() - this.#options.clock.now());
    }
    this.#tell((checker) => checker.onSigned?.(node.index, payload));
  }

  onFinal(node: ValidatorNode, height: number): void {
    const { parts, index } = node;
    if (parts === null || !this.#options.isCorrect(index)) return;
    const { chain, wiring } = parts;
    const { tip } = chain;
    if (tip.height === height) this.#sets.set(height + 1, tip.set);
    const header = wiring.reader.block(height)?.header;
    const commit = wiring.reader.commit(height);
    if (header === undefined || commit === undefined) return;
    const { clock } = this.#options;
    const digest = tip.height === height ? tip.digest : blockDigest(header);
    const times = { atMs: clock.monotonicMs(), nowMs: clock.now(), aheadMsMax: this.#aheadMsMax };
    this.#tell((checker) => checker.onFinal?.({ node: index, height, digest, round: commit.round, header, ...times }));
  }

  onAcknowledged(hash: string, node: number): void {
    if (!this.#options.isCorrect(node)) return;
    for (const checker of this.checkers.all) checker.onAcknowledged?.(hash, node);
  }

  onAccusation(node: number, offender: PublicKey, height: number): void {
    if (!this.#options.isCorrect(node)) return;
    const atMs = this.#options.clock.monotonicMs();
    this.#tell((checker) => checker.onAccusation?.({ node, offender, height, atMs }));
  }

  onDecision(seen: DecisionSeen): void {
    if (this.#options.isCorrect(seen.node)) this.#tell((checker) => checker.onDecision?.(seen));
  }

  onEvaluation(node: number, judged: Judged): void {
    if (!this.#options.isCorrect(node)) return;
    for (const checker of this.checkers.all) checker.onEvaluation?.(judged);
  }

  onDecisionAudited(audited: DecisionAudited): void {
    if (this.#options.isCorrect(audited.node)) this.#tell((checker) => checker.onDecisionAudited?.(audited));
  }

  onLightAudited(audited: LightAudited): void {
    if (this.#options.isCorrect(audited.node)) this.#tell((checker) => checker.onLightAudited?.(audited));
  }

  onContainerStarted(started: ContainerStarted): void {
    this.#executions((checker) => checker.onContainerStarted(started));
  }

  onContainerRunning(change: ContainerRunning): void {
    this.#executions((checker) => checker.onContainerRunning(change));
  }

  onReceiptsAudited(audited: ReceiptsAudited): void {
    this.#executions((checker) => checker.onReceiptsAudited(audited));
  }

  onAdmissionDecided(decision: TrafficDecision): void {
    this.checkers.executions.onAdmissionDecided(decision);
  }

  onDisturbed(node: number): void {
    this.checkers.executions.onDisturbed(node, this.#options.clock.monotonicMs());
  }

  #executions(fact: (checker: Executions) => string | null): void {
    const problem = fact(this.checkers.executions);
    if (problem !== null) this.#options.onViolation('executions', problem);
  }

  onCrash(node: number): void {
    const atMs = this.#options.clock.monotonicMs();
    for (const checker of this.checkers.all) checker.onCrash?.(node, atMs);
  }

  onDiskLost(node: number): void {
    for (const checker of this.checkers.all) checker.onDiskLost?.(node);
  }

  /** The links of a correct node: heads of the log that it signs are noted, and what it says of its peers. */
  links(node: number, links: LocalLinks): LocalLinks {
    if (!this.#options.isCorrect(node)) return links;
    return relayedLinks(links, {
      send: (peer, envelope, options) => {
        if (envelope.target === 'checkpoints') this.#onCosignature(node, envelope);
        return links.send(peer, envelope, options);
      },
      report: (peer, reason) => {
        this.#tell((checker) => checker.onReport?.(node, peer, reason));
        links.report(peer, reason);
      },
    });
  }

  finish(): void {
    for (const node of this.#correct()) this.#sample(node);
    const end = this.#end();
    this.#tell((checker) => checker.onEnd?.(end));
  }

  /** Whether a checker waits for something that a later block may bring. */
  isOutstanding(): boolean {
    const end = this.#end();
    return this.checkers.all.some((checker: Checker) => checker.isOutstanding?.(end) === true);
  }

  #end(): RunEnd {
    const { clock } = this.#options;
    const nodes = this.#correct().flatMap(({ index: node, parts }) =>
      parts === null ? [] : [{ node, chain: parts.chain, reader: parts.wiring.reader }],
    );
    return { atMs: clock.monotonicMs(), nowMs: clock.now(), nodes, whole: wholeOf(nodes) };
  }

  #correct(): readonly ValidatorNode[] {
    return this.#options.nodes.filter(({ index }) => this.#options.isCorrect(index));
  }

  #tell(fact: (checker: Checker) => string | null | undefined): void {
    for (const checker of this.checkers.all) {
      const problem = fact(checker) ?? null;
      if (problem !== null) this.#options.onViolation(checker.name, problem);
    }
  }

  #sample({ index: node, parts }: ValidatorNode): void {
    if (parts === null) return;
    const { wiring, system, chain, links } = parts;
    const linkBytes = Math.max(0, ...links.peers().map(({ bytesHeld }) => bytesHeld));
    const { count: poolCount, bytes: poolBytes } = wiring.pool.size();
    const machine = wiring.machine();
    const mailboxDepth = system.stats().mailboxes[0]?.depth ?? 0;
    const held = { linkBytes, keptBytes: machine?.keptBytes ?? [], roundsHeld: machine?.votes.size ?? 0 };
    this.#tell((checker) => checker.onHoldings?.({ node, poolCount, poolBytes, mailboxDepth, ...held }));
    const served = readCheckpoint(chain.store);
    if (served === null) return;
    const { text } = parseSignedNote(new TextDecoder().decode(served.note));
    const { size, root } = parseCheckpoint(text);
    for (const checker of this.checkers.all) checker.onHead?.({ node, size, root });
  }

  #onCosignature(node: number, { kind, payload }: Envelope): void {
    if (kind !== 'tell') return;
    const message = cosignerWire.decode(payload, this.#options.nodes[node]?.key as PublicKey, undefined);
    if (message.type !== 'cosigned') return;
    const { size, root } = message.cosignature;
    for (const checker of this.checkers.all) checker.onHead?.({ node, size, root });
  }
}

function wholeOf(nodes: readonly FinalNode[]): FinalNode | null {
  const best = Math.max(0, ...nodes.map(({ chain }) => chain.tip.height));
  const isWhole = ({ chain, reader }: FinalNode): boolean =>
    chain.tip.height === best && reader.blockBytes(1) !== undefined;
  return nodes.find(isWhole) ?? null;
}

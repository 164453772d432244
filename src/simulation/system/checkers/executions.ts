/**
 * Workloads of execution clusters: never two running where one was asked; none without a lease, a decision that lets it pass and
 * agreements in force; what loses them stops soon; and every start has exactly one receipt, in an unbroken chain.
 *
 * Of an operator whose disks were lost or replaced by an older copy no receipts are asked for. What runs is told by the machines
 * themselves, whatever their operators believe.
 */
import { readAgreement } from '../../../protocols/ledger/modules/court/agreement-state.ts';
import { readLease } from '../../../protocols/ledger/modules/enc/cluster-state.ts';
import { View } from '../../../protocols/ledger/view.ts';
import type { Digest } from '../../../protocols/shared/brands.ts';
import type { TrafficDecision } from '../../../protocols/traffic/receipt.ts';
import type { Checker, FinalBlock } from './checker.ts';
import type { ContainerRunning, ContainerStarted, ReceiptsAudited } from './told-executions.ts';

/** The newest state of a node; null where it is down. */
export type StateOf = (node: number) => ConstructorParameters<typeof View>[0] | null;

/** From the block that forbids it, beside the grace: messages and the executor take their time. */
const stopMs = 4_000;
/** An operator that was down or stood still cannot stop anything; its containers stand still by themselves after this. */
const frozenMs = 36_000;

const nameOf = (workload: Digest, epoch: number): string => `${workload}/${epoch}`;

export class Executions implements Checker {
  readonly name = 'executions' as const;
  readonly #stateOf: StateOf;
  readonly #started = new Map<string, ContainerStarted>();
  /** By workload: what runs of it. */
  readonly #running = new Map<Digest, Map<string, ContainerRunning>>();
  readonly #decisions = new Map<Digest, TrafficDecision>();
  /** Since when what runs is forbidden. */
  readonly #forbidden = new Map<string, number>();
  readonly #disturbedMs = new Map<number, number>();
  readonly #diskLost = new Set<number>();

  constructor(stateOf: StateOf) {
    this.#stateOf = stateOf;
  }

  onAdmissionDecided(decision: TrafficDecision): void {
    this.#decisions.set(decision.id, decision);
  }

  onContainerStarted(started: ContainerStarted): string | null {
    const { workload, epoch, node, cluster } = started;
    const name = nameOf(workload, epoch);
    if (this.#started.has(name)) return `${name} was started twice`;
    this.#started.set(name, started);
    const state = this.#stateOf(node);
    const lease = state === null ? undefined : readLease(new View(state), workload);
    if (lease === undefined || lease.epoch < epoch) return `${name} was started without a lease`;
    if (lease.epoch > epoch) return null;
    if (lease.cluster !== cluster) return `${name} was started at ${cluster}, its lease is with ${lease.cluster}`;
    const decision = this.#decisions.get(lease.decision);
    const passes =
      decision !== undefined && decision.state !== 'Red' && ['none', 'log'].includes(decision.enforcementAction);
    return passes ? null : `${name} was started on a decision that lets nothing pass: ${decision?.state ?? 'unknown'}`;
  }

  onContainerRunning(change: ContainerRunning): string | null {
    const { workload, epoch, isRunning } = change;
    const name = nameOf(workload, epoch);
    const own = this.#running.get(workload) ?? new Map<string, ContainerRunning>();
    this.#running.set(workload, own);
    if (!isRunning) {
      own.delete(name);
      this.#forbidden.delete(name);
      return null;
    }
    own.set(name, change);
    if (own.size < 2) return null;
    return `of workload ${workload} ${[...own.values()].map((each) => `${each.epoch} at node ${each.node}`).join(' and ')} run together`;
  }

  onFinal({ node, atMs }: FinalBlock): string | null {
    const state = this.#stateOf(node);
    if (state === null) return null;
    const view = new View(state);
    for (const own of this.#running.values())
      for (const [name, { workload, epoch, node: at }] of own) {
        if (at !== node) continue;
        const problem = this.#problem(view, workload, epoch);
        if (problem === null) this.#forbidden.delete(name);
        else {
          const since = this.#forbidden.get(name) ?? atMs;
          this.#forbidden.set(name, since);
          if (atMs - since > this.#allowedMs(name, node, atMs))
            return `${name} runs on, ${atMs - since} ms after ${problem}`;
        }
      }
    return null;
  }

  #problem(view: View, workload: Digest, epoch: number): string | null {
    const lease = readLease(view, workload);
    if (lease?.epoch !== epoch || !lease.isHeld) return 'its lease was lost';
    const ended = lease.agreements.find((id) => readAgreement(view, id)?.state !== 'active');
    return ended === undefined ? null : `agreement ${ended.slice(0, 8)} was not in force any more`;
  }

  #allowedMs(name: string, node: number, atMs: number): number {
    const graceMs = this.#started.get(name)?.graceMs ?? 0;
    const isDisturbed = atMs - (this.#disturbedMs.get(node) ?? Number.NEGATIVE_INFINITY) < frozenMs;
    return graceMs + (isDisturbed ? frozenMs : stopMs);
  }

  onCrash(node: number, atMs: number): void {
    this.#disturbedMs.set(node, atMs);
  }

  /** The operator stood still, or was told of nothing, until now. */
  onDisturbed(node: number, atMs: number): void {
    this.#disturbedMs.set(node, atMs);
  }

  onDiskLost(node: number): void {
    this.#diskLost.add(node);
  }

  onReceiptsAudited({ node, workload, receipts, hashes, present }: ReceiptsAudited): string | null {
    if (this.#diskLost.has(node)) return null;
    const seen = new Set<number>();
    for (const [index, receipt] of receipts.entries()) {
      const before = index === 0 ? null : hashes[index - 1];
      if (receipt === null) return `node ${node} shows a receipt of ${workload} that no cluster has signed`;
      if (receipt.workload !== workload || receipt.previous !== before)
        return `receipt ${index} of ${workload} at node ${node} does not follow the one before it`;
      if (seen.has(receipt.epoch)) return `node ${node} wrote two receipts of ${nameOf(workload, receipt.epoch)}`;
      seen.add(receipt.epoch);
    }
    for (const started of this.#started.values()) {
      if (started.node !== node || started.workload !== workload) continue;
      const isThere = present.includes(started.epoch);
      if (!isThere && !seen.has(started.epoch)) return `${nameOf(workload, started.epoch)} ran, and has no receipt`;
      if (
        isThere &&
        seen.has(started.epoch) &&
        this.#running.get(workload)?.has(nameOf(workload, started.epoch)) === true
      )
        return `${nameOf(workload, started.epoch)} has a receipt of its end, and runs`;
    }
    return null;
  }
}

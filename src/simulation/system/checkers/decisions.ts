/**
 * Decisions of traffic lights: what was answered is in the log, at its place, and is there at the end; nothing is answered
 * twice or otherwise; a log that is behind its anchor takes nothing more; nothing passes on a state that is too old, nor
 * is it let go after its deadline; and each decision made again from its entry is the same.
 *
 * Of a light whose disks were lost, or replaced by an older copy, nothing is claimed but that: what was answered and not
 * anchored is not promised any more.
 */
import type { TrafficDecision } from '../../../protocols/traffic/receipt.ts';
import { readLogCheckpoint } from '../../../protocols/traffic/log-identity.ts';
import type { Digest } from '../../../protocols/shared/brands.ts';
import { isSame } from '../shared-checks.ts';
import type { CheckedRun, Checker } from './checker.ts';
import type { DecisionAudited, DecisionSeen, Judged, LightAudited } from './told-decisions.ts';

interface Held {
  readonly openedAt: number;
  readonly latest: number;
}

const judgedOf = ({ node, flow, decision: { id, height, time, state, policy } }: DecisionSeen): Judged => ({
  ...{ name: `decision ${id} of node ${node}`, height, time, flow, policy },
  state: state as Judged['state'],
});

export class Decisions implements Checker {
  readonly name = 'decisions' as const;
  readonly #verifier: CheckedRun['verifier'];
  readonly #stateAgeMsMax: number;
  /** By node: ids by log and index, by log and request, and roots by log and size. */
  readonly #nodes = new Map<number, Map<string, string>>();
  readonly #seen = new Map<Digest, DecisionSeen>();
  readonly #held = new Map<Digest, Held>();
  /** Entries that the chain is known to have an anchor of, by log. */
  readonly #anchored = new Map<Digest, number>();
  /** What was answered, anchored and is on no disk any more. */
  #gone: readonly DecisionSeen[] = [];
  readonly #judged: Judged[] = [];

  constructor({ verifier }: Pick<CheckedRun, 'verifier'>, stateAgeMsMax: number) {
    this.#verifier = verifier;
    this.#stateAgeMsMax = stateAgeMsMax;
  }

  /** All that was answered and is promised still. */
  get answered(): readonly DecisionSeen[] {
    return [...this.#seen.values()];
  }

  /** All that was answered and must be counted with: what the chain has an anchor of stays so when a disk is lost. */
  get counted(): readonly DecisionSeen[] {
    return [...this.#gone, ...this.answered];
  }

  /** What rests on policies, of lights and engines. */
  get judged(): readonly Judged[] {
    return [...this.counted.map(judgedOf), ...this.#judged];
  }

  onEvaluation(judged: Judged): void {
    this.#judged.push(judged);
  }

  onDecision(seen: DecisionSeen): string | null {
    const { node, light, requestId, decision, checkpoint, anchoredSize } = seen;
    const { id, logId, index } = decision;
    const isNew = !this.#seen.has(id);
    const note = readLogCheckpoint(checkpoint, logId, light, (key, message, signature) =>
      this.#verifier.verify(key, message, signature),
    );
    if (note === null) return `node ${node} answered ${id} without a checkpoint of its log`;
    if (note.size <= index) return `node ${node} answered ${id} at ${index}, its checkpoint covers ${note.size}`;
    if (isNew && index < anchoredSize) return `node ${node} took place ${index} below its anchor of ${anchoredSize}`;
    this.#seen.set(id, seen);
    this.#anchored.set(logId, Math.max(anchoredSize, this.#anchored.get(logId) ?? 0));
    return (
      this.#contradiction(node, `entry ${index} of ${logId}`, id) ??
      this.#contradiction(node, `request ${requestId} in ${logId}`, id) ??
      this.#contradiction(node, `root of ${note.size} in ${logId}`, note.root) ??
      this.#tooOld(seen) ??
      (decision.releases === null ? this.#hold(decision) : this.#tooLate(decision, decision.releases))
    );
  }

  onDiskLost(node: number): void {
    this.#nodes.delete(node);
    const lost = [...this.#seen].filter(([, seen]) => seen.node === node);
    for (const [id] of lost) this.#seen.delete(id);
    const isAnchored = ({ decision: { logId, index } }: DecisionSeen): boolean =>
      index < (this.#anchored.get(logId) ?? 0);
    this.#gone = [...this.#gone, ...lost.flatMap(([, seen]) => (isAnchored(seen) ? [seen] : []))];
  }

  onDecisionAudited({ node, id, found, replayed, proof }: DecisionAudited): string | null {
    const seen = this.#seen.get(id);
    if (seen === undefined) return null;
    if (found === null) return `node ${node} answered ${id}, and does not know it at the end`;
    if (!isSame(found, seen.decision)) return `node ${node} says something else of ${id} now`;
    if (replayed === 'not-recomputable' && found.policy !== null) return `decision ${id} cannot be made again`;
    if (replayed === 'different') return `decision ${id}, made again from its entry, is another`;
    return proof === null || proof === 'valid' || proof === 'unanchored' ? null : `the proof of ${id} is ${proof}`;
  }

  onLightAudited({ node, logId, size, root, problem, overdue }: LightAudited): string | null {
    if (problem !== null) return `at the end the light of node ${node} decides nothing: ${problem}`;
    const [late] = overdue;
    if (late !== undefined) return `node ${node} still holds ${late}, whose deadline is over`;
    return this.#contradiction(node, `root of ${size} in ${logId}`, root);
  }

  /** Of one thing there is one value, for ever. */
  #contradiction(node: number, what: string, value: string): string | null {
    const known = this.#nodes.get(node) ?? new Map<string, string>();
    this.#nodes.set(node, known);
    const before = known.get(what);
    if (before === undefined) known.set(what, value);
    return before === undefined || before === value ? null : `node ${node}: ${what} was ${before}, and is ${value}`;
  }

  #tooOld({ node, decision, stateTime }: DecisionSeen): string | null {
    if (decision.state === 'Red' || stateTime === null) return null;
    const ageMs = decision.time - stateTime;
    return ageMs <= this.#stateAgeMsMax ? null : `node ${node} let ${decision.id} pass on a state of ${ageMs} ms`;
  }

  #hold({ id, time, enforcementAction, obligations }: TrafficDecision): string | null {
    if (enforcementAction !== 'hold') return null;
    const before = obligations.filter(({ phase }) => phase === 'before');
    // Every obligation must be proved in time, so that of the last one is the latest possible.
    const seconds = Math.max(0, ...before.map(({ deadlineSeconds }) => deadlineSeconds ?? Number.POSITIVE_INFINITY));
    this.#held.set(id, { openedAt: time, latest: time + 1000 * seconds });
    return before.length > 0 ? null : `${id} is held, and nobody has to prove anything`;
  }

  #tooLate({ id, time, state, enforcementAction }: TrafficDecision, releases: Digest): string | null {
    const held = this.#held.get(releases);
    if (held === undefined || state === 'Red' || enforcementAction === 'hold') return null;
    return time <= held.latest ? null : `${id} lets ${releases} go ${time - held.latest} ms after its deadline`;
  }
}

/**
 * What a kind of fault is: its fields, what it does to a world, how swarms draw it. A kind is a file beside this one and
 * a line in `index.ts`; scenarios, schedules and swarms know no kind by name.
 */
import { invariant } from '../../../protocols/shared/errors.ts';
import type { Clock } from '../../../runtime/ports/clock.ts';
import type { PipeNetwork } from '../../../runtime/simulated/pipe-transport.ts';
import type { Draw } from '../../draw.ts';
import type { MakeLie } from '../byzantine/liar.ts';
import type { TwinOptions } from '../byzantine/twins.ts';
import type { WantedChange } from '../membership.ts';
import type { NetworkFaults } from '../network-faults.ts';
import type { SimulatedNode } from '../node.ts';
import type { DiskCopies } from '../node-disks.ts';
import type { Outages } from './outages.ts';

/** Times count from the start of a run; a fault has ended, and what it did is undone, `forMs` after it began. */
export interface FaultTime {
  readonly atMs: number;
  readonly forMs: number;
}

/** Nodes are numbered from 0. */
export interface FaultBase extends FaultTime {
  readonly kind: string;
}

/** Of the run that a fault is for. */
interface FaultBounds {
  readonly validators: number;
}

/** Says what is wrong with the value of a field, whatever the types said; null where nothing is. */
export type FieldCheck = (value: unknown, fault: FaultTime, bounds: FaultBounds) => string | null;

type OwnFields<F extends FaultBase> = Exclude<keyof F, keyof FaultBase>;

/** What can be done to validators only. */
export interface ValidatorTargets {
  /** The node lies from now on. Returns what ends it. */
  tell(node: number, lie: MakeLie): () => void;
  /** A second instance of the node runs from now on. Returns what ends that. */
  double(node: number, options: TwinOptions): () => void;
  /** Its clients send the node so many transactions. Returns what ends that. */
  flood(node: number, perSecond: number, draw: Draw): () => void;
  /** Clients send so many transactions through all nodes that break rules of the ledger. Returns what ends that. */
  cheat(perSecond: number, draw: Draw): () => void;
  /** Its operator bonds more, and takes it back bit by bit. Returns what ends that. */
  unbond(node: number, draw: Draw): () => void;
  /** Governors propose and validators vote. Returns what ends it. */
  govern(draw: Draw): () => void;
  /** The operators set about a change of the validator set. */
  change(wanted: WantedChange): void;
}

/** What faults act upon. */
export interface FaultTargets {
  readonly clock: Clock;
  readonly nodes: readonly SimulatedNode[];
  readonly network: PipeNetwork;
  readonly networkFaults: NetworkFaults;
  readonly outages: Outages;
  /** null where other programs than validators are simulated. */
  readonly validators: ValidatorTargets | null;
  /** Choices of this one fault: a function of the seed and the fault only, so that leaving out another shifts nothing. */
  readonly draw: (fault: FaultBase) => Draw;
  /** Disks as `prepare` copied them. */
  readonly copies: Map<FaultTime, DiskCopies>;
  /** Something that is worth having happened, for the counts of the run. */
  readonly count: (what: string) => void;
  /** The disk of this node forgets what it held. */
  readonly onDiskLost: (node: number) => void;
}

/** What a swarm has to choose from, for one fault. */
export interface SwarmPlace extends FaultTime {
  /** One of those that this kind may hit. */
  readonly node: number;
  /** All validators, in a random order. */
  readonly nodes: readonly number[];
  /** Nodes that follow and may be voted in. */
  readonly candidates: readonly number[];
  /** The same in two parts, none of them empty. */
  readonly parts: readonly [readonly number[], readonly number[]];
}

export interface FaultKind<F extends FaultBase> {
  readonly kind: F['kind'];
  /** Refused where other programs than validators are simulated. */
  readonly ofValidators?: true;
  /** Whom it is done to is a liar for the whole run: checkers hold nothing that it says to be true. At most f of them. */
  readonly lies?: true;
  /** Liveness must come back while it goes on: it may last to the end of a run. */
  readonly mayLast?: true;
  /** A check for each field beyond the kind and the times. Other fields are refused. */
  readonly fields: { readonly [K in OwnFields<F>]-?: FieldCheck };
  /** Whom it is done to, for pictures and for checkers. Default: the field `node`, or nobody in particular. */
  hits?(fault: F): readonly number[];
  /** What has to be done before it begins, and when. */
  readonly prepare?: { atMs(fault: F): number; run(fault: F, targets: FaultTargets): void };
  /** Makes it happen; what it returns ends it. */
  begin(fault: F, targets: FaultTargets): () => void;
  readonly swarm?: {
    /**
     * `few`: at most f validators of a run are ever hit by kinds that say so. `candidates` are nodes that follow and may be
     * voted in, `outsiders` those that never are.
     */
    readonly among: 'all' | 'few' | 'candidates' | 'outsiders';
    /** Most of them end when the faults of a run do. */
    readonly isLate?: true;
    /** null where this run has nothing for it. */
    draw(draw: Draw, place: SwarmPlace): { readonly [K in OwnFields<F>]: F[K] } | null;
  };
}

const isWhole = (value: unknown, least: number, most: number): boolean =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

/** Both ends included. */
export const whole =
  (least: number, most: number, problem = `a whole number from ${least} to ${most}`): FieldCheck =>
  (value) =>
    isWhole(value, least, most) ? null : problem;

export const probability: FieldCheck = (value) =>
  typeof value === 'number' && value >= 0 && value <= 1 ? null : 'a number from 0 to 1';

export const oneOf =
  (...allowed: readonly unknown[]): FieldCheck =>
  (value) =>
    allowed.includes(value) ? null : `one of: ${allowed.join(', ')}`;

export const nodeNumber: FieldCheck = (value, _fault, { validators }) =>
  isWhole(value, 0, validators - 1) ? null : `validators are numbered 0 to ${validators - 1}`;

export const nodeNumbers: FieldCheck = (value, fault, bounds) => {
  if (!Array.isArray(value)) return 'a list of validators';
  const problems = value.map((node: unknown) => nodeNumber(node, fault, bounds));
  return problems.find((problem) => problem !== null) ?? null;
};

export function nodeAt({ nodes }: FaultTargets, index: number): SimulatedNode {
  const node = nodes[index];
  invariant(node !== undefined, `there is no validator ${index}`);
  return node;
}

/** Nothing passes in the directions told. Returns what opens them again. */
export function blockDirections(
  { nodes, network, networkFaults }: FaultTargets,
  isBlocked: (from: number, to: number) => boolean,
): () => void {
  const pairs = nodes.flatMap((from) =>
    nodes.filter((to) => to !== from && isBlocked(from.index, to.index)).map((to) => [from, to] as const),
  );
  const change = (by: 1 | -1): void => {
    for (const [from, to] of pairs) networkFaults.block(from, to, by);
    network.changed();
  };
  change(1);
  return () => change(-1);
}

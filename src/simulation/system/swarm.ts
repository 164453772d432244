/**
 * Swarm testing (Groce et al., ISSTA 2012): every seed leaves out a random part of the kinds of faults and draws the rates
 * of the others, so that rare mixes occur which a fixed mix of everything would never show.
 */
import type { Draw } from '../draw.ts';
import type { FaultBase, FaultKind, SwarmPlace } from './faults/fault-kind.ts';
import { type Fault, faultKinds } from './faults/index.ts';
import type { FaultPeriod } from './scenario.ts';

/** Of the kinds that are mostly late. */
const lateShare = 0.7;

/**
 * Kinds that take away what a validator remembers or make it lie hit at most f validators of a run, the same ones:
 * beyond that nobody remembers what was signed, and the network is right to stand still. Every kind draws from a stream
 * of its own.
 */
export function swarmFaults(draw: Draw, { validators, standbys, fromMs, untilMs }: FaultPeriod): readonly Fault[] {
  const faultyMax = Math.floor((validators - 1) / 3);
  const nodes = draw.shuffle(Array.from({ length: validators }, (_, node) => node));
  const [outsider, ...candidates] = Array.from({ length: standbys }, (_, index) => validators + index);
  const hit: Groups = {
    few: nodes.slice(0, faultyMax),
    candidates,
    outsiders: outsider === undefined ? [] : [outsider],
  };
  const share = draw.pick([0.2, 0.35, 0.5]);
  const faults: FaultBase[] = [];
  for (const kind of faultKinds) {
    const own = draw.fork(kind.kind);
    if (!own.chance(share)) continue;
    const count = own.between(1, 4);
    const longestMs = own.pick([500, 3_000, 12_000]);
    for (let made = 0; made < count; made++) {
      const forMs = Math.min(own.between(50, longestMs), untilMs - fromMs);
      const drawnMs = own.between(fromMs, untilMs - forMs);
      const atMs = kind.swarm?.isLate === true && own.chance(lateShare) ? untilMs - forMs : drawnMs;
      faults.push(...faultOf(kind, own, { atMs, forMs, hit, nodes: own.shuffle(nodes) }));
    }
  }
  // Drawn by the kinds themselves.
  return (faults as Fault[]).sort((a, b) => a.atMs - b.atMs);
}

type Groups = Readonly<Record<'few' | 'candidates' | 'outsiders', readonly number[]>>;
type Place = Pick<SwarmPlace, 'atMs' | 'forMs' | 'nodes'> & { readonly hit: Groups };

function faultOf({ kind, swarm }: FaultKind<FaultBase>, draw: Draw, place: Place): readonly FaultBase[] {
  const { atMs, forMs, hit, nodes } = place;
  if (swarm === undefined) return [];
  const among = swarm.among === 'all' ? nodes : hit[swarm.among];
  if (among.length === 0) return [];
  const node = draw.pick(among);
  const middle = draw.between(1, nodes.length - 1);
  const parts = [nodes.slice(0, middle), nodes.slice(middle)] as const;
  const fields = swarm.draw(draw, { atMs, forMs, node, nodes, parts, candidates: hit.candidates });
  return fields === null ? [] : [{ kind, ...fields, atMs, forMs }];
}

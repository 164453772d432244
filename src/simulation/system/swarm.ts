/**
 * Swarm testing (Groce et al., ISSTA 2012): every seed leaves out a random part of the kinds of faults and draws the rates
 * of the others, so that rare mixes occur which a fixed mix of everything would never show.
 */
import type { Draw } from '../draw.ts';
import type { Fault, FaultKind, FaultPeriod } from './scenario.ts';

const kinds: readonly FaultKind[] = [
  'crash',
  'wipe',
  'restore',
  'pause',
  'partition',
  'one-way',
  'loss',
  'delay',
  'clock',
];

/**
 * Disks are lost or replaced by old ones on at most f validators of a run: beyond that nobody remembers what was signed,
 * and the network is right to stand still.
 */
export function swarmFaults(draw: Draw, { validators, fromMs, untilMs }: FaultPeriod): readonly Fault[] {
  const faultyMax = Math.floor((validators - 1) / 3);
  const nodes = draw.shuffle(Array.from({ length: validators }, (_, node) => node));
  const losers = nodes.slice(0, faultyMax);
  const faults: Fault[] = [];
  for (const kind of kinds) {
    if (draw.chance(0.5)) continue;
    const count = draw.between(1, 4);
    const longestMs = draw.pick([500, 3_000, 12_000]);
    for (let made = 0; made < count; made++) {
      const forMs = Math.min(draw.between(50, longestMs), untilMs - fromMs);
      const atMs = draw.between(fromMs, untilMs - forMs);
      const node = draw.pick(kind === 'wipe' || kind === 'restore' ? losers : nodes);
      faults.push(faultOf(draw, kind, { atMs, forMs, node, nodes: draw.shuffle(nodes) }));
    }
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}

interface Place {
  readonly atMs: number;
  readonly forMs: number;
  readonly node: number;
  /** All, in a random order. */
  readonly nodes: readonly number[];
}

function faultOf(draw: Draw, kind: FaultKind, { atMs, forMs, node, nodes }: Place): Fault {
  const during = { atMs, forMs };
  const middle = draw.between(1, nodes.length - 1);
  switch (kind) {
    case 'crash':
    case 'wipe':
    case 'pause':
      return { kind, node, ...during };
    case 'restore':
      return { kind, node, copiedAtMs: draw.between(Math.floor(atMs / 2), atMs), ...during };
    case 'partition':
      return { kind, groups: [nodes.slice(0, middle), nodes.slice(middle)], ...during };
    case 'one-way':
      return { kind, from: nodes.slice(0, middle), to: nodes.slice(middle), ...during };
    case 'loss':
      return { kind, probability: draw.pick([0.001, 0.01, 0.05]), ...during };
    case 'delay':
      return { kind, upToMs: draw.pick([100, 500, 2_000]), ...during };
    case 'clock':
      return { kind, node, offsetMs: draw.between(-5_000, 5_000), ...during };
  }
}

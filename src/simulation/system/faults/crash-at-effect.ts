import type { NodeEffect } from '../node.ts';
import { type FaultBase, type FaultKind, type FaultTargets, nodeAt, nodeNumber, oneOf, whole } from './fault-kind.ts';

/**
 * The process dies at its n-th effect after `atMs`, a durable write or a frame that it sends, right before it takes hold
 * or right after, and starts again `downMs` later. Where so many effects do not come in time, it does not die.
 */
export interface CrashAtEffectFault extends FaultBase {
  readonly kind: 'crash-at-effect';
  readonly node: number;
  readonly effect: 'write' | 'send';
  /** From 1. */
  readonly nth: number;
  readonly when: 'before' | 'after';
  readonly downMs: number;
}

export const crashAtEffect: FaultKind<CrashAtEffectFault> = {
  kind: 'crash-at-effect',
  fields: {
    node: nodeNumber,
    effect: oneOf('write', 'send'),
    nth: whole(1, 1e9),
    when: oneOf('before', 'after'),
    downMs: (value, fault, bounds) => whole(0, fault.forMs, 'at most forMs')(value, fault, bounds),
  },
  begin: (fault, targets) => crashAtNth(targets, fault, { kind: fault.effect, phase: fault.when }),
  swarm: {
    among: 'all',
    draw: (draw, { node, forMs }) => ({
      ...{ node, effect: draw.pick(['write', 'send'] as const), nth: draw.between(1, 40) },
      ...{ when: draw.pick(['before', 'after'] as const), downMs: draw.between(0, forMs) },
    }),
  },
};

interface ArmedCrash extends FaultBase {
  readonly node: number;
  readonly nth: number;
  readonly downMs: number;
}

/**
 * Counts effects of one kind and phase from now on and crashes the node at the n-th. What it had sent before arrives; a
 * write that has not taken hold leaves nothing, one in progress leaves a part.
 */
export function crashAtNth(targets: FaultTargets, fault: ArmedCrash, { kind, phase }: NodeEffect): () => void {
  const { clock, outages, count } = targets;
  const node = nodeAt(targets, fault.node);
  const endsAtMs = clock.monotonicMs() + fault.forMs;
  let left = fault.nth;
  let bootTimer = null as ReturnType<typeof clock.setTimer> | null;
  let boot = (): void => undefined;
  const die = (): void => {
    count('crashed at an effect');
    boot = outages.crash(node, {
      inFlight: (frames) => frames,
      ...(kind === 'write' && phase === 'before' ? { unsynced: () => 0 } : {}),
    });
    const downMs = Math.min(fault.downMs, endsAtMs - clock.monotonicMs());
    bootTimer = clock.setTimer(downMs, () => {
      bootTimer = null;
      boot();
    });
  };
  const unwatch = node.watchEffects({
    halves: phase === 'during',
    onEffect: (effect) => {
      if (effect.kind !== kind || effect.phase !== phase) return;
      left -= 1;
      if (left > 0) return;
      unwatch();
      die();
    },
  });
  return () => {
    unwatch();
    if (bootTimer === null) return;
    bootTimer.cancel();
    boot();
  };
}

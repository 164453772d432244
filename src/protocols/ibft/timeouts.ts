/** How long timers run. Source: consensus design, rules 9 and 11. */
import type { ConsensusParameters } from './machine-types.ts';

/** min(cap, base·2^max(0, e−f)), saturating. */
export function roundTimeoutMs(parameters: ConsensusParameters, expiries: number, faultyMax: number): number {
  const { roundTimeoutBaseMs, roundTimeoutMaxMs } = parameters;
  let duration = roundTimeoutBaseMs;
  for (let doublings = expiries - faultyMax; doublings > 0 && duration < roundTimeoutMaxMs; doublings--) duration *= 2;
  return Math.min(roundTimeoutMaxMs, duration);
}

/** A round in which too few live validators can still take part is left after this long (see rounds.ts). */
export const hopelessRoundMs = (parameters: ConsensusParameters): number =>
  Math.max(1, Math.floor(parameters.roundTimeoutBaseMs / 16));

/** Latest own messages go out again every base/2. */
export const resendMs = (parameters: ConsensusParameters): number =>
  Math.max(1, Math.floor(parameters.roundTimeoutBaseMs / 2));

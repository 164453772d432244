/** Sends what it once sent or got, its own and others', again and out of place, beside what it honestly sends. */
import type { Liar, Lie } from './liar.ts';

const share = 0.3;
const atOnceMax = 4;

export function replaying(liar: Liar): Lie {
  return {
    consensus: (message) => {
      if (liar.heard.length === 0 || !liar.draw.chance(share)) return [message];
      const old = Array.from({ length: liar.draw.between(1, atOnceMax) }, () => liar.draw.pick(liar.heard));
      return [...old, message];
    },
  };
}

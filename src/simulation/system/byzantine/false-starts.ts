/** Tells a validator that starts again of starts and signatures that it never made, as if it were an old copy of itself. */
import type { Lie } from './liar.ts';

export const falseStarts = (): Lie => ({
  wire: (wire) =>
    wire.type === 'start-seen'
      ? { ...wire, before: wire.before + 1000, signed: { ...wire.signed, round: wire.signed.round + 1000 } }
      : wire,
});

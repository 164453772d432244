/** Keeps to itself what it should say: some kinds of messages from everybody, or everything from some. */
import type { PayloadKind } from '../../../protocols/ibft/messages.ts';
import type { PublicKey } from '../../../protocols/shared/brands.ts';
import type { Lie } from './liar.ts';

export const withholding = (kinds: readonly PayloadKind[]): Lie => ({
  consensus: (message) => (kinds.includes(message.type) ? [] : [message]),
});

/** Its link to them is live; nothing but heartbeats comes over it. */
export const silence = (towards: ReadonlySet<PublicKey>): Lie => ({
  envelope: (envelope, peer) => (towards.has(peer) ? null : envelope),
});

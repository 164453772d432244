/** Where a node gets the bytes of published sets: what ships with the product is at hand, the rest lies with the policy node. */
import type { ContentSource } from '../../../actors/policy/policy-library.ts';
import type { Clock } from '../../../runtime/ports/clock.ts';
import { isReachable } from '../client.ts';
import type { ValidatorNode } from '../validator-node.ts';
import type { PolicyShelf } from './policy-shelf.ts';

/** There and back. */
const fetchMs = 60;

export const passing = (clock: Clock, delayMs: number): Promise<void> =>
  new Promise((resolve) => clock.setTimer(delayMs, resolve));

/** `clock` is that of the asking node's life. Fetching rejects while the policy node is down. */
export const contentAt = (clock: Clock, shelf: PolicyShelf, policyNode: ValidatorNode): ContentSource => ({
  fetch: async (content) => {
    if (content === shelf.first.publication.content) return shelf.bytesOf(content);
    await passing(clock, fetchMs);
    if (!isReachable(policyNode)) throw new Error('the policy node cannot be reached');
    return shelf.bytesOf(content);
  },
});

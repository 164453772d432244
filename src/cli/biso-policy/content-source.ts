/** Where published sets are fetched: the pack that comes with the product, and policy services. */
import { type ContentSource } from '../../actors/policy/policy-library.ts';
import { encodeContent, namesOf } from '../../protocols/policy/content.ts';
import { readPolicyPack } from '../../runtime/adapters/policy-pack.ts';
import { defaultPack } from './command-context.ts';

const fetchTimeoutMs = 10_000;

export function shippedPack(): ContentSource {
  const pack = readPolicyPack(defaultPack);
  const bytes = encodeContent(pack);
  const own = namesOf(pack, bytes).content;
  return { fetch: (content) => Promise.resolve(content === own ? bytes : null) };
}

/** `endpoint` of a policy service. Its answers are checked against their digest by whoever takes them. */
export const policyServiceSource = (endpoint: string): ContentSource => ({
  fetch: async (content) => {
    const url = `${endpoint.replace(/\/+$/, '')}/v1/policies/${content}/content`;
    const response = await fetch(url, { signal: AbortSignal.timeout(fetchTimeoutMs) });
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
  },
});

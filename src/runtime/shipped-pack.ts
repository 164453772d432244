/** The policy pack that comes with the product, and where the bytes of published sets are fetched. */
import { join } from 'node:path';
import { firstOf } from '../actors/policy/content-store.ts';
import type { ContentSource } from '../actors/policy/policy-library.ts';
import { encodeContent, namesOf } from '../protocols/policy/content.ts';
import { type PolicyPack, readPolicyPack } from './adapters/policy-pack.ts';

const fetchTimeoutMs = 10_000;

export const defaultPackDirectory = join(import.meta.dirname, '..', '..', 'packs', 'default');

export const readDefaultPack = (): PolicyPack => readPolicyPack(defaultPackDirectory);

function shippedPack(): ContentSource {
  const pack = readDefaultPack();
  const bytes = encodeContent(pack);
  const own = namesOf(pack, bytes).content;
  return { fetch: (content) => Promise.resolve(content === own ? bytes : null) };
}

/** `endpoint` of a policy service. Its answers are checked against their digest by whoever takes them. */
const policyServiceSource = (endpoint: string): ContentSource => ({
  fetch: async (content) => {
    const url = `${endpoint.replace(/\/+$/, '')}/v1/policies/${content}/content`;
    const response = await fetch(url, { signal: AbortSignal.timeout(fetchTimeoutMs) });
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
  },
});

/** The shipped pack, then what the policy services at these URLs serve. */
export const contentSource = (policyEndpoints: readonly string[]): ContentSource =>
  firstOf(shippedPack(), ...policyEndpoints.map(policyServiceSource));

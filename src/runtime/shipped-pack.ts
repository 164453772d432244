/** The policy pack that comes with the product, and where the bytes of published sets are fetched. */
import { join } from 'node:path';
import type { ContentSource } from '../actors/policy/policy-library.ts';
import { encodeContent, namesOf } from '../protocols/policy/content.ts';
import { type PolicyPack, readPolicyPack } from './adapters/policy-pack.ts';

export const defaultPackDirectory = join(import.meta.dirname, '..', '..', 'packs', 'default');

export const readDefaultPack = (): PolicyPack => readPolicyPack(defaultPackDirectory);

/** The shipped pack, then what the policy service serves. */
export function contentSource(bisoEndpoint: string | undefined): ContentSource {
  const pack = readDefaultPack();
  const bytes = encodeContent(pack);
  const own = namesOf(pack, bytes).content;
  return {
    fetch: async (content) => {
      if (content === own) return bytes;
      if (bisoEndpoint === undefined) return null;
      const response = await fetch(`${bisoEndpoint.replace(/\/+$/, '')}/v1/policies/${content}/content`);
      return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
    },
  };
}

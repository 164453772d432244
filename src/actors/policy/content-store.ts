/** The bytes of published sets, kept on this machine: what was published here, for whoever follows the chain. */
import type { Digest } from '../../protocols/shared/brands.ts';
import { fromHex } from '../../protocols/shared/bytes.ts';
import { sha256, toDigest } from '../../protocols/shared/hash.ts';
import type { Store } from '../../runtime/ports/store.ts';
import type { ContentSource } from './policy-library.ts';

/** Longest bytes of one set. */
export const contentBytesMax = 4 * 1024 * 1024;

/** Digest of the bytes → bytes. */
export const contentTable = 'policy-content';

export class ContentStore implements ContentSource {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  fetch(content: Digest): Promise<Uint8Array | null> {
    return Promise.resolve(this.#store.get(contentTable, fromHex(content)) ?? null);
  }

  /** Resolves once the bytes are on stable storage. Rejects with StoreError. */
  async keep(bytes: Uint8Array): Promise<void> {
    this.#store.commit([{ table: contentTable, key: sha256(bytes), value: bytes }]);
    await this.#store.durable();
  }
}

/** The first that has the bytes; one that cannot be asked is passed over. Bytes that are others are not taken. */
export const firstOf = (...sources: readonly ContentSource[]): ContentSource => ({
  fetch: async (content) => {
    let failure: unknown = null;
    for (const source of sources) {
      try {
        const bytes = await source.fetch(content);
        if (bytes !== null && toDigest(sha256(bytes)) === content) return bytes;
      } catch (error) {
        failure = error;
      }
    }
    if (failure !== null) throw failure instanceof Error ? failure : new Error('a source failed', { cause: failure });
    return null;
  },
});

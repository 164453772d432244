/**
 * A look at a store that another process may be writing: read-only, without the directory's lock, as of one moment. What the writer
 * has committed and not synced is not seen.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import { StoreError, type RangeOptions, type StoreReader, type StoreSchema } from '../ports/store.ts';
import { schemaKey } from './lmdb-environment.ts';
import { fullKey, fullRange, tableNamesFrom, tableNamesTo, tableNumberBytes } from './lmdb-store.ts';

export interface StoreInspection extends StoreReader {
  readonly schema: StoreSchema | null;
  /** Names of the tables that were ever written. */
  readonly tables: readonly string[];
  close(): Promise<void>;
}

const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

/** Throws StoreError `failed` where there is no store, or none that can be read. */
export function inspectLmdbStore(directory: string): StoreInspection {
  if (!existsSync(join(directory, 'data.mdb'))) throw new StoreError('failed', `${directory} holds no store`);
  let root: ReturnType<typeof openReadOnly>;
  try {
    root = openReadOnly(directory);
  } catch (cause) {
    throw new StoreError('failed', `${directory} cannot be read`, { cause });
  }
  const transaction = root.useReadTransaction();
  const prefixes = new Map<string, Uint8Array>();
  for (const { key, value } of root.getRange({ start: tableNamesFrom, end: tableNamesTo, transaction })) {
    prefixes.set(new TextDecoder().decode(key.subarray(tableNumberBytes)), plain(value));
  }
  const schema = root.get(schemaKey, { transaction });
  return {
    schema: schema === undefined ? null : (JSON.parse(new TextDecoder().decode(schema)) as StoreSchema),
    tables: [...prefixes.keys()],
    get: (table, key) => {
      const prefix = prefixes.get(table);
      const found = prefix === undefined ? undefined : root.get(fullKey(prefix, key), { transaction });
      return found === undefined ? undefined : plain(found);
    },
    range: (table, options: RangeOptions = {}) => {
      const prefix = prefixes.get(table);
      return prefix === undefined ? [] : entries(prefix, options);
    },
    close: async () => {
      transaction.done();
      await root.close();
    },
  };

  function* entries(
    prefix: Uint8Array,
    options: RangeOptions,
  ): Generator<readonly [key: Uint8Array, value: Uint8Array]> {
    const { from, to, reverse } = fullRange(prefix, options);
    const bounds = reverse
      ? { start: to, exclusiveStart: true, end: from, inclusiveEnd: true, reverse }
      : { start: from, end: to };
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    for (const { key, value } of root.getRange({ ...bounds, transaction })) {
      if (left-- <= 0) return;
      yield [plain(key.subarray(tableNumberBytes)), plain(value)];
    }
  }
}

const openReadOnly = (directory: string) =>
  open<Uint8Array, Uint8Array>({
    path: directory,
    ...{ noSubdir: false, readOnly: true, encoding: 'binary', keyEncoding: 'binary', maxDbs: 1, maxReaders: 256 },
    mapSize: 2 ** 38,
  });

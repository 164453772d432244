// Goal: the lmdb adapter keeps the Store port's promises. Method: the conformance suite in fresh directories.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbStore } from '../../../src/runtime/adapters/lmdb-store.ts';
import { describeStore } from '../../conformance/store-conformance.ts';

describeStore('lmdb', () => {
  const directory = mkdtempSync(join(tmpdir(), 'bpci-store-'));
  return {
    open: (schema) => openLmdbStore({ directory, schema }),
    dispose: () => {
      rmSync(directory, { recursive: true });
      return Promise.resolve();
    },
  };
});

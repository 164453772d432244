/** Appends to a decision log on disk until it is killed, telling of every entry that is durable: `INDEX ROOT-SIZE ROOT` a line. */
import { DecisionLog } from '../../src/actors/traffic/decision-log.ts';
import { encodeEntry } from '../../src/protocols/traffic/entry.ts';
import { openLmdbStore } from '../../src/runtime/adapters/lmdb-store.ts';
import { caller, lightSigner, storeSchema, testChain } from './traffic-world.ts';

const directory = process.argv[2] ?? '';
const store = openLmdbStore({ directory, schema: storeSchema });
const log = await DecisionLog.open({ store, chainId: testChain, signer: lightSigner, anchor: null });
for (let time = 0; ; time++) {
  const entry = {
    type: 'closed' as const,
    decision: 'ef'.repeat(32) as never,
    how: 'rejected' as const,
    by: caller,
    time,
  };
  const { index } = log.append({ bytes: encodeEntry(entry), aside: null });
  // Some wait alone, some share a group.
  if (time % 5 === 0) {
    const { size, root } = await log.durable();
    process.stdout.write(`${index} ${size} ${root}\n`);
  }
}

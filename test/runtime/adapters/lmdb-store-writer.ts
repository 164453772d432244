// A process that holds the store in argv[2] and writes to it for ever, to be killed: prints `open`, then `durable <n>`
// whenever its commits up to n are durable.
import { writeSync } from 'node:fs';
import { toUtf8, uint64Key } from '../../../src/protocols/shared/bytes.ts';
import { openLmdbStore } from '../../../src/runtime/adapters/lmdb-store.ts';
import { schema } from '../../conformance/store-conformance.ts';

const store = openLmdbStore({ directory: process.argv[2] ?? '', schema });
const previous = store.get('counter', toUtf8('last'));
let number = previous === undefined ? 0 : Number(new TextDecoder().decode(previous));
writeSync(1, 'open\n');
for (;;) {
  for (let i = 0; i < 1 + (number % 4); i++) {
    number += 1;
    const value = new Uint8Array(1000).fill(number % 256);
    store.commit([
      { table: 'counter', key: toUtf8('last'), value: toUtf8(`${number}`) },
      { table: 'entries', key: uint64Key(number), value },
    ]);
  }
  const upTo = number;
  if (number % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  else {
    await store.durable();
    writeSync(1, `durable ${upTo}\n`);
  }
}

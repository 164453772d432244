/** Cryptographic randomness of the operating system. */
import { randomFillSync } from 'node:crypto';
import type { Random } from '../ports/random.ts';

const poolBytes = 4096;

/** Small draws share one system call; every byte is handed out once. */
export function createSystemRandom(): Random {
  const pool = new Uint8Array(poolBytes);
  let used = poolBytes;
  return {
    bytes(count) {
      if (count > poolBytes / 4) return randomFillSync(new Uint8Array(count));
      if (used + count > poolBytes) {
        randomFillSync(pool);
        used = 0;
      }
      const drawn = pool.slice(used, used + count);
      pool.fill(0, used, used + count);
      used += count;
      return drawn;
    },
    fraction: () => Math.random(),
  };
}

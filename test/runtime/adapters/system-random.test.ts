/**
 * Goal: every byte of the pooled randomness is handed out once. Method: draws of sizes around the pool's edges; equal
 * draws of 16 bytes would be a reuse.
 */
import { expect } from 'chai';
import { toHex } from '../../../src/protocols/shared/bytes.ts';
import { createSystemRandom } from '../../../src/runtime/adapters/system-random.ts';

describe('system randomness', () => {
  it('gives as many bytes as asked, and never the same again', () => {
    const random = createSystemRandom();
    const seen = new Set<string>();
    let draws = 0;
    for (const count of [16, 17, 1_023, 1_024, 1_025, 4_096, 5_000, 100]) {
      for (let i = 0; i < 20; i++) {
        const bytes = random.bytes(count);
        expect(bytes).to.have.length(count);
        seen.add(toHex(bytes.subarray(0, 16)));
        draws += 1;
      }
    }
    expect(seen.size).to.equal(draws);
    expect(random.bytes(0)).to.have.length(0);
  });

  it('hands out copies: what is drawn later does not change what was drawn', () => {
    const random = createSystemRandom();
    const first = random.bytes(32);
    const before = toHex(first);
    for (let i = 0; i < 1_000; i++) random.bytes(32);
    expect(toHex(first)).to.equal(before);
    const fraction = random.fraction();
    expect(fraction >= 0 && fraction < 1).to.equal(true);
  });
});

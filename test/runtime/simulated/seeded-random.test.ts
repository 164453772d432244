/**
 * Goal: the same seed gives the same stream everywhere, different seeds and forks different ones, and the stream is not
 * visibly skewed. Method: the first outputs are kept here; simple frequency bounds far wider than chance.
 */
import { expect } from 'chai';
import { toHex } from '../../../src/protocols/shared/bytes.ts';
import { SeededRandom } from '../../../src/runtime/simulated/seeded-random.ts';

describe('seeded randomness', () => {
  it('is the stream of its seed, whoever runs it', () => {
    const random = new SeededRandom('bpci');
    expect(toHex(random.bytes(16))).to.equal('ae700918dd004e0d5c4ada58d8853d16');
    expect(toHex(new SeededRandom(7).bytes(9))).to.equal(toHex(new SeededRandom('7').bytes(9)));
    expect(toHex(new SeededRandom(7n).bytes(9))).to.equal(toHex(new SeededRandom(7).bytes(9)));
  });

  it('follows the published step of xoshiro128** from a given state', () => {
    const outputs = (state: readonly [number, number, number, number], count: number): number[] => {
      const random = SeededRandom.fromState(...state);
      return Array.from({ length: count }, () => random.uint32());
    };
    // Outputs of the reference implementation (prng.di.unimi.it), as other implementations test against them.
    expect(outputs([1, 2, 3, 4], 10)).to.deep.equal([
      ...[11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804],
    ]);
    expect(outputs([0x964d4a0c, 0xd40ab895, 0xad7fdecb, 0x3006f0f0], 4)).to.deep.equal([
      ...[0xf1391922, 0x6fe53806, 0xa5be2840, 0xf510ee70],
    ]);
  });

  it('differs by seed and by fork; a fork does not depend on what was drawn', () => {
    const streams = new Set<string>();
    for (let seed = 0; seed < 1_000; seed++) streams.add(toHex(new SeededRandom(seed).bytes(16)));
    expect(streams.size).to.equal(1_000);
    const [one, other] = [new SeededRandom('x'), new SeededRandom('x')];
    other.bytes(1_000);
    expect(toHex(one.fork('network').bytes(16))).to.equal(toHex(other.fork('network').bytes(16)));
    expect(toHex(one.fork('network').bytes(16))).to.not.equal(toHex(one.fork('disk').bytes(16)));
  });

  it('gives fractions in [0, 1) and bytes that are spread evenly', () => {
    const random = new SeededRandom('spread');
    const tenths = new Array<number>(10).fill(0);
    let areInRange = true;
    for (let i = 0; i < 100_000; i++) {
      const fraction = random.fraction();
      areInRange &&= fraction >= 0 && fraction < 1;
      const tenth = Math.floor(fraction * 10);
      tenths[tenth] = (tenths[tenth] as number) + 1;
    }
    expect(areInRange).to.equal(true);
    for (const count of tenths) expect(count).to.be.within(9_500, 10_500);
    const counts = new Array<number>(256).fill(0);
    for (const byte of random.bytes(256_000)) counts[byte] = (counts[byte] as number) + 1;
    for (const count of counts) expect(count).to.be.within(800, 1_200);
    expect(random.bytes(0)).to.have.length(0);
  });
});

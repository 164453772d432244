/**
 * Goal: a copy restored from a backup does not sign before two heights are decided that its original cannot have voted
 * on; catching up with what the others decided meanwhile does not count. Source: consensus design, "Crash safety".
 * Method: the permit is told answers and decisions, step by step.
 */
import { expect } from 'chai';
import { type PermitState, StartPermit } from '../../src/actors/validator/start-permit.ts';
import { type PublicKey, publicKey } from '../../src/protocols/shared/brands.ts';

const members: readonly PublicKey[] = [1, 2, 3, 4].map((n) => publicKey(`${n}`.repeat(64)));
const [, second, third, fourth] = members as [PublicKey, PublicKey, PublicKey, PublicKey];
const quorum = 3;
const token = new Uint8Array(16).fill(7);

interface Answer {
  readonly from: PublicKey;
  readonly before: number;
  readonly finalHeight: number;
}

describe('the permit of an old copy', () => {
  /** Starts with number 5 at height 10. */
  const permit = (): StartPermit => new StartPermit({ start: { counter: 5, token }, finalHeight: 10, override: false });
  const tell = (to: StartPermit, { from, before, finalHeight }: Answer, height: number): PermitState => {
    to.onAnswer(from, 5, { before, finalHeight });
    to.update(members, quorum, height);
    return to.state;
  };

  it('is not given for catching up', () => {
    const copy = permit();
    expect(tell(copy, { from: second, before: 5, finalHeight: 30 }, 10)).equal('abstaining');
    // Its original may have voted at height 31. It has fetched 30 blocks; none was decided since it started.
    copy.update(members, quorum, 30);
    expect(copy.state).equal('abstaining');
    expect(tell(copy, { from: third, before: 3, finalHeight: 29 }, 30)).equal('abstaining');
    copy.update(members, quorum, 31);
    expect(copy.state).equal('abstaining');
    copy.update(members, quorum, 32);
    expect(copy.state).equal('permitted');
  });

  it('waits for quorum − 1 heights: one peer alone may lag', () => {
    const copy = permit();
    expect(tell(copy, { from: second, before: 9, finalHeight: 11 }, 10)).equal('abstaining');
    copy.update(members, quorum, 20);
    expect(copy.state, 'what the second said is not enough to know').equal('abstaining');
    expect(copy.needsAnswer(third)).equal(true);
    expect(tell(copy, { from: third, before: 0, finalHeight: 40 }, 40)).equal('abstaining');
    expect(copy.needsAnswer(fourth)).equal(false);
    copy.update(members, quorum, 42);
    expect(copy.state).equal('permitted');
  });
});

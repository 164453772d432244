/**
 * Goal: virtual time is a function of what was set, in one order. Method: a sorted array as the oracle, random sets and
 * cancellations.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { VirtualClock } from '../../../src/runtime/simulated/virtual-clock.ts';

describe('a virtual clock', () => {
  it('fires what was not cancelled, by time, then by order of setting', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: -5, max: 30 }), fc.boolean()), { maxLength: 80 }),
        fc.integer({ min: 0, max: 40 }),
        (plan, untilMs) => {
          const clock = new VirtualClock();
          const fired: number[] = [];
          const handles = plan.map(([delayMs], index) => clock.setTimer(delayMs, () => fired.push(index)));
          plan.forEach(([, isCancelled], index) => {
            if (isCancelled) handles[index]?.cancel();
          });
          const expected = plan
            .map(([delayMs, isCancelled], index) => ({ dueMs: Math.max(delayMs, 0), isCancelled, index }))
            .filter(({ dueMs, isCancelled }) => !isCancelled && dueMs <= untilMs)
            .sort((x, y) => x.dueMs - y.dueMs || x.index - y.index)
            .map(({ index }) => index);
          clock.advanceTo(untilMs);
          expect(fired).to.deep.equal(expected);
          expect(clock.monotonicMs()).to.equal(untilMs);
          for (const handle of handles) handle.cancel();
          expect(clock.pending).to.equal(0);
        },
      ),
    );
  });

  it('stands at the time of each timer while it fires, and fires what is set meanwhile', () => {
    const clock = new VirtualClock({ nowMs: 1_000 });
    const seen: [number, number][] = [];
    const again = (): void => {
      seen.push([clock.monotonicMs(), clock.now()]);
      clock.setTimer(2.5, again);
    };
    clock.setTimer(2.5, again);
    clock.advanceBy(10);
    expect(seen).to.deep.equal([
      [2.5, 1_002],
      [5, 1_005],
      [7.5, 1_007],
      [10, 1_010],
    ]);
    expect(clock.nextAtMs).to.equal(12.5);
  });

  it('goes from timer to timer, and never back', () => {
    const clock = new VirtualClock();
    expect(clock.runNext()).to.equal(false);
    clock.setTimer(50, () => undefined);
    expect(clock.runNext()).to.equal(true);
    expect(clock.monotonicMs()).to.equal(50);
    clock.advanceTo(10);
    expect(clock.monotonicMs()).to.equal(50);
  });

  it('lets the lower priority go first at one moment, and never before an earlier moment', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(5), fc.nat(3)), { maxLength: 60 }), (plan) => {
        let next = 0;
        const clock = new VirtualClock({ priority: () => plan[next]?.[1] ?? 0 });
        const fired: number[] = [];
        for (const [delayMs] of plan) {
          const index = next;
          clock.setTimer(delayMs, () => fired.push(index));
          next += 1;
        }
        clock.advanceTo(10);
        const expected = plan
          .map(([delayMs, priority], index) => ({ delayMs, priority, index }))
          .sort((x, y) => x.delayMs - y.delayMs || x.priority - y.priority || x.index - y.index)
          .map(({ index }) => index);
        expect(fired).to.deep.equal(expected);
      }),
    );
  });
});

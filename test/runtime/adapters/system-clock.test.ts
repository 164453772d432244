/**
 * Goal: production timers fire not before their time, never after a cancel, and a delay beyond what Node can hold does not
 * fire at once. Method: real timers of at most a few milliseconds; nothing depends on how late they are.
 */
import { expect } from 'chai';
import { createSystemClock } from '../../../src/runtime/adapters/system-clock.ts';

describe('the system clock', () => {
  const clock = createSystemClock();

  it('fires not before its time', async () => {
    for (const delayMs of [0, 0.4, 1, 3.7]) {
      const startMs = clock.monotonicMs();
      await new Promise<void>((resolve) => clock.setTimer(delayMs, resolve));
      expect(clock.monotonicMs() - startMs).to.be.at.least(delayMs);
    }
  });

  it('does not fire after a cancel, however often that is said', async () => {
    let fired = 0;
    const handle = clock.setTimer(1, () => (fired += 1));
    handle.cancel();
    handle.cancel();
    await new Promise<void>((resolve) => clock.setTimer(4, resolve));
    expect(fired).to.equal(0);
  });

  it('holds delays beyond 2^31 − 1 ms instead of firing at once', async () => {
    let fired = 0;
    const handles = [2 ** 31, 1e13, Infinity].map((delayMs) => clock.setTimer(delayMs, () => (fired += 1)));
    await new Promise<void>((resolve) => clock.setTimer(4, resolve));
    expect(fired).to.equal(0);
    for (const handle of handles) handle.cancel();
  });

  it('tells whole milliseconds of wall time', () => {
    expect(Number.isInteger(clock.now())).to.equal(true);
    expect(clock.now()).to.be.greaterThan(Date.UTC(2020, 0, 1));
  });
});

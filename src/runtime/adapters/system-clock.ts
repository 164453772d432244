/** The operating system's time. */
import type { Clock, TimerHandle } from '../ports/clock.ts';

/** Node fires a timer of more than 2^31 − 1 ms after 1 ms; longer ones are made of several. */
const timerMsMax = 0x7fffffff;

export function createSystemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    setTimer: (delayMs, callback) => setSystemTimer(delayMs, callback),
  };
}

function setSystemTimer(delayMs: number, callback: () => void): TimerHandle {
  const dueMs = performance.now() + delayMs;
  let timeout: NodeJS.Timeout;
  const arm = (leftMs: number): void => {
    timeout = setTimeout(onTimeout, Math.min(Math.max(Math.ceil(leftMs), 0), timerMsMax));
  };
  const onTimeout = (): void => {
    // Node rounds to its loop's millisecond and may fire a fraction early; the port promises not before.
    const leftMs = dueMs - performance.now();
    if (leftMs > 0) arm(leftMs);
    else callback();
  };
  arm(delayMs);
  return { cancel: () => clearTimeout(timeout) };
}

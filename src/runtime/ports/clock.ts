/** Time as an input. Production reads the operating system, the simulator a virtual clock. */
export interface Clock {
  /** Wall time, milliseconds since 1970, whole. May jump. */
  now(): number;
  /** Milliseconds from an arbitrary origin; never goes back. For durations. */
  monotonicMs(): number;
  /** Calls `callback` once, not before `delayMs` has passed on the monotonic clock. */
  setTimer(delayMs: number, callback: () => void): TimerHandle;
}

export interface TimerHandle {
  /** Idempotent. After it returns the callback does not run. */
  cancel(): void;
}

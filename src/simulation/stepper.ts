/**
 * How a simulation gets the processor: one callback a step, and every promise that has become ready is served before the
 * next. JavaScript itself gives no way to wait for that, so the host of the simulation brings one.
 */
export interface Stepper {
  /**
   * Calls `step` until it returns false; the queue of microtasks is empty before each call. While simulated code runs,
   * reading the real clock, real randomness or a file, or setting a real timer, throws, and `onLeak` is told its name and place.
   * `onRejected` is told of promises whose rejection nobody handles, soon after the step that left them so.
   * Rejects with what `step` throws.
   */
  run(
    step: () => boolean,
    onLeak: (name: string, place: string) => void,
    onRejected: (cause: unknown) => void,
  ): Promise<void>;
}

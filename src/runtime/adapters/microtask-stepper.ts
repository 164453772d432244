/**
 * Steps of a simulation on Node. The engine's own checkpoint drains the microtask queue from within one macrotask, a
 * hundred thousand times a second and more; where it is not to be had, every step takes a macrotask, which drains the
 * queue by itself, only slower, and the guard reaches no further than the step's synchronous part.
 */
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import type { Stepper } from '../../simulation/stepper.ts';
import { installRealWorldGuard } from './real-world-guard.ts';

/** Steps before the real event loop has a turn. */
const stepsPerTurn = 4096;

type Checkpoint = () => void;

/**
 * The engine's checkpoint, or null where this engine does not give it. Made anew for every run: the engine forgets code
 * that has not run for a while, and could not read this again once the syntax is off.
 */
function engineCheckpoint(): Checkpoint | null {
  setFlagsFromString('--allow-natives-syntax');
  try {
    const checkpoint = new Script('(() => %PerformMicrotaskCheckpoint())').runInThisContext() as Checkpoint;
    // Functions are read when they are first called.
    checkpoint();
    return drains(checkpoint) ? checkpoint : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  } finally {
    setFlagsFromString('--no-allow-natives-syntax');
  }
}

/** Whether it serves what is ready, and what that makes ready, before it returns. Asked from a macrotask. */
function drains(checkpoint: Checkpoint): boolean {
  let served = 0;
  const serve = (): void => {
    served += 1;
  };
  void Promise.resolve().then(serve).then(serve);
  checkpoint();
  return served === 2;
}

export interface StepperOptions {
  /** Never the engine's checkpoint. For comparison. */
  readonly slow?: boolean;
}

export function createStepper(options: StepperOptions = {}): Stepper {
  return {
    run: (step, onLeak, onRejected) => {
      const guard = installRealWorldGuard();
      process.on('unhandledRejection', onRejected);
      const run = new Promise<void>((resolve, reject) => {
        let checkpoint: Checkpoint | null = null;
        const turn = (): void => {
          const steps = checkpoint === null ? 1 : stepsPerTurn;
          let goesOn = true;
          guard.close(onLeak);
          try {
            for (let done = 0; goesOn && done < steps; done++) {
              goesOn = step();
              checkpoint?.();
            }
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
            return;
          } finally {
            guard.open();
          }
          if (goesOn) setImmediate(turn);
          // After the next look at promises that nobody handled.
          else setImmediate(resolve);
        };
        setImmediate(() => {
          if (options.slow !== true) checkpoint = engineCheckpoint();
          turn();
        });
      });
      return run.finally(() => {
        process.off('unhandledRejection', onRejected);
        guard.remove();
      });
    },
  };
}

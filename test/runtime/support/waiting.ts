/** Things for tests to wait with. */
import { CodedError } from '../../../src/protocols/shared/errors.ts';

/** A promise that the test fulfils when it likes. */
export class Gate {
  readonly opened: Promise<void>;
  #open!: () => void;

  constructor() {
    this.opened = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  open(): void {
    this.#open();
  }
}

/** The code of a coded error, the message of any other. */
export function errorOf(error: unknown): string {
  if (error instanceof CodedError) return String(error.code);
  return error instanceof Error ? error.message : String(error);
}

/** How a promise failed: see {@link errorOf}. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'fulfilled';
  } catch (error) {
    return errorOf(error);
  }
}

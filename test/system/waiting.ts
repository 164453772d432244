/** Waiting for other processes: they are asked until they say what is awaited. How long that takes is never asserted. */

const askEveryMs = 40;

export interface UntilOptions {
  readonly timeoutMs?: number;
}

/**
 * The first value of `probe` that is neither undefined nor false. What the probe throws counts as "not yet": a process
 * that starts or stops does not answer. Rejects after `timeoutMs` (default 60 s) with what was last seen.
 */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  { timeoutMs = 60_000 }: UntilOptions = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let last = 'not so';
    try {
      const seen = await probe();
      if (seen !== undefined && seen !== false) return seen;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}; at last: ${last}`);
    await new Promise((resolve) => setTimeout(resolve, askEveryMs));
  }
}

/** The value, which the test's own logic says is there. */
export function present<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new Error(`there is no ${what}`);
  return value;
}

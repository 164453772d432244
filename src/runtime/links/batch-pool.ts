import type { BatchBuffer } from './batch-format.ts';

/**
 * Buffers in which batches are gathered. A lane holds one from its first message of a turn to the flush at the end of
 * it, so that an idle link costs no buffer.
 */
export class BatchPool {
  readonly #free: BatchBuffer[] = [];
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  take(): BatchBuffer {
    return this.#free.pop() ?? { bytes: new Uint8Array(this.#size), length: 0 };
  }

  give(buffer: BatchBuffer): void {
    buffer.length = 0;
    if (this.#free.length < 8) this.#free.push(buffer);
  }
}

/**
 * The process that unpacks: reads an order, one line of standard input, answers on standard output, holds nothing else. It
 * ends with its input, so that it never outlives the store that started it.
 */
import { createInterface } from 'node:readline';
import { ImageError } from '../ports/image-store.ts';
import { toImageError } from './system-failure.ts';
import { unpack } from './unpack.ts';
import type { UnpackAnswer, UnpackOrder } from './unpack-order.ts';

async function answer(order: UnpackOrder): Promise<UnpackAnswer> {
  try {
    return { kind: 'unpacked', result: await unpack(order) };
  } catch (cause) {
    const error = toImageError(cause, 'unpacking');
    if (!(error instanceof ImageError)) throw error;
    return { kind: 'refused', code: error.code, message: error.message, details: error.details };
  }
}

const input = createInterface({ input: process.stdin });
input.once('line', (line) => {
  // The order is our own parent's; what is hostile is in the files that it names.
  void answer(JSON.parse(line) as UnpackOrder).then((said) => {
    input.removeAllListeners('close');
    process.stdout.write(JSON.stringify(said), () => process.exit(0));
  });
});
input.once('close', () => process.exit(1));

/** The process that unpacks: reads an order from standard input, answers on standard output, holds nothing else. */
import { text } from 'node:stream/consumers';
import { ImageError } from '../ports/image-store.ts';
import { toImageError } from './system-failure.ts';
import { unpack } from './unpack.ts';
import type { UnpackAnswer, UnpackOrder } from './unpack-order.ts';

async function answer(): Promise<UnpackAnswer> {
  // The order is our own parent's; what is hostile is in the files that it names.
  const order = JSON.parse(await text(process.stdin)) as UnpackOrder;
  try {
    return { kind: 'unpacked', result: await unpack(order) };
  } catch (cause) {
    const error = toImageError(cause, 'unpacking');
    if (!(error instanceof ImageError)) throw error;
    return { kind: 'refused', code: error.code, message: error.message, details: error.details };
  }
}

process.stdout.write(JSON.stringify(await answer()));

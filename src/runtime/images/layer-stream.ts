/** A layer from its blob: digest, decompression within bounds, diff id. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import { ImageError } from '../ports/image-store.ts';
import type { ImageLimits } from './limits.ts';
import type { LayerCompression } from './unpack-order.ts';

export interface LayerBlob {
  /** Of the file that holds it. */
  readonly path: string;
  readonly compression: LayerCompression;
  readonly digest: string;
  readonly diffId: string;
  readonly bytes: number;
}

const chunkSize = 1 << 18;

/** Since Node 22.15; null before. */
function zstdDecompressor(): Transform | null {
  const create = (zlib as { createZstdDecompress?: (options: { chunkSize: number }) => Transform })
    .createZstdDecompress;
  return create === undefined ? null : create({ chunkSize });
}

function decompressor(compression: LayerCompression): Transform | null {
  if (compression === 'none') return null;
  if (compression === 'gzip') return zlib.createGunzip({ chunkSize });
  const zstd = zstdDecompressor();
  if (zstd === null)
    throw new ImageError(
      'compression-unsupported',
      `a layer is compressed with zstd, which Node.js ${process.versions.node} cannot read: use Node.js 22.15 or newer, or make the image with gzip`,
    );
  return zstd;
}

/** Lets bytes through and takes their hash. */
function hashing(hash: Hash): Transform {
  return new Transform({
    highWaterMark: chunkSize,
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
}

const isCompressionError = (cause: unknown): cause is NodeJS.ErrnoException =>
  cause instanceof Error && 'code' in cause && /^(?:Z_|ZSTD_|ERR_ZSTD|ERR_ZLIB)/u.test(String(cause.code));

const isAbort = (cause: unknown): boolean => cause instanceof Error && cause.name === 'AbortError';

const usedBytes = (inflate: Transform | null, layer: LayerBlob): number =>
  inflate === null ? layer.bytes : (inflate as Transform & { bytesWritten: number }).bytesWritten;

const trailing = (bytes: number): ImageError =>
  new ImageError('layer-trailing-garbage', `${bytes} bytes follow the compressed layer`);

const digestOf = (hash: Hash): string => `sha256:${hash.digest('hex')}`;

/**
 * Gives the uncompressed bytes to `take`, in pieces that are valid during the call. `budget` is what is left of what the image
 * may unpack to. Resolves with the number of bytes once digest and diff id were those that were promised.
 */
export async function readLayer(
  layer: LayerBlob,
  limits: ImageLimits,
  budget: number,
  take: (bytes: Uint8Array) => void,
): Promise<number> {
  const stored = createHash('sha256');
  const unpacked = createHash('sha256');
  const inflate = decompressor(layer.compression);
  let bytes = 0;
  // What is thrown here ends the streams, which then complain of that instead.
  let refusal: unknown = null;
  const consume = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    try {
      for await (const chunk of chunks) {
        bytes += chunk.length;
        checkSize(bytes, layer, limits, budget);
        unpacked.update(chunk);
        take(chunk);
      }
    } catch (cause) {
      refusal = cause;
      throw cause;
    }
  };
  const source = createReadStream(layer.path, { highWaterMark: chunkSize });
  try {
    if (inflate === null) await pipeline(source, hashing(stored), consume);
    else await pipeline(source, hashing(stored), inflate, consume);
  } catch (failure) {
    const cause = isAbort(failure) ? (refusal ?? failure) : failure;
    // A decompressor that has come to its end before its input has ends the streams, too.
    if (isAbort(cause)) throw trailing(layer.bytes - usedBytes(inflate, layer));
    if (!isCompressionError(cause)) throw cause;
    throw new ImageError('layer-corrupt', `the layer does not decompress: ${cause.message}`, { cause });
  }
  const digest = digestOf(stored);
  if (digest !== layer.digest)
    throw new ImageError('digest-mismatch', `the stored layer has digest ${digest}, not ${layer.digest}`);
  // Decompressors stop at the end of what they understand, and say nothing of what follows.
  const used = usedBytes(inflate, layer);
  if (used !== layer.bytes) throw trailing(layer.bytes - used);
  const diffId = digestOf(unpacked);
  if (diffId !== layer.diffId)
    throw new ImageError('diff-id-mismatch', `the layer unpacks to ${diffId}, its configuration says ${layer.diffId}`);
  return bytes;
}

function checkSize(bytes: number, layer: LayerBlob, limits: ImageLimits, budget: number): void {
  if (bytes > budget)
    throw new ImageError('image-too-large', `the image unpacks to more than ${limits.unpackedBytesMax} bytes`);
  if (bytes > limits.ratioFreeBytes && bytes > layer.bytes * limits.ratioMax)
    throw new ImageError(
      'layer-ratio-exceeded',
      `a layer of ${layer.bytes} bytes unpacks to more than ${limits.ratioMax} times as much`,
    );
}

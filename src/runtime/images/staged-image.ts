/** An image on its way in: chosen in its layout, its blobs copied and checked, nothing of it in the store yet. */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { choosePlatform, runsOn, shownPlatform } from '../../protocols/docklock/platform.ts';
import type { Platform } from '../../protocols/shared/images.ts';
import { ImageError, type ImageLayer, type ImportOptions } from '../ports/image-store.ts';
import {
  checkConfigType,
  checkDigest,
  checkOwnType,
  type Descriptor,
  documentKind,
  type IndexEntry,
  layerCompression,
  type ReadConfig,
  readConfig,
  readIndex,
  readLayout,
  readManifest,
} from './documents.ts';
import type { LayerBlob } from './layer-stream.ts';
import type { LayoutSource, SourceFile } from './layout-source.ts';
import { documentBytesMax, type ImageLimits } from './limits.ts';

export interface StagedImage {
  readonly digest: string;
  readonly indexDigests: readonly string[];
  readonly configDigest: string;
  readonly read: ReadConfig;
  readonly layers: readonly ImageLayer[];
  /** Where the layers' blobs are now. */
  readonly blobs: readonly LayerBlob[];
  /** Digests of everything that was staged, each a file of that name (hexadecimal digits). */
  readonly staged: readonly string[];
  readonly bytes: number;
}

export interface StagingOptions extends ImportOptions {
  readonly directory: string;
  readonly limits: ImageLimits;
  readonly platforms: readonly Platform[];
}

const refName = 'org.opencontainers.image.ref.name';
const hexOf = (digest: string): string => digest.slice('sha256:'.length);
/** An index of indexes of indexes is nobody's image. */
const indexDepthMax = 4;

export class Staging {
  readonly #source: LayoutSource;
  readonly #options: StagingOptions;
  readonly #staged = new Set<string>();
  #bytes = 0;

  constructor(source: LayoutSource, options: StagingOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** Rejects with ImageError. */
  async stage(): Promise<StagedImage> {
    readLayout(await this.#document('oci-layout'));
    const top = readIndex(await this.#document('index.json')).manifests;
    const chosen = await this.#choose(this.#meant(top), [], 0);
    const { entry, indexDigests } = chosen;
    if (
      this.#options.expectedDigest !== undefined &&
      ![entry.digest, ...indexDigests].includes(this.#options.expectedDigest)
    )
      throw new ImageError('unexpected-image', `the image is ${entry.digest}, not ${this.#options.expectedDigest}`);
    const manifest = readManifest(await this.#blobDocument(entry));
    checkOwnType(manifest.mediaType, entry.mediaType);
    checkConfigType(manifest.config.mediaType);
    if (manifest.layers.length > this.#options.limits.layersMax)
      throw new ImageError(
        'too-many-layers',
        `${manifest.layers.length} layers; at most ${this.#options.limits.layersMax} are taken`,
      );
    const read = readConfig(await this.#blobDocument(manifest.config), manifest.layers.length);
    if (!runsOn(read.platform, this.#options.platforms)) throw this.#noPlatform([read.platform]);
    const blobs: LayerBlob[] = [];
    for (const [index, layer] of manifest.layers.entries())
      blobs.push(await this.#layerBlob(layer, index, read.diffIds[index] ?? ''));
    return {
      digest: entry.digest,
      indexDigests,
      configDigest: manifest.config.digest,
      read,
      layers: manifest.layers.map(({ digest, mediaType, size }, index) => ({
        digest,
        diffId: read.diffIds[index] ?? '',
        mediaType,
        bytes: size,
      })),
      blobs,
      staged: [...this.#staged],
      bytes: this.#bytes,
    };
  }

  /** Of what `index.json` lists: all that bear the tag, or are the digest, that was asked for. */
  #meant(entries: readonly IndexEntry[]): readonly IndexEntry[] {
    const { tag, expectedDigest } = this.#options;
    const tags = entries.map((entry) => entry.annotations?.[refName] ?? entry.digest);
    if (tag !== undefined) {
      const tagged = entries.filter((_, at) => tags[at] === tag);
      if (tagged.length > 0) return tagged;
      throw new ImageError('not-found', `the layout has no image ${tag}; it has ${tags.join(', ') || 'none'}`);
    }
    const expected = entries.filter(({ digest }) => digest === expectedDigest);
    if (expected.length > 0) return expected;
    if (new Set(tags).size > 1 && entries.some((entry) => entry.annotations?.[refName] !== undefined))
      throw new ImageError('image-ambiguous', `the layout has several images: choose one of ${tags.join(', ')}`);
    return entries;
  }

  /** The manifest for this machine. What an index lists without a platform is looked at. */
  async #choose(
    entries: readonly IndexEntry[],
    above: readonly string[],
    depth: number,
  ): Promise<{ readonly entry: IndexEntry; readonly indexDigests: readonly string[] }> {
    const images = entries.filter(({ mediaType }) => documentKind(mediaType) !== null);
    const [only] = images;
    if (only === undefined) {
      const types = [...new Set(entries.map(({ mediaType }) => mediaType))];
      throw new ImageError(
        'unknown-media-type',
        `the index lists no image${types.length === 0 ? '' : `, only ${types.join(', ')}`}`,
      );
    }
    if (images.length === 1 && documentKind(only.mediaType) === 'manifest') return { entry: only, indexDigests: above };
    if (images.length === 1) {
      if (depth >= indexDepthMax)
        throw new ImageError('layout-invalid', `indexes within indexes, more than ${indexDepthMax} deep`);
      const index = readIndex(await this.#blobDocument(only));
      checkOwnType(index.mediaType, only.mediaType);
      return this.#choose(index.manifests, [...above, only.digest], depth + 1);
    }
    const offers = await Promise.all(images.map(async (entry) => ({ entry, platform: await this.#platformOf(entry) })));
    const known = offers.filter(({ platform }) => platform !== null);
    const best = choosePlatform(known, ({ platform }) => platform ?? noPlatform, this.#options.platforms);
    if (best === null) throw this.#noPlatform(known.map(({ platform }) => platform ?? noPlatform));
    return this.#choose([best.entry], above, depth);
  }

  async #platformOf(entry: IndexEntry): Promise<Platform | null> {
    if (entry.platform !== undefined) return { variant: '', ...entry.platform };
    if (documentKind(entry.mediaType) !== 'manifest') return null;
    const manifest = readManifest(await this.#checkedDocument(entry));
    return readConfig(await this.#checkedDocument(manifest.config), manifest.layers.length).platform;
  }

  #noPlatform(offered: readonly Platform[]): ImageError {
    const wanted = this.#options.platforms.map(shownPlatform).join(' or ');
    return new ImageError(
      'platform-not-available',
      `the image is for ${offered.map(shownPlatform).join(', ')}; this machine runs ${wanted}`,
    );
  }

  async #document(name: string): Promise<Uint8Array> {
    const file = await this.#source.file(name);
    if (file === null) throw new ImageError('layout-invalid', `there is no ${name}: this is no OCI image layout`);
    return readWhole(file, name);
  }

  async #blobFile({ digest, size }: Descriptor): Promise<SourceFile> {
    checkDigest(digest);
    const file = await this.#source.file(`blobs/sha256/${hexOf(digest)}`);
    if (file === null) throw new ImageError('blob-missing', `the layout has no blob ${digest}`);
    if (file.bytes !== size)
      throw new ImageError('size-mismatch', `${digest} has ${file.bytes} bytes, the manifest says ${size}`);
    return file;
  }

  async #checkedDocument(descriptor: Descriptor): Promise<Uint8Array> {
    const bytes = await readWhole(await this.#blobFile(descriptor), descriptor.digest);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    if (digest !== descriptor.digest)
      throw new ImageError('digest-mismatch', `the blob ${descriptor.digest} has the digest ${digest}`);
    return bytes;
  }

  async #blobDocument(descriptor: Descriptor): Promise<Uint8Array> {
    const bytes = await this.#checkedDocument(descriptor);
    await this.#keep(descriptor, (handle) => handle.writeFile(bytes));
    return bytes;
  }

  async #layerBlob(descriptor: Descriptor, index: number, diffId: string): Promise<LayerBlob> {
    const { digest, size } = descriptor;
    const compression = layerCompression(descriptor.mediaType, index);
    const { layerBytesMax, imageBytesMax } = this.#options.limits;
    if (size > layerBytesMax)
      throw new ImageError('layer-too-large', `layer ${index} has ${size} bytes; at most ${layerBytesMax} are taken`, {
        details: { layer: index },
      });
    if (this.#bytes + size > imageBytesMax)
      throw new ImageError('image-too-large', `the image has more than ${imageBytesMax} bytes`);
    const file = await this.#blobFile(descriptor);
    await this.#keep(descriptor, (handle) => copyChecked(file, handle, descriptor, index));
    return { path: join(this.#options.directory, hexOf(digest)), compression, digest, diffId, bytes: size };
  }

  /** Once each; on stable storage when it resolves. */
  async #keep({ digest, size }: Descriptor, write: (handle: FileHandle) => Promise<void>): Promise<void> {
    if (this.#staged.has(digest)) return;
    this.#staged.add(digest);
    this.#bytes += size;
    const handle = await open(join(this.#options.directory, hexOf(digest)), 'wx', 0o600);
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

const noPlatform: Platform = { os: '', architecture: '', variant: '' };

async function readWhole(file: SourceFile, name: string): Promise<Uint8Array> {
  if (file.bytes > documentBytesMax)
    throw new ImageError(
      'layout-invalid',
      `${name} has ${file.bytes} bytes; a document has at most ${documentBytesMax}`,
    );
  const bytes = new Uint8Array(file.bytes);
  let at = 0;
  for await (const piece of file.read()) {
    bytes.set(piece, at);
    at += piece.length;
  }
  if (at !== bytes.length) throw new ImageError('source-changed', `${name} became shorter while it was read`);
  return bytes;
}

/** The digest is taken of what is written, so that what the source becomes afterwards does not matter. */
async function copyChecked(file: SourceFile, to: FileHandle, { digest }: Descriptor, layer: number): Promise<void> {
  const hash = createHash('sha256');
  for await (const piece of file.read()) {
    hash.update(piece);
    for (let at = 0; at < piece.length; ) at += (await to.write(piece, at)).bytesWritten;
  }
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== digest)
    throw new ImageError('digest-mismatch', `layer ${layer}: the blob ${digest} has the digest ${found}`, {
      details: { layer },
    });
}

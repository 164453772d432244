/**
 * The image store in a directory of this machine. Blobs lie under their digests, flattened trees under their chain ids,
 * and one file says which images there are: an image is in the store from the moment in which that file is replaced.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  isImageDigest,
  isImageName,
  nameOfSource,
  parseImageReference,
} from '../../protocols/docklock/image-reference.ts';
import type { Platform } from '../../protocols/shared/images.ts';
import type { IdRange } from '../../protocols/shared/containers.ts';
import { type DirectoryLock, lockDirectory } from '../adapters/directory-lock.ts';
import { syncDirectory } from '../adapters/private-file.ts';
import {
  type Collected,
  type ContainerRoot,
  ImageError,
  type ImageRecord,
  type ImageStore,
  type ImportOptions,
  type RootRequest,
} from '../ports/image-store.ts';
import { StoreError } from '../ports/store.ts';
import { availableConfinement, type Confinement } from './confined-unpack.ts';
import { ContainerRoots } from './container-roots.ts';
import { layerCompression } from './documents.ts';
import { FlattenedTrees, type TreeRequest } from './flattened-trees.ts';
import { ImageRecords, type StoredImage } from './image-records.ts';
import { openLayout } from './layout-source.ts';
import { defaultImageLimits, type ImageLimits } from './limits.ts';
import { runProgram } from './program.ts';
import { type StagedImage, Staging } from './staged-image.ts';
import { makeStoreDirectories, namesIn, type StorePaths, storePaths, treeKey } from './store-paths.ts';
import { toImageError } from './system-failure.ts';

export interface ImageStoreOptions {
  /** Made where it is not there. Belongs to the store alone. */
  readonly directory: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly limits?: ImageLimits | undefined;
  /** What this machine runs, the preferred first. Default: Linux on its processor, then WebAssembly. */
  readonly platforms?: readonly Platform[] | undefined;
  /** Whose trees are made at import, so that the first container need not wait. */
  readonly importRange?: IdRange | null | undefined;
}

const architectures: Readonly<Record<string, Omit<Platform, 'os'>>> = {
  x64: { architecture: 'amd64', variant: '' },
  arm64: { architecture: 'arm64', variant: 'v8' },
  arm: { architecture: 'arm', variant: 'v7' },
};

/** What a machine like this one runs. */
function hostPlatforms(): readonly Platform[] {
  const { architecture, variant } = architectures[process.arch] ?? { architecture: process.arch, variant: '' };
  const modules = ['wasip1', 'wasi'].map((os) => ({ os, architecture: 'wasm', variant: '' }));
  return [{ os: 'linux', architecture, variant }, ...modules];
}

/** Of all layers: image-spec v1.1, config.md (Layer ChainID). */
function chainIdOf(diffIds: readonly string[]): string {
  const [first = '', ...above] = diffIds;
  return above.reduce(
    (chain, diffId) => `sha256:${createHash('sha256').update(`${chain} ${diffId}`).digest('hex')}`,
    first,
  );
}

function lock(directory: string): DirectoryLock {
  try {
    return lockDirectory(directory);
  } catch (cause) {
    if (cause instanceof StoreError && cause.code === 'locked')
      throw new ImageError('locked', cause.message, { cause });
    throw cause;
  }
}

/** Removes what an earlier process left half-made. Rejects with ImageError `locked`, `corrupt`, `failed`. */
export async function openImageStore(
  options: ImageStoreOptions,
): Promise<ImageStore & { readonly confinement: Confinement }> {
  const paths = storePaths(resolve(options.directory));
  let held: DirectoryLock | null = null;
  try {
    makeStoreDirectories(paths);
    held = lock(paths.root);
    await clearStaging(paths);
    const records = new ImageRecords(paths.records);
    const roots = new ContainerRoots(paths);
    await roots.restore();
    return new DirectoryImageStore(options, { paths, lock: held, records, roots });
  } catch (cause) {
    held?.release();
    throw toImageError(cause, `opening the image store ${paths.root}`);
  }
}

/** What a killed process left. One that it had started may be at its end only now, and still write. */
async function clearStaging(paths: StorePaths): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const { code, complaint } = await runProgram('rm', ['-rf', '--', paths.staging], paths.root);
    if (code === 0) break;
    if (attempt === 5) throw new ImageError('failed', `${paths.staging} could not be emptied: ${complaint}`);
  }
  makeStoreDirectories(paths);
}

interface Opened {
  readonly paths: StorePaths;
  readonly lock: DirectoryLock;
  readonly records: ImageRecords;
  readonly roots: ContainerRoots;
}

class DirectoryImageStore implements ImageStore {
  readonly confinement: Confinement = availableConfinement();
  readonly #paths: StorePaths;
  readonly #lock: DirectoryLock;
  readonly #records: ImageRecords;
  readonly #roots: ContainerRoots;
  readonly #trees: FlattenedTrees;
  readonly #limits: ImageLimits;
  readonly #platforms: readonly Platform[];
  readonly #importRange: IdRange | null;
  readonly #now: () => number;
  /** Images, by digest, that something is being opened of. */
  readonly #opening = new Map<string, number>();
  /** Imports, removals and collections come one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(options: ImageStoreOptions, opened: Opened) {
    this.#paths = opened.paths;
    this.#lock = opened.lock;
    this.#records = opened.records;
    this.#roots = opened.roots;
    this.#limits = options.limits ?? defaultImageLimits;
    this.#platforms = options.platforms ?? hostPlatforms();
    this.#importRange = options.importRange ?? null;
    this.#now = options.now;
    this.#trees = new FlattenedTrees(this.#paths, this.#limits, this.confinement);
  }

  import(path: string, options: ImportOptions = {}): Promise<ImageRecord> {
    return this.#inTurn(async () => {
      const name = options.name ?? nameOfSource(path);
      if (name === null || !isImageName(name))
        throw new ImageError(
          'name-invalid',
          `${name ?? path} is no name for an image: lower-case letters, digits, . _ - and /`,
        );
      if (options.expectedDigest !== undefined && !isImageDigest(options.expectedDigest))
        throw new ImageError(
          'name-invalid',
          `${options.expectedDigest} is no digest: sha256: and 64 hexadecimal digits`,
        );
      const source = await openLayout(path, this.#limits);
      const directory = mkdtempSync(join(this.#paths.staging, 'import-'));
      try {
        const { limits, platforms } = { limits: this.#limits, platforms: this.#platforms };
        const staged = await new Staging(source, { ...options, directory, limits, platforms }).stage();
        return await this.#commit(staged, directory, name);
      } catch (cause) {
        throw toImageError(cause, `importing ${path}`);
      } finally {
        await source.close();
        rmSync(directory, { recursive: true, force: true });
      }
    });
  }

  list(): Promise<readonly ImageRecord[]> {
    return this.#do(() => this.#records.all);
  }

  inspect(reference: string): Promise<ImageRecord> {
    return this.#do(() => this.#find(reference));
  }

  remove(reference: string): Promise<void> {
    return this.#inTurn(() => {
      const image = this.#find(reference);
      const name = parseImageReference(reference)?.digest === null ? reference : null;
      const isLastName = name === null || image.names.length === 1;
      if (isLastName && this.#isUsed(image.digest))
        throw new ImageError('in-use', `a container has a root of ${reference}: remove the container first`);
      if (name === null) this.#records.removeImage(image.digest);
      else this.#records.removeName(name);
      return Promise.resolve();
    });
  }

  collect(): Promise<Collected> {
    return this.#inTurn(async () => {
      const images = this.#records.all;
      const blobs = new Set(
        images.flatMap(({ digest, indexDigests, configDigest, layers }) =>
          [digest, ...indexDigests, configDigest, ...layers.map((layer) => layer.digest)].map((each) =>
            this.#paths.blob(each),
          ),
        ),
      );
      const chains = new Set(
        [...images, ...this.#roots.all].map(({ chainId }) => treeKey(chainId, null).split('-')[0]),
      );
      let removed = 0;
      let bytes = 0;
      for (const name of namesIn(this.#paths.blobs)) {
        const path = join(this.#paths.blobs, name);
        if (blobs.has(path)) continue;
        bytes += statSync(path).size;
        removed += 1;
        rmSync(path);
      }
      for (const key of this.#trees.keys()) {
        if (chains.has(key.split('-')[0])) continue;
        removed += 1;
        bytes += await this.#trees.discard(key);
      }
      return { removed, bytes };
    });
  }

  async prepare(image: string, idRange: IdRange | null): Promise<void> {
    await this.#using(image, (record) => this.#trees.need(this.#treeOf(record, idRange)));
  }

  openRoot(request: RootRequest): Promise<ContainerRoot> {
    return this.#using(request.image, async (record) => {
      const { containerId, idRange, kind } = request;
      if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/u.test(containerId))
        throw new ImageError('name-invalid', `${containerId} is no name for a container`);
      const wanted = { containerId, imageDigest: record.digest, chainId: record.chainId, idRange, kind };
      const tree = await this.#trees.need(this.#treeOf(record, idRange));
      return { ...(await this.#roots.open(wanted, tree)), config: record.config };
    });
  }

  closeRoot(containerId: string): Promise<void> {
    return this.#do(() => this.#roots.close(containerId));
  }

  openRoots(): Promise<readonly ContainerRoot[]> {
    return this.#do(() => this.#roots.all.map((root) => ({ ...root, config: this.#find(root.imageDigest).config })));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#last;
    this.#lock.release();
  }

  /** Rejects with `closed` after `close`. */
  async #do<T>(work: () => T | Promise<T>): Promise<T> {
    if (this.#isClosed) throw new ImageError('closed', 'the image store is closed');
    return await work();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#do(() => {
      const turn = this.#last.then(work);
      this.#last = turn.catch(() => undefined);
      return turn;
    });
  }

  /** What is used is not removed meanwhile. */
  #using<T>(reference: string, work: (record: ImageRecord) => Promise<T>): Promise<T> {
    return this.#do(async () => {
      const record = this.#find(reference);
      const count = (change: number): void => {
        const users = (this.#opening.get(record.digest) ?? 0) + change;
        if (users === 0) this.#opening.delete(record.digest);
        else this.#opening.set(record.digest, users);
      };
      count(1);
      try {
        return await work(record);
      } finally {
        count(-1);
      }
    });
  }

  #isUsed(digest: string): boolean {
    return this.#opening.has(digest) || this.#roots.all.some(({ imageDigest }) => imageDigest === digest);
  }

  #find(reference: string): ImageRecord {
    const parsed = parseImageReference(reference);
    if (parsed === null)
      throw new ImageError('name-invalid', `${reference} is no image: name, name@sha256:… or sha256:…`);
    const { name, digest } = parsed;
    const image = digest !== null ? this.#records.byDigest(digest) : this.#records.byName(name ?? '');
    // A name beside a digest says where it came from; the digest says what it is.
    if (image === null) throw new ImageError('not-found', `there is no image ${reference}`);
    return image;
  }

  #treeOf(record: ImageRecord, idRange: IdRange | null): TreeRequest {
    const blobs = record.layers.map(({ digest, diffId, mediaType, bytes }, index) => ({
      path: this.#paths.blob(digest),
      compression: layerCompression(mediaType, index),
      digest,
      diffId,
      bytes,
    }));
    return { chainId: record.chainId, blobs, idRange };
  }

  async #commit(staged: StagedImage, directory: string, name: string): Promise<ImageRecord> {
    const { digest, configDigest, layers, bytes } = staged;
    const chainId = chainIdOf(staged.read.diffIds);
    const request = { chainId, blobs: staged.blobs, idRange: this.#importRange };
    const unpacked = await this.#trees.make(request);
    for (const each of staged.staged) {
      const place = this.#paths.blob(each);
      if (!existsSync(place)) renameSync(join(directory, each.slice('sha256:'.length)), place);
    }
    syncDirectory(this.#paths.blobs);
    syncDirectory(this.#paths.trees);
    const known = this.#records.byDigest(digest);
    const image: StoredImage = {
      digest,
      indexDigests: [...new Set([...(known?.indexDigests ?? []), ...staged.indexDigests])],
      platform: staged.read.platform,
      config: staged.read.config,
      configDigest,
      chainId,
      layers,
      bytes,
      unpackedBytes: unpacked.bytes,
      entries: unpacked.entries,
      notes: unpacked.notes,
      importedAt: known?.importedAt ?? this.#now(),
    };
    return this.#records.put(image, name);
  }
}

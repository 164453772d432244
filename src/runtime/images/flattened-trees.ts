/** Flattened trees, one for each chain id and range of owners: made once, whoever asks, and then only read. */
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { IdRange } from '../../protocols/shared/containers.ts';
import { ImageError } from '../ports/image-store.ts';
import { type Confinement, unpackConfined } from './confined-unpack.ts';
import type { LayerBlob } from './layer-stream.ts';
import type { ImageLimits } from './limits.ts';
import { runProgram } from './program.ts';
import { namesIn, type StorePaths, treeKey, treeName } from './store-paths.ts';
import { toImageError } from './system-failure.ts';
import type { Unpacked } from './unpack-order.ts';

/** Beside the tree: the bytes of its files, in decimal. */
const sizeName = 'size';

/** Whoever was first has made the same. */
function nameOnce(staging: string, place: string): void {
  try {
    renameSync(staging, place);
  } catch (cause) {
    if (!['ENOTEMPTY', 'EEXIST'].includes(String((cause as NodeJS.ErrnoException).code))) throw cause;
  }
}

export interface TreeRequest {
  readonly chainId: string;
  readonly blobs: readonly LayerBlob[];
  readonly idRange: IdRange | null;
}

export class FlattenedTrees {
  readonly #paths: StorePaths;
  readonly #limits: ImageLimits;
  readonly #confinement: Confinement;
  readonly #making = new Map<string, Promise<void>>();

  constructor(paths: StorePaths, limits: ImageLimits, confinement: Confinement) {
    this.#paths = paths;
    this.#limits = limits;
    this.#confinement = confinement;
  }

  /** Unpacks, whether there is such a tree or not: what an image claims of its layers is not believed. */
  async make(request: TreeRequest): Promise<Unpacked> {
    const place = this.#paths.tree(treeKey(request.chainId, request.idRange));
    const staging = mkdtempSync(join(this.#paths.staging, 'tree-'));
    try {
      const target = join(staging, treeName);
      mkdirSync(target, { mode: 0o700 });
      const { blobs, idRange } = request;
      const order = { target, layers: blobs, idRange, limits: this.#limits };
      const unpacked = await unpackConfined(order, this.#confinement);
      if (existsSync(place)) return unpacked;
      writeFileSync(join(staging, sizeName), String(unpacked.bytes));
      await this.#settle(staging, target);
      // Who is not root owns every tree, whatever the range.
      if (idRange !== null && process.geteuid?.() === 0) chownSync(staging, idRange.first, idRange.first);
      nameOnce(staging, place);
      return unpacked;
    } catch (cause) {
      throw toImageError(cause, 'unpacking an image');
    } finally {
      await this.#remove(staging);
    }
  }

  /** The directory that holds the tree; makes it where it is not there yet. */
  async need(request: TreeRequest): Promise<string> {
    const key = treeKey(request.chainId, request.idRange);
    const place = this.#paths.tree(key);
    if (existsSync(place)) return place;
    let making = this.#making.get(key);
    if (making === undefined) {
      making = this.make(request).then(() => undefined);
      this.#making.set(key, making);
      const done = (): boolean => this.#making.delete(key);
      making.then(done, done);
    }
    await making;
    return place;
  }

  keys(): readonly string[] {
    return namesIn(this.#paths.trees);
  }

  /** Resolves with the bytes of its files. */
  async discard(key: string): Promise<number> {
    // Under its name it is whole or not there.
    const leaving = join(mkdtempSync(join(this.#paths.staging, 'leaving-')), key);
    renameSync(this.#paths.tree(key), leaving);
    const bytes = Number(readFileSync(join(leaving, sizeName), 'utf8'));
    await this.#remove(dirname(leaving));
    return bytes;
  }

  /** A tree that has its name is on stable storage: half of one must not come back after a crash. */
  async #settle(staging: string, target: string): Promise<void> {
    const { code, complaint } = await runProgram('sync', ['-f', target], staging);
    if (code === 0) return;
    const { code: everything } = await runProgram('sync', [], staging);
    if (everything !== 0) throw new ImageError('failed', `the tree could not be written out: ${complaint}`);
  }

  async #remove(directory: string): Promise<void> {
    const { code, complaint } = await runProgram('rm', ['-rf', '--', directory], this.#paths.root);
    if (code !== 0) throw new ImageError('failed', `${directory} could not be removed: ${complaint}`);
  }
}

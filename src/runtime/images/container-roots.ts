/**
 * Roots of containers over flattened trees. An overlay's own layer belongs to one container and goes with its root; the
 * record of a root is written last and removed first, so that one without a record is a leftover.
 */
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { IdRange } from '../../protocols/shared/containers.ts';
import { type ContainerRoot, ImageError } from '../ports/image-store.ts';
import { runProgram } from './program.ts';
import { namesIn, type StorePaths, treeName } from './store-paths.ts';
import { toImageError } from './system-failure.ts';

/** A root without what the image's record says again at every opening. */
export type StoredRoot = Omit<ContainerRoot, 'config'>;

const recordName = 'root.json';

/**
 * What a container writes is discarded with it, so nothing waits for the disk (`volatile`); nothing of the lower tree is
 * believed about where directories came from; no device and no set-user-id program works.
 */
const overlayOptions = 'volatile,redirect_dir=nofollow,metacopy=off,index=off';
const mountFlags = 'nodev,nosuid';

/** Escapes of /proc/self/mountinfo. */
const unescapeMount = (path: string): string =>
  path.replaceAll(/\\([0-7]{3})/gu, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

function isMounted(path: string): boolean {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .some((line) => unescapeMount(line.split(' ')[4] ?? '') === path);
  } catch {
    // No Linux: nothing is mounted by this store.
    return false;
  }
}

export class ContainerRoots {
  readonly #paths: StorePaths;
  readonly #roots = new Map<string, StoredRoot>();
  readonly #turns = new Map<string, Promise<void>>();

  constructor(paths: StorePaths) {
    this.#paths = paths;
  }

  get all(): readonly StoredRoot[] {
    return [...this.#roots.values()];
  }

  /** Reads what is there. What was left half-made, or lost its mount with the system, is removed. */
  async restore(): Promise<void> {
    for (const containerId of namesIn(this.#paths.roots)) {
      const root = this.#readRecord(containerId);
      if (root !== null && (root.kind === 'shared' || isMounted(root.path))) this.#roots.set(containerId, root);
      else await this.#discard(containerId);
    }
  }

  /** `tree` holds the flattened tree. What is open already is given again. Rejects with ImageError. */
  open(request: Omit<StoredRoot, 'path'>, tree: string): Promise<StoredRoot> {
    return this.#inTurn(request.containerId, async () => {
      const there = this.#roots.get(request.containerId);
      if (there === undefined) return await this.#make(request, tree);
      if (isSameRoot(there, request)) return there;
      throw new ImageError(
        'container-has-root',
        `${request.containerId} has a root of ${there.imageDigest} already, for other owners or of another kind`,
      );
    });
  }

  close(containerId: string): Promise<void> {
    return this.#inTurn(containerId, async () => {
      if (!this.#roots.has(containerId)) return;
      await this.#discard(containerId);
      this.#roots.delete(containerId);
    });
  }

  /** What is asked of one container happens one after the other. */
  async #inTurn<T>(containerId: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(containerId) ?? Promise.resolve();
    const turn = before.then(work);
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(containerId, settled);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(containerId) === settled) this.#turns.delete(containerId);
    }
  }

  async #make(request: Omit<StoredRoot, 'path'>, tree: string): Promise<StoredRoot> {
    const { containerId } = request;
    const directory = this.#paths.containerRoot(containerId);
    try {
      mkdirSync(directory, { mode: 0o700 });
      const path =
        request.kind === 'shared' ? join(tree, treeName) : await this.#mount(request.idRange, tree, directory);
      const root: StoredRoot = { ...request, path };
      writeFileSync(join(directory, recordName), JSON.stringify(root), { mode: 0o600 });
      this.#roots.set(containerId, root);
      return root;
    } catch (cause) {
      await this.#discard(containerId);
      throw toImageError(cause, `opening the root of ${containerId}`);
    }
  }

  async #mount(idRange: IdRange | null, tree: string, directory: string): Promise<string> {
    const lower = join(tree, treeName);
    const upper = join(directory, 'upper');
    const merged = join(directory, 'merged');
    for (const made of [upper, join(directory, 'work'), merged]) mkdirSync(made, { mode: 0o700 });
    // The root of an overlay is its upper directory: it looks like the image's.
    const { uid, gid, mode } = statSync(lower);
    chownSync(upper, uid, gid);
    chmodSync(upper, mode & 0o7777);
    if (idRange !== null) chownSync(directory, idRange.first, idRange.first);
    // Relative, so that no character of the store's own path means anything in the options.
    const at = (path: string): string => relative(this.#paths.root, path);
    const layers = `lowerdir=${at(lower)},upperdir=${at(upper)},workdir=${at(join(directory, 'work'))}`;
    const options = `${mountFlags},${layers},${overlayOptions}`;
    const { code, complaint } = await runProgram(
      'mount',
      ['-t', 'overlay', 'docklock', '-o', options, at(merged)],
      this.#paths.root,
    );
    if (code !== 0) throw new ImageError('overlay-unavailable', `no overlay could be mounted: ${complaint}`);
    return merged;
  }

  async #discard(containerId: string): Promise<void> {
    const directory = this.#paths.containerRoot(containerId);
    if (!existsSync(directory)) return;
    const merged = join(directory, 'merged');
    if (isMounted(merged)) {
      const { code, complaint } = await runProgram('umount', ['-l', 'merged'], directory);
      if (code !== 0) throw new ImageError('failed', `${merged} could not be unmounted: ${complaint}`);
    }
    // A container can make directories deeper than any path is long: `rm` goes down step by step.
    const { code, complaint } = await runProgram('rm', ['-rf', '--', containerId], this.#paths.roots);
    if (code !== 0) throw new ImageError('failed', `${directory} could not be removed: ${complaint}`);
  }

  #readRecord(containerId: string): StoredRoot | null {
    const path = join(this.#paths.containerRoot(containerId), recordName);
    try {
      return JSON.parse(readFileSync(path, 'utf8')) as StoredRoot;
    } catch (cause) {
      if (cause instanceof SyntaxError || (cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw toImageError(cause, `reading ${path}`);
    }
  }
}

function isSameRoot(there: StoredRoot, wanted: Omit<StoredRoot, 'path'>): boolean {
  return (
    there.imageDigest === wanted.imageDigest &&
    there.kind === wanted.kind &&
    there.idRange?.first === wanted.idRange?.first &&
    there.idRange?.count === wanted.idRange?.count
  );
}

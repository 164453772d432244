/** Carries out what layers do to a tree, in a directory that nobody else writes. Follows no symbolic link: it is told none. */
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { TreeChange } from '../../protocols/docklock/layer-tree.ts';
import type { Attributes } from '../../protocols/docklock/tree-node.ts';
import { invariant } from '../../protocols/shared/errors.ts';

/** How the owners in an image become owners on this machine: by adding, or all to the user of this process. */
export type Owners = { readonly kind: 'shifted'; readonly first: number } | { readonly kind: 'own' };

const newFile = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;
/** What file systems keep of a time: 34 bits of seconds, from 1970 on. */
const secondsMax = 2 ** 34 - 1;
const shownTime = ({ modifiedAt }: Attributes): number => Math.min(Math.max(modifiedAt, 0), secondsMax);

export class TreeWriter {
  readonly #root: string;
  readonly #owners: Owners;
  #file: { readonly descriptor: number; readonly attributes: Attributes } | null = null;

  /** `root` is an empty directory of this process's user. */
  constructor(root: string, owners: Owners) {
    this.#root = root;
    this.#owners = owners;
  }

  change(change: TreeChange): void {
    const path = join(this.#root, change.path);
    switch (change.kind) {
      case 'remove':
        if (change.isDirectory) rmSync(path, { recursive: true });
        else unlinkSync(path);
        return;
      case 'directory':
        mkdirSync(path, { mode: 0o700 });
        return;
      case 'file':
        invariant(this.#file === null, 'a file within a file');
        this.#file = { descriptor: openSync(path, newFile, 0o600), attributes: change.attributes };
        return;
      case 'symlink':
        symlinkSync(change.target, path);
        if (this.#owners.kind === 'shifted') {
          const { first } = this.#owners;
          lchownSync(path, first + change.attributes.owner, first + change.attributes.group);
        }
        return;
      case 'hard-link':
        linkSync(join(this.#root, change.to), path);
        return;
    }
  }

  /** Of the file that was made last. */
  data(bytes: Uint8Array): void {
    invariant(this.#file !== null, 'data without a file');
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file.descriptor, bytes, at);
  }

  /** After each entry. */
  entryEnd(): void {
    if (this.#file === null) return;
    const { descriptor, attributes } = this.#file;
    this.#file = null;
    try {
      if (this.#owners.kind === 'shifted') {
        const { first } = this.#owners;
        fchownSync(descriptor, first + attributes.owner, first + attributes.group);
      }
      fchmodSync(descriptor, this.#fileMode(attributes.mode));
      futimesSync(descriptor, shownTime(attributes), shownTime(attributes));
    } finally {
      closeSync(descriptor);
    }
  }

  /** Once nothing more is made in it. */
  finishDirectory(path: string, attributes: Attributes): void {
    const place = join(this.#root, path);
    if (this.#owners.kind === 'shifted') {
      const { first } = this.#owners;
      chownSync(place, first + attributes.owner, first + attributes.group);
    }
    chmodSync(place, this.#directoryMode(attributes.mode));
    utimesSync(place, shownTime(attributes), shownTime(attributes));
  }

  /** Closes what an error left open. */
  close(): void {
    if (this.#file !== null) closeSync(this.#file.descriptor);
    this.#file = null;
  }

  // Who owns everything and is not root could neither read nor remove what its owner may not.
  #fileMode(mode: number): number {
    return this.#owners.kind === 'own' ? mode | 0o600 : mode;
  }

  #directoryMode(mode: number): number {
    return this.#owners.kind === 'own' ? mode | 0o700 : mode;
  }
}

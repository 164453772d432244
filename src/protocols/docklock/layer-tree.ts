/**
 * What the entries of layers do to the tree of an image: image-spec v1.1, layer.md (Applying Changesets, Whiteouts), and
 * where it is silent what a process would see whose root the tree is.
 *
 * The tree is known here in whole, so no path is ever looked up on a disk: each change names a place whose parents are
 * directories of the tree. Whoever carries the changes out, in order, follows no symbolic link.
 *
 * Deviation: devices and FIFOs are left out (a runtime gives a container its devices), set-user-id and set-group-id bits of
 * files too (no process of a container may gain privileges), and extended attributes; each is counted in `notes`.
 */
import { invariant } from '../shared/errors.ts';
import type { ImageNote } from '../shared/images.ts';
import { type LayerError, layerError, shownName } from './layer-error.ts';
import { checkPathLength, splitPath } from './layer-path.ts';
import type { TarEntry } from './tar-reader.ts';
import {
  type Attributes,
  type DirectoryNode,
  directoryNode,
  impliedDirectory,
  pathIn,
  resolveDirectory,
  touch,
  type TreeNode,
} from './tree-node.ts';

/** Paths are relative to the tree's root; what is made is not there before, and its parent is. */
export type TreeChange =
  | { readonly kind: 'remove'; readonly path: string; readonly isDirectory: boolean }
  | { readonly kind: 'directory'; readonly path: string }
  /** Its contents come as the entry's data. */
  | { readonly kind: 'file'; readonly path: string; readonly attributes: Attributes }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string; readonly attributes: Attributes }
  | { readonly kind: 'hard-link'; readonly path: string; readonly to: string };

export interface TreeLimits {
  /** Entries of all layers, and directories that they imply. */
  readonly entriesMax: number;
  /** The greatest number of a user or group. */
  readonly ownerMax: number;
}

const whiteoutPrefix = '.wh.';
const opaqueWhiteout = '.wh..wh..opq';
const symlinkBytesMax = 4_095;
const setIdBits = 0o6000;

export class LayerTree {
  readonly #limits: TreeLimits;
  readonly #root: DirectoryNode = directoryNode(null, '', 0, impliedDirectory);
  readonly #notes = new Map<ImageNote['code'], ImageNote>();
  #layer = -1;
  #entries = 0;
  #changes: TreeChange[] = [];

  constructor(limits: TreeLimits) {
    this.#limits = limits;
  }

  get entries(): number {
    return this.#entries;
  }

  get notes(): readonly ImageNote[] {
    return [...this.#notes.values()];
  }

  beginLayer(): void {
    this.#layer += 1;
  }

  /** What the entry does, in order; nothing is an answer too. Throws LayerError; after that the tree is of no use. */
  apply(entry: TarEntry): readonly TreeChange[] {
    invariant(this.#layer >= 0, 'an entry before its layer');
    this.#changes = [];
    this.#count(entry.path);
    if (entry.owner > this.#limits.ownerMax || entry.group > this.#limits.ownerMax)
      throw layerError(
        'owner-out-of-range',
        entry.path,
        `owned by ${entry.owner}:${entry.group}; the greatest number here is ${this.#limits.ownerMax}`,
      );
    const names = splitPath(entry.path, entry.path, 'layer-path-escapes');
    const name = names.at(-1);
    if (name === undefined) this.#describeRoot(entry);
    else if (names.some((each) => each.startsWith(whiteoutPrefix))) this.#hide(entry, names, name);
    else this.#place(entry, this.#parentOf(names, entry.path), name);
    return this.#changes;
  }

  /** Every directory after those in it: their attributes are set last, for making something in one changes its time. */
  *directories(): Generator<{ readonly path: string; readonly attributes: Attributes }> {
    yield* inside(this.#root);
  }

  /** Of all files, hard links counted once. */
  get bytes(): number {
    const seen = new Set<object>();
    return sizeOf(this.#root, seen);
  }

  #count(entry: string): void {
    this.#entries += 1;
    if (this.#entries > this.#limits.entriesMax)
      throw layerError('too-many-entries', entry, `more than ${this.#limits.entriesMax} entries`);
  }

  #note(code: ImageNote['code'], entry: TarEntry): void {
    const first = this.#notes.get(code) ?? { code, count: 0, layer: this.#layer, entry: shownName(entry.path) };
    this.#notes.set(code, { ...first, count: first.count + 1 });
  }

  #describeRoot(entry: TarEntry): void {
    if (entry.type !== 'directory')
      throw layerError('root-not-directory', entry.path, `the root of the image as a ${entry.type}`);
    this.#root.attributes = this.#attributesOf(entry);
    this.#root.layer = this.#layer;
  }

  #parentOf(names: readonly string[], entry: string): DirectoryNode {
    const make = (parent: DirectoryNode, name: string): DirectoryNode => {
      this.#count(entry);
      return this.#makeDirectory(parent, name, impliedDirectory, entry);
    };
    const parent = resolveDirectory(this.#root, names.slice(0, -1), entry, make);
    invariant(parent !== null, 'a parent that was to be made');
    return parent;
  }

  #makeDirectory(parent: DirectoryNode, name: string, attributes: Attributes, entry: string): DirectoryNode {
    const made = directoryNode(parent, name, this.#layer, attributes);
    checkPathLength(made.path, entry);
    this.#put(parent, name, made);
    this.#changes.push({ kind: 'directory', path: made.path });
    return made;
  }

  #put(parent: DirectoryNode, name: string, node: TreeNode): void {
    parent.children.set(name, node);
    touch(parent, this.#layer);
  }

  #remove(parent: DirectoryNode, name: string): void {
    const node = parent.children.get(name);
    if (node === undefined) return;
    parent.children.delete(name);
    this.#changes.push({ kind: 'remove', path: pathIn(parent, name), isDirectory: node.kind === 'directory' });
  }

  #attributesOf({ mode, owner, group, modifiedAt }: TarEntry): Attributes {
    return { mode, owner, group, modifiedAt };
  }

  #place(entry: TarEntry, parent: DirectoryNode, name: string): void {
    const path = pathIn(parent, name);
    checkPathLength(path, entry.path);
    if (entry.hasAttributes) this.#note('attributes-dropped', entry);
    switch (entry.type) {
      case 'directory':
        this.#placeDirectory(entry, parent, name);
        return;
      case 'file': {
        this.#remove(parent, name);
        if ((entry.mode & setIdBits) !== 0) this.#note('setuid-stripped', entry);
        const attributes = { ...this.#attributesOf(entry), mode: entry.mode & ~setIdBits };
        this.#put(parent, name, { kind: 'file', layer: this.#layer, contents: { size: entry.size } });
        this.#changes.push({ kind: 'file', path, attributes });
        return;
      }
      case 'symlink': {
        const target = entry.linkPath;
        if (target === '' || new TextEncoder().encode(target).length > symlinkBytesMax)
          throw layerError('symlink-invalid', entry.path, `a symbolic link to ${target.length} characters`);
        this.#remove(parent, name);
        this.#put(parent, name, { kind: 'symlink', layer: this.#layer, target });
        this.#changes.push({ kind: 'symlink', path, target, attributes: this.#attributesOf(entry) });
        return;
      }
      case 'hard-link':
        this.#placeHardLink(entry, parent, name);
        return;
      case 'character-device':
      case 'block-device':
        this.#note('device-skipped', entry);
        this.#remove(parent, name);
        return;
      case 'fifo':
        this.#note('fifo-skipped', entry);
        this.#remove(parent, name);
        return;
    }
  }

  #placeDirectory(entry: TarEntry, parent: DirectoryNode, name: string): void {
    const attributes = this.#attributesOf(entry);
    const there = parent.children.get(name);
    if (there?.kind !== 'directory') {
      this.#remove(parent, name);
      this.#makeDirectory(parent, name, attributes, entry.path);
      return;
    }
    there.attributes = attributes;
    there.layer = this.#layer;
    touch(there, this.#layer);
  }

  #placeHardLink(entry: TarEntry, parent: DirectoryNode, name: string): void {
    const names = splitPath(entry.linkPath, entry.path, 'hard-link-escapes');
    const lastName = names.at(-1);
    if (lastName === undefined) throw layerError('hard-link-to-directory', entry.path, 'a hard link to the root');
    const missing = (): LayerError =>
      layerError(
        'hard-link-target-missing',
        entry.path,
        `a hard link to ${shownName(entry.linkPath)}, which is not there`,
      );
    const directory = resolveDirectory(this.#root, names.slice(0, -1), entry.path, null);
    const node = directory?.children.get(lastName);
    if (directory === null || node === undefined) throw missing();
    if (node.kind === 'directory')
      throw layerError(
        'hard-link-to-directory',
        entry.path,
        `a hard link to the directory ${shownName(entry.linkPath)}`,
      );
    if (directory === parent && lastName === name) return;
    // What is replaced may be a directory that the target is in.
    this.#remove(parent, name);
    if (!this.#holds(directory)) throw missing();
    this.#put(parent, name, { ...node, layer: this.#layer });
    this.#changes.push({ kind: 'hard-link', path: pathIn(parent, name), to: pathIn(directory, lastName) });
  }

  #holds(directory: DirectoryNode): boolean {
    for (let at = directory; at.parent !== null; at = at.parent) {
      const name = at.path.slice(at.parent.path === '' ? 0 : at.parent.path.length + 1);
      if (at.parent.children.get(name) !== at) return false;
    }
    return true;
  }

  #hide(entry: TarEntry, names: readonly string[], name: string): void {
    const hidden = name.slice(whiteoutPrefix.length);
    const isOpaque = name === opaqueWhiteout;
    const isName = hidden !== '' && hidden !== '.' && hidden !== '..' && !hidden.startsWith(whiteoutPrefix);
    if (names.slice(0, -1).some((each) => each.startsWith(whiteoutPrefix)) || !(isOpaque || isName))
      throw layerError('whiteout-invalid', entry.path, 'a whiteout of no name');
    if (entry.type !== 'file' || entry.size !== 0)
      throw layerError('whiteout-invalid', entry.path, 'a whiteout that is no empty file');
    const parent = resolveDirectory(this.#root, names.slice(0, -1), entry.path, null);
    if (parent === null) return;
    if (isOpaque) this.#clear(parent);
    else this.#hideLower(parent, hidden);
  }

  /** Of what lower layers put there: a whiteout hides nothing of its own layer, wherever in it it stands. */
  #hideLower(parent: DirectoryNode, name: string): void {
    const node = parent.children.get(name);
    if (node === undefined) return;
    if (node.layer < this.#layer && (node.kind !== 'directory' || node.touchedBy < this.#layer)) {
      this.#remove(parent, name);
      return;
    }
    if (node.kind !== 'directory') return;
    if (node.layer < this.#layer) {
      // Only for what this layer has in it.
      node.attributes = impliedDirectory;
      node.layer = this.#layer;
    }
    this.#clear(node);
  }

  #clear(directory: DirectoryNode): void {
    if (directory.clearedBy === this.#layer) return;
    directory.clearedBy = this.#layer;
    for (const name of [...directory.children.keys()]) this.#hideLower(directory, name);
  }
}

function* inside(directory: DirectoryNode): Generator<{ readonly path: string; readonly attributes: Attributes }> {
  for (const child of directory.children.values()) if (child.kind === 'directory') yield* inside(child);
  yield { path: directory.path, attributes: directory.attributes };
}

function sizeOf(directory: DirectoryNode, seen: Set<object>): number {
  let bytes = 0;
  for (const child of directory.children.values()) {
    if (child.kind === 'directory') bytes += sizeOf(child, seen);
    else if (child.kind === 'file' && !seen.has(child.contents)) {
      seen.add(child.contents);
      bytes += child.contents.size;
    }
  }
  return bytes;
}

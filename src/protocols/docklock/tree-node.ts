/** The tree that the layers of an image come to, as its reader knows it: names and kinds, without contents. */
import { layerError } from './layer-error.ts';

export interface Attributes {
  readonly mode: number;
  readonly owner: number;
  readonly group: number;
  /** Seconds since 1970. */
  readonly modifiedAt: number;
}

/** Of a directory that no layer describes, though there are entries in it. */
export const impliedDirectory: Attributes = { mode: 0o755, owner: 0, group: 0, modifiedAt: 0 };

interface FileNode {
  readonly kind: 'file';
  readonly layer: number;
  /** One object for all hard links of a file. */
  readonly contents: { readonly size: number };
}

interface SymlinkNode {
  readonly kind: 'symlink';
  readonly layer: number;
  readonly target: string;
}

export interface DirectoryNode {
  readonly kind: 'directory';
  /** Without a leading slash; empty for the root. */
  readonly path: string;
  readonly parent: DirectoryNode | null;
  readonly children: Map<string, TreeNode>;
  /** That said something of the directory itself last. */
  layer: number;
  /** That put something into it, at any depth, last. */
  touchedBy: number;
  /** That hid everything in it that lower layers had, last. */
  clearedBy: number;
  attributes: Attributes;
}

export type TreeNode = FileNode | SymlinkNode | DirectoryNode;

export const pathIn = (directory: DirectoryNode, name: string): string =>
  directory.path === '' ? name : `${directory.path}/${name}`;

export const directoryNode = (
  parent: DirectoryNode | null,
  name: string,
  layer: number,
  attributes: Attributes,
): DirectoryNode => ({
  kind: 'directory',
  path: parent === null ? '' : pathIn(parent, name),
  parent,
  children: new Map(),
  layer,
  touchedBy: layer,
  clearedBy: -1,
  attributes,
});

export function touch(directory: DirectoryNode, layer: number): void {
  for (let at: DirectoryNode | null = directory; at !== null && at.touchedBy !== layer; at = at.parent)
    at.touchedBy = layer;
}

/** As the kernel. */
const symlinksMax = 40;
const stepsMax = 4_096;

/**
 * The directory that `names` lead to from the root of the image, as a process sees it whose root that is: absolute symbolic
 * links begin there, and nothing is above it. What is missing is made by `make`, or the answer is null.
 * Throws LayerError `symlink-loop`, `parent-not-directory`.
 */
export function resolveDirectory(
  root: DirectoryNode,
  names: readonly string[],
  entry: string,
  make: ((parent: DirectoryNode, name: string) => DirectoryNode) | null,
): DirectoryNode | null {
  const waiting = names.toReversed();
  let at = root;
  let symlinks = 0;
  for (let steps = 0; ; steps += 1) {
    const name = waiting.pop();
    if (name === undefined) return at;
    if (steps >= stepsMax) throw layerError('symlink-loop', entry, 'symbolic links that lead nowhere');
    if (name === '' || name === '.') continue;
    if (name === '..') {
      at = at.parent ?? at;
      continue;
    }
    const child = at.children.get(name);
    if (child === undefined) {
      if (make === null) return null;
      at = make(at, name);
    } else if (child.kind === 'directory') at = child;
    else if (child.kind === 'file')
      throw layerError('parent-not-directory', entry, `${pathIn(at, name)} is a file, not a directory`);
    else {
      symlinks += 1;
      if (symlinks > symlinksMax) throw layerError('symlink-loop', entry, `more than ${symlinksMax} symbolic links`);
      if (child.target.startsWith('/')) at = root;
      for (const step of child.target.split('/').reverse()) waiting.push(step);
    }
  }
}

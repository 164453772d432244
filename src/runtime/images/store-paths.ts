/** Where the image store keeps what: blobs by digest, flattened trees by chain id and owners, roots by container. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { IdRange } from '../../protocols/shared/containers.ts';

export interface StorePaths {
  readonly root: string;
  readonly records: string;
  readonly blobs: string;
  readonly trees: string;
  readonly roots: string;
  /** What is being made: emptied at every opening. */
  readonly staging: string;
  blob(digest: string): string;
  /** Of the directory around a tree, which only its owner enters; the tree itself is in it. */
  tree(key: string): string;
  containerRoot(containerId: string): string;
}

const hexOf = (digest: string): string => digest.slice(digest.indexOf(':') + 1);

/** A tree is one set of contents with one set of owners. */
export const treeKey = (chainId: string, idRange: IdRange | null): string =>
  `${hexOf(chainId)}-${idRange === null ? 'own' : `${idRange.first}-${idRange.count}`}`;

/** The name of the tree in its directory. */
export const treeName = 'tree';

export function storePaths(root: string): StorePaths {
  const at = (name: string): string => join(root, name);
  return {
    root,
    records: at('images.json'),
    blobs: at('blobs'),
    trees: at('trees'),
    roots: at('roots'),
    staging: at('staging'),
    blob: (digest) => join(root, 'blobs', hexOf(digest)),
    tree: (key) => join(root, 'trees', key),
    containerRoot: (containerId) => join(root, 'roots', containerId),
  };
}

/** Mapped users pass through, and see no names; blobs and staging are the store's alone. */
export function makeStoreDirectories(paths: StorePaths): void {
  mkdirSync(paths.root, { recursive: true, mode: 0o711 });
  for (const directory of [paths.trees, paths.roots]) mkdirSync(directory, { recursive: true, mode: 0o711 });
  for (const directory of [paths.blobs, paths.staging]) mkdirSync(directory, { recursive: true, mode: 0o700 });
}

export const namesIn = (directory: string): readonly string[] => readdirSync(directory).sort();

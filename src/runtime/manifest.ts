/**
 * Reads a network manifest: YAML, environment overrides, defaults, rules. Everything that is wrong with it is found in
 * one pass and thrown as one {@link ManifestError}.
 */
import { readFileSync } from 'node:fs';
import { checkShape } from './manifest-check.ts';
import { applyEnvironment, type Environment } from './manifest-environment.ts';
import { expandNodes, type PlannedNode } from './manifest-expand.ts';
import { type Manifest, manifestShape } from './manifest-network.ts';
import { ManifestError, type Origin, type Problem } from './manifest-problems.ts';
import { checkRules } from './manifest-rules.ts';
import { type Located, readLocated } from './manifest-source.ts';

export interface LoadedManifest {
  /** As given: what reports and commands name it. */
  readonly file: string;
  readonly manifest: Manifest;
  readonly nodes: readonly PlannedNode[];
  /** Every value in force by path, and where it comes from. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** Where the value at a path, or the nearest thing around it, stands. */
  readonly originOf: (path: string) => Origin;
}

/** Throws {@link ManifestError} with every problem found. */
export function loadManifest(file: string, environment: Environment): LoadedManifest {
  let source: string;
  try {
    source = readFileSync(file, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new ManifestError(file, [
      {
        code: 'unreadable',
        origin: { kind: 'file', file, line: 1, column: 1 },
        path: '',
        message: reason === 'ENOENT' ? 'there is no such file' : `the file cannot be read: ${reason}`,
        found: null,
        allowed: 'a manifest such as nodes/mainnet.yaml',
      },
    ]);
  }
  return readManifest(source, file, environment);
}

/** The same for text that is already here; `file` is what reports name. */
export function readManifest(source: string, file: string, environment: Environment): LoadedManifest {
  const problems: Problem[] = [];
  const tree = readLocated(source, file, problems);
  if (tree === null) throw new ManifestError(file, problems);
  applyEnvironment(tree, environment, problems);
  const { draft, origins } = checkShape(manifestShape, tree, problems);
  const originOf = (path: string): Origin => origins.get(path) ?? originInTree(tree, path);
  const nodes = draft === null ? [] : expandNodes(draft);
  const isWritten = (path: string): boolean => (origins.get(path)?.kind ?? 'default') !== 'default';
  if (draft !== null) checkRules({ draft, nodes, originOf, isWritten, problems });
  if (problems.length > 0) throw new ManifestError(file, problems);
  return { file, manifest: draft as unknown as Manifest, nodes, origins, originOf };
}

/** The deepest thing on the path that is written down. */
function originInTree(tree: Located, path: string): Origin {
  let located = tree;
  for (const part of path.split(/[.[\]]+/).filter((word) => word !== '')) {
    const next: Located | undefined =
      located.kind === 'map'
        ? located.entries.get(part)?.value
        : located.kind === 'list'
          ? located.items[Number(part)]
          : undefined;
    if (next === undefined) break;
    located = next;
  }
  return located.origin;
}
